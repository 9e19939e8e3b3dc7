// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/compute.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "compute_parts.hpp"
#include "json_writer.hpp"
#include "qfi/base/text.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/results/summary.hpp"
#include "qfi/workload/golden_check.hpp"

namespace qfi {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

double rounded(double value) { return std::strtod(fmt::format("{:.9g}", value).c_str(), nullptr); }

std::optional<double> rounded(const std::optional<double>& value) {
  return value ? std::optional(rounded(*value)) : std::nullopt;
}

std::optional<Interval> rounded(const std::optional<Interval>& interval) {
  if (!interval) return std::nullopt;
  return Interval{rounded(interval->low), rounded(interval->high)};
}

SampledMean rounded(const SampledMean& mean) {
  return {rounded(mean.mean), rounded(mean.these_images), rounded(mean.image_population)};
}

FaultShare rounded(const FaultShare& share) {
  return {share.faults, rounded(share.share), rounded(share.interval)};
}

std::vector<Number> rounded(std::vector<Number> numbers) {
  for (Number& number : numbers)
    if (auto* share = std::get_if<double>(&number)) *share = rounded(*share);
  return numbers;
}

namespace {

// On these images the golden accuracy is a constant, so the drop's interval is the mirrored one.
MeanOnTheseImages drop_of(const SetEstimates& estimates) {
  std::optional<Interval> interval;
  if (const auto& faulty = estimates.faulty_accuracy.these_images)
    interval = {estimates.golden_accuracy - faulty->high, estimates.golden_accuracy - faulty->low};
  return {rounded(estimates.golden_accuracy - estimates.faulty_accuracy.mean), rounded(interval)};
}

SampleResults sample_results(const Plan& plan, std::size_t index) {
  const FaultSet& set = *plan.sets[index];
  const bool has_rates = set.strata().front().error_rate.has_value();
  SampleResults sample;
  if (!has_rates) sample.population = set.population();
  sample.n = set.drawn();
  if (set.is_paired()) {
    sample.images = set.workload().images();
    sample.n = set.drawn() / *sample.images;
    sample.trials = set.drawn();
  }
  if (set.is_nested()) {
    sample.images_of_a_fault = set.images_of_a_fault();
    sample.image_groups = set.image_groups();
    sample.trials = set.drawn() * set.images_of_a_fault();
    sample.pilot = plan.pilots[index];
    if (sample.pilot)
      for (double* number :
           {&sample.pilot->between_variance, &sample.pilot->within_variance, &sample.pilot->set_up_cost})
        *number = rounded(*number);
  }
  const SampleFacts facts = plan.drivers[index]->facts(set);
  if (facts.margin) {
    sample.n_before_rounding = rounded(facts.margin->exact);
    sample.rounding = name_in(k_rounding, facts.margin->rounding);
    sample.e = facts.margin->margin;
    sample.t = rounded(facts.margin->t);
    if (set.strata().size() == 1) sample.p = set.strata().front().p;
  }
  if (facts.budget)
    sample.budget = {rounded(margin_of(set.population(), set.drawn(), normal_quantile(0.95), 0.5)), 0.95,
                     0.5};
  return sample;
}

StratumResults stratum_results(const Stratum& stratum) {
  StratumResults results;
  results.label = stratum.label;
  if (!stratum.error_rate) results.population = stratum.population;
  results.n = stratum.drawn;
  results.layer = stratum.layer;
  if (stratum.stage) results.stage = name_in(k_stages, *stratum.stage);
  if (stratum.bit) results.bit = static_cast<std::uint64_t>(*stratum.bit);
  results.bit_error_rate = stratum.error_rate;
  if (stratum.size) {
    results.n_before_rounding = rounded(stratum.size->exact);
    results.p = rounded(stratum.p);
  }
  return results;
}

std::optional<DeratedRateResults> derated_results(const std::optional<DeratedRate>& rate) {
  if (!rate) return std::nullopt;
  return DeratedRateResults{rounded(rate->fit), rounded(rate->interval)};
}

std::optional<FailureRateResults> failure_rate_results(const std::optional<FailureRate>& rate) {
  if (!rate) return std::nullopt;
  FailureRateResults results;
  results.raw_fit = rounded(rate->raw_fit);
  results.derated_fit = rounded(rate->of_one_inference.fit);
  results.interval = rounded(rate->of_one_inference.interval);
  results.on_images_like_these = rounded(rate->on_images_like_these);
  results.of_critical_faults = derated_results(rate->of_critical_faults);
  results.inferences = rate->inferences;
  results.of_inferences = derated_results(rate->of_inferences);
  results.with_protection = derated_results(rate->protected_of_one_inference);
  results.of_inferences_with_protection = derated_results(rate->protected_of_inferences);
  return results;
}

StoppedResults stopped_results(const SetRun& run) {
  StoppedResults stopped{run.stopped, {}};
  for (const Look& look : run.looks)
    stopped.looks.push_back({look.drawn, rounded(look.value), rounded(look.half_width)});
  return stopped;
}

// What a plan knows of a set.
SetResults planned_set(const Plan& plan, std::size_t index) {
  const FaultSet& set = *plan.sets[index];
  SetResults results;
  results.name = set.config().name;
  results.sample = sample_results(plan, index);
  for (const Stratum& stratum : set.strata()) results.strata.push_back(stratum_results(stratum));
  std::visit([&](const auto* kind) { results.kind = plan_results(*kind, plan.config.interval.confidence); },
             plan.kinds[index]);
  return results;
}

SetResults set_results(const Plan& plan, std::size_t index, const SetRun& run, const SetEstimates& estimates,
                       const SetFiles& files) {
  const FaultSet& set = *plan.sets[index];
  const double confidence = plan.config.interval.confidence;
  SetResults results = planned_set(plan, index);
  results.stopped = stopped_results(run);
  const bool is_one_population = !set.strata().front().error_rate || set.strata().size() == 1;
  if (is_one_population) results.summary = compute_estimates(set, estimates);
  results.failure_rate = failure_rate_results(failure_rate(plan, index, estimates));
  for (std::size_t h = 0; h < set.strata().size(); ++h)
    if (set.strata()[h].error_rate)
      results.strata[h].estimates = compute_estimates(set, estimate(set, confidence, h));
  std::visit(
      [&](const auto* kind) {
        using Results = decltype(plan_results(*kind, confidence));
        complete(*kind, *plan.drivers[index], files, plan.config.interval, std::get<Results>(results.kind));
      },
      plan.kinds[index]);
  return results;
}

std::optional<CombinedResults> combined_results(const Plan& plan,
                                                const std::vector<SetEstimates>& estimates) {
  const auto combined = combine(plan, estimates);
  if (!combined) return std::nullopt;
  const auto mean = [](const Share& share) {
    return MeanOnTheseImages{rounded(share.share), rounded(std::optional(share.interval))};
  };
  CombinedResults results{"weighted means of the sets; MOVER", std::nullopt, mean(combined->sdc_rate)};
  if (combined->faulty_accuracy) results.accuracy = mean(*combined->faulty_accuracy);
  return results;
}

}  // namespace

bool depends_on_cpu(const Workload& workload) {
  return workload.tensor(workload.metric_tensor).type == TensorType::float32;
}

InputFacts input_facts(const Plan& plan) {
  const DataSet& data = plan.workload->data;
  InputFacts facts;
  facts.model = {plan.config.model.path.filename().string(), plan.workload->program->model().sha256};
  facts.data.images_sha256 = data.images_sha256();
  if (!data.labels_sha256().empty()) facts.data.labels_sha256 = data.labels_sha256();
  facts.data.images_available = data.available();
  facts.data.images = data.images();
  facts.data.selection_sha256 = data.selection_hash();
  return facts;
}

Estimates compute_estimates(const FaultSet& set, const SetEstimates& estimates) {
  const Task& task = *set.workload().task;
  // Pairs of a fault and an image whose class changes or not have the intervals of shares.
  const bool has_exact_changes = !set.is_crossed() && set.images_of_a_fault() == 1 &&
                                 set.workload().golden.counts.units == set.workload().images();
  const char* const shares =
      "exact (hypergeometric) within strata, combined by MOVER, strata weighted by population";
  Estimates results;
  results.methods = {
      "gains and losses: effective sample size with the shape of Clopper-Pearson (Korn-Graubard), strata "
      "weighted by population, finite populations; combined by MOVER",
      set.is_nested() ? "plus the variance of the images' means, less that of single trials"
                      : "plus the variance of the images' means",
      shares, has_exact_changes ? shares : "as means"};
  const bool has_accuracy = task.has_accuracy();
  if (has_accuracy) {
    results.accuracy = rounded(estimates.faulty_accuracy);
    results.drop = drop_of(estimates);
  }
  if (task.names().top5_key != nullptr) results.top5 = rounded(estimates.faulty_top5);
  results.changed = rounded(estimates.sdc_rate);
  results.changed_at_most = rounded(estimates.sdc_rate_at_most);
  if (set.is_crossed()) {
    results.critical = rounded(estimates.critical);
    results.critical_at_most = rounded(estimates.critical_at_most);
  }
  if (set.is_crossed() && has_accuracy) {
    results.harmless = rounded(estimates.harmless);
    results.between = rounded(estimates.between);
    results.collapsed = rounded(estimates.collapsed);
    results.histogram = estimates.histogram;
  }
  for (const std::optional<double>& value : estimates.derived) results.derived.push_back(rounded(value));
  results.output_identical = rounded(estimates.output_identical);
  results.due = rounded(estimates.due);
  return results;
}

CampaignResults compute_results(const Plan& plan, const CampaignRun& run, const std::vector<SetFiles>& files,
                                const ToolInfo& tool) {
  CampaignResults results;
  results.tool = tool;
  results.arithmetic =
      depends_on_cpu(*plan.workload)
          ? "FLOAT32 in a fixed order of sums; integers as the TFLite reference kernels (LiteRT 2.3.0)"
          : "TFLite reference kernels (LiteRT 2.3.0), integers";
  results.seed = plan.config.seed;
  results.config = canonical_config(plan.config);
  results.inputs = input_facts(plan);
  results.task = plan.workload->task;
  results.classes = plan.workload->answer.classes;
  results.interval_confidence = plan.config.interval.confidence;
  if (plan.config.interval.rows == RowIntervals::together) results.rows_together = true;
  results.golden =
      rounded(results.task->golden_numbers(plan.workload->golden.counts, plan.workload->golden.ties));
  if (std::vector<std::string> warnings = golden_warnings(*plan.workload, plan.config.data.golden);
      !warnings.empty())
    results.warnings = std::move(warnings);
  std::vector<SetEstimates> estimates;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    estimates.push_back(estimate(*plan.sets[i], plan.config.interval.confidence));
    results.sets.push_back(set_results(plan, i, run.sets[i], estimates.back(), files[i]));
  }
  results.combined = combined_results(plan, estimates);
  return results;
}

std::string plan_json(const Plan& plan, unsigned threads, const ExpectedTimes& times) {
  using Json = JsonWriter::Json;
  const Task& task = *plan.workload->task;
  Json sets = Json::array();
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    SetResults set = planned_set(plan, i);
    JsonWriter writer(task);
    writer.field("name", set.name);
    writer.field("sample", set.sample);
    writer.field("expected_faults", times.faults[i]);
    writer.field("strata", set.strata);
    std::visit([&](auto& kind) { describe_plan(writer, kind); }, set.kind);
    sets.push_back(std::move(writer.json()));
  }
  JsonWriter writer(task);
  writer.field("inputs", input_facts(plan));
  writer.number_object(
      "golden", &Task::golden_fields,
      rounded(task.golden_numbers(plan.workload->golden.counts, plan.workload->golden.ties)));
  writer.json()["fault_sets"] = std::move(sets);
  writer.field("threads", std::uint64_t{threads});
  writer.field("expected_seconds", times.total());
  writer.json()["expected"] = {{"planning_seconds", times.planning},
                               {"compiling_seconds", times.compiling},
                               {"verifying_seconds", times.verifying},
                               {"trials_seconds", times.trials}};
  return json_text(writer.json());
}

}  // namespace qfi

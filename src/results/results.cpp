// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/results.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "qfi/base/text.hpp"
#include "qfi/config/config_names.hpp"
#include "results_json.hpp"

namespace qfi {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

double rounded(double value) { return std::strtod(fmt::format("{:.9g}", value).c_str(), nullptr); }

Json interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return Json::array({rounded(interval->low), rounded(interval->high)});
}

Json optional_json(const std::optional<double>& value) {
  return value ? Json(rounded(*value)) : Json(nullptr);
}

Json share_json(const FaultShare& share) {
  return {
      {"faults", share.faults}, {"share", rounded(share.share)}, {"interval", interval_json(share.interval)}};
}

Json counts_json(const FaultCounts& counts, Task task) {
  if (task == Task::segmentation)
    return {{"images", counts.images},
            {"pixels", counts.units},
            {"pixels_changed", counts.changed},
            {"labelled_pixels", counts.labelled},
            {"golden_correct", counts.golden_correct},
            {"faulty_correct", counts.faulty_correct},
            {"output_identical", counts.output_identical},
            {"correct_to_wrong", counts.correct_to_wrong},
            {"wrong_to_correct", counts.wrong_to_correct},
            {"due", counts.nan + counts.infinity}};
  return {{"images", counts.images},
          {"golden_correct", counts.golden_correct},
          {"faulty_correct", counts.faulty_correct},
          {"faulty_top5_correct", counts.faulty_top5_correct},
          {"top1_changed", counts.changed},
          {"top5_lost", counts.top5_lost},
          {"output_identical", counts.output_identical},
          {"tolerable", counts.images - counts.output_identical - counts.changed},
          {"correct_to_wrong", counts.correct_to_wrong},
          {"wrong_to_correct", counts.wrong_to_correct},
          {"due", counts.nan + counts.infinity}};
}

namespace {

constexpr const char* k_schema = "qfi-results-2";

Json mean_json(const SampledMean& mean) {
  return {{"mean", rounded(mean.mean)},
          {"interval_these_images", interval_json(mean.these_images)},
          {"interval_image_population", interval_json(mean.image_population)}};
}

Json inputs_json(const Plan& plan) {
  const DataSet& data = plan.workload->data;
  return {{"model",
           {{"file", plan.config.model.path.filename().string()},
            {"sha256", plan.workload->program->model().sha256}}},
          {"data",
           {{"images_sha256", data.images_sha256()},
            {"labels_sha256", data.labels_sha256().empty() ? Json(nullptr) : Json(data.labels_sha256())},
            {"images_available", data.available()},
            {"images", data.images()},
            {"selection_sha256", data.selection_hash()}}}};
}

Json golden_json(const Plan& plan) {
  const GoldenRun& golden = plan.workload->golden;
  const FaultCounts& counts = golden.counts;
  if (plan.workload->task == Task::segmentation)
    return {{"images", counts.images},
            {"pixels", counts.units},
            {"labelled_pixels", counts.labelled},
            {"pixels_correct", counts.golden_correct},
            {"pixel_accuracy", rounded(ratio(counts.golden_correct, counts.labelled))},
            {"mean_iou", optional_json(counts.confusion.mean_iou())},
            {"global_iou", optional_json(counts.confusion.global_iou())},
            {"weighted_iou", optional_json(counts.confusion.weighted_iou())},
            {"due", counts.nan + counts.infinity}};
  return {{"images", counts.images},
          {"top1_correct", counts.golden_correct},
          {"top5_correct", counts.faulty_top5_correct},
          {"top1", rounded(ratio(counts.golden_correct, counts.images))},
          {"top5", rounded(ratio(counts.faulty_top5_correct, counts.images))},
          {"top5_ties", golden.top5_ties},
          {"top5_hanging_on_tie", golden.top5_hanging},
          {"due", counts.nan + counts.infinity}};
}

// On these images the golden accuracy is a constant, so the drop's interval is the mirrored one.
Json drop_json(const SetEstimates& estimates) {
  std::optional<Interval> interval;
  if (const auto& faulty = estimates.faulty_accuracy.these_images)
    interval = {estimates.golden_accuracy - faulty->high, estimates.golden_accuracy - faulty->low};
  return {{"mean", rounded(estimates.golden_accuracy - estimates.faulty_accuracy.mean)},
          {"interval_these_images", interval_json(interval)}};
}

Json sample_json(const FaultSet& set) {
  const bool has_rates = set.strata().front().error_rate.has_value();
  const std::uint64_t images = set.workload().images();
  Json json = {{"population", has_rates ? Json(nullptr) : Json(set.population())},
               {"n", set.is_paired() ? set.drawn() / images : set.drawn()}};
  if (set.is_paired()) json.update({{"images", images}, {"trials", set.drawn()}});
  if (const auto* margin = std::get_if<SampleMargin>(&set.config().sample)) {
    double exact = 0;
    for (const Stratum& stratum : set.strata()) exact += stratum.size->exact;
    json["n_before_rounding"] = rounded(exact);
    json["rounding"] = name_in(k_rounding, margin->rounding);
    json["e"] = margin->margin;
    json["t"] = rounded(margin->t);
    if (set.strata().size() == 1) json["p"] = set.strata().front().p;
  }
  if (std::holds_alternative<SampleBudget>(set.config().sample))
    json["margin_of_the_budget"] = {
        {"e", rounded(margin_of(set.population(), set.drawn(), normal_quantile(0.95), 0.5))},
        {"confidence", 0.95},
        {"p", 0.5}};
  return json;
}

Json stratum_json(const FaultSet& set, std::size_t index, double confidence, bool has_results) {
  const Stratum& stratum = set.strata()[index];
  Json json = {{"label", stratum.label},
               {"population", stratum.error_rate ? Json(nullptr) : Json(stratum.population)},
               {"n", stratum.drawn}};
  if (stratum.layer) json["layer"] = *stratum.layer;
  if (stratum.bit) json["bit"] = *stratum.bit;
  if (stratum.error_rate) json["bit_error_rate"] = *stratum.error_rate;
  if (stratum.size) {
    json["n_before_rounding"] = rounded(stratum.size->exact);
    json["p"] = rounded(stratum.p);
  }
  if (has_results && stratum.error_rate)
    json["estimates"] = estimates_json(set, estimate(set, confidence, index));
  return json;
}

Json strata_json(const FaultSet& set, double confidence, bool has_results) {
  Json list = Json::array();
  for (std::size_t h = 0; h < set.strata().size(); ++h)
    list.push_back(stratum_json(set, h, confidence, has_results));
  return list;
}

Json failure_rate_json(const std::optional<FailureRate>& rate) {
  if (!rate) return nullptr;
  return {{"raw_fit", rounded(rate->raw_fit)},
          {"derated_fit", rounded(rate->derated_fit)},
          {"interval", interval_json(rate->interval)}};
}

Json run_of_set_json(const SetRun& run) {
  Json looks = Json::array();
  for (const Look& look : run.looks)
    looks.push_back(
        {{"n", look.drawn}, {"value", rounded(look.value)}, {"half_width", rounded(look.half_width)}});
  return {{"reason", run.stopped}, {"looks", looks}};
}

Json set_json(const Plan& plan, std::size_t index, const SetRun& run, const SetEstimates& estimates,
              const SetFiles& files) {
  const FaultSet& set = *plan.sets[index];
  const double confidence = plan.config.interval_confidence;
  Json json = {{"name", set.config().name}, {"sample", sample_json(set)}, {"stopped", run_of_set_json(run)}};
  const bool is_one_population = !set.strata().front().error_rate || set.strata().size() == 1;
  json["summary"] = is_one_population ? estimates_json(set, estimates) : Json(nullptr);
  json["failure_rate"] = failure_rate_json(failure_rate(plan, index, estimates));
  json["strata"] = strata_json(set, confidence, true);
  if (const StuckAtSet* stuck = plan.stuck_at(index)) json.update(results_json_of(*stuck, confidence));
  else if (const TableSet* table = plan.table(index)) json.update(results_json_of(*table));
  else json.update(results_json_of(*plan.bits(index), files, confidence));
  return json;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

bool is_float(const Workload& workload) {
  return workload.tensor(workload.metric_tensor).type == TensorType::float32;
}

const char* arithmetic_of(const Workload& workload) {
  return is_float(workload)
             ? "FLOAT32 in a fixed order of sums; integers as the TFLite reference kernels (LiteRT 2.3.0)"
             : "TFLite reference kernels (LiteRT 2.3.0), integers";
}

}  // namespace

Json estimates_json(const FaultSet& set, const SetEstimates& estimates) {
  const bool is_map = set.workload().task == Task::segmentation;
  const char* const shares =
      "exact (hypergeometric) within strata, combined by MOVER, strata weighted by population";
  Json json = {
      {"methods",
       {{"means_these_images",
         "gains and losses: effective sample size with the shape of Clopper-Pearson (Korn-Graubard), strata "
         "weighted by population, finite populations; combined by MOVER"},
        {"means_image_population", "plus the variance of the images' means"},
        {"shares", shares},
        {"sdc_rate_these_images", set.is_paired() && !is_map ? shares : "as means"}}},
      {is_map ? "faulty_pixel_accuracy" : "faulty_top1", mean_json(estimates.faulty_accuracy)}};
  if (!is_map) json["faulty_top5"] = mean_json(estimates.faulty_top5);
  json["accuracy_drop"] = drop_json(estimates);
  json[is_map ? "pixels_changed" : "sdc_rate"] = mean_json(estimates.sdc_rate);
  if (!set.is_paired()) {
    json["critical_fault_rate"] = share_json(estimates.critical);
    json["harmless"] = share_json(estimates.harmless);
    json["between"] = share_json(estimates.between);
    json["collapsed"] = share_json(estimates.collapsed);
    json["histogram_faulty_accuracy_5_percent"] = estimates.histogram;
  }
  if (is_map)
    json["iou_of_drawn"] = {{"mean", optional_json(estimates.mean_iou)},
                            {"global", optional_json(estimates.global_iou)},
                            {"weighted", optional_json(estimates.weighted_iou)}};
  json["output_identical"] = share_json(estimates.output_identical);
  json["due"] = share_json(estimates.due);
  return json;
}

std::string results_json(const Plan& plan, const CampaignRun& run, const std::vector<SetFiles>& files,
                         const ToolInfo& tool) {
  Json sets = Json::array();
  std::vector<SetEstimates> estimates;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    estimates.push_back(estimate(*plan.sets[i], plan.config.interval_confidence));
    sets.push_back(set_json(plan, i, run.sets[i], estimates.back(), files[i]));
  }
  Json json = {{"schema", k_schema},
               {"qfi", {{"version", tool.version}, {"git", tool.git}}},
               {"arithmetic", arithmetic_of(*plan.workload)},
               {"seed", plan.config.seed},
               {"config", Json::parse(canonical_config(plan.config))},
               {"inputs", inputs_json(plan)},
               {"task", plan.workload->task == Task::segmentation ? "segmentation" : "classification"},
               {"classes", plan.workload->classes},
               {"interval_confidence", plan.config.interval_confidence},
               {"golden", golden_json(plan)},
               {"fault_sets", sets}};
  if (const auto combined = combine(plan, estimates)) {
    const auto share = [](const Share& value) {
      return Json{{"mean", rounded(value.share)}, {"interval_these_images", interval_json(value.interval)}};
    };
    json["combined"] = {{"method", "weighted means of the sets; MOVER"},
                        {"faulty_accuracy", share(combined->faulty_accuracy)},
                        {"sdc_rate", share(combined->sdc_rate)}};
  }
  return json_text(json);
}

Journal::Identity campaign_identity(const Plan& plan, const ToolInfo& tool) {
  Json sets = Json::array();
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const FaultSet& set = *plan.sets[i];
    Json json = {{"drawn faults", set.drawn()}, {"hash of the drawn faults", set.faults_digest().hex()}};
    if (const StuckAtSet* stuck = plan.stuck_at(i)) json["netlist"] = stuck->netlist().sha256;
    if (const TableSet* table = plan.table(i)) json["table"] = table->sha256();
    sets.push_back(json);
  }
  Json json = {{"qfi", tool.version + " " + tool.git},
               {"config", Json::parse(canonical_config(plan.config))},
               {"inputs", inputs_json(plan)},
               {"faults", sets}};
  if (is_float(*plan.workload)) json["cpu"] = cpu_name();
  Journal::Identity identity;
  const Json flat = json.flatten();
  for (const auto& [path, value] : flat.items()) {
    std::string name = path.substr(1);
    std::ranges::replace(name, '/', '.');
    identity[name] = value.dump();
  }
  return identity;
}

ShardNotes shard_notes(const Plan& plan, const Shard& shard) {
  DigestBuilder digest;
  for (const auto& set : plan.sets)
    for (const FaultRange& range : faults_of_shards(*set, shard.count))
      digest.add(std::as_bytes(std::span(&range, 1)));
  return {fmt::format("{}/{}", shard.index, shard.count), digest.digest().hex()};
}

std::string driver_note(std::size_t set) { return fmt::format("budget of set {}", set); }

std::string run_json(const Plan& plan, const CampaignRun& run, const VerificationOutcome& verification,
                     const ToolInfo& tool, const RunInfo& info) {
  utsname host{};
  ::uname(&host);
  Json verify = {{"done", verification.is_done}};
  if (verification.is_done)
    verify.update({{"verilator", verification.version},
                   {"tables", verification.tables},
                   {"products", verification.products},
                   {"differences", 0}});
  else verify["reason"] = verification.reason;
  Json sets = Json::array();
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    Json json = {{"name", plan.sets[i]->config().name},
                 {"seconds", plan.sets[i]->seconds()},
                 {"inferences", plan.sets[i]->inferences()}};
    if (const BitSet* bits = plan.bits(i); bits != nullptr && bits->times().trials > 0) {
      const ExecutionTimes& times = bits->times();
      json["compared"] = {{"trials", times.trials},
                          {"differences", 0},
                          {"propagation_seconds", times.propagation},
                          {"without_early_stop_seconds", times.without_stop},
                          {"naive_seconds", times.naive}};
    }
    sets.push_back(json);
  }
  Json defines = Json::object();
  for (const auto& [name, value] : info.defines) defines[name] = value;
  const Json json = {{"schema", "qfi-run-2"},
                     {"qfi", {{"version", tool.version}, {"git", tool.git}}},
                     {"started", info.started},
                     {"host", host.nodename},
                     {"cpu", cpu_name()},
                     {"kernels", qfi::name_of(plan.workload->program->params().kernels)},
                     {"instructions", instructions_in_use()},
                     {"threads", info.threads},
                     {"plan_seconds", info.plan_seconds},
                     {"run_seconds", run.seconds},
                     {"journal_seconds", info.journal_seconds},
                     {"config", info.config},
                     {"defines", defines},
                     {"fault_sets", sets},
                     {"verify", verify}};
  return json_text(json);
}

std::string plan_json(const Plan& plan, unsigned threads, double expected_seconds) {
  Json sets = Json::array();
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const FaultSet& set = *plan.sets[i];
    Json json = {{"name", set.config().name}, {"sample", sample_json(set)}};
    json["strata"] = strata_json(set, plan.config.interval_confidence, false);
    if (const StuckAtSet* stuck = plan.stuck_at(i))
      json.update(plan_json_of(*stuck, plan.config.interval_confidence));
    else if (const TableSet* table = plan.table(i)) json.update(plan_json_of(*table));
    else json.update(plan_json_of(*plan.bits(i)));
    sets.push_back(json);
  }
  return json_text({{"inputs", inputs_json(plan)},
                    {"golden", golden_json(plan)},
                    {"fault_sets", sets},
                    {"threads", threads},
                    {"expected_seconds", expected_seconds}});
}

}  // namespace qfi

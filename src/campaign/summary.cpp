// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/summary.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

constexpr double k_harmless_loss = 0.01;
constexpr const char* k_schema = "qfi-results-1";

// Names come from files and may be anything; what is not UTF-8 is replaced.
std::string text_of(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Derived numbers to 9 digits: what differs behind them between mathematical libraries does not
// reach the file.
double rounded(double value) { return std::strtod(fmt::format("{:.9g}", value).c_str(), nullptr); }

Json interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return Json::array({rounded(interval->low), rounded(interval->high)});
}

Json share_json(const FaultShare& share) {
  return {
      {"faults", share.faults}, {"share", rounded(share.share)}, {"interval", interval_json(share.interval)}};
}

Json counts_json(const ClassificationCounts& counts) {
  return {{"images", counts.images},
          {"golden_correct", counts.golden_correct},
          {"faulty_correct", counts.faulty_correct},
          {"faulty_top5_correct", counts.faulty_top5_correct},
          {"top1_changed", counts.top1_changed},
          {"top5_lost", counts.top5_lost},
          {"output_identical", counts.output_identical},
          {"tolerable", counts.images - counts.output_identical - counts.top1_changed},
          {"correct_to_wrong", counts.correct_to_wrong},
          {"wrong_to_correct", counts.wrong_to_correct},
          {"due", counts.due}};
}

const char* name_of(FaultFate fate) {
  switch (fate) {
    case FaultFate::runs: return "run";
    case FaultFate::equal: return "equal_table";
    case FaultFate::table_masked: return "table_masked";
    case FaultFate::use_masked: return "use_masked";
  }
  return "";
}

Json fault_json(const Plan& plan, std::size_t index, const ClassificationCounts& counts) {
  const PlannedFault& fault = plan.faults[index];
  Json json = {{"index", index},
               {"site", site_name(*plan.netlist, fault.fault.site)},
               {"stuck_at", fault.fault.value ? 1 : 0},
               {"fate", name_of(fault.fate)},
               {"same_as", fault.same_as},
               {"table_digest", fault.effect.digest.hex()},
               {"golden_products_changed", fault.effect.golden_hits}};
  json.update(counts_json(counts));
  json["faulty_top1"] = rounded(ratio(counts.faulty_correct, counts.images));
  json["class"] = harm_class(plan, counts);
  json["critical"] = counts.top1_changed > 0;
  return json;
}

Json inputs_json(const Plan& plan) {
  const DataSet& data = plan.data;
  return {{"model",
           {{"file", plan.config.model.path.filename().string()}, {"sha256", plan.program->model().sha256}}},
          {"data",
           {{"images_sha256", data.images_sha256()},
            {"labels_sha256", data.labels_sha256().empty() ? Json(nullptr) : Json(data.labels_sha256())},
            {"images_available", data.available()},
            {"images", data.images()},
            {"selection_sha256", data.selection_hash()}}},
          {"netlist",
           {{"file", plan.config.faults.netlist.path.filename().string()},
            {"sha256", plan.netlist->sha256},
            {"module", plan.netlist->module_name},
            {"cells", plan.netlist->cells.size()},
            {"depth", plan.netlist->depth}}}};
}

Json operators_json(const Plan& plan) {
  Json list = Json::array();
  for (const FaultyOperator& op : plan.operators) {
    const Operator& source = plan.program->model().operators[op.index];
    const OperandCodes& codes = plan.tables->uses()[op.use].codes;
    list.push_back(
        {{"index", op.index},
         {"kind", qfi::name_of(source.kind)},
         {"output", plan.program->model().tensors[static_cast<std::size_t>(source.outputs[0])].name},
         {"type", codes.type == CodeType::int8 ? "int8" : "uint8"},
         {"weight_zero_point", codes.weight_zero_point},
         {"input_zero_point", codes.input_zero_point},
         {"multiplications_per_image", plan.program->multiplications(op.index)}});
  }
  return list;
}

Json sample_json(const Plan& plan) {
  Json json = {
      {"population", plan.population}, {"sites", plan.sites}, {"polarities", 2}, {"n", plan.faults.size()}};
  if (const auto* margin = std::get_if<SampleMargin>(&plan.config.sample)) {
    json["n_before_rounding"] = rounded(plan.sample_size->exact);
    json["rounding"] = margin->rounding == Rounding::up ? "up" : "nearest";
    json["e"] = margin->margin;
    json["t"] = rounded(margin->t);
    json["p"] = margin->p;
  }
  return json;
}

Json golden_json(const Plan& plan) {
  const ClassificationCounts& counts = plan.golden.counts;
  return {{"images", counts.images},
          {"top1_correct", counts.golden_correct},
          {"top5_correct", counts.faulty_top5_correct},
          {"top1", rounded(ratio(counts.golden_correct, counts.images))},
          {"top5", rounded(ratio(counts.faulty_top5_correct, counts.images))},
          {"top5_ties", plan.golden.top5_ties},
          {"top5_hanging_on_tie", plan.golden.top5_hanging},
          {"due", counts.due}};
}

Json mean_json(const CrossedMean& mean) {
  return {{"mean", rounded(mean.mean)},
          {"interval_these_images", interval_json(mean.these_images)},
          {"interval_image_population", interval_json(mean.image_population)}};
}

// On these images the golden accuracy is a constant, so the drop's interval is the mirrored one.
Json drop_json(const Summary& summary) {
  std::optional<Interval> interval;
  if (const auto& faulty = summary.faulty_top1.these_images)
    interval = {summary.golden_top1 - faulty->high, summary.golden_top1 - faulty->low};
  return {{"mean", rounded(summary.golden_top1 - summary.faulty_top1.mean)},
          {"interval_these_images", interval_json(interval)}};
}

Json summary_json(const Summary& summary) {
  return {{"faulty_top1", mean_json(summary.faulty_top1)},
          {"faulty_top5", mean_json(summary.faulty_top5)},
          {"accuracy_drop", drop_json(summary)},
          {"sdc_rate", mean_json(summary.sdc_rate)},
          {"harmless", share_json(summary.harmless)},
          {"between", share_json(summary.between)},
          {"collapsed", share_json(summary.collapsed)},
          {"critical_fault_rate", share_json(summary.critical)},
          {"table_masked", share_json(summary.table_masked)},
          {"use_masked", share_json(summary.use_masked)},
          {"output_identical", share_json(summary.output_identical)},
          {"distinct_tables_run", summary.distinct_tables},
          {"histogram_faulty_top1_5_percent", summary.histogram}};
}

Json proof_json(const Plan& plan) {
  std::uint64_t changed = 0;
  for (const PlannedFault& fault : plan.faults) changed += fault.effect.golden_hits > 0 ? 1 : 0;
  return {{"table_path_equals_golden_path_images", plan.proof.table_path_images},
          {"fault_free_products_equal_to_the_product", plan.proof.fault_free_pairs},
          {"golden_products_through_the_unit", plan.proof.golden_products},
          {"faults_that_change_a_golden_product", changed}};
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

std::string harm_class(const Plan& plan, const ClassificationCounts& counts) {
  const double top1 = ratio(counts.faulty_correct, counts.images);
  const double loss = ratio(counts.golden_correct, counts.images) - top1;
  constexpr double k_rounding = 1e-12;  // 1 image of 100 is 1 point, whatever the division made of it
  if (loss <= k_harmless_loss + k_rounding) return "harmless";
  if (top1 <= 2.0 / static_cast<double>(plan.classes) + k_rounding) return "collapsed";
  return "between";
}

Summary summarize(const Plan& plan, const CampaignOutcome& outcome) {
  Summary summary;
  const double confidence = plan.config.interval_confidence;
  summary.drawn = plan.faults.size();
  summary.population = plan.population;
  summary.distinct_tables = plan.running.size();
  summary.is_random_sample = !std::holds_alternative<SampleList>(plan.config.sample);
  const ClassificationCounts& golden = plan.golden.counts;
  summary.golden_top1 = ratio(golden.golden_correct, golden.images);
  summary.golden_top5 = ratio(golden.faulty_top5_correct, golden.images);

  std::vector<std::uint64_t> top1_of_fault, top5_of_fault, changed_of_fault;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const ClassificationCounts& counts = outcome.counts[i];
    top1_of_fault.push_back(counts.faulty_correct);
    top5_of_fault.push_back(counts.faulty_top5_correct);
    changed_of_fault.push_back(counts.top1_changed);
    const std::string harm = harm_class(plan, counts);
    ++(harm == "harmless"    ? summary.harmless
       : harm == "collapsed" ? summary.collapsed
                             : summary.between)
          .faults;
    summary.critical.faults += counts.top1_changed > 0 ? 1 : 0;
    summary.table_masked.faults += plan.faults[i].fate == FaultFate::table_masked ? 1 : 0;
    summary.use_masked.faults += plan.faults[i].fate == FaultFate::use_masked ? 1 : 0;
    summary.output_identical.faults += counts.output_identical == counts.images ? 1 : 0;
    const std::uint64_t bin = counts.faulty_correct * summary.histogram.size() / counts.images;
    ++summary.histogram[std::min<std::size_t>(bin, summary.histogram.size() - 1)];
  }
  for (FaultShare* share : {&summary.harmless, &summary.between, &summary.collapsed, &summary.critical,
                            &summary.table_masked, &summary.use_masked, &summary.output_identical}) {
    share->share = ratio(share->faults, summary.drawn);
    if (summary.is_random_sample)
      share->interval = wilson_interval(share->faults, summary.drawn, summary.population, confidence);
  }
  const auto mean = [&](const std::vector<std::uint64_t>& of_fault,
                        const std::vector<std::uint64_t>& of_image) {
    CrossedMean result = crossed_mean({summary.population, of_fault, of_image}, confidence);
    if (!summary.is_random_sample) result.these_images = result.image_population = std::nullopt;
    return result;
  };
  summary.faulty_top1 = mean(top1_of_fault, outcome.top1_of_image);
  summary.faulty_top5 = mean(top5_of_fault, outcome.top5_of_image);
  summary.sdc_rate = mean(changed_of_fault, outcome.changed_of_image);
  return summary;
}

std::string results_json(const Plan& plan, const CampaignOutcome& outcome, const ToolInfo& tool) {
  Json faults = Json::array();
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    faults.push_back(fault_json(plan, i, outcome.counts[i]));
  const Json json = {{"schema", k_schema},
                     {"qfi", {{"version", tool.version}, {"git", tool.git}}},
                     {"arithmetic", "TFLite reference kernels (LiteRT 2.3.0), integers"},
                     {"seed", plan.config.seed},
                     {"config", Json::parse(canonical_config(plan.config))},
                     {"inputs", inputs_json(plan)},
                     {"operators", operators_json(plan)},
                     {"sample", sample_json(plan)},
                     {"classes", plan.classes},
                     {"interval_confidence", plan.config.interval_confidence},
                     {"golden", golden_json(plan)},
                     {"summary", summary_json(summarize(plan, outcome))},
                     {"proof", proof_json(plan)},
                     {"faults", faults}};
  return text_of(json);
}

std::string run_json(const Plan& plan, const CampaignOutcome& outcome,
                     const VerificationOutcome& verification, const ToolInfo& tool, const RunInfo& run) {
  utsname host{};
  ::uname(&host);
  Json verify = {{"done", verification.is_done}};
  if (verification.is_done)
    verify.update({{"verilator", verification.version},
                   {"tables", verification.tables},
                   {"products", verification.products},
                   {"differences", 0}});
  else verify["reason"] = verification.reason;
  const Json json = {{"schema", "qfi-run-1"},
                     {"qfi", {{"version", tool.version}, {"git", tool.git}}},
                     {"started", run.started},
                     {"host", host.nodename},
                     {"cpu", cpu_name()},
                     {"kernels", qfi::name_of(plan.program->params().kernels)},
                     {"threads", run.threads},
                     {"plan_seconds", run.plan_seconds},
                     {"run_seconds", outcome.seconds},
                     {"inferences", outcome.inferences},
                     {"paths",
                      {{"model", plan.config.model.path.string()},
                       {"images", plan.config.data.images.path.string()},
                       {"netlist", plan.config.faults.netlist.path.string()}}},
                     {"verify", verify}};
  return text_of(json);
}

double expected_seconds(const Plan& plan, unsigned threads) {
  const std::size_t trials = plan.running.size() * plan.blocks.size();
  const auto useful = static_cast<double>(std::clamp<std::size_t>(trials, 1, threads));
  return plan.seconds_per_image * static_cast<double>(plan.running.size() * plan.data.images()) / useful;
}

std::string plan_json(const Plan& plan, unsigned threads) {
  std::uint64_t table_masked = 0;
  std::uint64_t use_masked = 0;
  for (const PlannedFault& fault : plan.faults) {
    table_masked += fault.fate == FaultFate::table_masked ? 1 : 0;
    use_masked += fault.fate == FaultFate::use_masked ? 1 : 0;
  }
  const Json json = {{"inputs", inputs_json(plan)},
                     {"operators", operators_json(plan)},
                     {"sample", sample_json(plan)},
                     {"golden", golden_json(plan)},
                     {"table_masked", table_masked},
                     {"use_masked", use_masked},
                     {"distinct_tables", plan.running.size()},
                     {"inferences", plan.running.size() * plan.data.images()},
                     {"threads", threads},
                     {"expected_seconds", expected_seconds(plan, threads)}};
  return text_of(json);
}

}  // namespace qfi

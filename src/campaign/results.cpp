// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/results.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/campaign/config_names.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* k_schema = "qfi-results-2";

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

Json optional_json(const std::optional<double>& value) {
  return value ? Json(rounded(*value)) : Json(nullptr);
}

Json share_json(const FaultShare& share) {
  return {
      {"faults", share.faults}, {"share", rounded(share.share)}, {"interval", interval_json(share.interval)}};
}

Json mean_json(const SampledMean& mean) {
  return {{"mean", rounded(mean.mean)},
          {"interval_these_images", interval_json(mean.these_images)},
          {"interval_image_population", interval_json(mean.image_population)}};
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

// Stuck-at faults of a netlist.

const char* name_of(FaultFate fate) {
  switch (fate) {
    case FaultFate::runs: return "run";
    case FaultFate::equal: return "equal_table";
    case FaultFate::table_masked: return "table_masked";
    case FaultFate::use_masked: return "use_masked";
  }
  return "";
}

Json stuck_at_fault_json(const StuckAtSet& set, std::size_t index) {
  const PlannedFault& fault = set.faults()[index];
  const FaultCounts& counts = set.counts()[index];
  Json json = {{"index", index},
               {"site", site_name(set.netlist(), fault.fault.site)},
               {"stuck_at", fault.fault.value ? 1 : 0},
               {"fate", name_of(fault.fate)},
               {"same_as", fault.same_as},
               {"table_digest", fault.effect.digest.hex()},
               {"golden_products_changed", fault.effect.golden_hits}};
  json.update(counts_json(counts, set.workload().task));
  json["faulty_accuracy"] = rounded(ratio(counts.faulty_correct, counts.labelled));
  json["class"] = harm_class(set.workload(), counts);
  json["critical"] = counts.changed > 0;
  return json;
}

Json operators_json(const StuckAtSet& set) {
  Json list = Json::array();
  const Program& program = *set.workload().program;
  for (const FaultyOperator& op : set.operators()) {
    const Operator& source = program.model().operators[op.index];
    const OperandCodes& codes = set.tables().uses()[op.use].codes;
    list.push_back({{"index", op.index},
                    {"kind", qfi::name_of(source.kind)},
                    {"output", set.workload().tensor(source.outputs[0]).name},
                    {"type", codes.type == CodeType::int8 ? "int8" : "uint8"},
                    {"weight_zero_point", codes.weight_zero_point},
                    {"input_zero_point", codes.input_zero_point},
                    {"multiplications_per_image", program.multiplications(op.index)}});
  }
  return list;
}

Json netlist_json(const StuckAtSet& set) {
  return {{"file", set.unit_config().netlist.path.filename().string()},
          {"sha256", set.netlist().sha256},
          {"module", set.netlist().module_name},
          {"cells", set.netlist().cells.size()},
          {"depth", set.netlist().depth}};
}

Json fates_json(const StuckAtSet& set, double confidence) {
  const auto share = [&](FaultFate fate) { return share_with_fate(set, fate, confidence); };
  return {{"distinct_tables", share(FaultFate::runs).faults},
          {"equal_tables", share(FaultFate::equal).faults},
          {"table_masked", share_json(share(FaultFate::table_masked))},
          {"use_masked", share_json(share(FaultFate::use_masked))}};
}

Json proof_json(const StuckAtSet& set) {
  std::uint64_t changed = 0;
  for (const PlannedFault& fault : set.faults()) changed += fault.effect.golden_hits > 0 ? 1 : 0;
  return {{"table_path_equals_golden_path_images", set.proof().table_path_images},
          {"fault_free_products_equal_to_the_product", set.proof().fault_free_pairs},
          {"golden_products_through_the_unit", set.proof().golden_products},
          {"faults_that_change_a_golden_product", changed}};
}

Json plan_json_of(const StuckAtSet& set, double confidence) {
  return {{"sites", set.sites()},
          {"polarities", 2},
          {"netlist", netlist_json(set)},
          {"operators", operators_json(set)},
          {"fates", fates_json(set, confidence)}};
}

Json results_json_of(const StuckAtSet& set, double confidence) {
  Json json = plan_json_of(set, confidence);
  json["proof"] = proof_json(set);
  json["faults"] = Json::array();
  for (std::size_t i = 0; i < set.drawn(); ++i) json["faults"].push_back(stuck_at_fault_json(set, i));
  return json;
}

// Stored bits.

Json values_json(const BitSet& set) {
  Json list = Json::array();
  for (std::size_t i = 0; i < set.values().stored.size(); ++i) {
    const StoredValues& stored = set.values().stored[i];
    const ValuePlace& place = set.values().places[i];
    const Storage& kept =
        set.values().protected_storage.empty() ? stored.storage : set.values().protected_storage[i];
    const StorageParams& storage = kept.params();
    Json json = {{"label", place.label},
                 {"layer", stored.layer},
                 {"operator", qfi::name_of(set.workload().program->model().operators[stored.layer].kind)},
                 {"tensor", set.workload().tensor(place.tensor).name},
                 {"values", stored.count},
                 {"width", storage.width},
                 {"protection", name_in(k_protections, storage.protection)},
                 {"stored_bits", kept.stored_bits()}};
    if (place.target == FaultTarget::data) json["stage"] = name_in(k_stages, place.stage);
    list.push_back(json);
  }
  return list;
}

Json row_json(const DomainRow& row, Task task) {
  Json json;
  if (row.layer) json["layer"] = *row.layer;
  if (row.bit) json["bit"] = *row.bit;
  json.update({{"population", row.population},
               {"n", row.drawn},
               {"trials", row.trials},
               {task == Task::segmentation ? "pixels" : "images", row.units},
               {"changed", row.changed},
               {"changed_share", rounded(row.changed_share.mean)},
               {"interval", interval_json(row.changed_share.these_images)},
               {"deviation_over_drawn_faults", rounded(row.deviation)},
               {"nan", row.nan},
               {"infinity", row.infinity}});
  if (task == Task::segmentation) {
    json["mean_iou_of_drawn"] = optional_json(row.mean_iou);
    json["global_iou_of_drawn"] = optional_json(row.global_iou);
    json["weighted_iou_of_drawn"] = optional_json(row.weighted_iou);
  }
  return json;
}

Json rows_json(const BitSet& set, bool by_layer, bool by_bit, double confidence) {
  Json list = Json::array();
  for (const DomainRow& row : domain_rows(set, by_layer, by_bit, confidence))
    list.push_back(row_json(row, set.workload().task));
  return list;
}

Json directions_json(const BitSet& set, double confidence) {
  Json list = Json::array();
  for (const DirectionRow& row : direction_rows(set, confidence)) {
    Json json = {{"direction", row.direction}};
    json["layer"] = row.layer ? Json(*row.layer) : Json("all");
    json["trials"] = row.sums.trials;
    json["changed"] = row.sums.changed;
    json["units"] = row.sums.units;
    json["changed_share"] = row.share ? Json(rounded(row.share->share)) : Json(nullptr);
    json["interval"] = row.share ? interval_json(row.share->interval) : Json(nullptr);
    list.push_back(json);
  }
  return list;
}

Json reads_json(const std::vector<BitOutcome>& outcomes) {
  std::uint64_t reads = 0, detected = 0, corrected = 0, missed = 0;
  for (const BitOutcome& outcome : outcomes) {
    reads += outcome.reads;
    detected += outcome.detected;
    corrected += outcome.corrected;
    missed += outcome.missed;
  }
  return {
      {"faulty_values_read", reads}, {"detected", detected}, {"corrected", corrected}, {"missed", missed}};
}

Json masking_json(const BitSet& set) {
  std::map<int, std::uint64_t> images;
  for (const BitOutcome& outcome : set.outcomes())
    for (const auto& [index, count] : outcome.equal_after) images[index] += count;
  Json list = Json::array();
  std::uint64_t traced = 0;
  std::uint64_t identical = 0;
  for (const BitOutcome& outcome : set.outcomes()) identical += outcome.counts.output_identical;
  for (const auto& [index, count] : images) {
    traced += count;
    const std::string name =
        index < 0
            ? "input"
            : qfi::name_of(set.workload().program->model().operators[static_cast<std::size_t>(index)].kind);
    list.push_back({{"operator", index}, {"kind", name}, {"trials", count}});
  }
  // Faults of many values are run by whole batches.
  if (identical > traced)
    list.push_back({{"operator", nullptr}, {"kind", "not traced"}, {"trials", identical - traced}});
  return list;
}

Json protection_json(const BitSet& set, double confidence) {
  const std::optional<ProtectionEffect> effect = protection_effect(set, confidence);
  if (!effect) return nullptr;
  Json json = {{"changed_without", effect->changed_before},
               {"changed_with", effect->changed_after},
               {"removed_share", effect->removed ? Json(rounded(effect->removed->share)) : Json(nullptr)},
               {"interval", effect->removed ? interval_json(effect->removed->interval) : Json(nullptr)}};
  json.update(reads_json(set.protected_outcomes()));
  return json;
}

Json results_json_of(const Plan& plan, std::size_t index) {
  const BitSet& set = *plan.bits(index);
  const double confidence = plan.config.interval_confidence;
  const FaultTable table = fault_table(plan, index);
  return {{"values", values_json(set)},
          {"reads", reads_json(set.outcomes())},
          {"protection", protection_json(set, confidence)},
          {"by_layer", rows_json(set, true, false, confidence)},
          {"by_bit", rows_json(set, false, true, confidence)},
          {"by_layer_and_bit", rows_json(set, true, true, confidence)},
          {"by_direction", directions_json(set, confidence)},
          {"equal_to_golden_after", masking_json(set)},
          {"faults_file",
           {{"name", table.name}, {"rows", set.drawn()}, {"sha256", sha256_hex(bytes_of(table.csv))}}}};
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

Json set_json(const Plan& plan, std::size_t index, const SetRun& run, const SetEstimates& estimates) {
  const FaultSet& set = *plan.sets[index];
  const double confidence = plan.config.interval_confidence;
  Json json = {{"name", set.config().name}, {"sample", sample_json(set)}, {"stopped", run_of_set_json(run)}};
  const bool is_one_population = !set.strata().front().error_rate || set.strata().size() == 1;
  json["summary"] = is_one_population ? estimates_json(set, estimates) : Json(nullptr);
  json["failure_rate"] = failure_rate_json(failure_rate(plan, index, estimates));
  json["strata"] = strata_json(set, confidence, true);
  if (const StuckAtSet* stuck = plan.stuck_at(index)) json.update(results_json_of(*stuck, confidence));
  else json.update(results_json_of(plan, index));
  return json;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

const char* arithmetic_of(const Workload& workload) {
  const bool is_float = workload.tensor(workload.metric_tensor).type == TensorType::float32;
  return is_float
             ? "FLOAT32 in a fixed order of sums; integers as the TFLite reference kernels (LiteRT 2.3.0)"
             : "TFLite reference kernels (LiteRT 2.3.0), integers";
}

}  // namespace

std::string results_json(const Plan& plan, const CampaignRun& run, const ToolInfo& tool) {
  Json sets = Json::array();
  std::vector<SetEstimates> estimates;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    estimates.push_back(estimate(*plan.sets[i], plan.config.interval_confidence));
    sets.push_back(set_json(plan, i, run.sets[i], estimates.back()));
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
  return text_of(json);
}

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
                     {"threads", info.threads},
                     {"plan_seconds", info.plan_seconds},
                     {"run_seconds", run.seconds},
                     {"config", info.config},
                     {"defines", defines},
                     {"fault_sets", sets},
                     {"verify", verify}};
  return text_of(json);
}

std::string plan_json(const Plan& plan, unsigned threads, double expected_seconds) {
  Json sets = Json::array();
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const FaultSet& set = *plan.sets[i];
    Json json = {{"name", set.config().name}, {"sample", sample_json(set)}};
    json["strata"] = strata_json(set, plan.config.interval_confidence, false);
    if (const StuckAtSet* stuck = plan.stuck_at(i))
      json.update(plan_json_of(*stuck, plan.config.interval_confidence));
    else json["values"] = values_json(*plan.bits(i));
    sets.push_back(json);
  }
  return text_of({{"inputs", inputs_json(plan)},
                  {"golden", golden_json(plan)},
                  {"fault_sets", sets},
                  {"threads", threads},
                  {"expected_seconds", expected_seconds}});
}

}  // namespace qfi

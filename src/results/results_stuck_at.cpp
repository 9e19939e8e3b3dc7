// SPDX-License-Identifier: Apache-2.0
// What results.json says of stuck-at faults of a netlist.
#include "qfi/netlist/site_map.hpp"
#include "results_json.hpp"

namespace qfi {
namespace {

const char* name_of(FaultFate fate) {
  switch (fate) {
    case FaultFate::runs: return "run";
    case FaultFate::equal: return "equal_table";
    case FaultFate::table_masked: return "table_masked";
    case FaultFate::use_masked: return "use_masked";
  }
  return "";
}

Json stuck_at_fault_json(const StuckAtSet& set, const SiteMap& map, std::size_t index) {
  const PlannedFault& fault = set.faults()[index];
  const FaultCounts& counts = set.counts_of(index);
  const SitePlace place = map.place(fault.fault.site);
  Json json = {{"index", index},
               {"site", site_name(set.netlist(), fault.fault.site)},
               {"stuck_at", fault.fault.value ? 1 : 0},
               {"region", place.region},
               {"level", place.level},
               {"lowest_result_bit", place.lowest_result_bit ? Json(*place.lowest_result_bit) : Json()},
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
          {"fast_path_equals_table_path_faults", set.proof().faulty_path_faults},
          {"fault_free_products_equal_to_the_product", set.proof().fault_free_pairs},
          {"golden_products_through_the_unit", set.proof().golden_products},
          {"faults_that_change_a_golden_product", changed}};
}

}  // namespace

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
  const SiteMap map(set.netlist());
  for (std::size_t i = 0; i < set.drawn(); ++i) json["faults"].push_back(stuck_at_fault_json(set, map, i));
  return json;
}

}  // namespace qfi

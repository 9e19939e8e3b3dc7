// SPDX-License-Identifier: Apache-2.0
// What results say of stuck-at faults of a netlist.
#include "compute_parts.hpp"
#include "qfi/netlist/site_map.hpp"

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

StuckAtFaultResults fault_results(const StuckAtSet& set, const SiteMap& map, std::size_t index) {
  const PlannedFault& fault = set.faults()[index];
  const FaultCounts counts = set.counts_of(index);
  const SitePlace place = map.place(fault.fault.site);
  StuckAtFaultResults results;
  results.index = index;
  results.site = site_name(set.netlist(), fault.fault.site);
  results.stuck_at = fault.fault.value ? 1 : 0;
  results.region = place.region;
  results.level = static_cast<std::uint64_t>(place.level);
  if (place.lowest_result_bit)
    results.lowest_result_bit = static_cast<std::uint64_t>(*place.lowest_result_bit);
  results.fate = name_of(fault.fate);
  results.same_as = fault.same_as;
  results.table_digest = fault.effect.digest.hex();
  results.golden_products_changed = fault.effect.golden_hits;
  results.counts = set.workload().task->count_numbers(counts);
  if (counts.labelled > 0) results.faulty_accuracy = rounded(ratio(counts.faulty_correct, counts.labelled));
  if (set.workload().task->has_accuracy() && set.is_crossed())
    results.harm = harm_class(set.workload(), counts);
  results.is_critical = counts.changed > 0;
  return results;
}

std::vector<FaultyOperatorFacts> operator_facts(const StuckAtSet& set) {
  std::vector<FaultyOperatorFacts> list;
  const Program& program = *set.workload().program;
  for (const FaultyOperator& op : set.operators()) {
    const Operator& source = program.model().operators[op.index];
    const OperandCodes& codes = set.tables().uses()[op.use].codes;
    list.push_back({op.index, qfi::name_of(source.kind), set.workload().tensor(source.outputs[0]).name,
                    codes.type == CodeType::int8 ? "int8" : "uint8", codes.weight_zero_point,
                    codes.input_zero_point, program.multiplications(op.index)});
  }
  return list;
}

FateResults fate_results(const StuckAtSet& set, double confidence) {
  const auto share = [&](FaultFate fate) { return share_with_fate(set, fate, confidence); };
  return {share(FaultFate::runs).faults, share(FaultFate::equal).faults,
          rounded(share(FaultFate::table_masked)), rounded(share(FaultFate::use_masked))};
}

ProofResults proof_results(const StuckAtSet& set) {
  ProofResults results{set.proof().table_path_images, set.proof().faulty_path_faults,
                       set.proof().fault_free_pairs, set.proof().golden_products, 0};
  for (const PlannedFault& fault : set.faults())
    results.faults_that_change_a_golden_product += fault.effect.golden_hits > 0 ? 1 : 0;
  return results;
}

std::optional<ApproximateFacts> approximate_facts(const StuckAtSet& set) {
  if (!set.is_approximate()) return std::nullopt;
  const ProductErrors errors = set.fault_free_errors();
  const GoldenRun& golden = set.workload().golden;
  return ApproximateFacts{errors.pairs, errors.wrong, rounded(errors.mean_distance), errors.worst,
                          rounded(set.workload().task->golden_numbers(golden.counts, golden.ties))};
}

}  // namespace

NetlistResults plan_results(const StuckAtSet& set, double confidence) {
  NetlistResults results;
  results.sites = set.sites();
  results.netlist = {set.unit_config().netlist.path.filename().string(), set.netlist().sha256,
                     set.netlist().module_name, set.netlist().cells.size(),
                     static_cast<std::uint64_t>(set.netlist().depth)};
  results.approximate = approximate_facts(set);
  results.operators = operator_facts(set);
  results.fates = fate_results(set, confidence);
  return results;
}

void complete(const StuckAtSet& set, const Driver&, const SetFiles&, const IntervalConfig&,
              NetlistResults& results) {
  results.proof = proof_results(set);
  const SiteMap map(set.netlist());
  for (std::size_t i = 0; i < set.drawn(); ++i) results.faults.push_back(fault_results(set, map, i));
}

}  // namespace qfi

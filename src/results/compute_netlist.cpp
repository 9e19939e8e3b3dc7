// SPDX-License-Identifier: Apache-2.0
// What results say of faults of a netlist.
#include <algorithm>
#include <span>

#include "compute_parts.hpp"
#include "qfi/faults/collapse.hpp"
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

std::vector<Site> sites_of(const NetlistFault& fault) {
  std::vector<Site> sites;
  for (const StuckAt& stuck : fault.stuck) sites.push_back(stuck.site);
  if (fault.bridge)
    for (const NetId net : {fault.bridge->first, fault.bridge->second})
      sites.push_back({Site::Kind::net, net, 0});
  return sites;
}

// Of a fault at several sites the lowest bit that any leads to, the sources of all, and all else of the
// first.
SitePlace place_of(const SiteMap& map, const NetlistFault& fault) {
  const std::vector<Site> sites = sites_of(fault);
  SitePlace place = map.place(sites.front());
  for (const Site& site : std::span(sites).subspan(1)) {
    const SitePlace other = map.place(site);
    if (other.lowest_result_bit)
      place.lowest_result_bit = std::min(*other.lowest_result_bit, place.lowest_result_bit.value_or(32));
    for (const std::string& source : other.sources)
      if (std::ranges::find(place.sources, source) == place.sources.end()) place.sources.push_back(source);
  }
  return place;
}

void add_names(const StuckAtSet& set, const SitePlace& place, NetlistFaultResults& results) {
  const NetlistFault& fault = set.faults()[results.index].fault;
  results.fault = fault_text(set.netlist(), fault);
  if (!fault.bridge && fault.stuck.size() == 1) {
    results.site = site_name(set.netlist(), fault.stuck.front().site);
    results.stuck_at = fault.stuck.front().value ? 1 : 0;
  }
  if (!set.listed().empty()) {
    const ListedFault& listed = set.listed()[results.index];
    if (!listed.name.empty()) results.listed_as = listed.name;
    if (!listed.fault_class.empty()) results.listed_class = listed.fault_class;
  }
  if (!place.cell.empty()) results.cell = place.cell;
  if (!place.cell.empty()) results.pin = place.pin;
  if (!place.instance.empty()) results.instance = place.instance;
  if (!place.sources.empty()) results.sources = place.sources;
}

NetlistFaultResults fault_results(const StuckAtSet& set, const SiteMap& map, std::size_t index) {
  const PlannedFault& fault = set.faults()[index];
  const FaultCounts counts = set.counts_of(index);
  const SitePlace place = place_of(map, fault.fault);
  NetlistFaultResults results;
  results.index = index;
  add_names(set, place, results);
  results.region = place.region;
  results.level = static_cast<std::uint64_t>(place.level);
  if (place.lowest_result_bit)
    results.lowest_result_bit = static_cast<std::uint64_t>(*place.lowest_result_bit);
  results.fate = name_of(fault.fate);
  results.same_as = fault.same_as;
  results.table_digest = fault.effect.digest.hex();
  results.golden_products_changed = fault.effect.golden_hits;
  if (const auto image = set.first_changed(index))
    results.first_changed_image = set.workload().data.indices()[*image];
  results.counts = set.workload().task->count_numbers(counts);
  if (counts.labelled > 0) results.faulty_accuracy = rounded(ratio(counts.faulty_correct, counts.labelled));
  if (set.workload().task->has_accuracy() && set.is_crossed())
    results.harm = harm_class(set.workload(), counts);
  results.is_critical = counts.changed > 0;
  return results;
}

std::optional<std::uint64_t> prime_faults(const StuckAtSet& set) {
  if (set.netlist_population().sites().empty() || set.unit_config().simultaneous != 1) return std::nullopt;
  const std::vector<std::uint32_t> classes =
      structural_classes(set.netlist(), set.netlist_population().sites());
  return *std::ranges::max_element(classes) + std::uint64_t{1};
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
  results.sites = set.netlist_population().places();
  results.polarities = set.netlist_population().faults_of_a_place();
  results.prime_faults = prime_faults(set);
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

// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/identity.hpp"

#include <algorithm>

#include "cpu_name.hpp"
#include "json_writer.hpp"
#include "qfi/results/compute.hpp"

namespace qfi {
namespace {

using Json = JsonWriter::Json;

}  // namespace

Journal::Identity campaign_identity(const Plan& plan, const ToolInfo& tool) {
  const JsonWriter writer(*plan.workload->task);
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
               {"inputs", writer.json_of(input_facts(plan))},
               {"faults", sets}};
  if (depends_on_cpu(*plan.workload)) json["cpu"] = cpu_name();
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

}  // namespace qfi

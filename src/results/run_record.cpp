// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/run_record.hpp"

#include <sys/utsname.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cpu_name.hpp"
#include "qfi/base/text.hpp"

namespace qfi {

using Json = nlohmann::ordered_json;

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
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
    if (const StuckAtSet* set = plan.stuck_at(i)) json["device"] = set->device();
    if (const TableSet* set = plan.table(i)) json["device"] = set->device();
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

}  // namespace qfi

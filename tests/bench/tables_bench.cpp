// SPDX-License-Identifier: Apache-2.0
// All tables of a netlist by the simulator, and one table by Verilator, in the same run.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdexcept>

#include "qfi/base/parallel.hpp"
#include "qfi/netlist/verilator.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi {
namespace {

const Netlist& netlist() {
  static const Netlist k_netlist =
      read_netlist(std::filesystem::path(QFI_SOURCE_FOLDER) / "netlists/mul_gates.json").value();
  return k_netlist;
}

TableUse every_int8_pair() {
  TableUse use;
  use.weight_occurs.fill(true);
  return use;
}

// Simulation and ProductTable of every stuck-at fault, on state.range(0) threads.
void all_tables(benchmark::State& state) {
  const auto threads = static_cast<unsigned>(state.range(0));
  const auto sites = enumerate_sites(netlist(), SiteKind::nets);
  for (auto _ : state) {
    const FaultTables tables(netlist(), {every_int8_pair()}, {});
    std::vector<FaultTables::Scratch> scratch(threads);
    constexpr std::size_t k_together = FaultTables::k_together;
    const std::size_t faults = 2 * sites.size();
    parallel_for((faults + k_together - 1) / k_together, threads, [&](std::size_t part, unsigned worker) {
      std::vector<NetlistFault> some;
      for (std::size_t i = part * k_together; i < std::min(faults, (part + 1) * k_together); ++i)
        some.emplace_back(stuck_at_member(sites, i));
      tables.examine_each(
          some, scratch[worker],
          [&](std::size_t, const FaultEffect& effect, std::span<const std::int32_t> products) {
            benchmark::DoNotOptimize(effect);
            benchmark::DoNotOptimize(tables.table(products, 0));
          });
    });
  }
  state.counters["tables"] = static_cast<double>(2 * sites.size());
  state.counters["s_per_table"] =
      benchmark::Counter(static_cast<double>(2 * sites.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(all_tables)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(3);

void one_table_by_verilator(benchmark::State& state) {
  const auto sites = enumerate_sites(netlist(), SiteKind::nets);
  auto model = VerilatorModel::open(netlist(), {sites, {}},
                                    std::filesystem::temp_directory_path() / "qfi-bench-cache");
  if (!model) return state.SkipWithError(model.error().message.c_str());
  std::size_t next = 0;
  for (auto _ : state) {
    const StuckAt fault = stuck_at_member(sites, (next += 997) % (2 * sites.size()));
    model->inject(fault);
    for (int w = -128; w < 128; ++w)
      for (int x = -128; x < 128; ++x) benchmark::DoNotOptimize(model->multiply(w, x));
    model->clear();
  }
}
BENCHMARK(one_table_by_verilator)->Unit(benchmark::kMillisecond)->Iterations(10);

}  // namespace
}  // namespace qfi

BENCHMARK_MAIN();

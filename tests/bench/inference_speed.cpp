// SPDX-License-Identifier: Apache-2.0
// Speed of inference, as one JSON object (scripts/bench.sh makes a table of many).
//   inference_speed golden MODEL [--batch N] [--threads N] [--first OPERATOR]: fault-free, from an operator
//   on, images
//     per second of some seconds.
//   inference_speed faulty MODEL --netlist FILE: random stuck-at faults of a netlist's multiplier in all
//     convolutions, each with its set-up, and the fault-free run beside every one.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "qfi/base/random.hpp"
#include "qfi/engine/pair_counter.hpp"
#include "qfi/fault_sets/faulty_unit.hpp"
#include "qfi/model/model.hpp"

namespace qfi {
namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

nlohmann::ordered_json summary(std::vector<double> values) {
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
  };
  double sum = 0;
  for (const double value : values) sum += value;
  return {{"mean", sum / static_cast<double>(values.size())},
          {"p50", at(0.5)},
          {"p95", at(0.95)},
          {"max", values.back()}};
}

struct Options {
  std::string model, netlist;
  OperandEncoding operands = OperandEncoding::raw;
  std::size_t batch = 32;
  std::size_t first = 0;
  unsigned threads = 1;
  std::size_t images = 512;
  std::size_t faults = 1000;
  double seconds = 2;
  bool depthwise = false;
  bool naive = false;
  bool verbose = false;
};

template <class T>
T value_of(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "inference_speed: %s\n", result.error().message.c_str());
  std::exit(2);
}

// Smooth pictures: neighbouring pixels are alike, as in photographs.
void fill_input(const Program& program, Batch& batch) {
  const auto input = batch.tensor(program.model().inputs[0]);
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::uint64_t coarse = random_bits(1, "pixel", i / 48) % 180;
    input[i] = static_cast<std::byte>(coarse + random_bits(1, "noise", i) % 60 + 128);
  }
}

// Every thread has a batch of its own; the median of the runs' times.
nlohmann::ordered_json golden(const Options& options) {
  ProgramParams params;
  params.keep_all_tensors = options.first > 0;
  const Program program = value_of(Program::prepare(value_of(load_tflite(options.model)), params));
  const std::size_t end = program.model().operators.size();
  std::vector<std::vector<double>> times(options.threads);
  const auto work = [&](unsigned worker) {
    Batch batch(program, options.batch);
    fill_input(program, batch);
    program.run(batch, 0, std::min(options.first, end));
    double spent = 0;
    while (spent < options.seconds) {
      times[worker].push_back(seconds_of([&] { program.run(batch, options.first, end); }));
      spent += times[worker].back();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < options.threads; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  double rate = 0;
  for (const auto& of_thread : times)
    rate += static_cast<double>(options.batch) / summary(of_thread)["p50"].get<double>();
  return {{"ms_per_image", 1e3 / rate}, {"instructions", instructions_in_use()}};
}

class Measurement {
 public:
  explicit Measurement(const Options& options)
      : m_options(options),
        m_program(value_of(Program::prepare(value_of(load_tflite(options.model))))),
        m_netlist(value_of(read_netlist(options.netlist))),
        m_batch(m_program, std::min<std::size_t>(options.images, k_block)) {
    StuckAtConfig config;
    if (options.depthwise) config.operators.push_back(OperatorKind::depthwise_conv_2d);
    m_uses = collect_uses(m_program, value_of(choose_operators(m_program, config.operators, config.layers)),
                          config.padding, m_operators);
    m_end = m_program.model().operators.size();
    fill_input(m_program, m_batch);
    const auto input = m_batch.tensor(m_program.model().inputs[0]);
    m_input.assign(input.begin(), input.end());
    count_pairs();
    m_tables = std::make_unique<FaultTables>(m_netlist, m_uses, UnitParams{options.operands, Rs1::weight});
  }

  nlohmann::ordered_json run() {
    const auto sites = enumerate_sites(m_netlist, SiteKind::nets);
    FaultyUnitTables unit(m_program, *m_tables, m_operators, PaddingTaps::skip);
    std::set<Digest> seen;
    std::vector<double> golden, faulty, ratios, setup, naive;
    const auto order = draw_without_replacement(2 * sites.size(), 2 * sites.size(), 1, "speed");
    const auto start = std::chrono::steady_clock::now();
    const auto spent = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    for (const std::uint64_t index : order) {
      if (faulty.size() == m_options.faults || (faulty.size() >= k_fewest && spent() > m_options.seconds))
        break;
      const StuckAt fault = stuck_at_member(sites, index);
      const FaultEffect effect = m_tables->examine(fault, m_scratch);
      if (effect.is_table_masked || effect.golden_hits == 0 || !seen.insert(effect.digest).second) continue;
      golden.push_back(seconds_of([&] { run_all(nullptr); }));
      setup.push_back(seconds_of([&] {
        m_tables->examine(fault, m_scratch);
        unit.set(m_scratch.products);
      }));
      faulty.push_back(setup.back() + seconds_of([&] { run_all(&unit.units()); }));
      ratios.push_back(faulty.back() / golden.back());
      if (m_options.verbose)
        std::fprintf(stderr, "%s stuck-at-%d: %.2f (set-up %.2f)\n", site_name(m_netlist, fault.site).c_str(),
                     fault.value ? 1 : 0, ratios.back(), setup.back() / golden.back());
      if (m_options.naive) naive.push_back(naive_seconds(unit.units()) / faulty.back());
    }
    const auto per_image = [&](std::vector<double> values) {
      for (double& value : values) value *= 1e3 / static_cast<double>(m_options.images);
      return summary(values);
    };
    nlohmann::ordered_json result = {{"faults", faulty.size()},
                                     {"golden_ms_per_image", per_image(golden)},
                                     {"faulty_ms_per_image", per_image(faulty)},
                                     {"setup_ms_per_image", per_image(setup)},
                                     {"faulty_over_golden", summary(ratios)}};
    if (!naive.empty()) result["naive_over_faulty"] = summary(naive);
    return result;
  }

 private:
  static constexpr std::size_t k_block = 64;
  static constexpr std::size_t k_fewest = 5;  // faults, whatever the time

  void restore_input() {
    const auto input = m_batch.tensor(m_program.model().inputs[0]);
    std::memcpy(input.data(), m_input.data(), input.size());
  }

  void count_pairs() {
    restore_input();
    auto next = m_operators.begin();
    for (std::size_t i = 0; i < m_end; ++i) {
      if (next != m_operators.end() && next->index == i) {
        PairCounter counter(m_program, i, PaddingTaps::skip);
        counter.add(m_batch);
        counter.add_to(m_uses[(next++)->use].golden_pairs);
      }
      m_program.run(m_batch, i, i + 1);
    }
  }

  void run_all(const Units* units) {
    for (std::size_t first = 0; first < m_options.images; first += k_block) {
      m_batch.set_images(std::min(k_block, m_options.images - first));
      restore_input();
      m_program.run(m_batch, 0, m_end, units);
    }
  }

  // Every product looked up by the reference loop, on one image, for as many images as were run.
  double naive_seconds(const Units& prepared) {
    static const Program reference =
        value_of(Program::prepare(value_of(load_tflite(m_options.model)), {KernelSet::reference, false, {}}));
    static Batch batch(reference, 1);
    const Units units = looked_up(prepared);
    const auto input = batch.tensor(reference.model().inputs[0]);
    std::memcpy(input.data(), m_input.data(), input.size());
    return static_cast<double>(m_options.images) *
           seconds_of([&] { reference.run(batch, 0, m_end, &units); });
  }

  Options m_options;
  Program m_program;
  Netlist m_netlist;
  Batch m_batch;
  std::size_t m_end = 0;
  std::vector<std::byte> m_input;
  std::vector<FaultyOperator> m_operators;
  std::vector<TableUse> m_uses;
  std::unique_ptr<FaultTables> m_tables;
  FaultTables::Scratch m_scratch;
};

}  // namespace
}  // namespace qfi

int main(int count, char** arguments) {
  CLI::App app("speed of inference");
  app.require_subcommand(1);
  qfi::Options options;
  const auto add = [&](const char* name, const char* text) {
    CLI::App* command = app.add_subcommand(name, text);
    command->add_option("model", options.model)->required();
    command->add_option("--seconds", options.seconds, "how long to measure");
    return command;
  };
  CLI::App* golden = add("golden", "fault-free inference");
  golden->add_option("--batch", options.batch);
  golden->add_option("--threads", options.threads);
  golden->add_option("--first", options.first);
  CLI::App* faulty = add("faulty", "inference under stuck-at faults");
  faulty->add_option("--netlist", options.netlist)->required();
  std::string operands = "raw";
  faulty->add_option("--operands", operands)->check(CLI::IsMember({"raw", "offset"}));
  faulty->add_option("--images", options.images, "per fault");
  faulty->add_option("--faults", options.faults, "at most");
  faulty->add_flag("--depthwise", options.depthwise, "depthwise convolutions go through the unit too");
  faulty->add_flag("--naive", options.naive, "time the reference's table loop too");
  faulty->add_flag("--verbose", options.verbose, "a line for each fault");
  CLI11_PARSE(app, count, arguments);
  if (operands == "offset") options.operands = qfi::OperandEncoding::offset;
  const auto result = golden->parsed() ? qfi::golden(options) : qfi::Measurement(options).run();
  std::printf("%s\n", result.dump(1).c_str());
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// What each operator of a network takes on a GPU: exact, and with products of some terms. Prints JSON.
//   device_speed MODEL.tflite IMAGES
#include <fmt/format.h>

#include <chrono>
#include <random>

#include "engine/tiles/tile_device.hpp"

namespace qfi {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::vector<std::byte>> random_inputs(const Program& program, std::size_t images) {
  std::mt19937 random(1);
  std::vector<std::vector<std::byte>> values;
  for (const int tensor : program.model().inputs) {
    auto& bytes =
        values.emplace_back(images * program.model().tensors[static_cast<std::size_t>(tensor)].bytes());
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  }
  return values;
}

// Tables whose errors are of as many pairs of bits, as many more products; or of one value that a bit of the
// product decides, which is counted.
constexpr std::size_t k_counted = 99;
Units faulty_units(const Program& program, std::size_t bits, std::map<OperandCodes, ProductTable>& tables) {
  Units units;
  units.of_operator.resize(program.model().operators.size());
  for (std::size_t i = 0; i < units.of_operator.size(); ++i) {
    if (!program.multiplies_weights(i)) continue;
    const OperandCodes codes = program.operand_codes(i);
    const auto [entry, is_new] = tables.try_emplace(codes, ProductTable::exact(codes));
    if (is_new)
      for (std::size_t w = 0; w < 256; ++w)
        for (std::size_t x = 0; x < 256; ++x)
          for (std::size_t b = 0; b < 8; ++b) {
            const bool errs =
                bits == k_counted ? b == 0 && (w * x & 0x200U) != 0 : b < bits && ((w & x) >> b & 1U) != 0;
            entry->second.at(w, x) += errs ? 1 << (4 + 2 * b) : 0;
          }
    units.of_operator[i] = TabulatedUnit{&entry->second, PaddingTaps::skip, {}, {}, {}};
  }
  return units;
}

int measure(const char* file, std::size_t images) {
  std::string why;
  auto machine = tiles::open_cuda_machine(why);
  if (!machine) {
    fmt::print(stderr, "device_speed: {}\n", why);
    return 1;
  }
  auto loaded = load_tflite(file);
  if (!loaded) {
    fmt::print(stderr, "device_speed: {}\n", loaded.error().message);
    return 1;
  }
  const Program program = std::move(Program::prepare(std::move(*loaded)).value());
  const auto inputs = random_inputs(program, images);
  DevicePlan plan{0, program.model().outputs, {{images, {}}}, 1};
  for (const auto& values : inputs) plan.blocks[0].values.emplace_back(values);
  const tiles::TileProgram tile_program(*machine, program, 0);
  const tiles::TileGolden golden(*machine, program, plan);
  tiles::TileDevice device(machine->another(), tile_program, golden, plan, machine->free_bytes() / 2);
  fmt::print("{{\"device\": \"{}\", \"model\": \"{}\", \"images\": {}, \"runs\": [", machine->name(), file,
             images);
  std::map<OperandCodes, ProductTable> tables;
  const Units* const exact = nullptr;
  bool is_first_run = true;
  for (const std::size_t bits : {std::size_t{0}, std::size_t{1}, std::size_t{4}, k_counted}) {
    tables.clear();
    Units units = faulty_units(program, bits, tables);
    device.prepare(units);
    const DeviceTask task{0, 0, images};
    const auto once = [&] {
      const auto start = Clock::now();
      device.run(bits == 0 ? exact : &units, std::span(&task, 1), [](auto, const auto&) { return true; });
      return std::chrono::duration<double>(Clock::now() - start).count();
    };
    // The clock rises with the load.
    for (double seconds = 0; seconds < (is_first_run ? 1.5 : 0.3);) seconds += once();
    double best = 1e9;
    for (int i = 0; i < 5; ++i) best = std::min(best, once());
    is_first_run = false;
    fmt::print("{}{{\"more_terms\": {}, \"us_per_inference\": {:.3f}, \"operators\": [",
               bits == 0 ? "" : ", ", bits, best * 1e6 / static_cast<double>(images));
    bool is_first = true;
    device.time_steps(bits == 0 ? exact : &units, images, 10,
                      [&](const tiles::TileStep& step, double seconds) {
                        const double of_image = seconds / static_cast<double>(images);
                        fmt::print("{}[\"{}\", {:.4f}, {:.1f}]", is_first ? "" : ", ",
                                   operator_label(program.model(), step.op), of_image * 1e6,
                                   static_cast<double>(program.multiplications(step.op)) / of_image * 1e-12);
                        is_first = false;
                      });
    fmt::print("]}}");
  }
  fmt::print("]}}\n");
  return 0;
}

}  // namespace
}  // namespace qfi

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "use: device_speed MODEL.tflite IMAGES\n");
    return 2;
  }
  return qfi::measure(argv[1], std::stoul(argv[2]));
}

// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "draw.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using Bytes = std::vector<std::byte>;

constexpr std::size_t k_device_images = 3;

Program demo_program() {
  return value_of(
      Program::prepare(value_of(load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite"))));
}

std::size_t last_layer(const Program& program) {
  std::size_t layer = program.model().operators.size() - 1;
  while (!program.multiplies_weights(layer)) --layer;
  return layer;
}

// The fault-free or faulty network from the input on, up to operator `end`.
void run_whole(const Program& program, std::size_t end, const Units* units, Batch& batch) {
  test::Draw draw(1);
  for (std::byte& byte : batch.tensor(program.model().inputs[0])) byte = static_cast<std::byte>(draw.bits());
  program.run(batch, 0, end, units);
}

TEST(CpuDevice, LeavesOfEachFaultWhatTheWholeNetworkGives) {
  const Program program = demo_program();
  const std::size_t layer = last_layer(program);
  const int output = program.model().outputs[0];
  ProductTable table = ProductTable::exact(program.operand_codes(layer));
  for (std::size_t w = 0; w < 256; w += 2)
    for (std::size_t x = 0; x < 256; x += 3) table.at(w, x) += 4096;
  Units faulty;
  faulty.of_operator.resize(program.model().operators.size());
  faulty.of_operator[layer] = TabulatedUnit{&table, PaddingTaps::skip, nullptr};
  const Units plain = faulty;
  program.prepare_tables(faulty);
  const std::vector<DeviceFault> faults = {{&faulty}, {nullptr}, {&plain}};

  Batch golden(program, k_device_images);
  run_whole(program, layer, nullptr, golden);
  std::vector<Bytes> live;
  for (const int tensor : program.live_tensors(layer, program.model().outputs)) {
    const auto values = golden.tensor(tensor);
    live.emplace_back(values.begin(), values.end());
    live.back().resize(values.size() * 2);  // more images than are run
  }
  CpuDevice device(program, {layer, program.model().outputs, k_device_images + 2});
  const std::vector<std::span<const std::byte>> values_of(live.begin(), live.end());
  std::vector<Bytes> left;
  device.run({k_device_images, values_of}, faults,
             [&](std::size_t fault, const Device::WatchedTensors& tensors) {
               EXPECT_EQ(fault, left.size());
               const auto values = tensors(output);
               left.emplace_back(values.begin(), values.end());
             });
  ASSERT_EQ(left.size(), faults.size());
  for (std::size_t fault = 0; fault < faults.size(); ++fault) {
    Batch batch(program, k_device_images);
    run_whole(program, program.model().operators.size(), faults[fault].units, batch);
    const auto expected = batch.tensor(output);
    EXPECT_EQ(left[fault], Bytes(expected.begin(), expected.end())) << fault;
  }
  EXPECT_NE(left[0], left[1]);
}

}  // namespace
}  // namespace qfi

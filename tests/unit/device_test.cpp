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

class Devices : public testing::TestWithParam<DeviceChoice> {};

// Some images of two blocks, under a table, its look-ups, and no fault.
TEST_P(Devices, LeaveOfEachFaultWhatTheWholeNetworkGives) {
  const Program program = demo_program();
  const std::size_t layer = last_layer(program);
  const int output = program.model().outputs[0];
  ProductTable table = ProductTable::exact(program.operand_codes(layer));
  for (std::size_t w = 0; w < 256; w += 2)
    for (std::size_t x = 0; x < 256; x += 3) table.at(w, x) += 4096;
  Units faulty;
  faulty.of_operator.resize(program.model().operators.size());
  faulty.of_operator[layer] = TabulatedUnit{&table, PaddingTaps::skip, {}, {}, {}};

  Batch golden(program, k_device_images);
  run_whole(program, layer, nullptr, golden);
  std::vector<Bytes> live;
  DevicePlan plan{layer, program.model().outputs, {{2, {}}, {1, {}}}, 1};
  for (const int tensor : program.live_tensors(layer, program.model().outputs)) {
    const auto values = golden.tensor(tensor);
    live.emplace_back(values.begin(), values.end());
  }
  for (const Bytes& of_tensor : live) {
    const std::size_t of_image = of_tensor.size() / k_device_images;
    plan.blocks[0].values.push_back(std::span(of_tensor).first(2 * of_image));
    plan.blocks[1].values.push_back(std::span(of_tensor).last(of_image));
  }
  const auto source = value_of(make_device_source(program, plan, {GetParam(), 0}));
  const auto device = source->make();
  Units prepared = faulty;
  device->prepare(prepared);
  const std::vector<DeviceTask> tasks = {{0, 1, 1}, {1, 0, 1}, {0, 0, 2}};
  const std::vector<std::size_t> first = {1, 2, 0};
  for (const Units* units : std::initializer_list<const Units*>{&prepared, &faulty, nullptr}) {
    Batch batch(program, k_device_images);
    run_whole(program, program.model().operators.size(), units, batch);
    const auto expected = std::as_const(batch).tensor(output);
    const std::size_t of_image = expected.size() / k_device_images;
    std::size_t seen = 0;
    device->run(units, tasks, [&](std::size_t task, const Device::WatchedTensors& tensors) {
      EXPECT_EQ(task, seen++);
      EXPECT_TRUE(std::ranges::equal(
          tensors(output), expected.subspan(first[task] * of_image, tasks[task].images * of_image)));
      return true;
    });
    EXPECT_EQ(seen, tasks.size());
  }
  std::size_t seen = 0;
  device->run(nullptr, tasks, [&](std::size_t, const Device::WatchedTensors&) { return ++seen < 2; });
  EXPECT_EQ(seen, 2U) << "no more is wanted";
}
INSTANTIATE_TEST_SUITE_P(All, Devices, testing::Values(DeviceChoice::cpu, DeviceChoice::tile_programs));

}  // namespace
}  // namespace qfi

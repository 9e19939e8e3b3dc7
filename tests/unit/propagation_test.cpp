// SPDX-License-Identifier: Apache-2.0
// Changed-value propagation against the plain run of the whole network, bit for bit.
#include "qfi/engine/propagation.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "qfi/base/random.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

class Random {
 public:
  explicit Random(std::uint64_t seed) : m_seed(seed) {}
  std::uint64_t below(std::uint64_t bound) { return random_below(m_seed, "propagation", m_next++, bound); }

 private:
  std::uint64_t m_seed;
  std::uint64_t m_next = 0;
};

// Flips of random bits of random constants that layers read.
std::vector<ConstantFault> random_constants(const Model& model, Random& random, std::size_t count) {
  std::vector<int> tensors;
  for (const Operator& op : model.operators)
    if (const auto inputs = layer_inputs(op.kind))
      for (const std::size_t k : {inputs->weights, inputs->bias})
        if (k < op.inputs.size() && op.inputs[k] != k_no_tensor &&
            size_of(model.tensors[static_cast<std::size_t>(op.inputs[k])].type) <= 4)
          tensors.push_back(op.inputs[k]);
  std::vector<ConstantFault> faults;
  std::set<std::pair<int, std::uint64_t>> seen;
  while (faults.size() < count) {
    const int index = tensors[random.below(tensors.size())];
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(index)];
    const std::size_t bytes = size_of(tensor.type);
    const std::uint64_t element = random.below(tensor.elements());
    if (!seen.insert({index, element}).second) continue;
    std::uint32_t bits = 0;
    std::memcpy(&bits, tensor.data.data() + element * bytes, bytes);
    faults.push_back({index, element, bits ^ (1U << random.below(8 * bytes))});
  }
  return faults;
}

DataFault random_data_fault(const Program& program, Random& random) {
  const Model& model = program.model();
  DataFault fault;
  std::size_t index = random.below(model.operators.size());
  while (program.is_folded(index)) index = random.below(model.operators.size());
  const Operator& op = model.operators[index];
  fault.operator_index = index;
  fault.stage = std::vector{Stage::network_input, Stage::operator_input, Stage::accumulator,
                            Stage::output}[random.below(4)];
  if (fault.stage == Stage::accumulator && !program.has_accumulators(index)) fault.stage = Stage::output;
  fault.tensor = op.outputs[0];
  if (fault.stage == Stage::network_input) fault.tensor = model.inputs[0];
  if (fault.stage == Stage::operator_input)
    fault.tensor = op.inputs[layer_inputs(op.kind).value_or(LayerInputs{}).data];
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(fault.tensor)];
  fault.element = random.below(tensor.elements());
  const std::size_t bits = fault.stage == Stage::accumulator ? 32 : 8 * size_of(tensor.type);
  const std::uint32_t flip = 1U << random.below(bits);
  fault.read = [flip](std::uint32_t value, std::size_t) { return value ^ flip; };
  return fault;
}

// One constant, many, one datum, two, or all together; seldom more constants than are propagated.
struct RandomFault {
  RandomFault(const Propagation& propagation, Random& random) {
    const Program& program = propagation.program();
    const std::size_t kind = random.below(20);
    const std::size_t many = kind == 19 ? 100 : 3;
    constants = random_constants(program.model(), random,
                                 kind < 7     ? 1
                                 : kind < 12  ? 0
                                 : kind == 19 ? many
                                              : random.below(many));
    for (std::uint64_t i = kind < 7 ? 0 : kind < 12 ? 1 : random.below(4); i > 0; --i)
      data.push_back(random_data_fault(program, random));
    prepared = value_of(propagation.prepare(constants));
  }
  std::vector<ConstantFault> constants;
  std::vector<DataFault> data;
  PreparedConstants prepared;
};

void fill_inputs(GoldenActivations& golden, int input, TensorType type, Random& random) {
  const auto bytes = golden.tensor(input);
  if (type != TensorType::float32) {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
    return;
  }
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    const float value = static_cast<float>(random.below(2001)) / 1000.0F - 1.0F;
    std::memcpy(bytes.data() + i, &value, 4);
  }
}

// A propagator notices that the same memory holds other images the next time.
TEST(Propagation, OtherGoldenValuesAtTheSamePlaceAreNoticed) {
  const Program program = value_of(
      Program::prepare(value_of(load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite"))));
  const Model& model = program.model();
  const Propagation propagation(program);
  Propagator used_again(propagation);
  GoldenActivations golden(propagation, 1);
  Random random(11);
  for (int time = 0; time < 20; ++time) {
    fill_inputs(golden, model.inputs[0], TensorType::int8, random);
    golden.run(1);
    const auto constants = random_constants(model, random, 1);
    const PreparedConstants prepared = value_of(propagation.prepare(constants));
    Propagator fresh(propagation);
    const PropagatedFault fault{prepared, {}};
    used_again.run(golden, 0, 1, {&fault, 1});
    fresh.run(golden, 0, 1, {&fault, 1});
    EXPECT_EQ(used_again.equal_after(0), fresh.equal_after(0)) << time;
    for (const int output : model.outputs)
      EXPECT_TRUE(std::ranges::equal(used_again.tensor(output, 0), fresh.tensor(output, 0))) << time;
  }
}

struct Case {
  std::string model;
  int trials;
};

class Models : public testing::TestWithParam<Case> {};

TEST_P(Models, PropagationEqualsThePlainRun) {
  std::filesystem::path path = test::source_folder() / "campaigns/demo/shapes.tflite";
  if (GetParam().model != "demo") {
    QFI_NEEDS_SHARED_DATA();
    path = test::shared_folder() / "data/models" / (GetParam().model + ".tflite");
  }
  const Program program = value_of(Program::prepare(value_of(load_tflite(path))));
  const Model& model = program.model();
  const Propagation propagation(program);
  Propagator propagator(propagation), unhurried(propagation);
  constexpr std::size_t k_images = 5;
  GoldenActivations golden(propagation, k_images);
  Random random(7);
  fill_inputs(golden, model.inputs[0], model.tensors[static_cast<std::size_t>(model.inputs[0])].type, random);
  golden.run(1);
  Batch batch(program, k_images);
  std::size_t equal = 0;
  std::size_t inferences = 0;
  for (int trial = 0; trial < GetParam().trials;) {
    // Some faults side by side, each on a block of images.
    std::vector<RandomFault> drawn;
    for (std::size_t i = 1 + random.below(4); i > 0; --i, ++trial) drawn.emplace_back(propagation, random);
    std::vector<PropagatedFault> faults;
    for (const RandomFault& fault : drawn) faults.push_back({fault.prepared, fault.data});
    const std::size_t together = 1 + random.below(k_images);
    for (std::size_t first = 0; first < k_images; first += together) {
      const std::size_t count = std::min(together, k_images - first);
      propagator.run(golden, first, count, faults);
      unhurried.run(golden, first, count, faults, false);
      for (std::size_t f = 0; f < drawn.size(); ++f) {
        golden.restore(0, first, count, batch);
        run_with_faults(program, batch, 0, value_of(program.with_constants(drawn[f].constants)),
                        drawn[f].data);
        for (std::size_t image = 0; image < count; ++image) {
          const std::size_t k = f * count + image;
          EXPECT_EQ(propagator.equal_after(k), unhurried.equal_after(k));
          bool is_identical = true;
          for (const int output : model.outputs) {
            const std::size_t bytes = model.tensors[static_cast<std::size_t>(output)].bytes();
            const auto expected = std::as_const(batch).tensor(output).subspan(image * bytes, bytes);
            ASSERT_TRUE(std::ranges::equal(propagator.tensor(output, k), expected)) << "trial " << trial;
            ASSERT_TRUE(std::ranges::equal(unhurried.tensor(output, k), expected)) << "trial " << trial;
            is_identical = is_identical && std::ranges::equal(golden.tensor(output, first + image), expected);
          }
          ASSERT_EQ(propagator.equal_after(k).has_value(), is_identical) << "trial " << trial;
          equal += is_identical ? 1 : 0;
          ++inferences;
        }
      }
    }
  }
  EXPECT_GT(equal, 0U);
  EXPECT_LT(equal, inferences);
}

INSTANTIATE_TEST_SUITE_P(Networks, Models,
                         testing::Values(Case{"demo", 300}, Case{"ic_resnet8_int8", 100},
                                         Case{"mobv2_050_cifar10_int8", 60},
                                         Case{"unet_hard_sigmoid_int8", 30}, Case{"unet_relu_fp32", 12},
                                         Case{"lenet5_mnist_fp32", 60}, Case{"mlp7_mnist_int8", 60},
                                         Case{"lenet5_mnist_int16x8", 60},
                                         Case{"micro_speech_quantized", 60}),
                         [](const auto& info) { return info.param.model; });

}  // namespace
}  // namespace qfi

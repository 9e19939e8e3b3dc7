// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/stored_parameters.hpp"

#include <gmock/gmock.h>

#include <cstring>

#include "qfi/engine/propagation.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;

// y = x W, and z = x + transposed V, where W and V lie in one memory. V's transposed values are folded.
struct SharedConstants {
  std::vector<std::int8_t> stored = {5, -7, 100, 3, -128, 64};
  std::vector<std::int32_t> order = {1, 0};
  enum { k_x, k_w, k_y, k_v, k_order, k_turned, k_z };

  Model model() const {
    Model model;
    const auto add = [&](TensorType type, std::vector<int> shape) -> Tensor& {
      Tensor& tensor = model.tensors.emplace_back();
      tensor.name = std::to_string(model.tensors.size());
      tensor.type = type;
      tensor.shape = std::move(shape);
      if (type == TensorType::int8) tensor.quantization = {{0.5F}, {0}, 0};
      return tensor;
    };
    const auto constant = [&](Tensor& tensor, std::span<const std::byte> data) {
      tensor.is_constant = true;
      tensor.data = data;
    };
    add(TensorType::int8, {2, 3});
    constant(add(TensorType::int8, {3, 2}), std::as_bytes(std::span(stored)));
    add(TensorType::int8, {2, 2});
    constant(add(TensorType::int8, {3, 2}), std::as_bytes(std::span(stored)));
    constant(add(TensorType::int32, {2}), std::as_bytes(std::span(order)));
    add(TensorType::int8, {2, 3});
    add(TensorType::int8, {2, 3});
    model.operators = {{OperatorKind::batch_matmul, {k_x, k_w}, {k_y}, BatchMatMulOptions{}},
                       {OperatorKind::transpose, {k_v, k_order}, {k_turned}, {}},
                       {OperatorKind::add, {k_x, k_turned}, {k_z}, ActivationOptions{}}};
    model.inputs = {k_x};
    model.outputs = {k_y, k_z};
    return model;
  }
};

std::vector<std::byte> outputs_of(const Program& program, const ChangedOperators* changed) {
  Batch batch(program, 1);
  const std::vector<std::int8_t> x = {1, 2, 3, -4, 5, 6};
  std::memcpy(batch.tensor(SharedConstants::k_x).data(), x.data(), x.size());
  program.run(batch, 0, program.model().operators.size(), nullptr, changed);
  std::vector<std::byte> bytes;
  for (const int output : program.model().outputs)
    for (const std::byte byte : std::as_const(batch).tensor(output)) bytes.push_back(byte);
  return bytes;
}

TEST(StoredParameters, TensorsOfOneBufferAreOneMemory) {
  const SharedConstants constants;
  const Program program = value_of(Program::prepare(constants.model()));
  const std::vector<StoredParameters> weights = stored_parameters(program, ParameterKind::weights);
  ASSERT_EQ(weights.size(), 1U);
  EXPECT_THAT(weights[0].operators, ElementsAre(0U));
  EXPECT_THAT(weights[0].tensors, ElementsAre(SharedConstants::k_w, SharedConstants::k_v));
  EXPECT_EQ(weights[0].channels, 2U);
  EXPECT_EQ(weights[0].channel_stride, 1U);
  EXPECT_TRUE(stored_parameters(program, ParameterKind::biases).empty());
  EXPECT_TRUE(other_constants(program).empty())
      << "what ADD reads was made of V, which lies in that memory; the order of TRANSPOSE is an argument";
}

// Against a program that is prepared from the changed file.
TEST(StoredParameters, AFlipReachesEveryReaderThroughFoldedOperatorsToo) {
  const SharedConstants constants;
  const Program program = value_of(Program::prepare(constants.model()));
  const std::vector<std::byte> golden = outputs_of(program, nullptr);
  const Propagation propagation(program);
  for (std::size_t element = 0; element < constants.stored.size(); ++element)
    for (int bit = 0; bit < 8; ++bit) {
      SharedConstants flipped = constants;
      flipped.stored[element] = static_cast<std::int8_t>(flipped.stored[element] ^ 1 << bit);
      const std::vector<std::byte> expected =
          outputs_of(value_of(Program::prepare(flipped.model())), nullptr);
      EXPECT_NE(expected, golden);
      const auto bits = static_cast<std::uint8_t>(flipped.stored[element]);
      const std::vector<ConstantFault> faults = {{SharedConstants::k_w, element, bits},
                                                 {SharedConstants::k_v, element, bits}};
      const ChangedOperators changed = value_of(program.with_constants(faults));
      EXPECT_EQ(outputs_of(program, &changed), expected) << element << ", bit " << bit;

      GoldenActivations activations(propagation, 1);
      const std::vector<std::int8_t> x = {1, 2, 3, -4, 5, 6};
      std::memcpy(activations.tensor(SharedConstants::k_x).data(), x.data(), x.size());
      activations.run(1);
      Propagator propagator(propagation);
      const PreparedConstants prepared = value_of(propagation.prepare(faults));
      const PropagatedFault fault{prepared, {}};
      propagator.run(activations, 0, 1, {&fault, 1});
      std::vector<std::byte> propagated;
      for (const int output : program.model().outputs)
        for (const std::byte byte : propagator.tensor(output, 0)) propagated.push_back(byte);
      EXPECT_EQ(propagated, expected) << element << ", bit " << bit;
    }
}

// A converter may put equal numbers into one buffer whatever they mean: a flipped bias turns no axis.
TEST(StoredParameters, ArgumentsThatShareABufferWithBiasesAreNotHit) {
  SharedConstants constants;
  Model model = constants.model();
  model.operators[0] = {OperatorKind::fully_connected,
                        {SharedConstants::k_x, SharedConstants::k_w, 7},
                        {SharedConstants::k_y},
                        ActivationOptions{}};
  model.tensors[SharedConstants::k_w].shape = {2, 3};
  Tensor& bias = model.tensors.emplace_back(model.tensors[SharedConstants::k_order]);
  bias.name = "bias";
  const Program program = value_of(Program::prepare(std::move(model)));
  const std::vector<StoredParameters> biases = stored_parameters(program, ParameterKind::biases);
  ASSERT_EQ(biases.size(), 1U);
  EXPECT_THAT(biases[0].tensors, ElementsAre(7));
}

TEST(StoredParameters, SummandsAreLeftOutAndCounted) {
  SharedConstants constants;
  const std::vector<std::int8_t> own(6, 1);
  Model model = constants.model();
  model.tensors[SharedConstants::k_v].data = std::as_bytes(std::span(own));
  const Program program = value_of(Program::prepare(model));
  const std::vector<OtherConstant> others = other_constants(program);
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(others[0].tensor, SharedConstants::k_v);
  EXPECT_THAT(stored_parameters(program, ParameterKind::weights)[0].tensors,
              ElementsAre(SharedConstants::k_w));
}

}  // namespace
}  // namespace qfi

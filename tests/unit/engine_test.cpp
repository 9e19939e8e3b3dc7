// SPDX-License-Identifier: Apache-2.0
// Operators of hand-made models against real arithmetic, where no recording reaches.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "qfi/base/random.hpp"
#include "qfi/engine/program.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

Tensor activation(std::vector<int> shape, float scale, int zero_point) {
  Tensor tensor;
  tensor.name = "t";
  tensor.type = TensorType::int8;
  tensor.shape = std::move(shape);
  tensor.quantization = {{scale}, {zero_point}, 0};
  return tensor;
}

// One operator from tensor 0 to tensor 1.
Model one_operator(OperatorKind kind, OperatorOptions options, Tensor input, Tensor output) {
  Model model;
  model.tensors = {std::move(input), std::move(output)};
  model.operators = {{kind, {0}, {1}, std::move(options)}};
  model.inputs = {0};
  model.outputs = {1};
  return model;
}

std::vector<int> run(const Model& model, const std::vector<int>& input) {
  const Program program = value_of(Program::prepare(model));
  Batch batch(program, 1);
  for (std::size_t i = 0; i < input.size(); ++i) batch.tensor(0)[i] = static_cast<std::byte>(input[i]);
  program.run(batch, 0, 1);
  std::vector<int> output;
  for (const std::byte byte : batch.tensor(1)) output.push_back(static_cast<std::int8_t>(byte));
  return output;
}

TEST(Softmax, IsWithinOneStepOfTheRealOneForAnyNumberOfClasses) {
  for (const int classes : {2, 10, 511, 512, 513, 1001, 4095}) {
    const Model model =
        one_operator(OperatorKind::softmax, SoftmaxOptions{1.0F}, activation({1, classes}, 0.05F, 3),
                     activation({1, classes}, 1.0F / 256, -128));
    for (const int spread : {0, 1, 40, 255}) {
      std::vector<int> input;
      for (int c = 0; c < classes; ++c)
        input.push_back(-128 + static_cast<int>(random_below(1, "softmax", static_cast<std::uint64_t>(c),
                                                             static_cast<std::uint64_t>(spread) + 1)));
      double sum = 0;
      for (const int value : input) sum += std::exp(0.05 * value);
      const std::vector<int> output = run(model, input);
      for (std::size_t c = 0; c < input.size(); ++c)
        ASSERT_NEAR(output[c] + 128, std::min(255.0, 256.0 * std::exp(0.05 * input[c]) / sum), 1.0)
            << classes << " classes, spread " << spread;
    }
  }
}

TEST(Program, ModelsThatNeedTooMuchMemoryAreRefused) {
  const Model model = one_operator(OperatorKind::relu, {}, activation({1, 1 << 20}, 0.1F, 0),
                                   activation({1, 1 << 20}, 0.1F, 0));
  ProgramParams params;
  params.max_bytes_per_image = 1 << 20;
  EXPECT_THAT(Program::prepare(model, params).error().message,
              testing::HasSubstr("more than the limit of 1048576"));
  EXPECT_TRUE(Program::prepare(model));
}

TEST(Program, TensorsThatLiveTogetherDoNotShareMemory) {
  // 0 -> relu -> 1 -> relu -> 2 -> relu -> 3: tensor 2 may take the place of tensor 0.
  Model model = one_operator(OperatorKind::relu, {}, activation({1, 640}, 0.1F, -128),
                             activation({1, 640}, 0.1F, -128));
  for (int t = 2; t < 4; ++t) {
    model.tensors.push_back(activation({1, 640}, 0.1F, -128));
    model.operators.push_back({OperatorKind::relu, {t - 1}, {t}, {}});
  }
  model.outputs = {3};
  const Program reusing = value_of(Program::prepare(model));
  EXPECT_EQ(reusing.bytes_per_image(), 2U * 640);
  ProgramParams keeping;
  keeping.keep_all_tensors = true;
  EXPECT_EQ(value_of(Program::prepare(model, keeping)).bytes_per_image(), 4U * 640);
}

TEST(Program, LiveTensorsAreWhatLaterOperatorsRead) {
  Model model =
      one_operator(OperatorKind::relu, {}, activation({1, 4}, 0.1F, 0), activation({1, 4}, 0.1F, 0));
  model.tensors.push_back(activation({1, 4}, 0.1F, 0));
  model.operators.push_back({OperatorKind::add, {0, 1}, {2}, ActivationOptions{}});
  model.outputs = {2};
  const Program program = value_of(Program::prepare(model));
  EXPECT_THAT(program.live_tensors(0, {}), testing::ElementsAre(0));
  EXPECT_THAT(program.live_tensors(1, {}), testing::ElementsAre(0, 1));
  EXPECT_THAT(program.live_tensors(2, {}), testing::ElementsAre(2));
}

// A ReLU whose output has its zero inside the codes gives none below it, which the next layer can count on.
TEST(PossibleInputs, AreWhatActivationsLetThrough) {
  QFI_NEEDS_SHARED_DATA();
  Model model = value_of(load_tflite(test::shared_folder() / "data/models/ic_resnet8_int8.tflite"));
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    if (model.operators[i].kind == OperatorKind::conv_2d) layers.push_back(i);
  ASSERT_GE(layers.size(), 2U);
  const int between = model.operators[layers[1]].inputs[0];
  ASSERT_EQ(model.operators[layers[0]].outputs[0], between);
  ASSERT_EQ(std::get<WindowOptions>(model.operators[layers[0]].options).activation, Activation::relu);
  model.tensors[static_cast<std::size_t>(between)].quantization.zero_points[0] = -20;
  const Program program = value_of(Program::prepare(std::move(model), {KernelSet::fast, true, {}}));
  const ByteSet first = program.possible_inputs(layers[0], PaddingTaps::skip);
  const ByteSet second = program.possible_inputs(layers[1], PaddingTaps::skip);
  for (int code = -128; code < 128; ++code) {
    EXPECT_TRUE(first[byte_index(code)]) << "the model's own input";
    EXPECT_EQ(second[byte_index(code)], code >= -20) << code;
  }
  Batch batch(program, 2);
  for (std::byte& byte : batch.tensor(program.model().inputs[0])) byte = std::byte{0x5A};
  program.run(batch, 0, program.model().operators.size());
  for (const std::byte byte : batch.tensor(between)) EXPECT_TRUE(second[std::to_integer<std::size_t>(byte)]);
}

}  // namespace
}  // namespace qfi

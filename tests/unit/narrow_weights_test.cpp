// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/narrow_weights.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "qfi/config/config.hpp"
#include "qfi/workload/evaluate.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

constexpr std::size_t k_weights = 1;
constexpr std::size_t k_bias = 2;

template <class T>
std::vector<T> values_of(const Model& model, std::size_t op, std::size_t input) {
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(model.operators[op].inputs[input])];
  std::vector<T> values(tensor.elements());
  std::memcpy(values.data(), tensor.data.data(), tensor.bytes());
  return values;
}

template <class T>
std::vector<float> reals_of(const Model& model, std::size_t op, std::size_t input, std::size_t channels) {
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(model.operators[op].inputs[input])];
  const std::vector<float>& scales = tensor.quantization.scales;
  std::vector<float> reals;
  for (const T code : values_of<T>(model, op, input)) {
    const std::size_t channel = reals.size() / (tensor.elements() / channels);
    reals.push_back(static_cast<float>(code) * scales[scales.size() == 1 ? 0 : channel]);
  }
  return reals;
}

// A fully connected layer of 3 outputs and 3 inputs; the last output has no weights.
struct SmallLayer {
  std::vector<std::int8_t> weights = {127, -64, 1, -128, 10, 50, 0, 0, 0};
  std::vector<std::int32_t> bias = {1000, -1000, 7};

  Model model() const {
    Model model;
    const auto tensor = [&](TensorType type, std::vector<int> shape, std::vector<float> scales) {
      Tensor t;
      t.name = "t" + std::to_string(model.tensors.size());
      t.type = type;
      t.shape = std::move(shape);
      t.quantization = {scales, std::vector<std::int32_t>(scales.size(), 0), 0};
      model.tensors.push_back(t);
    };
    tensor(TensorType::int8, {1, 3}, {0.5F});
    tensor(TensorType::int8, {3, 3}, {0.25F});
    tensor(TensorType::int32, {3}, {0.125F});
    tensor(TensorType::int8, {1, 3}, {1.0F});
    model.tensors[1].is_constant = model.tensors[2].is_constant = true;
    model.tensors[1].data = std::as_bytes(std::span(weights));
    model.tensors[2].data = std::as_bytes(std::span(bias));
    model.operators = {{OperatorKind::fully_connected, {0, 1, 2}, {3}, ActivationOptions{}}};
    model.inputs = {0};
    model.outputs = {3};
    return model;
  }
};

TEST(NarrowWeights, FollowsTheRuleByHand) {
  const SmallLayer layer;
  Model model = layer.model();
  ASSERT_TRUE(narrow_weights(model, 0, 3));
  // Codes -3 .. 3: 127 -> 3, -64 * 3 / 127 = -1.51 -> -2; -128 -> -3, 50 * 3 / 128 = 1.17 -> 1.
  EXPECT_EQ(values_of<std::int8_t>(model, 0, k_weights),
            (std::vector<std::int8_t>{3, -2, 0, -3, 0, 1, 0, 0, 0}));
  // 1000 * 3 / 127 = 23.6, -1000 * 3 / 128 = -23.4.
  EXPECT_EQ(values_of<std::int32_t>(model, 0, k_bias), (std::vector<std::int32_t>{24, -23, 7}));
  const Tensor& weights = model.tensors[static_cast<std::size_t>(model.operators[0].inputs[1])];
  EXPECT_EQ(weights.quantization.scales, (std::vector<float>{0.25F * 127 / 3, 0.25F * 128 / 3, 0.25F}));
  EXPECT_TRUE(Program::prepare(model));
}

TEST(NarrowWeights, RoundsHalvesAwayFromZero) {
  SmallLayer layer;
  layer.weights = {6, 1, -1, 6, 3, -3, 2, 1, -1};
  Model model = layer.model();
  ASSERT_TRUE(narrow_weights(model, 0, 3));  // times 1/2, 1/2 and 3/2
  EXPECT_EQ(values_of<std::int8_t>(model, 0, k_weights),
            (std::vector<std::int8_t>{3, 1, -1, 3, 2, -2, 3, 2, -2}));
}

TEST(NarrowWeights, LeavesLayersThatShareATensorAlone) {
  const SmallLayer layer;
  Model model = layer.model();
  model.tensors.push_back(model.tensors[3]);
  model.operators.push_back({OperatorKind::fully_connected, {3, 1, 2}, {4}, ActivationOptions{}});
  ASSERT_TRUE(narrow_weights(model, 1, 4));
  EXPECT_EQ(values_of<std::int8_t>(model, 0, k_weights), layer.weights);
  EXPECT_EQ(values_of<std::int32_t>(model, 0, k_bias), layer.bias);
}

TEST(NarrowWeights, SaysWhatItCannotDo) {
  SmallLayer layer;
  Model model = layer.model();
  EXPECT_THAT(narrow_weights(model, 0, 8).error().message, HasSubstr("3 to 7 bits, not 8"));
  model.operators[0].kind = OperatorKind::relu;
  EXPECT_THAT(narrow_weights(model, 0, 4).error().message, HasSubstr("it has no weights"));
  layer.weights = {1, 0, 0, 1, 0, 0, 1, 0, 0};
  layer.bias = {0, 2'000'000'000, 0};
  model = layer.model();
  EXPECT_THAT(narrow_weights(model, 0, 3).error().message,
              HasSubstr("FULLY_CONNECTED (operator 0) -> 't3': 't2': 2000000000 becomes 6000000000"));
}

TEST(NarrowWeights, RefusesWhatTheEngineWouldNotRun) {
  const SmallLayer layer;
  const auto message_of = [&](const auto& damage) {
    Model model = layer.model();
    damage(model);
    const auto done = narrow_weights(model, 0, 4);
    EXPECT_FALSE(done);
    EXPECT_EQ(model.operators[0].inputs, (std::vector<int>{0, 1, 2})) << "left as it was";
    return done ? "" : done.error().message;
  };
  EXPECT_THAT(message_of([](Model& m) { m.tensors[2].is_constant = false; }),
              HasSubstr("'t2' is not a constant of INT32"));
  EXPECT_THAT(message_of([](Model& m) { m.tensors[1].type = TensorType::uint8; }),
              HasSubstr("'t1' is not a constant of INT8"));
  EXPECT_THAT(message_of([](Model& m) {
                m.tensors[2].quantization = {{1.0F, 1.0F}, {0, 0}, 0};
              }),
              HasSubstr("'t2' has 2 scales for 3 channels"));
  EXPECT_THAT(message_of([](Model& m) {
                m.tensors[1].quantization = {{1.0F, 1.0F, 1.0F}, {0, 0, 0}, 1};
              }),
              HasSubstr("'t1' has 3 scales for 3 channels"));
  EXPECT_THAT(message_of([](Model& m) { m.tensors[1].quantization.zero_points = {5}; }),
              HasSubstr("zero point other than 0"));
  EXPECT_THAT(message_of([](Model& m) { m.tensors[1].shape = {9}; }), HasSubstr("'t1' has the shape 9"));
  EXPECT_THAT(message_of([](Model& m) { m.tensors[1].quantization.scales = {3e38F}; }),
              HasSubstr("the scale of channel 0 becomes"));
  EXPECT_THAT(message_of([](Model& m) { m.tensors[2].quantization.scales = {1e-45F}; }),
              HasSubstr("out of range"));
}

// The demo's network: real values move by at most half a step, and a second time nothing moves.
TEST(NarrowWeights, StaysWithinHalfAStepAndIsIdempotent) {
  const Model original = value_of(load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite"));
  int layers = 0;
  for (std::size_t op = 0; op < original.operators.size(); ++op) {
    const OperatorKind kind = original.operators[op].kind;
    if (kind != OperatorKind::conv_2d && kind != OperatorKind::fully_connected) continue;
    ++layers;
    for (int width = 3; width <= 7; ++width) {
      Model model = original;
      ASSERT_TRUE(narrow_weights(model, op, width));
      const int most = (1 << (width - 1)) - 1;
      for (const std::int8_t code : values_of<std::int8_t>(model, op, k_weights))
        ASSERT_LE(std::abs(int{code}), most);
      const Tensor& weights = model.tensors[static_cast<std::size_t>(model.operators[op].inputs[1])];
      const auto channels = static_cast<std::size_t>(weights.shape[0]);
      const auto before = reals_of<std::int8_t>(original, op, k_weights, channels);
      const auto after = reals_of<std::int8_t>(model, op, k_weights, channels);
      for (std::size_t i = 0; i < before.size(); ++i) {
        const float step = weights.quantization.scales[i / (before.size() / channels)];
        ASSERT_NEAR(after[i], before[i], 0.5001F * step) << width << " bits, weight " << i;
      }
      Model again = model;
      ASSERT_TRUE(narrow_weights(again, op, width));
      EXPECT_EQ(values_of<std::int8_t>(again, op, k_weights), values_of<std::int8_t>(model, op, k_weights));
      EXPECT_EQ(values_of<std::int32_t>(again, op, k_bias), values_of<std::int32_t>(model, op, k_bias));
    }
  }
  EXPECT_GE(layers, 3);
}

TEST(NarrowWeights, ANetworkOfSevenBitsStillAnswersAndOneOfThreeWorse) {
  const CampaignConfig config =
      value_of(read_campaign_config(test::source_folder() / "campaigns/demo.yaml", {}));
  const DataSet data = value_of(DataSet::open(config.data, 1));
  std::map<int, double> accuracy;
  for (const int width : {3, 5, 7, 8}) {
    Model model = value_of(load_tflite(config.model.path));
    for (std::size_t op = 0; width < 8 && op < model.operators.size(); ++op)
      if (model.operators[op].inputs.size() > 2) {
        ASSERT_TRUE(narrow_weights(model, op, width));
      }
    const int scores = model.outputs[0];
    const Program program = value_of(Program::prepare(std::move(model)));
    EvaluateParams params;
    params.scores = scores;
    const Evaluation evaluation = value_of(evaluate(program, data, params));
    accuracy[width] = static_cast<double>(evaluation.counts.confusion.correct()) / 200.0;
  }
  EXPECT_GT(accuracy[8], 0.99);
  EXPECT_GT(accuracy[7], accuracy[8] - 0.02);
  EXPECT_GT(accuracy[5], accuracy[8] - 0.05);
  EXPECT_LE(accuracy[3], accuracy[7]);
  EXPECT_GT(accuracy[3], 0.2) << "ten classes: better than chance";
}

}  // namespace
}  // namespace qfi

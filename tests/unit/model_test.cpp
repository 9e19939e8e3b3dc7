// SPDX-License-Identifier: Apache-2.0
#include "qfi/model/model.hpp"

#include <gmock/gmock.h>

#include "qfi/base/file.hpp"
#include "qfi/engine/program.hpp"
#include "support.hpp"
#include "tflite_subset_generated.h"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

std::string demo_model() {
  return value_of(read_file(test::source_folder() / "campaigns/demo/shapes.tflite"));
}

// Loads, prepares and runs one image of whatever the bytes describe.
void load_and_run(const std::string& bytes) {
  LoadParams params;
  params.max_tensor_bytes = 1 << 22;
  auto model = parse_tflite(bytes, "model", params);
  if (!model) return;
  const auto program = Program::prepare(std::move(*model));
  if (!program || program->bytes_per_image() > (1 << 24)) return;
  Batch batch(*program, 1);
  program->run(batch, 0, program->model().operators.size());
}

TEST(Model, DemoIsRead) {
  const Model model = value_of(parse_tflite(demo_model(), "model"));
  EXPECT_EQ(model.inputs.size(), 1U);
  EXPECT_EQ(model.operators.front().kind, OperatorKind::conv_2d);
  EXPECT_THAT(operator_label(model, 0), HasSubstr("CONV_2D (operator 0) -> '"));
}

TEST(Model, EveryTruncationIsAnErrorThatNamesTheFile) {
  const std::string good = demo_model();
  for (std::size_t size = 0; size < good.size(); size += size < 600 ? 1 : 37) {
    const auto model = parse_tflite(good.substr(0, size), "cut.tflite");
    ASSERT_FALSE(model) << size;
    EXPECT_THAT(model.error().message, HasSubstr("cut.tflite: ")) << size;
    EXPECT_EQ(model.error().message.find('\n'), std::string::npos);
  }
}

// A sample of all single-bit flips: an error, or a run; never a crash.
TEST(Model, BitFlipsGiveAnErrorOrARun) {
  const std::string good = demo_model();
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 11) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    load_and_run(damaged);
  }
}

TEST(Model, OtherFilesAreRefused) {
  EXPECT_THAT(parse_tflite("", "x").error().message, HasSubstr("not a .tflite file"));
  EXPECT_THAT(parse_tflite(std::string(1000, 'x'), "x").error().message, HasSubstr("not a .tflite file"));
  EXPECT_THAT(load_tflite("/nonexistent.tflite").error().message,
              HasSubstr("/nonexistent.tflite: cannot open"));
}

// The file with operator codes replaced.
std::string with_codes(std::string content, const std::map<int, int>& replacements) {
  for (const auto* code : *tflite::GetModel(content.data())->operator_codes()) {
    const auto found = replacements.find(static_cast<int>(code->builtin_code()));
    if (found == replacements.end()) continue;
    const auto* field = reinterpret_cast<const flatbuffers::Table*>(code)->GetAddressOf(
        tflite::OperatorCode::VT_BUILTIN_CODE);
    std::memcpy(const_cast<std::uint8_t*>(field), &found->second, sizeof(int));
  }
  return content;
}

TEST(Model, UnsupportedOperatorsAreAllListed) {
  QFI_NEEDS_SHARED_DATA();
  const std::string content =
      value_of(read_file(test::shared_folder() / "data/models/unet_sigmoid_int8.tflite"));
  // CONCATENATION, LOGISTIC, TRANSPOSE_CONV become others with higher numbers.
  const auto model = parse_tflite(with_codes(content, {{2, 16}, {14, 141}, {67, 209}}), "unet");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message,
              HasSubstr("is not supported; the model needs these operators that qfi lacks: "
                        "CONV_3D_TRANSPOSE, LSTM, STABLEHLO_CASE"));
  EXPECT_EQ(model.error().kind, ErrorKind::bad_input);
}

TEST(Model, UnsupportedTypesNameOperatorAndTensor) {
  QFI_NEEDS_SHARED_DATA();
  auto model = value_of(load_tflite(test::shared_folder() / "data/golden_ops/sum_hw.int16/model.tflite"));
  const auto program = Program::prepare(std::move(model));
  ASSERT_FALSE(program);
  EXPECT_THAT(program.error().message, HasSubstr("SUM (operator 0) -> '"));
  EXPECT_THAT(program.error().message, HasSubstr("is INT16; supported here: INT8, UINT8"));
}

TEST(Model, OldFilesWithOnlyTheDeprecatedOperatorCodeLoad) {
  QFI_NEEDS_SHARED_DATA();
  for (const char* name : {"kws_ref_int8", "ad01_int8", "person_detect"}) {
    const auto model = load_tflite(test::shared_folder() / "data/models" / (std::string(name) + ".tflite"));
    ASSERT_TRUE(model) << model.error().message;
    const bool has_odd_biases = std::string_view(name) == "person_detect";
    EXPECT_EQ(!model->warnings.empty(), has_odd_biases) << name;
  }
}

}  // namespace
}  // namespace qfi

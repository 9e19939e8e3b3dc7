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

std::filesystem::path user_case(const std::string& name) {
  return test::shared_folder() / "data/cases" / name / "model.tflite";
}

std::string message_of_case(const std::string& name) {
  auto model = load_tflite(user_case(name));
  if (!model) return model.error().message;
  const auto program = Program::prepare(std::move(*model));
  return program ? "no error" : program.error().message;
}

TEST(Model, RefusalsNameWhatTheModelIs) {
  QFI_NEEDS_SHARED_DATA();
  EXPECT_THAT(message_of_case("float16_weights"), HasSubstr("element type FLOAT16 is not supported"));
  EXPECT_THAT(message_of_case("hybrid_dynamic_range"),
              HasSubstr("a dynamic-range quantized model is not supported"));
  EXPECT_THAT(message_of_case("git_lfs_pointer"),
              HasSubstr("model.tflite: a Git LFS pointer, not the file itself; fetch it with git lfs pull"));
}

// The bytes of a scalar field, to be overwritten. Precondition: the file holds it.
template <class Table>
std::uint8_t* field_of(const Table* table, flatbuffers::voffset_t field) {
  const auto* base = reinterpret_cast<const flatbuffers::Table*>(table);
  return const_cast<std::uint8_t*>(base->GetAddressOf(field));
}

TEST(Model, ElementTypesOfTheFormatAreNamed) {
  std::string content = demo_model();
  const auto* graph = tflite::GetModel(content.data())->subgraphs()->Get(0);
  for (unsigned i = 0; i < graph->tensors()->size(); ++i)
    if (std::uint8_t* type = field_of(graph->tensors()->Get(i), tflite::Tensor::VT_TYPE); type != nullptr) {
      for (const auto& [number, name] : {std::pair{17, "INT4"}, {18, "BFLOAT16"}, {19, "INT2"}, {99, "99"}}) {
        *type = static_cast<std::uint8_t>(number);
        EXPECT_THAT(parse_tflite(content, "m").error().message,
                    HasSubstr(std::string("element type ") + name + " is not supported"));
      }
      return;
    }
  FAIL() << "no tensor says its type";
}

TEST(Model, DataBehindTheFlatbufferMustLieInTheFile) {
  QFI_NEEDS_SHARED_DATA();
  const std::string good = value_of(read_file(user_case("buffer_outside_flatbuffer")));
  const auto refused = [&](flatbuffers::voffset_t field, std::uint64_t value) {
    std::string content = good;
    for (const auto* buffer : *tflite::GetModel(content.data())->buffers())
      if (buffer->offset() > 1) std::memcpy(field_of(buffer, field), &value, sizeof(value));
    const auto model = parse_tflite(content, "m");
    return model ? "no error" : model.error().message;
  };
  for (const std::uint64_t place :
       {std::uint64_t{good.size()}, std::uint64_t{good.size() - 1}, ~std::uint64_t{0}})
    EXPECT_THAT(refused(tflite::Buffer::VT_OFFSET, place), HasSubstr("of the file, which has"));
  EXPECT_THAT(refused(tflite::Buffer::VT_SIZE, ~std::uint64_t{0}), HasSubstr("of the file, which has"));
  EXPECT_THAT(refused(tflite::Buffer::VT_SIZE, 2), HasSubstr("2 bytes of data where the shape needs"));
  EXPECT_EQ(refused(tflite::Buffer::VT_OFFSET, 3), "no error") << "any place will do, aligned or not";
}

TEST(Model, SignaturesAreChosenByName) {
  QFI_NEEDS_SHARED_DATA();
  const auto load = [](const std::string& signature) {
    return load_tflite(user_case("two_signatures"), {.signature = signature});
  };
  const auto input = [](const Model& model) {
    return model.tensors[static_cast<std::size_t>(model.inputs[0])].name;
  };
  EXPECT_EQ(input(value_of(load("embed"))), "embed_x:0");
  EXPECT_EQ(input(value_of(load("classify"))), "classify_x:0");
  EXPECT_TRUE(value_of(load("embed")).warnings.empty());
  const Model first = value_of(load(""));
  EXPECT_EQ(input(first), "classify_x:0");
  ASSERT_EQ(first.warnings.size(), 1U);
  EXPECT_THAT(first.warnings[0], HasSubstr("the signatures 'classify', 'embed'; 'classify' is run"));
  EXPECT_THAT(load("detect").error().message,
              HasSubstr("no signature 'detect'; the model has 'classify', 'embed'"));
}

}  // namespace
}  // namespace qfi

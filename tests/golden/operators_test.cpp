// SPDX-License-Identifier: Apache-2.0
// Tiny models of one operator against what LiteRT's reference kernels recorded for them, byte for byte:
// operators.npz, written by record_operators.py.
#include <cstring>

#include "qfi/base/npy.hpp"
#include "qfi/base/text.hpp"
#include "qfi/engine/program.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

NpyArray recorded(const std::string& array) {
  return value_of(read_npz(test::source_folder() / "tests/golden/operators.npz", array));
}

std::string output_of(const Program& program, const std::string& name, std::size_t runs) {
  const Model& model = program.model();
  Batch batch(program, runs);
  for (std::size_t k = 0; k < model.inputs.size(); ++k) {
    const NpyArray input = recorded(fmt::format("{}.input{}", name, k));
    const auto place = batch.tensor(model.inputs[k]);
    if (place.size() != input.data.size()) throw std::runtime_error("another size of inputs");
    std::memcpy(place.data(), input.data.data(), place.size());
  }
  program.run(batch, 0, model.operators.size());
  const auto output = batch.tensor(model.outputs[0]);
  return {reinterpret_cast<const char*>(output.data()), output.size()};
}

class RecordedOperators : public testing::TestWithParam<KernelSet> {};

TEST_P(RecordedOperators, GiveTheRuntimesBytesOrAreRefusedAsThere) {
  const std::string names = recorded("names").data;
  std::size_t models = 0, refused = 0;
  for (const std::string_view part : split(names, '\n')) {
    const std::string name(part);
    SCOPED_TRACE(name);
    auto model = parse_tflite(recorded(name + ".model").data, name);
    ASSERT_TRUE(model) << model.error().message;
    auto program = Program::prepare(std::move(*model), {GetParam(), true, {}});
    const auto output = read_npz(test::source_folder() / "tests/golden/operators.npz", name + ".output");
    EXPECT_EQ(program.has_value(), output.has_value())
        << (program ? "is not refused" : program.error().message);
    if (!output) ++refused;
    if (!program || !output) continue;
    EXPECT_TRUE(output_of(*program, name, output->shape[0]) == output->data) << "other bytes";
    ++models;
  }
  EXPECT_GE(models, 142U);
  EXPECT_GE(refused, 6U);
}

INSTANTIATE_TEST_SUITE_P(Kernels, RecordedOperators,
                         testing::Values(KernelSet::reference, KernelSet::portable, KernelSet::fast),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace qfi

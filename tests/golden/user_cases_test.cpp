// SPDX-License-Identifier: Apache-2.0
// Models as users have them, each with inputs and what LiteRT's reference kernels give: the folders in
// data/cases of the shared data.
#include <cstring>

#include "qfi/base/npy.hpp"
#include "qfi/engine/program.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

struct UserCase {
  const char* name;
  std::vector<const char*> inputs = {"input.npy"};

  friend void PrintTo(const UserCase& c, std::ostream* out) { *out << c.name; }
};

class UserCases : public testing::TestWithParam<UserCase> {};

TEST_P(UserCases, GiveTheRuntimesOutputs) {
  QFI_NEEDS_SHARED_DATA();
  const auto folder = test::shared_folder() / "data/cases" / GetParam().name;
  const NpyArray expected = value_of(read_npy(folder / "expected.npy"));
  for (const KernelSet kernels : {KernelSet::reference, KernelSet::portable, KernelSet::fast}) {
    const Program program =
        value_of(Program::prepare(value_of(load_tflite(folder / "model.tflite")), {kernels, false, {}}));
    const Model& model = program.model();
    Batch batch(program, expected.shape[0]);
    ASSERT_EQ(model.inputs.size(), GetParam().inputs.size());
    for (std::size_t k = 0; k < model.inputs.size(); ++k) {
      const NpyArray input = value_of(read_npy(folder / GetParam().inputs[k]));
      const auto place = batch.tensor(model.inputs[k]);
      ASSERT_EQ(place.size(), input.data.size());
      std::memcpy(place.data(), input.data.data(), place.size());
    }
    program.run(batch, 0, model.operators.size());
    const auto output = batch.tensor(model.outputs[0]);
    ASSERT_EQ(output.size(), expected.data.size());
    EXPECT_EQ(std::memcmp(output.data(), expected.data.data(), output.size()), 0) << name_of(kernels);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, UserCases,
                         testing::Values(UserCase{"exp_saturation"}, UserCase{"reshape_to_scalar"},
                                         UserCase{"buffer_outside_flatbuffer"},
                                         UserCase{"scale_zero_channel"}, UserCase{"two_signatures"},
                                         UserCase{"prelu"}, UserCase{"lstm_int8"}, UserCase{"depth_to_space"},
                                         UserCase{"transpose_conv_uint8"}, UserCase{"dense_on_sequence"},
                                         UserCase{"dilated_conv2d_dynamic_batch"},
                                         UserCase{"two_inputs", {"input0.npy", "input1.npy"}}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace qfi

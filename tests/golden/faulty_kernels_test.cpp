// SPDX-License-Identifier: Apache-2.0
// Real networks under real faults: the fast kernels give every output of the table loop.
#include <cstring>

#include "qfi/base/random.hpp"
#include "qfi/fault_sets/faulty_unit.hpp"
#include "qfi/model/model.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

struct FaultyCase {
  const char* model;
  const char* netlist;
  OperandEncoding operands;
  PaddingTaps padding;
  std::size_t faults;
};

class FaultyKernels : public testing::TestWithParam<FaultyCase> {};

std::vector<std::byte> outputs(const Program& program, Batch& batch, const Units& units) {
  const auto input = batch.tensor(program.model().inputs[0]);
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<std::byte>(random_bits(1, "pixel", i / 16) % 90 + random_bits(1, "noise", i) % 80);
  program.run(batch, 0, program.model().operators.size(), &units);
  const auto output = batch.tensor(program.model().outputs[0]);
  return {output.begin(), output.end()};
}

TEST_P(FaultyKernels, EqualTheTableLoop) {
  QFI_NEEDS_SHARED_DATA();
  constexpr std::size_t k_images = 70;  // one group of 64 and some more
  const FaultyCase& of = GetParam();
  const auto file = test::shared_folder() / "data/models" / of.model;
  const Program fast = value_of(Program::prepare(value_of(load_tflite(file))));
  const Program portable =
      value_of(Program::prepare(value_of(load_tflite(file)), {KernelSet::portable, false, {}}));
  const Netlist netlist = value_of(read_netlist(test::source_folder() / "netlists" / of.netlist));
  std::vector<std::size_t> weighted;
  for (std::size_t i = 0; i < fast.model().operators.size(); ++i)
    if (fast.multiplies_weights(i)) weighted.push_back(i);
  std::vector<FaultyOperator> operators;
  const auto uses = collect_uses(fast, weighted, of.padding, operators);
  const FaultTables tables(netlist, uses, {of.operands, Rs1::weight});
  FaultyUnitTables fast_unit(fast, tables, operators, of.padding);
  FaultyUnitTables table_unit(portable, tables, operators, of.padding);
  const auto sites = enumerate_sites(netlist, SiteKind::nets);
  FaultTables::Scratch scratch;
  Batch fast_batch(fast, k_images), portable_batch(portable, k_images);
  std::size_t done = 0;
  for (const std::uint64_t index : draw_without_replacement(2 * sites.size(), 200, 1, "faulty kernels")) {
    if (done == of.faults) break;
    const StuckAt fault = stuck_at_member(sites, index);
    if (tables.examine(fault, scratch).is_table_masked) continue;
    ++done;
    fast_unit.set(scratch.products);
    table_unit.set(scratch.products);
    ASSERT_EQ(
        outputs(fast, fast_batch, fast_unit.units()) == outputs(portable, portable_batch, table_unit.units()),
        true)
        << site_name(netlist, fault.site) << " stuck at " << fault.value;
  }
  EXPECT_EQ(done, of.faults);
}

INSTANTIATE_TEST_SUITE_P(Models, FaultyKernels,
                         testing::Values(FaultyCase{"ic_resnet8_int8.tflite", "mul_gates.json",
                                                    OperandEncoding::raw, PaddingTaps::skip, 24},
                                         FaultyCase{"ic_resnet8_int8.tflite", "mul_adders.json",
                                                    OperandEncoding::offset, PaddingTaps::multiply, 12},
                                         FaultyCase{"mobv2_050_cifar10_int8.tflite", "mul_gates.json",
                                                    OperandEncoding::raw, PaddingTaps::multiply, 6},
                                         FaultyCase{"mobv1_050_gtsrb_int8.tflite", "mul_gates.json",
                                                    OperandEncoding::offset, PaddingTaps::skip, 8},
                                         FaultyCase{"lenet5_mnist_uint8io.tflite", "mul_gates.json",
                                                    OperandEncoding::raw, PaddingTaps::skip, 12},
                                         FaultyCase{"kws_ref_int8.tflite", "mul_gates.json",
                                                    OperandEncoding::raw, PaddingTaps::skip, 8},
                                         FaultyCase{"mobilenet_v1_0.5_160_quant.tflite", "mul_gates.json",
                                                    OperandEncoding::raw, PaddingTaps::skip, 1}),
                         [](const auto& info) { return "case_" + std::to_string(info.index); });

}  // namespace
}  // namespace qfi

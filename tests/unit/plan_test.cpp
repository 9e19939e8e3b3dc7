// SPDX-License-Identifier: Apache-2.0
// What the plan says without inference, checked by inference.
#include "qfi/campaign/plan.hpp"

#include <cstring>
#include <map>

#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

// The demo with one image, so that some faults change products but none that is used.
Plan small_plan(OperandEncoding operands, std::vector<std::string> layers,
                SampleConfig sample = SampleCount{300}) {
  CampaignConfig config = value_of(read_campaign_config(test::source_folder() / "campaigns/demo.yaml", {}));
  config.data.select = SelectList{{3}};
  config.sample = std::move(sample);
  config.faults.unit.operands = operands;
  config.faults.layers = std::move(layers);
  return value_of(make_plan(std::move(config), {}));
}

// The watched tensors after a faulty run over the first block.
std::vector<std::byte> faulty_outputs(const Plan& plan, const StuckAt& fault, ClassificationCounts& counts) {
  FaultTables::Scratch scratch;
  plan.tables->examine(std::span(&fault, 1), scratch);
  FaultyUnitTables tables(*plan.program, *plan.tables, plan.operators, plan.config.faults.padding);
  tables.set(scratch.products);
  Batch batch(*plan.program, plan.blocks[0].count);
  restore_block(plan, plan.blocks[0], batch);
  plan.program->run(batch, plan.cut, plan.program->model().operators.size(), &tables.unit());
  std::vector<ImageScore> scores;
  counts = score_block(plan, batch, plan.blocks[0], scores);
  std::vector<std::byte> outputs;
  for (const int tensor : plan.watched) {
    const auto bytes = batch.tensor(tensor);
    outputs.insert(outputs.end(), bytes.begin(), bytes.end());
  }
  return outputs;
}

class Fates : public testing::TestWithParam<OperandEncoding> {};

TEST_P(Fates, MaskedFaultsChangeNothingAndEqualFaultsDoTheSame) {
  std::map<FaultFate, int> seen;
  for (const bool is_first_layer : {false, true}) {
    const Plan plan =
        is_first_layer ? small_plan(GetParam(), {"0"}, SampleExhaustive{}) : small_plan(GetParam(), {});
    for (const PlannedFault& fault : plan.faults) {
      ++seen[fault.fate];
      if (fault.fate == FaultFate::runs) continue;
      ClassificationCounts counts, others;
      const auto outputs = faulty_outputs(plan, fault.fault, counts);
      if (fault.fate == FaultFate::equal)
        EXPECT_EQ(outputs == faulty_outputs(plan, plan.faults[fault.same_as].fault, others), true);
      else EXPECT_EQ(counts.output_identical, counts.images) << site_name(*plan.netlist, fault.fault.site);
    }
  }
  for (const FaultFate fate :
       {FaultFate::runs, FaultFate::equal, FaultFate::table_masked, FaultFate::use_masked})
    EXPECT_GT(seen[fate], 0) << static_cast<int>(fate) << " was not met";
}

INSTANTIATE_TEST_SUITE_P(Encodings, Fates, testing::Values(OperandEncoding::raw, OperandEncoding::offset),
                         [](const auto& info) {
                           return info.param == OperandEncoding::raw ? "raw" : "offset";
                         });

// A faulty run may start behind the operators that no fault reaches.
TEST(Plan, RunsStartAtTheFirstFaultyOperator) {
  const Plan all = small_plan(OperandEncoding::raw, {});
  EXPECT_EQ(all.cut, 0U);
  const std::size_t last = all.operators.back().index;
  const Plan late = small_plan(OperandEncoding::raw, {std::to_string(last)});
  EXPECT_EQ(late.cut, last);
  EXPECT_EQ(late.operators.size(), 1U);
}

}  // namespace
}  // namespace qfi

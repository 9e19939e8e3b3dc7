// SPDX-License-Identifier: Apache-2.0
// What the plan says without inference, checked by inference.
#include "qfi/campaign/plan.hpp"

#include <map>

#include "qfi/campaign/run.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

// The demo with one image, so that some faults change products but none that is used.
Plan small_plan(OperandEncoding operands, std::vector<std::string> layers,
                SampleConfig sample = SampleCount{300}) {
  CampaignConfig config = value_of(read_campaign_config(test::source_folder() / "campaigns/demo.yaml", {}));
  config.data.select = SelectList{{3}};
  auto& unit = std::get<StuckAtConfig>(config.faults[0].model);
  config.faults[0].sample = std::move(sample);
  unit.unit.operands = operands;
  unit.layers = std::move(layers);
  return value_of(make_plan(std::move(config), {}));
}

class Fates : public testing::TestWithParam<OperandEncoding> {};

TEST_P(Fates, MaskedFaultsChangeNothingAndEqualFaultsDoTheSame) {
  std::map<FaultFate, int> seen;
  for (const bool is_first_layer : {false, true}) {
    const Plan plan =
        is_first_layer ? small_plan(GetParam(), {"0"}, SampleExhaustive{}) : small_plan(GetParam(), {});
    const StuckAtSet& set = *plan.stuck_at(0);
    std::vector<std::byte> golden;
    for (const auto& output : plan.workload->golden.outputs)
      golden.insert(golden.end(), output.begin(), output.end());
    for (const PlannedFault& fault : set.faults()) {
      ++seen[fault.fate];
      if (fault.fate == FaultFate::runs) continue;
      const auto outputs = set.outputs_under(fault.fault, 0);
      if (fault.fate == FaultFate::equal)
        EXPECT_EQ(outputs == set.outputs_under(set.faults()[fault.same_as].fault, 0), true);
      else EXPECT_EQ(outputs == golden, true) << fault_name(set.netlist(), fault.fault);
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
  EXPECT_EQ(all.stuck_at(0)->cut(), 0U);
  const std::size_t last = all.stuck_at(0)->operators().back().index;
  const Plan late = small_plan(OperandEncoding::raw, {std::to_string(last)});
  EXPECT_EQ(late.stuck_at(0)->cut(), last);
  EXPECT_EQ(late.stuck_at(0)->operators().size(), 1U);
}

TEST(Plan, ImagesSumsAreThoseOfTheFaults) {
  Plan plan = small_plan(OperandEncoding::raw, {"0"});
  value_of(run_campaign(plan, {2, {}}));
  const FaultSet& set = *plan.sets[0];
  std::uint64_t of_faults = 0, correct = 0, of_images = 0, correct_of_images = 0, equal = 0;
  for (std::size_t i = 0; i < set.drawn(); ++i)
    of_faults += set.counts_of(i).changed, correct += set.counts_of(i).faulty_correct;
  for (const std::uint64_t n : set.strata()[0].changed) of_images += n;
  for (const std::uint64_t n : set.strata()[0].correct) correct_of_images += n;
  for (std::size_t i = 0; i < set.drawn(); ++i)
    equal += plan.stuck_at(0)->faults()[i].fate == FaultFate::equal && set.counts_of(i).changed > 0 ? 1 : 0;
  EXPECT_GT(equal, 0U);
  EXPECT_EQ(of_images, of_faults);
  EXPECT_EQ(correct_of_images, correct);
}

// Each fault does on the images that it meets what it does to them in a crossed design, and each image is met
// by as many faults as any other.
TEST(Plan, NestedFaultsMeetImagesOfTheirOwn) {
  CampaignConfig config = value_of(read_campaign_config(test::source_folder() / "campaigns/demo.yaml", {}));
  config.data.select = SelectFirst{12};
  config.faults[0].sample = SampleCount{24};
  config.design.kind = DesignNested{3};
  Plan nested = value_of(make_plan(config, {}));
  value_of(run_campaign(nested, {2, {}}));
  const FaultSet& set = *nested.sets[0];
  EXPECT_EQ(set.image_groups(), 4U);
  EXPECT_EQ(set.inferences(), nested.stuck_at(0)->running().size() * 3);
  for (const std::uint64_t faults : set.strata()[0].faults_of_image) EXPECT_EQ(faults, 24U * 3 / 12);
  std::uint64_t changed = 0;
  for (std::size_t group = 0; group < 4; ++group) {
    const auto& indices = nested.workload->data.indices();
    const auto first = indices.begin() + static_cast<std::ptrdiff_t>(3 * group);
    CampaignConfig crossed = config;
    crossed.design = Design{};
    crossed.data.select = SelectList{{first, first + 3}};
    Plan plan = value_of(make_plan(crossed, {}));
    value_of(run_campaign(plan, {1, {}}));
    for (std::size_t fault = 0; fault < set.drawn(); ++fault) {
      if (set.group_of(fault) != group) continue;
      EXPECT_EQ(set.counts_of(fault), plan.sets[0]->counts_of(fault)) << set.fault_name(fault);
      changed += set.counts_of(fault).changed;
    }
  }
  EXPECT_GT(changed, 0U);
}

// The pilot's choice: cheap faults have one image each, dear ones that are alike have many.
TEST(Plan, ImagesOfAFaultFollowFromItsVariances) {
  const std::vector<std::uint64_t> possible = {1, 2, 4, 5, 8, 10, 16, 20, 25, 40, 50};
  const auto best = [&](double between, double within, double cost) {
    return best_images_of_a_fault({64, 16, between, within, cost}, possible);
  };
  EXPECT_EQ(best(0.1, 0.1, 1), 1U);
  EXPECT_EQ(best(0.1, 0.1, 0.01), 1U);
  EXPECT_EQ(best(0.01, 0.16, 4), 8U);
  EXPECT_EQ(best(0.01, 0.09, 11), 10U);
  EXPECT_EQ(best(1e-9, 0.2, 5), 50U);
  EXPECT_EQ(best(0, 0.2, 5), 50U) << "faults that are all the same";
  EXPECT_EQ(best(0, 0, 25), 5U) << "nothing seen to change";
}

}  // namespace
}  // namespace qfi

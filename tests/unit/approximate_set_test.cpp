// SPDX-License-Identifier: Apache-2.0
// Faults of a multiplier that is not exact, against the same multiplier as a table of products.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/fault_sets/stuck_at_set.hpp"
#include "qfi/fault_sets/table_set.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

constexpr std::int32_t k_cut = ~15;

// The project's multiplier without the four lowest bits of its product, and a list of its faults.
class ApproximateSet : public testing::Test {
 protected:
  ApproximateSet() {
    nlohmann::json netlist =
        nlohmann::json::parse(value_of(read_file(test::source_folder() / "netlists/mul_adders.json")));
    for (std::size_t bit = 0; bit < 4; ++bit)
      netlist["modules"]["qfi_mul"]["ports"]["result"]["bits"][bit] = "0";
    netlist["modules"]["qfi_mul"]["attributes"]["qfi_approximate"] = "yes";
    write("cut.json", netlist.dump());
    write("list.csv", "site,stuck_at\nop_a[5],1\nop_b[3],0\nop_a[0],0\nop_b[2],1\n");
    const auto demo = test::source_folder() / "campaigns/demo";
    m_config.model.path = demo / "shapes.tflite";
    m_config.data.images = {"images.npy", demo / "images.npy"};
    m_config.data.labels = {"labels.npy", demo / "labels.npy"};
    m_config.data.select = SelectFirst{40};
    m_exact = std::make_unique<Workload>(
        value_of(make_workload(value_of(load_tflite(m_config.model.path)), "shapes.tflite", m_config, {})));
  }
  void write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file(m_folder.path() / name, text));
  }
  std::unique_ptr<StuckAtSet> stuck_at(const std::filesystem::path& netlist, bool is_approximate) {
    StuckAtConfig unit;
    unit.netlist = {"n.json", netlist};
    unit.reading.is_approximate = is_approximate;
    FaultsConfig faults{"unit", unit, SampleList{{"list.csv", m_folder.path() / "list.csv"}}, {}, {}};
    auto set = value_of(StuckAtSet::make(*m_exact, m_config, faults, 1, 2));
    EXPECT_TRUE(set->draw({0}, 2));
    EXPECT_TRUE(set->run({}));
    return set;
  }
  // What the products of a function give in the place of the exact ones.
  FaultCounts of_table(const std::function<std::int32_t(int w, int x)>& product) {
    std::string text;
    for (int w = -128; w < 128; ++w)
      for (int x = -128; x < 128; ++x) text += std::to_string(product(w, x)) + "\n";
    write("t.txt", text);
    TableConfig table;
    table.file = {"t.txt", m_folder.path() / "t.txt"};
    auto set = value_of(TableSet::make(*m_exact, m_config, {"table", table, SampleExhaustive{}, {}, {}}, 2));
    EXPECT_TRUE(set->draw({1}, 2));
    EXPECT_TRUE(set->run({}));
    return set->counts_of(0);
  }

  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
  CampaignConfig m_config;
  std::unique_ptr<Workload> m_exact;
};

TEST_F(ApproximateSet, GoldenRunIsThatOfTheFaultFreeTable) {
  const auto set = stuck_at(m_folder.path() / "cut.json", false);
  EXPECT_TRUE(set->is_approximate()) << "the file says it";
  const FaultCounts table = of_table([](int w, int x) { return w * x & k_cut; });
  EXPECT_LT(table.output_identical, 40U) << "the network sees the cut";
  const FaultCounts& golden = set->workload().golden.counts;
  EXPECT_EQ(golden.golden_correct, table.faulty_correct);
  EXPECT_EQ(golden.output_identical, 40U);
  EXPECT_EQ(set->fault_free_errors().pairs, 65536U);
  EXPECT_EQ(set->fault_free_errors().worst, 15U);
  EXPECT_EQ(set->proof().fault_free_pairs, 65536U - set->fault_free_errors().wrong);
}

TEST_F(ApproximateSet, FaultsAreCountedAgainstIt) {
  const auto set = stuck_at(m_folder.path() / "cut.json", false);
  const auto function_of = [](std::size_t fault) -> std::function<std::int32_t(int, int)> {
    switch (fault) {
      case 0: return [](int w, int x) { return (w | 32) * x & k_cut; };
      case 1: return [](int w, int x) { return w * (x & ~8) & k_cut; };
      case 2: return [](int w, int x) { return (w & ~1) * x & k_cut; };
      default: return [](int w, int x) { return w * (x | 4) & k_cut; };
    }
  };
  const std::uint64_t golden = set->workload().golden.counts.golden_correct;
  for (std::size_t fault = 0; fault < 4; ++fault) {
    const FaultCounts counts = set->counts_of(fault);
    EXPECT_EQ(counts.faulty_correct, of_table(function_of(fault)).faulty_correct) << fault;
    EXPECT_EQ(counts.golden_correct, golden) << fault;
    EXPECT_EQ(counts.golden_correct + counts.wrong_to_correct - counts.correct_to_wrong,
              counts.faulty_correct);
  }
  EXPECT_LT(set->counts_of(0).output_identical, 40U);
}

TEST_F(ApproximateSet, AnExactMultiplierThatIsCalledApproximateCountsTheSame) {
  const auto file = test::source_folder() / "netlists/mul_adders.json";
  const auto exact = stuck_at(file, false);
  const auto called = stuck_at(file, true);
  EXPECT_FALSE(exact->is_approximate());
  EXPECT_TRUE(called->is_approximate());
  EXPECT_EQ(called->fault_free_errors().wrong, 0U);
  for (std::size_t fault = 0; fault < exact->drawn(); ++fault) {
    EXPECT_EQ(exact->counts_of(fault), called->counts_of(fault)) << fault;
    EXPECT_EQ(exact->faults()[fault].effect.golden_hits, called->faults()[fault].effect.golden_hits) << fault;
  }
}

// The fault-free side of a replay is the approximate multiplier, not the exact network.
TEST_F(ApproximateSet, ReplayStartsFromTheApproximateRun) {
  const auto set = stuck_at(m_folder.path() / "cut.json", false);
  std::size_t outputs = 0;
  const auto netlist = value_of(read_netlist(m_folder.path() / "cut.json"));
  // Whatever the fault, the run without it ends in the golden outputs.
  const StuckAt fault{value_of(find_site(netlist, "op_a[0]")), false};
  bool is_golden_last = false;
  set->replay(fault, [&](std::size_t, int output, const TensorOf& golden, const TensorOf&) {
    ++outputs;
    if (output != set->workload().metric_tensor) return;
    const auto place = static_cast<std::size_t>(std::ranges::find(set->workload().watched, output) -
                                                set->workload().watched.begin());
    const auto values = golden(output);
    is_golden_last =
        std::ranges::equal(values, std::span(set->workload().golden.outputs[place]).first(values.size()));
  });
  EXPECT_GT(outputs, 1U);
  EXPECT_TRUE(is_golden_last);
}

}  // namespace
}  // namespace qfi

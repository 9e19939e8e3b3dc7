// SPDX-License-Identifier: Apache-2.0
// results.json: one description writes it, reads it and makes its schema.
#include <gmock/gmock.h>

#include <cstdlib>

#include "qfi/base/file.hpp"
#include "qfi/campaign/run.hpp"
#include "qfi/results/compute.hpp"
#include "qfi/results/results_file.hpp"
#include "results_fixture.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

const std::filesystem::path k_schema_file = "src/results/schema/results-2.schema.json";

TEST(Results, TheSchemaIsThatOfTheDescription) {
  const std::filesystem::path file = test::source_folder() / k_schema_file;
  if (std::getenv("QFI_REWRITE") != nullptr) {
    ASSERT_TRUE(write_file(file, results_schema()));
  }
  EXPECT_EQ(value_of(read_file(file)), results_schema()) << "QFI_REWRITE=1 writes " << k_schema_file;
}

// A small campaign of that text after `model:` and `data:`, of 6 of the demo's images.
std::string text_of(const std::string& rest) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const std::string demo = (test::source_folder() / "campaigns/demo").string();
  EXPECT_TRUE(write_file(folder.path() / "c.yaml",
                         "model: " + demo + "/shapes.tflite\ndata: {format: npy, images: " + demo +
                             "/images.npy, labels: " + demo +
                             "/labels.npy, select: {first: 6}}\noutput: out\n" + rest));
  Plan plan = value_of(make_plan(value_of(read_campaign_config(folder.path() / "c.yaml", {})), {}));
  const CampaignRun run = value_of(run_campaign(plan, {}));
  return results_text(compute_results(plan, run, value_of(write_tables(plan, folder.path())), {"1", "a"}));
}

class ResultsOf : public testing::TestWithParam<const char*> {};

TEST_P(ResultsOf, AreReadAsTheyWereWritten) {
  const std::string netlist = (test::source_folder() / "netlists/mul_gates.json").string();
  std::string rest = GetParam();
  if (const auto place = rest.find("NETLIST"); place != std::string::npos) rest.replace(place, 7, netlist);
  const std::string text = text_of(rest);
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  ASSERT_TRUE(write_file(folder.path() / "results.json", text));
  const ResultsFile read = value_of(read_results(folder.path() / "results.json"));
  EXPECT_EQ(results_text(read.results), text);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ResultsOf,
    testing::Values(
        "faults: [{kind: stuck_at, netlist: NETLIST}]\nsample: {count: 20}\nverify: 0\n",
        "faults: [{kind: bit_flip, target: weights, weight: 1, raw_rate: {fit_per_mbit: 3}}]\n"
        "sample: {margin: 0.2, t: 2}\n",
        "faults: [{kind: bit_flip, target: weights, storage: {protection: tmr}, compare: unprotected}]\n"
        "sample: {count: 3, scheme: bit}\ndesign: paired\n",
        "faults: [{kind: bit_flip, target: data}]\nsample: {count: 30}\ndesign: {nested: auto}\n",
        "faults: [{kind: bit_flip, target: data}]\nsample: {ber: [0.001, 0.01], draws: 3}\n",
        "faults: [{kind: bit_flip, target: weights}]\n"
        "sample: {genetic: 4, flips: 3, generations: 2}\n"));

std::string error_of(std::string text, const std::string& from, const std::string& to) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const auto place = text.find(from);
  EXPECT_NE(place, std::string::npos);
  text.replace(place, from.size(), to);
  EXPECT_TRUE(write_file(folder.path() / "results.json", text));
  const auto read = read_results(folder.path() / "results.json");
  return read ? "no error" : read.error().message;
}

TEST(Results, WhatIsWrongInAFileIsNamedWithItsPlace) {
  const std::string text = text_of("faults: [{kind: bit_flip, target: weights}]\nsample: {count: 5}\n");
  EXPECT_EQ(error_of(text, "\"seed\"", "\"seeds\"").find("no 'seed'") == std::string::npos, false);
  EXPECT_THAT(error_of(text, "\"schema\": \"qfi-results-2\"", "\"schema\": \"x\""),
              HasSubstr("reads qfi-results-2"));
  EXPECT_THAT(error_of(text, "\"task\": \"classification\"", "\"task\": \"juggling\""),
              HasSubstr("results.task: this program knows no task 'juggling'"));
  EXPECT_THAT(error_of(text, "\"population\": ", "\"population\": -"),
              HasSubstr("results.fault_sets[0].sample.population: no count"));
  EXPECT_THAT(error_of(text, "\"interval_confidence\": 0.95", "\"interval_confidence\": 2"),
              HasSubstr("interval_confidence: no share"));
}

TEST(Results, FactsAreTheMembersOfTheFile) {
  ResultsFile campaign = test::small_campaign(StoredBitResults{}, 50);
  campaign.results.seed = 7;
  campaign.results.sets[0].sample.n = 12;
  const Facts facts = campaign_facts(campaign.results);
  EXPECT_THAT(facts, testing::Contains(testing::Pair("seed", "7")));
  EXPECT_THAT(facts, testing::Contains(testing::Pair("golden, top1 correct", "90")));
  EXPECT_THAT(set_facts(campaign.results, campaign.results.sets[0]),
              testing::Contains(testing::Pair("sample, n", "12")));
}

}  // namespace
}  // namespace qfi

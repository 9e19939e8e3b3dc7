// SPDX-License-Identifier: Apache-2.0
// Campaigns of faults of stored bits, on the demo's small network.
#include "qfi/fault_sets/bit_set.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/random.hpp"
#include "qfi/campaign/run.hpp"
#include "qfi/results/compute.hpp"
#include "qfi/results/results_file.hpp"
#include "qfi/results/summary.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

// Entries of `faults` and further lines, over the first images of the demo.
class Campaign : public testing::Test {
 protected:
  Result<CampaignConfig> config(const std::string& faults, const std::string& more, int images = 12) {
    const std::string demo = (test::source_folder() / "campaigns/demo").string();
    const std::string text = "model: " + demo + "/shapes.tflite\ndata: {format: npy, images: " + demo +
                             "/images.npy, labels: " + demo +
                             "/labels.npy, select: {first: " + std::to_string(images) + "}}\nfaults:\n" +
                             faults + "\noutput: out\n" + more + "\n";
    EXPECT_TRUE(write_file(m_folder.path() / "c.yaml", text));
    return read_campaign_config(m_folder.path() / "c.yaml", {});
  }
  Plan plan(const std::string& faults, const std::string& more, int images = 12,
            const PlanParams& params = {}) {
    return value_of(make_plan(value_of(config(faults, more, images)), params));
  }
  struct Done {
    Plan plan;
    CampaignRun run;
    std::string json() const {
      const TemporaryFolder folder = value_of(TemporaryFolder::create());
      return results_text(
          compute_results(plan, run, value_of(write_tables(plan, folder.path())), {"test", "test"}));
    }
    SetEstimates estimates(std::size_t set = 0) const { return estimate(*plan.sets[set], 0.95); }
  };
  Done run(const std::string& faults, const std::string& more, int images = 12,
           const PlanParams& params = {}) {
    Plan planned = plan(faults, more, images, params);
    CampaignRun done = value_of(run_campaign(planned, {params.threads, {}}));
    return {std::move(planned), std::move(done)};
  }
  std::string error(const std::string& faults, const std::string& more) {
    const auto read = config(faults, more);
    if (!read) return read.error().message;
    const auto made = make_plan(*read, {});
    return made ? "no error" : made.error().message;
  }
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

// Every kind of fault, propagated and run plainly: run() fails where they differ.
TEST_F(Campaign, EveryKindOfFaultEqualsThePlainRun) {
  PlanParams params;
  params.threads = 2;
  params.execution.compares_naive = true;
  const char* const entries[] = {
      "  - {kind: bit_flip, target: weights}",
      "  - {kind: bit_flip, target: biases}",
      "  - {kind: stuck_at, target: weights, polarity: [1]}",
      "  - {kind: bit_flip, target: data}",
      "  - {kind: bit_flip, target: data, stage: [network_input, operator_input, accumulator]}",
      "  - {kind: stuck_at, target: data, stage: accumulator, simultaneous: 3}",
      "  - {kind: bit_flip, target: weights, simultaneous: 5, storage: {protection: vandor}}",
      "  - {kind: bit_flip, target: weights, storage: {width: 4, protection: triplicated, top_bits: 2}}",
      "  - {kind: bit_flip, target: data, storage: {protection: tmr}}",
      "  - {kind: bit_flip, target: weights, storage: {protection: vandor}, compare: unprotected}",
      "  - {kind: bit_flip, target: data, layers: [0, 2], storage: {protection: split_lcu}, compare: "
      "unprotected}"};
  for (const char* entry : entries)
    for (const auto& [design, images] : {std::pair{"crossed", 6U}, {"paired", 6U}, {"{nested: 2}", 2U}}) {
      const Done done = run(entry, std::string("sample: {count: 20}\ndesign: ") + design, 6, params);
      EXPECT_EQ(done.plan.bits(0)->times().trials, done.plan.sets[0]->inferences()) << entry;
      EXPECT_EQ(done.plan.sets[0]->inferences(), 20U * images) << "paired: 20 for each image";
    }
  const Done errors =
      run("  - {kind: bit_flip, target: weights}", "sample: {ber: [0.001, 0.1], draws: 4}", 6, params);
  EXPECT_EQ(errors.plan.sets[0]->drawn(), 8U);
}

TEST_F(Campaign, ResultsAreTheSameBytesForAnyThreadsAndKernels) {
  const std::string faults =
      "  - {kind: bit_flip, target: weights, storage: {protection: vandor}, compare: unprotected}\n"
      "  - {kind: bit_flip, target: data, stage: [network_input, accumulator], sample: {ber: 0.001, draws: "
      "20}}";
  for (const char* design : {"crossed", "paired", "{nested: auto}"}) {
    const std::string more = std::string("sample: {count: 7, scheme: layer}\ndesign: ") + design;
    const Done one = run(faults, more);
    for (const PlanParams& params :
         {PlanParams{2, KernelSet::fast, {}}, PlanParams{3, KernelSet::reference, {}},
          PlanParams{2, KernelSet::portable, {}, 1}}) {
      const Done other = run(faults, more, 12, params);
      EXPECT_EQ(one.json() == other.json(), true) << "hashes of the fault tables included";
    }
  }
}

// A small population, all of it: what samples of it estimate.
TEST_F(Campaign, SampledIntervalsHoldWhatExhaustionShows) {
  const std::string faults = "  - {kind: bit_flip, target: weights, layers: [0]}";
  const Done all = run(faults, "sample: exhaustive");
  const SetEstimates truth = all.estimates();
  EXPECT_EQ(all.plan.sets[0]->drawn(), all.plan.sets[0]->population());
  EXPECT_EQ(truth.sdc_rate.these_images->low, truth.sdc_rate.mean);
  EXPECT_EQ(truth.critical.interval->high, truth.critical.share);
  EXPECT_GT(truth.critical.faults, 50U);
  int inside = 0;
  int critical_inside = 0;
  for (int seed = 0; seed < 20; ++seed) {
    const char* scheme = seed % 2 == 0 ? "network" : "bit";
    const Done sample = run(faults, fmt::format("sample: {{count: {}, scheme: {}}}\nseed: {}",
                                                seed % 2 == 0 ? 160 : 20, scheme, seed));
    const SetEstimates estimates = sample.estimates();
    inside += estimates.sdc_rate.these_images->low <= truth.sdc_rate.mean &&
                      truth.sdc_rate.mean <= estimates.sdc_rate.these_images->high
                  ? 1
                  : 0;
    critical_inside += estimates.critical.interval->low <= truth.critical.share &&
                               truth.critical.share <= estimates.critical.interval->high
                           ? 1
                           : 0;
  }
  EXPECT_GE(inside, 17) << "of 20; fewer happen once in 400 times at a coverage of 95 %";
  EXPECT_GE(critical_inside, 17);
}

// The same fault by hand: the model's own weight changed before it is prepared.
TEST_F(Campaign, AFlippedWeightIsTheModelWithThatWeight) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {count: 15}");
  const BitSet& set = *done.plan.bits(0);
  const Workload& workload = *done.plan.workload;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitFault fault = set.fault(i);
    ASSERT_EQ(fault.sites.size(), 1U);
    const int tensor = set.values().places[fault.sites[0].values].tensor;
    Model model = value_of(load_tflite(done.plan.config.model.path));
    std::vector<std::byte> weights(model.tensors[static_cast<std::size_t>(tensor)].data.begin(),
                                   model.tensors[static_cast<std::size_t>(tensor)].data.end());
    weights[fault.sites[0].element] ^= std::byte{1} << fault.sites[0].stored_bit;
    model.tensors[static_cast<std::size_t>(tensor)].data = weights;
    const Program program = value_of(Program::prepare(std::move(model)));
    Batch batch(program, workload.images());
    const int input = program.model().inputs[0];
    const auto inputs = value_of(
        workload.data.read_inputs(0, workload.images(), workload.tensor(input), done.plan.config.input));
    std::ranges::copy(inputs, batch.tensor(input).begin());
    program.run(batch, 0, program.model().operators.size());
    FaultCounts counts;
    for (std::size_t image = 0; image < workload.images(); ++image)
      counts += score_image(workload, image, [&](int index) {
        const std::size_t bytes = workload.tensor(index).bytes();
        return std::as_const(batch).tensor(index).subspan(image * bytes, bytes);
      });
    EXPECT_EQ(counts == set.counts_of(i), true) << i;
  }
}

TEST_F(Campaign, ALongerDrawBeginsWithAShorterOne) {
  const std::string faults = "  - {kind: bit_flip, target: data, simultaneous: 2}";
  const Plan few = plan(faults, "sample: {count: 5}");
  const Plan many = plan(faults, "sample: {count: 9}");
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(few.bits(0)->fault(i).sites, many.bits(0)->fault(i).sites);
  EXPECT_NE(few.bits(0)->fault(0).sites, plan(faults, "sample: {count: 5}\nseed: 2").bits(0)->fault(0).sites);
}

TEST_F(Campaign, PairedFaultsAreDrawnForEachImage) {
  const Plan paired = plan("  - {kind: bit_flip, target: weights}", "sample: {count: 30}\ndesign: paired");
  const BitSet& set = *paired.bits(0);
  ASSERT_EQ(set.drawn(), 30U * 12U);
  std::set<std::vector<BitSite>> first_image, second_image;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    if (set.image_of(i) == 0) first_image.insert(set.fault(i).sites);
    if (set.image_of(i) == 1) second_image.insert(set.fault(i).sites);
  }
  EXPECT_EQ(first_image.size(), 30U);
  EXPECT_NE(first_image, second_image);
}

// Of a VANDOR value a flip is corrected or reads as without protection; TMR corrects all.
TEST_F(Campaign, ProtectionIsComparedOnTheSameFaults) {
  for (const char* protection : {"tmr", "vandor"}) {
    const Done done = run(fmt::format("  - {{kind: bit_flip, target: weights, storage: {{protection: {}}}, "
                                      "compare: unprotected}}",
                                      protection),
                          "sample: {count: 300}");
    const BitSet& set = *done.plan.bits(0);
    const Done bare = run("  - {kind: bit_flip, target: weights}", "sample: {count: 300}");
    std::uint64_t corrected = 0;
    std::uint64_t critical = 0;
    for (std::size_t i = 0; i < set.drawn(); ++i) {
      EXPECT_EQ(set.counts_of(i) == bare.plan.sets[0]->counts_of(i), true)
          << "bare, they are the same faults";
      const BitOutcome outcome = set.protected_outcomes()[i];
      EXPECT_EQ(outcome.detected, 12U) << "copies differ in every trial";
      EXPECT_EQ(outcome.corrected == 12 || outcome.corrected == 0, true);
      corrected += outcome.corrected > 0 ? 1 : 0;
      critical += outcome.counts.changed > 0 ? 1 : 0;
      EXPECT_EQ(
          outcome.counts == (outcome.corrected > 0 ? done.plan.workload->golden.counts : set.counts_of(i)),
          true);
    }
    const ProtectionEffect effect = *protection_effect(set, 0.95);
    EXPECT_LT(effect.changed_after, effect.changed_before);
    const SetEstimates without = estimate(set, 0.95);
    const SetEstimates with = *estimate_with_protection(set, 0.95);
    EXPECT_FALSE(estimate_with_protection(*bare.plan.bits(0), 0.95));
    EXPECT_EQ(with.critical.faults, critical);
    EXPECT_LT(critical, without.critical.faults);
    EXPECT_TRUE(with.faulty_accuracy.these_images);
    EXPECT_FALSE(with.faulty_accuracy.image_population) << "images' sums are kept without protection alone";
    if (std::string(protection) == "tmr") {
      EXPECT_EQ(corrected, 300U);
      EXPECT_EQ(effect.removed->share, 1.0);
      EXPECT_EQ(with.faulty_accuracy.mean, with.golden_accuracy);
    } else {
      EXPECT_GT(corrected, 100U);
      EXPECT_LT(corrected, 250U);
    }
  }
}

// Away from zero and towards it, 0->1 and 1->0, as the weight itself says.
TEST_F(Campaign, DirectionsFollowFromTheWeight) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {count: 200}");
  const BitSet& set = *done.plan.bits(0);
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitSite site = set.fault(i).sites[0];
    const Tensor& tensor = done.plan.workload->tensor(set.values().places[site.values].tensor);
    const auto before = static_cast<std::int8_t>(tensor.data[site.element]);
    const auto after = static_cast<std::int8_t>(before ^ (1 << site.stored_bit));
    const BitOutcome outcome = set.outcomes()[i];
    EXPECT_EQ(outcome.of_direction[(before >> site.stored_bit & 1) == 0 ? 0 : 1].trials, 12U);
    const std::size_t magnitude = std::abs(after) > std::abs(before)   ? 0
                                  : std::abs(after) < std::abs(before) ? 1
                                                                       : 2;
    EXPECT_EQ(outcome.of_magnitude[magnitude].trials, 12U);
    EXPECT_EQ(outcome.value->first, static_cast<std::uint8_t>(before));
    EXPECT_EQ(outcome.value->second, static_cast<std::uint8_t>(after));
  }
}

// A plain flip moves exactly its bit, in whatever stage, type and sign.
TEST_F(Campaign, AFlipIsReadAsTheValueWithThatBitChanged) {
  for (const char* entry :
       {"target: weights", "target: biases", "target: data, stage: [network_input, operator_input, output]",
        "target: data, stage: accumulator", "target: data, stage: accumulator, bits: [0, 1, 31]"}) {
    const Done done = run(fmt::format("  - {{kind: bit_flip, {}}}", entry), "sample: {count: 200}", 1);
    const BitSet& set = *done.plan.bits(0);
    std::set<bool> signs;
    for (std::size_t i = 0; i < set.drawn(); ++i) {
      const auto value = *set.outcomes()[i].value;
      EXPECT_EQ(value.first ^ value.second, 1U << set.fault(i).sites[0].stored_bit) << entry;
      signs.insert((value.first >> 31U) != 0);
    }
    const bool has_both = signs.size() == 2 || std::string(entry).find("accumulator") == std::string::npos;
    EXPECT_EQ(has_both, true) << entry;
  }
}

std::set<std::vector<std::pair<BitSite, BitFaultModel>>> distinct_faults(const BitSet& set) {
  std::set<std::vector<std::pair<BitSite, BitFaultModel>>> faults;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    std::vector<std::pair<BitSite, BitFaultModel>> hits;
    for (std::size_t k = 0; k < set.fault(i).sites.size(); ++k)
      hits.emplace_back(set.fault(i).sites[k], set.fault(i).models[k]);
    std::ranges::sort(hits);
    faults.insert(hits);
  }
  return faults;
}

TEST_F(Campaign, SetsOfSeveralBitsAreDrawnWithoutReplacement) {
  const std::string pairs =
      "  - {kind: bit_flip, target: biases, layers: [0], channels: [0], simultaneous: 2}";
  const Done all = run(pairs, "sample: {count: 496}");
  EXPECT_EQ(all.plan.sets[0]->population(), 32U * 31U / 2U);
  EXPECT_EQ(distinct_faults(*all.plan.bits(0)).size(), 496U);
  const Interval point = *all.estimates().sdc_rate.these_images;
  EXPECT_EQ(point.low, point.high) << "all there are";
  EXPECT_THAT(error(pairs, "sample: {count: 497}"),
              HasSubstr("497 faults asked for, the population has 496"));
  EXPECT_EQ(run(pairs, "sample: exhaustive").plan.sets[0]->drawn(), 496U);

  const Done some = run("  - {kind: stuck_at, target: biases, layers: [0], channels: [0], simultaneous: 2}",
                        "sample: {count: 1900}");
  EXPECT_EQ(some.plan.sets[0]->population(), 32U * 31U / 2U * 4U)
      << "pairs of bits times both polarities of each";
  EXPECT_EQ(distinct_faults(*some.plan.bits(0)).size(), 1900U);
  const Interval interval = *some.estimates().sdc_rate.these_images;
  EXPECT_LT(interval.low, interval.high);
}

TEST_F(Campaign, StrataOfTooManySetsToWeightAreRefused) {
  EXPECT_THAT(
      error("  - {kind: bit_flip, target: weights, simultaneous: 20}", "sample: {count: 5, scheme: layer}"),
      HasSubstr("more than 2^62 sets of 20 bits"));
}

TEST_F(Campaign, DataOfDifferentStagesAreNeverPooled) {
  const std::string faults =
      "  - {kind: bit_flip, target: data, stage: [network_input, operator_input, accumulator, output]}";
  for (const char* scheme : {"network", "layer", "bit"}) {
    const Done done = run(faults, std::string("sample: {count: 4, scheme: ") + scheme + "}", 3);
    const BitSet& set = *done.plan.bits(0);
    for (const BitStratum& stratum : set.bit_strata())
      for (const BitStratum::Part& part : stratum.parts)
        if (scheme != std::string("network")) {
          EXPECT_EQ(set.values().places[part.values].stage,
                    set.values().places[stratum.parts[0].values].stage);
        }
    std::set<std::tuple<std::optional<std::size_t>, std::optional<Stage>, std::optional<int>>> seen;
    for (const DomainRow& row : domain_rows(set, false, true, {})) {
      ASSERT_TRUE(row.stage);
      if (*row.stage != Stage::accumulator) {
        EXPECT_LT(*row.bit, 8);
      }
      EXPECT_EQ(seen.insert({row.layer, row.stage, row.bit}).second, true);
    }
    EXPECT_EQ(seen.size(), 8U + 8U + 32U + 8U) << scheme;
  }
}

TEST_F(Campaign, AStratumThatIsDrawnWholeBeginsWithEveryShorterDraw) {
  const std::string faults = "  - {kind: bit_flip, target: biases, layers: [0], channels: [0]}";
  const Plan some = plan(faults, "sample: {count: 10}");
  const Plan whole = plan(faults, "sample: {count: 32}");
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(some.bits(0)->fault(i).sites, whole.bits(0)->fault(i).sites);
}

TEST_F(Campaign, TablesAddUp) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {count: 10, scheme: bit}");
  const BitSet& set = *done.plan.bits(0);
  for (const auto& [by_layer, by_bit] : {std::pair{true, false}, {false, true}, {true, true}}) {
    std::uint64_t population = 0, drawn = 0, changed = 0, trials = 0;
    for (const DomainRow& row : domain_rows(set, by_layer, by_bit, {})) {
      population += row.population;
      drawn += row.drawn;
      changed += row.changed;
      trials += row.trials;
      EXPECT_LE(row.changed_share.these_images->low, row.changed_share.mean);
      EXPECT_GE(row.changed_share.these_images->high, row.changed_share.mean);
    }
    EXPECT_EQ(population, set.population());
    EXPECT_EQ(drawn, set.drawn());
    EXPECT_EQ(trials, set.inferences());
    std::uint64_t all_changed = 0;
    for (std::size_t i = 0; i < set.drawn(); ++i) all_changed += set.counts_of(i).changed;
    EXPECT_EQ(changed, all_changed);
  }
}

TEST_F(Campaign, ADataAwareSampleOfWeightsIsThatOfPlaceValues) {
  const std::string faults = "  - {kind: bit_flip, target: weights}";
  const Plan by_place = plan(faults, "sample: {margin: 0.1, t: 1.645, scheme: data_aware}");
  const Plan by_weights = plan(faults, "sample: {margin: 0.1, t: 1.645, scheme: data_aware_weights}");
  ASSERT_EQ(by_place.sets[0]->drawn(), by_weights.sets[0]->drawn());
  for (std::size_t i = 0; i < by_place.sets[0]->drawn(); ++i)
    EXPECT_EQ(by_place.bits(0)->fault(i).sites, by_weights.bits(0)->fault(i).sites);
}

TEST_F(Campaign, SmallStrataAreAnErrorUnlessTheConfigTakesThemWhole) {
  const std::string faults = "  - {kind: bit_flip, target: biases, layers: [0], bits: [3, 4]}";
  EXPECT_THAT(error(faults, "sample: {count: 100000, scheme: bit}"),
              HasSubstr("100000 faults asked for, the population has"));
  const Plan small = plan(faults, "sample: {count: 100000, scheme: bit, small: exhaustive}");
  EXPECT_EQ(small.sets[0]->drawn(), small.sets[0]->population());
}

TEST_F(Campaign, ListedFaultsRunInTheListsOrder) {
  ASSERT_TRUE(
      write_file(m_folder.path() / "list.csv",
                 "fault,layer,element,stored_bit,model\n3,0,5,7,flip\n8,0,5,7,flip\n8,0,6,1,stuck_at_1\n"));
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {list: list.csv}");
  const BitSet& set = *done.plan.bits(0);
  ASSERT_EQ(set.drawn(), 2U);
  EXPECT_EQ(set.fault(0).sites.size(), 1U);
  ASSERT_EQ(set.fault(1).sites.size(), 2U);
  EXPECT_EQ(set.fault(1).sites[1].element, 6U);
  EXPECT_EQ(set.fault(1).models[1], BitFaultModel::stuck_at_1);
  EXPECT_FALSE(done.estimates().sdc_rate.these_images) << "a list is no random sample";
  const std::pair<const char*, const char*> mistakes[] = {
      {"fault,layer,element\n", "line 1: the header lacks the column 'stored_bit'"},
      {"fault,layer,element,bit\n", "line 1: unknown column 'bit'"},
      {"fault,layer,element,stored_bit\n1,0,99999999,0\n",
       "line 2: element: there is no element 99999999; elements: 0 to 71"},
      {"fault,layer,element,stored_bit\n1,0,0,8\n",
       "line 2: stored_bit: there is no stored bit 8; stored bits: 0 to 7"},
      {"fault,layer,element,stored_bit\n1,77,0,0\n",
       "line 2: layer: no chosen values belong to layer '77'; layers of chosen values: 0, 2, 4, 6"},
      {"fault,layer,element,stored_bit\n1,0,0,0\n1,0,0,0\n", "line 3: the same bit twice in fault 1"},
      {"fault,layer,element,stored_bit\n2,0,0,0\n1,0,0,0\n", "line 3: fault 1 after fault 2"},
      {"fault,layer,element,stored_bit\n1,0,0\n", "line 2: 3 fields under 4 columns"},
      {"fault,layer,element,stored_bit\n", "no fault in it"}};
  for (const auto& [text, message] : mistakes) {
    ASSERT_TRUE(write_file(m_folder.path() / "list.csv", text));
    EXPECT_THAT(error("  - {kind: bit_flip, target: weights}", "sample: {list: list.csv}"),
                HasSubstr(message));
  }
}

TEST_F(Campaign, MistakesAreNamed) {
  const std::string sample = "sample: {count: 3}";
  const std::pair<const char*, const char*> mistakes[] = {
      {"layers: [99]", "no operator is number '99'"},
      {"tensors: [nothing]", "the model has no tensor 'nothing'"},
      {"channels: [500]", "weights of operator 0 have no channel 500; channels: 0 to 7"},
      {"bits: [9]", "no chosen value has a bit 9; bits: 0 to 7"},
      {"operators: [softmax]", "no softmax of the model has weights"},
      {"storage: {layers: [98], protection: tmr}", "no operator is number '98'"},
      {"mask: nowhere.npz", "nowhere.npz"},
      {"mask: zeros, storage: {width: 4}", "would take small ones as pruned"},
      {"storage: {threshold: 0.5}", "'threshold' belongs to 'neurons'"},
      {"storage: {protection: tmr, neurons: n.csv}",
       "belongs to the target data with 'compare: unprotected'"}};
  for (const auto& [key, message] : mistakes)
    EXPECT_THAT(error(fmt::format("  - {{kind: bit_flip, target: weights, {}}}", key), sample),
                HasSubstr(message));
  EXPECT_THAT(error("  - {kind: bit_flip, target: data, storage: {width: 4}}", sample),
              HasSubstr("'width' is for 8-bit weights"));
  EXPECT_THAT(error("  - {kind: bit_flip, target: weights, storage: {width: 4}}\n"
                    "  - {kind: bit_flip, target: weights}",
                    sample),
              HasSubstr("has weights of 4 and of 8 bits"));
}

TEST_F(Campaign, ASequentialSampleStopsWhenItsIntervalIsNarrowEnough) {
  const std::string faults = "  - {kind: bit_flip, target: weights}";
  const std::string more = "sample: {half_width: 0.05, metric: critical_fault_rate, minimum: 40}";
  const Done done = run(faults, more);
  const std::vector<Look>& looks = done.run.sets[0].looks;
  ASSERT_GT(looks.size(), 1U);
  EXPECT_EQ(done.run.sets[0].stopped, "the interval is as narrow as asked");
  EXPECT_LE(looks.back().half_width, 0.05);
  for (std::size_t i = 0; i + 1 < looks.size(); ++i) EXPECT_GT(looks[i].half_width, 0.05);
  EXPECT_EQ(looks.back().drawn, done.plan.sets[0]->drawn());
  EXPECT_EQ(done.json() == run(faults, more, 12, {2, KernelSet::portable, {}}).json(), true);
  const Done most = run(faults, "sample: {half_width: 0.001, minimum: 40, maximum: 60}");
  EXPECT_EQ(most.run.sets[0].stopped, "the maximum is drawn");
  EXPECT_EQ(most.plan.sets[0]->drawn(), 60U);
}

TEST_F(Campaign, ASequentialSampleEndsAtItsMaximumWhateverTheStrata) {
  const std::string faults = "  - {kind: bit_flip, target: weights, layers: [0], bits: [0, 1, 2]}";
  const Done done = run(faults, "sample: {half_width: 0.00001, scheme: bit, minimum: 30, maximum: 100}");
  EXPECT_EQ(done.run.sets[0].stopped, "the maximum is drawn");
  EXPECT_EQ(done.plan.sets[0]->drawn(), 100U);
  EXPECT_THAT(
      error("  - {kind: bit_flip, target: weights}", "sample: {half_width: 0.1, scheme: bit, maximum: 30}"),
      HasSubstr("a maximum of 30 faults, fewer than the"));
}

// A tensor keeps its number when its weights are narrowed.
TEST_F(Campaign, NarrowedWeightsAreChosenByTheSameNumber) {
  const Plan wide = plan("  - {kind: bit_flip, target: weights, layers: [0]}", "sample: {count: 3}");
  const int tensor = wide.bits(0)->values().places[0].tensor;
  const Plan narrow = plan(
      fmt::format("  - {{kind: bit_flip, target: weights, tensors: [{}], storage: {{width: 4}}}}", tensor),
      "sample: {count: 3}");
  EXPECT_EQ(narrow.sets[0]->population() * 2, wide.sets[0]->population());
}

TEST_F(Campaign, WeightsOfOtherTensorsAreNotNarrowed) {
  const auto weights_of = [](const Plan& plan) {
    std::vector<std::vector<std::byte>> weights;
    const Model& model = plan.workload->program->model();
    for (const Operator& op : model.operators)
      if (const auto inputs = layer_inputs(op.kind)) {
        const auto& data = model.tensors[static_cast<std::size_t>(op.inputs[inputs->weights])].data;
        weights.emplace_back(data.begin(), data.end());
      }
    return weights;
  };
  const Plan wide = plan("  - {kind: bit_flip, target: weights, layers: [0]}", "sample: {count: 3}");
  const int tensor = wide.bits(0)->values().places[0].tensor;
  const auto before = weights_of(wide);
  const auto after = weights_of(plan(
      fmt::format("  - {{kind: bit_flip, target: weights, tensors: [{}], storage: {{width: 4}}}}", tensor),
      "sample: {count: 3}"));
  ASSERT_EQ(before.size(), after.size());
  ASSERT_GT(before.size(), 1U);
  EXPECT_NE(before[0], after[0]);
  for (std::size_t i = 1; i < before.size(); ++i) EXPECT_EQ(before[i], after[i]) << i;
}

TEST_F(Campaign, AnExhaustiveSampleIsThePointInEveryTable) {
  const Done done =
      run("  - {kind: bit_flip, target: biases, layers: [0], bits: [5, 9], storage: {protection: vandor}, "
          "compare: unprotected}",
          "sample: exhaustive");
  const BitSet& set = *done.plan.bits(0);
  for (const DirectionRow& row : direction_rows(set, 0.95))
    if (row.share) {
      EXPECT_EQ(row.share->interval->low, row.share->interval->high) << row.direction;
    }
  for (const DomainRow& row : domain_rows(set, true, true, {}))
    EXPECT_EQ(row.changed_share.these_images->low, row.changed_share.these_images->high);
}

TEST_F(Campaign, AnErrorRateOf0IsGoldenAndOf1FlipsAll) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {ber: [0, 1], draws: 2}");
  const FaultCounts& golden = done.plan.workload->golden.counts;
  EXPECT_EQ(done.plan.sets[0]->counts_of(0) == golden, true);
  EXPECT_EQ(done.plan.bits(0)->fault(3).sites.size(), done.plan.bits(0)->bit_strata()[0].population());
  EXPECT_LT(done.plan.sets[0]->counts_of(3).faulty_correct, golden.golden_correct);
}

TEST_F(Campaign, SetsAreCombinedByTheUsersWeights) {
  const Done done =
      run("  - {kind: bit_flip, target: weights, weight: 3, raw_rate: {fit_per_mbit: 100}}\n"
          "  - {kind: bit_flip, target: data, weight: 1}",
          "sample: {count: 60}");
  const std::vector<SetEstimates> sets = {done.estimates(0), done.estimates(1)};
  const CombinedEstimates combined = *combine(done.plan, sets);
  EXPECT_NEAR(combined.sdc_rate.share, 0.75 * sets[0].sdc_rate.mean + 0.25 * sets[1].sdc_rate.mean, 1e-12);
  EXPECT_LT(combined.sdc_rate.interval.low, combined.sdc_rate.share);
  const FailureRate rate = *failure_rate(done.plan, 0, sets[0]);
  EXPECT_NEAR(rate.raw_fit, 100.0 * static_cast<double>(done.plan.sets[0]->population()) / 1e6, 1e-9);
  EXPECT_NEAR(rate.of_one_inference.fit, rate.raw_fit * sets[0].sdc_rate.mean, 1e-9);
  EXPECT_FALSE(failure_rate(done.plan, 1, sets[1]));
}

// With m inferences a fault that changes a share s of the classes fails with 1 - (1 - s)^m.
TEST_F(Campaign, AFaultThatStaysFailsMoreOften) {
  const Done done =
      run("  - {kind: bit_flip, target: weights, raw_rate: {fit_per_mbit: 100, inferences: 20}, storage: "
          "{protection: tmr}, "
          "compare: unprotected}",
          "sample: {count: 200}");
  const FailureRate rate = *failure_rate(done.plan, 0, done.estimates());
  double chance = 0;
  for (std::size_t i = 0; i < done.plan.sets[0]->drawn(); ++i) {
    const FaultCounts counts = done.plan.sets[0]->counts_of(i);
    chance +=
        1.0 - std::pow(1.0 - static_cast<double>(counts.changed) / static_cast<double>(counts.units), 20);
  }
  EXPECT_NEAR(rate.of_inferences->fit, rate.raw_fit * chance / 200.0, 1e-5 * rate.raw_fit);
  EXPECT_GT(rate.of_inferences->fit, rate.of_one_inference.fit);
  EXPECT_LE(rate.of_inferences->fit, rate.of_critical_faults->fit);
  EXPECT_EQ(rate.protected_of_inferences->fit, 0.0) << "every single flip is corrected";
  EXPECT_GT(rate.protected_of_inferences->interval->high, 0.0) << "of those that were drawn";
}

// A class that one fault breaks on one image and mends on another is removed once, not netted to nothing.
TEST_F(Campaign, WhatAProtectionRemovesIsCountedImageByImage) {
  const Done done =
      run("  - {kind: bit_flip, target: weights, storage: {protection: vandor}, compare: unprotected}",
          "sample: {count: 300}");
  const BitSet& set = *done.plan.bits(0);
  const ProtectionEffect effect = *protection_effect(set, 0.95);
  std::uint64_t cured = 0;
  for (std::size_t i = 0; i < set.drawn(); ++i) cured += set.protected_outcomes()[i].cured;
  EXPECT_NEAR(effect.removed->share, static_cast<double>(cured) / static_cast<double>(effect.changed_before),
              1e-12);
  EXPECT_GE(cured + effect.changed_after, effect.changed_before);
}

TEST_F(Campaign, RowsThatHoldTogetherAreWider) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {count: 100}");
  const auto each = domain_rows(*done.plan.bits(0), false, true, {});
  const auto together = domain_rows(*done.plan.bits(0), false, true, {0.95, RowIntervals::together});
  ASSERT_EQ(each.size(), 8U);
  const auto alone = domain_rows(*done.plan.bits(0), false, true, {1.0 - 0.05 / 8.0});
  for (std::size_t i = 0; i < each.size(); ++i) {
    EXPECT_GT(together[i].changed_share.these_images->high, each[i].changed_share.these_images->high);
    EXPECT_EQ(together[i].changed_share.these_images->high, alone[i].changed_share.these_images->high);
  }
}

TEST_F(Campaign, OneSidedBoundsLieBelowTheUpperEndsOfIntervals) {
  const SetEstimates estimates =
      run("  - {kind: bit_flip, target: weights}", "sample: {count: 100}").estimates();
  EXPECT_LT(*estimates.critical_at_most, estimates.critical.interval->high);
  EXPECT_GT(*estimates.critical_at_most, estimates.critical.share);
  EXPECT_LT(*estimates.sdc_rate_at_most, estimates.sdc_rate.these_images->high);
  EXPECT_GT(*estimates.sdc_rate_at_most, estimates.sdc_rate.mean);
}

TEST_F(Campaign, SpreadGivesTheLargestRemaindersTheRest) {
  const Plan planned = plan("  - {kind: bit_flip, target: weights}", "sample: {count: 1, scheme: layer}");
  const FaultSet& set = *planned.sets[0];
  const auto population = static_cast<double>(set.population());
  ASSERT_GT(set.strata().size(), 2U);
  for (std::uint64_t total = 500; total < 900; ++total) {
    const auto targets = spread(set, total);
    std::uint64_t sum = 0;
    double least_up = 1, most_down = 0;
    bool all = true;
    for (std::size_t h = 0; h < targets.size(); ++h) {
      sum += targets[h];
      const double share =
          static_cast<double>(total) * static_cast<double>(set.strata()[h].population) / population;
      all = all && share >= 1;
      const double rest = share - std::floor(share);
      if (static_cast<double>(targets[h]) > share) least_up = std::min(least_up, rest);
      else most_down = std::max(most_down, rest);
      EXPECT_LT(std::abs(static_cast<double>(targets[h]) - share), 1.0) << total << " " << h << " " << share;
    }
    ASSERT_TRUE(all);
    EXPECT_EQ(sum, total);
    EXPECT_GE(least_up, most_down - 1e-9) << total;
  }
}

TEST_F(Campaign, AStuckAtThatMovesNothingHasNoDirection) {
  const Done done = run("  - {kind: stuck_at, target: weights, polarity: [1]}", "sample: {count: 200}");
  const BitSet& set = *done.plan.bits(0);
  int moved = 0;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitSite site = set.fault(i).sites[0];
    const Tensor& tensor = done.plan.workload->tensor(set.values().places[site.values].tensor);
    const bool was_set = (static_cast<unsigned>(tensor.data[site.element]) >> site.stored_bit & 1U) != 0;
    const BitOutcome outcome = set.outcomes()[i];
    EXPECT_EQ(outcome.of_direction[0].trials, was_set ? 0U : 12U);
    EXPECT_EQ(outcome.of_direction[1].trials, 0U);
    std::uint64_t magnitudes = 0;
    for (const auto& sums : outcome.of_magnitude) magnitudes += sums.trials;
    EXPECT_EQ(magnitudes, was_set ? 0U : 12U);
    moved += was_set ? 0 : 1;
  }
  EXPECT_GT(moved, 50);
  EXPECT_LT(moved, 150);
}

TEST_F(Campaign, SetsTooManyToCountAreEndless) {
  for (const int together : {9, 20, 40, 60, 64, 100}) {
    const Plan planned =
        plan(fmt::format("  - {{kind: stuck_at, target: weights, simultaneous: {}}}", together),
             "sample: {count: 1}");
    EXPECT_EQ(planned.sets[0]->population(), std::uint64_t{1} << 62) << together;
  }
}

TEST_F(Campaign, AFlippedNarrowWeightKeepsItsSign) {
  const Done done =
      run("  - {kind: bit_flip, target: weights, storage: {width: 4}}", "sample: {count: 200}", 1);
  const BitSet& set = *done.plan.bits(0);
  std::set<bool> signs;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const auto value = *set.outcomes()[i].value;
    const int before = static_cast<std::int8_t>(value.first), after = static_cast<std::int8_t>(value.second);
    EXPECT_GE(after, -8);
    EXPECT_LE(after, 7);
    EXPECT_EQ((before ^ after) & 15, 1 << set.fault(i).sites[0].stored_bit);
    signs.insert(after < 0);
  }
  EXPECT_EQ(signs.size(), 2U);
}

TEST_F(Campaign, EveryReadCountsHoweverTheFaultIsRun) {
  for (const int together : {3, 100}) {  // propagated, run plainly
    const Done done = run(fmt::format("  - {{kind: bit_flip, target: weights, simultaneous: {}, storage: "
                                      "{{protection: tmr}}, compare: unprotected}}",
                                      together),
                          "sample: {count: 5}");
    const BitSet& set = *done.plan.bits(0);
    for (std::size_t i = 0; i < set.drawn(); ++i) {
      std::set<std::pair<std::size_t, std::uint64_t>> values;
      for (const BitSite& site : set.fault(i).sites) values.insert({site.values, site.element});
      EXPECT_EQ(set.outcomes()[i].reads, 12U * values.size()) << together;
      EXPECT_EQ(set.protected_outcomes()[i].reads, 12U * values.size()) << together;
      EXPECT_EQ(set.protected_outcomes()[i].detected, 12U * values.size()) << together;
    }
  }
}

TEST_F(Campaign, EveryBitOfASetHasAModelOfItsOwn) {
  const Plan planned = plan("  - {kind: stuck_at, target: weights, simultaneous: 5}", "sample: {count: 40}");
  int mixed = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const BitFault fault = planned.bits(0)->fault(i);
    mixed += std::set<BitFaultModel>(fault.models.begin(), fault.models.end()).size() == 2 ? 1 : 0;
  }
  EXPECT_GT(mixed, 30) << "of 40; all five alike once in 16";
}

// The same faults, bare, with split and with tripled neurons: those that are protected, and no others,
// change.
TEST_F(Campaign, ProtectionsOfChosenNeuronsSeeTheSameFaults) {
  ASSERT_TRUE(
      write_file(m_folder.path() / "n.csv", "layer,element,nvf\n4,0,0.5\n4,7,0.01\n4,100,0.2\n2,5,0.3\n"));
  const auto with = [&](const std::string& protection, const std::string& threshold) {
    return run("  - {kind: bit_flip, target: data, layers: [2, 4], storage: {protection: " + protection +
                   ", neurons: n.csv, threshold: " + threshold + "}, compare: unprotected}",
               "sample: exhaustive", 2);
  };
  const Done none = with("tmr", "1");
  const Done split = with("split_lcu", "0.2");
  const Done tripled = with("tmr", "0.2");
  std::set<std::pair<std::size_t, std::uint64_t>> differ;
  for (std::size_t i = 0; i < none.plan.sets[0]->drawn(); ++i) {
    const BitSet& a = *none.plan.bits(0);
    const BitSet& b = *split.plan.bits(0);
    const BitSet& c = *tripled.plan.bits(0);
    ASSERT_EQ(a.fault_name(i), b.fault_name(i));
    ASSERT_EQ(a.fault_name(i), c.fault_name(i));
    EXPECT_EQ(a.outcomes().counts(i).changed, b.outcomes().counts(i).changed);
    EXPECT_EQ(a.outcomes().counts(i).changed, a.protected_outcomes().counts(i).changed);
    const BitSite site = a.fault(i).sites[0];
    const std::size_t layer = a.values().places[site.values].operator_index;
    const bool is_critical =
        (layer == 4 && (site.element == 0 || site.element == 100)) || (layer == 2 && site.element == 5);
    const auto& plain = b.outcomes().counts(i);
    if (is_critical) {
      EXPECT_EQ(c.protected_outcomes().counts(i).output_identical, 2U) << "one copy of three";
    } else {
      EXPECT_EQ(plain.output_identical, b.protected_outcomes().counts(i).output_identical);
      EXPECT_EQ(plain.output_identical, c.protected_outcomes().counts(i).output_identical);
    }
    if (plain.output_identical != c.protected_outcomes().counts(i).output_identical)
      differ.insert({layer, site.element});
  }
  EXPECT_THAT(differ, testing::SizeIs(testing::Ge(2U)));
}

TEST_F(Campaign, ErrorRatesAreDrawnUntilTheirIntervalsAreNarrow) {
  const Done done =
      run("  - {kind: bit_flip, target: weights}",
          "sample: {ber: [1e-6, 1e-3], draws: {half_width: 0.03, minimum: 30, maximum: 2000}}", 8);
  const FaultSet& set = *done.plan.sets[0];
  EXPECT_EQ(done.run.sets[0].stopped, "the interval of every rate is as narrow as asked");
  for (std::size_t h = 0; h < 2; ++h) {
    const auto interval = *estimate(set, 0.95, h).faulty_accuracy.these_images;
    EXPECT_LE((interval.high - interval.low) / 2, 0.03);
  }
  EXPECT_LT(set.strata()[0].drawn, set.strata()[1].drawn) << "rare flips need fewer draws";
  const Done few = run("  - {kind: bit_flip, target: weights}",
                       "sample: {ber: [1e-3], draws: {half_width: 0.0001, minimum: 30, maximum: 40}}", 8);
  EXPECT_EQ(few.plan.sets[0]->drawn(), 40U);
  EXPECT_THAT(few.run.sets[0].stopped, HasSubstr("maximum"));
}

// It finds what random sets do not, and the same whatever the threads.
TEST_F(Campaign, AGeneticSearchFindsMoreHarmThanItBeganWith) {
  const std::string faults = "  - {kind: bit_flip, target: weights}";
  const std::string sample = "sample: {genetic: 20, flips: 8, generations: 8, patience: 8}";
  const Done done = run(faults, sample, 12);
  const BitSet& set = *done.plan.bits(0);
  EXPECT_EQ(set.drawn(), 160U);
  EXPECT_EQ(done.run.sets[0].stopped, "all generations are run");
  const LayerSearch search =
      search_of(set.layer_bits(), std::get<SampleGenetic>(set.config().sample), individuals_of(set));
  ASSERT_EQ(search.generations().size(), 8U);
  EXPECT_GT(search.generations().back().mean, search.generations().front().mean + 0.1);
  EXPECT_FALSE(estimate(set, 0.95).faulty_accuracy.these_images) << "no sample of a population";
  PlanParams params;
  params.threads = 3;
  EXPECT_EQ(run(faults, sample, 12, params).json(), done.json());
  EXPECT_THAT(error(faults, "sample: {genetic: 1000000, flips: 20}"),
              HasSubstr("individuals in all generations"));
  EXPECT_THAT(error(faults + "\n", "sample: {ber: [1e-3], draws: {half_width: 0.01}}"),
              HasSubstr("'maximum' is missing"));
  EXPECT_THAT(error("  - {kind: bit_flip, target: data, storage: {protection: split_lcu}}", sample),
              HasSubstr("split_lcu needs 'compare: unprotected'"));
  EXPECT_THAT(error("  - {kind: bit_flip, target: biases, bits: [0]}", "sample: {genetic: 20, flips: 60}"),
              HasSubstr("a search needs twice as many"));
  EXPECT_THAT(error("  - {kind: bit_flip, target: weights, simultaneous: 2}", "sample: {genetic: 20}"),
              HasSubstr("leave 'simultaneous'"));
  EXPECT_THAT(error(faults, "sample: {genetic: 20}\ndesign: paired"), HasSubstr("draws a fixed sample"));
}

TEST_F(Campaign, PrunedZerosLeaveThePopulation) {
  const Done all = run("  - {kind: bit_flip, target: weights}", "sample: {count: 2}", 1);
  const Done some = run("  - {kind: bit_flip, target: weights, mask: zeros}", "sample: {count: 2000}", 1);
  std::uint64_t zeros = 0;
  const auto values = nlohmann::json::parse(all.json())["fault_sets"][0]["values"];
  for (const auto& value : values)
    zeros += std::llround(value["zero_share"].get<double>() * value["values"].get<double>());
  EXPECT_GT(zeros, 20U);
  EXPECT_EQ(some.plan.sets[0]->population(), all.plan.sets[0]->population() - 8 * zeros);
  const BitSet& set = *some.plan.bits(0);
  for (std::size_t i = 0; i < set.drawn(); ++i) EXPECT_NE(set.outcomes()[i].value->first, 0U);
}

TEST_F(Campaign, ResultsTellHowStoredConstantsAreDistributed) {
  const Done done = run("  - {kind: bit_flip, target: weights}", "sample: {count: 2}", 1);
  const auto values = nlohmann::json::parse(done.json())["fault_sets"][0]["values"];
  for (const auto& value : values) {
    std::uint64_t sum = 0;
    for (const auto& count : value["histogram_of_codes"]) sum += count.get<std::uint64_t>();
    EXPECT_EQ(sum, value["values"]);
    EXPECT_LE(value["zero_share"].get<double>() * value["values"].get<double>(),
              value["histogram_of_codes"][8].get<double>() + 0.001);
  }
  EXPECT_EQ(values.size(), 4U);
}

// Whoever reads them by place finds the same directions in every campaign.
TEST_F(Campaign, EveryDirectionHasARowOfAllLayers) {
  const Done done = run("  - {kind: stuck_at, target: weights, polarity: [1]}", "sample: {count: 3}", 1);
  const auto rows = direction_rows(*done.plan.bits(0), 0.95);
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(rows[k].direction, (std::vector<std::string>{"0->1", "1->0", "away", "towards", "neither"})[k]);
    EXPECT_FALSE(rows[k].layer);
  }
  EXPECT_FALSE(rows[1].share) << "nothing goes from 1 to 0";
}

}  // namespace
}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/inventory.hpp"

#include <gmock/gmock.h>

#include <map>

#include "qfi/faults/collapse.hpp"
#include "qfi/faults/netlist_inventory.hpp"
#include "qfi/tables/fault_tables.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

ModelInventory inventory_of(const std::string& name) {
  return take_inventory(value_of(
      Program::prepare(value_of(load_tflite(test::shared_folder() / "data/models" / (name + ".tflite"))))));
}

// Published sizes of these networks: 4,684 and 2,816 neurons, AlexNet's weights.
TEST(ModelInventory, CountsWhatThePublishedStudiesCount) {
  QFI_NEEDS_SHARED_DATA();
  EXPECT_EQ(inventory_of("lenet5_valid_mnist_int8").total(&OperatorInventory::neurons), 4684U);
  EXPECT_EQ(inventory_of("mlp7_mnist_int8").total(&OperatorInventory::neurons), 2816U);
  const ModelInventory alexnet = inventory_of("alexnet_cifar10_int8");
  EXPECT_EQ(alexnet.total(&OperatorInventory::weights), 28'505'792U);
  EXPECT_EQ(alexnet.total(&OperatorInventory::weight_bits), 8U * 28'505'792U);
}

TEST(ModelInventory, HasAnAccumulatorAndAnOutputStagePerLayer) {
  const ModelInventory demo = take_inventory(value_of(
      Program::prepare(value_of(load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite")))));
  std::uint64_t accumulators = 0;
  for (const StageInventory& stage : demo.stages) {
    if (stage.kind != StageInventory::Kind::accumulator) continue;
    ++accumulators;
    EXPECT_EQ(stage.bits_per_value, 32U);
  }
  std::uint64_t layers = 0;
  for (const OperatorInventory& op : demo.operators) layers += op.weights > 0 ? 1 : 0;
  EXPECT_EQ(accumulators, layers);
  EXPECT_EQ(demo.stages.size(), 1 + layers + demo.operators.size());
}

TEST(ModelInventory, SumsOf16BitActivationsHave64BitsUnlessTheFileSaysOtherwise) {
  QFI_NEEDS_SHARED_DATA();
  Model model = value_of(load_tflite(test::shared_folder() / "data/models/lenet5_mnist_int16x8.tflite"));
  const auto bits_of_accumulators = [](const ModelInventory& inventory) {
    std::vector<std::uint64_t> bits;
    for (const StageInventory& stage : inventory.stages)
      if (stage.kind == StageInventory::Kind::accumulator) bits.push_back(stage.bits_per_value);
    return bits;
  };
  EXPECT_THAT(bits_of_accumulators(take_inventory(value_of(Program::prepare(model)))), testing::Each(64U));
  // Without a bias, only the option tells.
  for (Operator& op : model.operators) {
    if (!layer_inputs(op.kind)) continue;
    op.inputs.resize(2);
    if (auto* window = std::get_if<WindowOptions>(&op.options)) window->accumulates_in_32_bits = true;
    else std::get<ActivationOptions>(op.options).accumulates_in_32_bits = true;
  }
  EXPECT_THAT(bits_of_accumulators(take_inventory(value_of(Program::prepare(model)))), testing::Each(32U));
}

TEST(NetlistInventory, CountsTheManifestsCellsAndNets) {
  const NetlistInventory inventory =
      take_inventory(value_of(read_netlist(test::source_folder() / "netlists/mul_adders.json")));
  std::uint64_t cells = 0;
  for (const auto& [type, count] : inventory.cells) cells += count;
  EXPECT_EQ(cells, 1130U);
  EXPECT_EQ(inventory.net_sites.sites, 1763U);
  EXPECT_EQ(inventory.net_sites.faults, 2 * inventory.net_sites.sites);
  EXPECT_LT(inventory.pin_sites.classes, inventory.pin_sites.faults);
}

// Whatever rule joined them, faults of a class have the same products on every operand pair.
TEST(Collapsing, FaultsOfAClassAreEqual) {
  for (const char* name : {"netlists/mul_gates.json", "netlists/mul_adders.json"}) {
    const Netlist netlist = value_of(read_netlist(test::source_folder() / name));
    for (const SiteKind kind : {SiteKind::nets, SiteKind::pins}) {
      const std::vector<Site> sites = enumerate_sites(netlist, kind);
      const std::vector<std::uint32_t> classes = structural_classes(netlist, sites);
      ASSERT_EQ(classes.size(), 2 * sites.size());
      TableUse use;
      use.codes = {CodeType::int8, 0, 0};
      use.weight_occurs.fill(true);
      const FaultTables tables(netlist, {use}, {});
      FaultTables::Scratch scratch;
      std::map<std::uint32_t, Digest> digest_of;
      std::uint64_t joined = 0;
      for (std::uint64_t i = 0; i < classes.size(); i += 3) {  // a third of them: time
        const StuckAt fault = stuck_at_member(sites, i);
        const Digest digest = tables.examine(fault, scratch).digest;
        const auto [entry, is_new] = digest_of.try_emplace(classes[i], digest);
        joined += is_new ? 0 : 1;
        ASSERT_EQ(entry->second, digest) << site_name(netlist, fault.site) << " stuck at " << fault.value;
      }
      // Only half adders' and gates' own inputs join in a netlist of adder cells.
      EXPECT_GE(joined, std::string_view(name).find("gates") == std::string_view::npos ? 0U : 100U);
    }
  }
}

}  // namespace
}  // namespace qfi

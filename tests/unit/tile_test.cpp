// SPDX-License-Identifier: Apache-2.0
// The tile programs that a GPU runs, in loops on the CPU, against the engine's reference.
#include <gtest/gtest.h>

#include <cstring>

#include "draw.hpp"
#include "engine/table_analysis.hpp"
#include "engine/tiles/tile_proof.hpp"
#include "engine/tiles/tile_source.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/campaign/run.hpp"
#include "random_operator.hpp"
#include "random_table.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

using tiles::TileLayer;

TEST(Tiles, FinishAsTheRequantizerDoes) {
  test::Draw draw(5);
  for (int trial = 0; trial < 200; ++trial) {
    const MultiplyAccumulate op = test::random_operator(draw);
    const Requantizer& requantizer = op.requantizer;
    std::vector<std::int32_t> multiplier, shift;
    for (const QuantizedMultiplier& factor : requantizer.fixed_point) {
      multiplier.push_back(factor.multiplier);
      shift.push_back(factor.shift);
    }
    const tiles::Finish finish{
        multiplier.data(),      shift.data(),    requantizer.real.empty() ? nullptr : requantizer.real.data(),
        requantizer.zero_point, requantizer.min, requantizer.max};
    for (int i = 0; i < 100; ++i) {
      const auto sum = static_cast<std::int32_t>(draw.bits()) >> draw(0, 31);
      const int channel = draw(0, op.shape.out_c - 1);
      ASSERT_EQ(tiles::finish_output(finish, sum, channel),
                static_cast<std::uint8_t>(requantizer(sum, static_cast<std::size_t>(channel))))
          << sum;
    }
  }
}

// Layers as models have them: whole chunks of channels, or not, and more columns than a tile has.
MultiplyAccumulate random_layer(test::Draw& draw) {
  MultiplyAccumulate op = test::random_operator(draw);
  ConvolutionShape& s = op.shape;
  if (s.groups != 1 || s.is_transposed || draw(0, 2) == 0) return op;
  s.in_c = draw(0, 1) == 0 ? 16 * draw(1, 4) : draw(6, 70);
  op.weights = test::random_bytes(draw, static_cast<std::size_t>(s.out_c) * s.taps());
  return op;
}

// One kind more: errors of one value under most pairs of bits, as many patterns as weights.
ProductTable faulty_table_of(test::Draw& draw, const OperandCodes& codes, int kind) {
  if (kind != 10) return test::faulty_table(draw, codes, kind);
  ProductTable table = ProductTable::exact(codes);
  const int bit = draw(3, 9);
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x)
      if ((w * x >> bit & 1U) != 0) table.at(w, x) = wrapping_add(table.at(w, x), 77 << bit);
  return table;
}

std::vector<std::uint8_t> run_on_tiles(const MultiplyAccumulate& op, const TabulatedUnit* unit,
                                       std::size_t images, const std::vector<std::uint8_t>& input) {
  const auto machine = tiles::make_host_machine();
  tiles::ByteBlock block;
  std::vector<tiles::TileOperands> exact;
  TileLayer layer = tiles::add_layer(op, block, exact);
  TileLayer* const layers[] = {&layer};
  const tiles::TileConstants constants = tiles::make_constants(*machine, block, std::move(exact), layers);
  tiles::LayerRunner runner(*machine, constants);
  const TileLayer* const needing[] = {&layer};
  runner.take_memory(tiles::needs_of(needing), std::size_t{1} << 26, 64, 1, 2);
  tiles::TileMemory in(*machine, input.size());
  std::vector<std::uint8_t> output(images * static_cast<std::size_t>(op.shape.planes) * op.shape.out_plane());
  tiles::TileMemory out(*machine, output.size());
  machine->upload(in.data(), input.data(), input.size());
  const tiles::LayerImages io{reinterpret_cast<const std::uint8_t*>(in.data()),
                              reinterpret_cast<std::uint8_t*>(out.data()), images};
  const tiles::LayerUnit layer_unit{&layer, unit};
  if (unit != nullptr) runner.begin_fault(std::span(&layer_unit, 1));
  runner.run(layer, io);
  machine->download(output.data(), out.data(), output.size());
  return output;
}

// Every operand may occur. nullptr: too many terms.
std::shared_ptr<const FactoredProducts> factored(const ProductTable& table, const OperandCodes& codes) {
  auto found = factor_products(error_table(table, codes), {ByteSet::all(), ByteSet::all()},
                               {codes.type, false, tiles::k_most_terms - 2});
  return found ? std::make_shared<const FactoredProducts>(std::move(*found)) : nullptr;
}

// nullptr: errors of too many values.
std::shared_ptr<const ErrorPlanes> planes_of(const ProductTable& table, const OperandCodes& codes) {
  auto found = split_errors(error_table(table, codes), {ByteSet::all(), ByteSet::all()}, 4);
  return found ? std::make_shared<const ErrorPlanes>(std::move(*found)) : nullptr;
}

class TileLayers : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TileLayers, EqualTheReference) {
  for (std::uint64_t seed = GetParam() * 250; seed < (GetParam() + 1) * 250; ++seed) {
    test::Draw draw(seed);
    const MultiplyAccumulate op = random_layer(draw);
    const std::size_t images = static_cast<std::size_t>(draw(1, 3));
    const std::size_t planes = images * static_cast<std::size_t>(op.shape.planes);
    const std::vector<std::uint8_t> input = test::random_bytes(draw, planes * op.shape.in_plane());
    const int kind = static_cast<int>(seed % 13) - 1;  // -1: no table
    std::optional<ProductTable> table;
    TabulatedUnit unit;
    if (kind >= 0) {
      table = faulty_table_of(draw, op.codes, kind);
      unit = {&*table, draw(0, 1) == 0 ? PaddingTaps::skip : PaddingTaps::multiply, nullptr, {}, {}};
      const int way = draw(0, 5);  // looked up, counted if that is possible, else multiplied
      if (way == 1) unit.planes = planes_of(*table, op.codes);
      if (way != 0 && !unit.planes) unit.factored = factored(*table, op.codes);
    }
    std::vector<std::uint8_t> expected(planes * op.shape.out_plane());
    std::vector<std::byte> scratch;
    multiply_accumulate_reference(op, planes, input.data(), expected.data(), table ? &*table : nullptr,
                                  unit.padding, nullptr, scratch);
    ASSERT_EQ(run_on_tiles(op, table ? &unit : nullptr, images, input), expected) << "seed " << seed;
  }
}
INSTANTIATE_TEST_SUITE_P(Random, TileLayers, testing::Range<std::uint64_t>(0, 10));

// A machine with one wrong byte in the outputs of wide layers.
class BrokenMachine final : public tiles::TileMachine {
 public:
  std::string name() const override { return "broken"; }
  std::unique_ptr<TileMachine> another() const override { return std::make_unique<BrokenMachine>(); }
  std::size_t free_bytes() const override { return m_host->free_bytes(); }
  std::byte* allocate(std::size_t bytes) override { return m_host->allocate(bytes); }
  void release(std::byte* memory) noexcept override { m_host->release(memory); }
  void upload(std::byte* to, const void* from, std::size_t bytes) override {
    m_host->upload(to, from, bytes);
  }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    m_host->copy(to, from, bytes);
  }
  void download(void* to, const std::byte* from, std::size_t bytes) override {
    m_host->download(to, from, bytes);
  }
  void run(const tiles::CopyJob& job) override { m_host->run(job); }
  void run(const tiles::PackAllJob& job) override { m_host->run(job); }
  void run(const tiles::ProductJob& job) override {
    m_host->run(job);
    if (job.out_c > 100) job.output[job.rows * job.out_c - 1] ^= 1U;
  }
  void run(const tiles::BitsJob& job) override { m_host->run(job); }
  void run(const tiles::ClassJob& job) override { m_host->run(job); }
  void run(const tiles::CountJob& job) override {
    m_host->run(job);
    if (job.images > 32) job.sums[0] ^= 1;
  }
  void run(const tiles::LookUpJob& job) override { m_host->run(job); }
  void run(const tiles::ElementJob& job) override { m_host->run(job); }
  void run(const tiles::GatherJob& job) override { m_host->run(job); }
  void run(const tiles::PoolJob& job) override {
    m_host->run(job);
    job.output[0] ^= 1U;
  }
  void run(const tiles::SumJob& job) override {
    m_host->run(job);
    job.output[0] ^= 1U;
  }

 private:
  std::unique_ptr<TileMachine> m_host = tiles::make_host_machine();
};

TEST(Tiles, AMachineThatErrsFailsItsProof) {
  BrokenMachine machine;
  const auto proved = tiles::prove_products(machine);
  ASSERT_FALSE(proved);
  EXPECT_EQ(proved.error().message,
            "broken: sums of products with 128 output channels differ from the reference");
  const auto counted = tiles::prove_counts(machine);
  ASSERT_FALSE(counted);
  EXPECT_EQ(counted.error().message, "broken: counted errors differ from the reference");
}

// Golden tensors are random bytes here.
struct RandomPlan {
  RandomPlan(const Program& program, std::size_t images) {
    test::Draw draw(3);
    plan.watched = program.model().outputs;
    for (const int tensor : program.live_tensors(0, plan.watched)) {
      const std::size_t bytes = images * program.model().tensors[static_cast<std::size_t>(tensor)].bytes();
      values.push_back(test::random_bytes(draw, bytes));
    }
    plan.blocks.resize(1);
    plan.blocks[0].images = images;
    for (const auto& of_tensor : values) plan.blocks[0].values.push_back(std::as_bytes(std::span(of_tensor)));
  }
  std::vector<std::vector<std::uint8_t>> values;
  DevicePlan plan;
};

Program program_of(const std::filesystem::path& file) {
  return value_of(Program::prepare(value_of(load_tflite(file))));
}

class TileNetworks : public testing::TestWithParam<const char*> {};

// The proof runs every operator, exact and under tables, and compares it with the engine's.
TEST_P(TileNetworks, LeaveWhatTheEngineLeaves) {
  const auto file = test::shared_folder() / "data/models" / GetParam();
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  const Program program = program_of(file);
  const RandomPlan random(program, 2);
  const auto source = tiles::make_tile_source(tiles::make_host_machine(), program, random.plan, 0);
  ASSERT_TRUE(source) << source.error().message;
  RecordProperty("device", (*source)->description());
}
INSTANTIATE_TEST_SUITE_P(Shared, TileNetworks,
                         testing::Values("ic_resnet8_int8.tflite", "resnet18w16_cifar10_int8.tflite",
                                         "mobv1_050_cifar10_int8.tflite", "mobv2_050_cifar10_uint8io.tflite",
                                         "mobilenet_v1_0.5_160_quant.tflite", "kws_ref_int8.tflite",
                                         "lenet5_mnist_int8.tflite"));

TEST(Tiles, ANetworkThatIsComputedWronglyIsNotTaken) {
  const Program program = program_of(test::source_folder() / "campaigns/demo/shapes.tflite");
  const RandomPlan random(program, 2);
  const auto source = tiles::make_tile_source(std::make_unique<BrokenMachine>(), program, random.plan, 0);
  ASSERT_FALSE(source);
}

TEST(Tiles, TooLittleMemoryIsAnErrorWithAdvice) {
  const Program program = program_of(test::source_folder() / "campaigns/demo/shapes.tflite");
  const RandomPlan random(program, 2);
  const auto source = tiles::make_tile_source(tiles::make_host_machine(), program, random.plan, 1000);
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().message.find("--device-memory"), std::string::npos) << source.error().message;
}

// A campaign of the demo on that device: its faults and what they do.
std::string campaign_text(DeviceChoice device, const Design& design, OperandEncoding operands) {
  CampaignConfig config = value_of(read_campaign_config(test::source_folder() / "campaigns/demo.yaml", {}));
  config.data.select = SelectFirst{40};
  config.faults[0].sample = SampleCount{40};
  std::get<StuckAtConfig>(config.faults[0].model).unit.operands = operands;
  config.design = design;
  PlanParams params;
  params.device.choice = device;
  Plan plan = value_of(make_plan(std::move(config), params));
  value_of(run_campaign(plan, {2, {}}));
  std::string text;
  for (std::size_t i = 0; i < plan.sets[0]->drawn(); ++i)
    text += fmt::format("{}: {}\n", plan.sets[0]->fault_name(i),
                        fmt::join(count_numbers(plan.sets[0]->counts_of(i)), " "));
  return text;
}

TEST(Tiles, ACampaignGivesWhatItGivesOnTheCpu) {
  for (const Design& design : {Design{DesignCrossed{}}, Design{DesignNested{4}}})
    for (const OperandEncoding operands : {OperandEncoding::raw, OperandEncoding::offset}) {
      const std::string expected = campaign_text(DeviceChoice::cpu, design, operands);
      EXPECT_EQ(campaign_text(DeviceChoice::tile_programs, design, operands), expected);
      EXPECT_EQ(std::ranges::count(expected, '\n'), 40);
    }
}

}  // namespace
}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "qfi/base/parallel.hpp"
#include "qfi/base/random.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_block_bytes = std::size_t{64} << 20;  // of activations in one batch
constexpr std::size_t k_most_block_images = 200;
constexpr std::uint64_t k_live_bytes = std::uint64_t{512} << 20;  // of golden tensors kept for all images

Result<int> find_metric_tensor(const Model& model, const std::string& name) {
  if (name == "output") return model.outputs[0];
  const Result<int> tensor = find_tensor(model, name);
  if (!tensor) return at("metric", tensor.error());
  if (!is_computed(model, *tensor)) return bad_input("metric: nothing computes the tensor '{}'", name);
  return tensor;
}

// The latest operator, not after the first faulty one, before which all images' live tensors fit.
std::size_t choose_cut(const Plan& plan) {
  const auto live_bytes = [&](std::size_t cut) {
    std::uint64_t bytes = 0;
    for (const int tensor : plan.program->live_tensors(cut, plan.watched))
      bytes += plan.program->model().tensors[static_cast<std::size_t>(tensor)].bytes();
    return bytes * plan.data.images();
  };
  std::size_t cut = plan.operators.front().index;
  while (cut > 0 && live_bytes(cut) > k_live_bytes) --cut;
  return cut;
}

void make_blocks(Plan& plan) {
  const std::size_t fitting = k_block_bytes / std::max<std::size_t>(plan.program->bytes_per_image(), 1);
  const std::size_t size = std::clamp<std::size_t>(fitting, 1, k_most_block_images);
  for (std::size_t first = 0; first < plan.data.images(); first += size)
    plan.blocks.push_back({first, std::min(size, plan.data.images() - first), {}});
}

std::size_t tensor_bytes(const Plan& plan, int tensor) {
  return plan.program->model().tensors[static_cast<std::size_t>(tensor)].bytes();
}

void keep(const Batch& batch, int tensor, std::span<std::byte> to) {
  const auto from = batch.tensor(tensor);
  std::memcpy(to.data(), from.data(), from.size());
}

// The golden run of one block: keeps what the faulty runs start from and are compared with, and
// counts the operand pairs of the faulty operators.
Result<void> run_golden_block(Plan& plan, ImageBlock& block, Batch& batch, std::vector<TableUse>& uses) {
  const Program& program = *plan.program;
  batch.set_images(block.count);
  const int input = program.model().inputs[0];
  const Tensor& input_tensor = program.model().tensors[static_cast<std::size_t>(input)];
  QFI_TRY(const std::vector<std::byte> values,
          plan.data.read_inputs(block.first, block.count, input_tensor, plan.config.input));
  std::memcpy(batch.tensor(input).data(), values.data(), values.size());
  auto next = plan.operators.begin();
  for (std::size_t i = 0; i < program.model().operators.size(); ++i) {
    if (i == plan.cut)
      for (const int tensor : plan.live_tensors) {
        block.live.emplace_back(batch.tensor(tensor).size());
        keep(batch, tensor, block.live.back());
      }
    if (next != plan.operators.end() && next->index == i) {
      program.count_pairs(batch, i, plan.config.faults.padding, uses[next->use].golden_pairs);
      ++next;
    }
    program.run(batch, i, i + 1);
  }
  for (std::size_t k = 0; k < plan.watched.size(); ++k) {
    const std::size_t bytes = tensor_bytes(plan, plan.watched[k]);
    keep(batch, plan.watched[k],
         std::span(plan.golden.outputs[k]).subspan(block.first * bytes, block.count * bytes));
  }
  return {};
}

Result<std::vector<TableUse>> run_golden(Plan& plan, const std::vector<TableUse>& uses, unsigned threads) {
  for (const int tensor : plan.watched)
    plan.golden.outputs.emplace_back(tensor_bytes(plan, tensor) * plan.data.images());
  const auto workers = static_cast<unsigned>(std::min<std::size_t>(threads, plan.blocks.size()));
  std::vector<std::vector<TableUse>> uses_of_worker(workers, uses);
  std::vector<std::unique_ptr<Batch>> batches(workers);
  std::vector<Result<void>> outcomes(plan.blocks.size());
  parallel_for(plan.blocks.size(), workers, [&](std::size_t i, unsigned worker) {
    if (!batches[worker]) batches[worker] = std::make_unique<Batch>(*plan.program, plan.blocks[0].count);
    outcomes[i] = run_golden_block(plan, plan.blocks[i], *batches[worker], uses_of_worker[worker]);
  });
  for (const Result<void>& outcome : outcomes) QFI_CHECK(outcome);
  std::vector<TableUse> total = std::move(uses_of_worker[0]);
  for (unsigned worker = 1; worker < workers; ++worker)
    for (std::size_t u = 0; u < total.size(); ++u)
      for (std::size_t i = 0; i < 65536; ++i)
        total[u].golden_pairs[i] += uses_of_worker[worker][u].golden_pairs[i];
  for (const TableUse& use : total)
    for (const std::uint64_t count : use.golden_pairs) plan.proof.golden_products += count;
  return total;
}

std::span<const std::byte> golden_scores(const Plan& plan, std::size_t image) {
  const auto place =
      static_cast<std::size_t>(std::ranges::find(plan.watched, plan.metric_tensor) - plan.watched.begin());
  const std::size_t bytes = tensor_bytes(plan, plan.metric_tensor);
  return std::span(plan.golden.outputs[place]).subspan(image * bytes, bytes);
}

void score_golden(Plan& plan) {
  const Tensor& metric = plan.program->model().tensors[static_cast<std::size_t>(plan.metric_tensor)];
  for (std::size_t image = 0; image < plan.data.images(); ++image) {
    const Scores scores(metric, golden_scores(plan, image));
    const int label = plan.data.labels()[image];
    plan.golden.top1.push_back(scores.top1());
    plan.golden.scores.push_back({scores.top1() == label, scores.rank(label) < 5, false});
    ClassificationCounts& counts = plan.golden.counts;
    ++counts.images;
    counts.golden_correct += scores.top1() == label ? 1 : 0;
    counts.faulty_correct = counts.golden_correct;
    counts.faulty_top5_correct += plan.golden.scores.back().top5 ? 1 : 0;
    ++counts.output_identical;
    counts.due += scores.has_nan_or_infinity() ? 1 : 0;
    plan.golden.top5_ties += scores.ties_after(5) ? 1 : 0;
    plan.golden.top5_hanging += scores.hangs_on_tie(label, 5) ? 1 : 0;
  }
}

// Exact tables must give what the exact kernels gave; on the way, how long a faulty run takes.
Result<void> prove_table_path(Plan& plan) {
  const ImageBlock& block = plan.blocks.front();
  Batch batch(*plan.program, block.count);
  const Simulator& simulator = plan.tables->simulator();
  FaultyUnitTables tables(*plan.program, *plan.tables, plan.operators, plan.config.faults.padding);
  tables.set(simulator.golden());
  restore_block(plan, block, batch);
  const auto start = std::chrono::steady_clock::now();
  plan.program->run(batch, plan.cut, plan.program->model().operators.size(), &tables.unit());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  plan.seconds_per_image = taken.count() / static_cast<double>(block.count);
  // Taps in the padding are multiplied only by the table path, where they add (w - z_w) * 0.
  std::vector<ImageScore> scores;
  if (score_block(plan, batch, block, scores).output_identical != block.count)
    return failed("internal error: the table path with exact tables differs from the golden path");
  plan.proof.table_path_images = block.count;
  plan.proof.fault_free_pairs = simulator.grid().size();
  return {};
}

Result<std::vector<StuckAt>> draw_faults(Plan& plan, const std::vector<Site>& sites) {
  const SampleConfig& sample = plan.config.sample;
  std::vector<StuckAt> faults;
  if (const auto* list = std::get_if<SampleList>(&sample))
    return read_fault_list(list->file.path, *plan.netlist);
  if (std::holds_alternative<SampleExhaustive>(sample)) {
    for (std::uint64_t i = 0; i < plan.population; ++i) faults.push_back(stuck_at_member(sites, i));
    return faults;
  }
  std::uint64_t count = 0;
  if (const auto* margin = std::get_if<SampleMargin>(&sample)) {
    plan.sample_size = sample_size(plan.population, margin->margin, margin->t, margin->p, margin->rounding);
    count = plan.sample_size->rounded;
  } else {
    count = std::get<SampleCount>(sample).count;
  }
  if (count > plan.population)
    return bad_input("sample: {} faults asked for, the population has {}", count, plan.population);
  for (const std::uint64_t i : draw_without_replacement(plan.population, count, plan.config.seed, "stuck_at"))
    faults.push_back(stuck_at_member(sites, i));
  return faults;
}

// Simulates every drawn fault once, in parallel, and finds those that need no run of their own.
void classify_faults(Plan& plan, const std::vector<StuckAt>& drawn, unsigned threads) {
  plan.faults.resize(drawn.size());
  std::vector<FaultTables::Scratch> scratch(threads);
  parallel_for(drawn.size(), threads, [&](std::size_t i, unsigned worker) {
    plan.faults[i].fault = drawn[i];
    plan.faults[i].effect = plan.tables->examine(std::span(&drawn[i], 1), scratch[worker]);
  });
  std::map<Digest, std::size_t> first_with;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    PlannedFault& fault = plan.faults[i];
    fault.same_as = i;
    if (fault.effect.is_table_masked) {
      fault.fate = FaultFate::table_masked;
    } else if (fault.effect.golden_hits == 0) {
      fault.fate = FaultFate::use_masked;
    } else if (const auto [entry, is_new] = first_with.try_emplace(fault.effect.digest, i); !is_new) {
      fault.fate = FaultFate::equal;
      fault.same_as = entry->second;
    } else {
      plan.running.push_back(i);
    }
  }
}

Result<void> load_inputs(Plan& plan, KernelSet kernels) {
  const CampaignConfig& config = plan.config;
  QFI_TRY(Model model, load_tflite(config.model.path));
  if (model.inputs.size() != 1)
    return bad_input("{}: {} inputs; campaigns need a model with 1", config.model.path.string(),
                     model.inputs.size());
  QFI_TRY(plan.metric_tensor, find_metric_tensor(model, config.metric_tensor));
  for (const int output : model.outputs)
    if (std::ranges::find(plan.watched, output) == plan.watched.end()) plan.watched.push_back(output);
  plan.outputs = plan.watched.size();
  if (std::ranges::find(plan.watched, plan.metric_tensor) == plan.watched.end())
    plan.watched.push_back(plan.metric_tensor);
  auto program = Program::prepare(std::move(model), {kernels, false, {plan.metric_tensor}});
  if (!program) return at(config.model.path.string(), program.error());
  plan.program = std::make_unique<Program>(std::move(*program));
  plan.classes = plan.program->model().tensors[static_cast<std::size_t>(plan.metric_tensor)].elements();
  if (plan.classes < 2)
    return bad_input("metric: tensor '{}' has one value; top-1 needs at least two classes",
                     config.metric_tensor);
  QFI_TRY(plan.data, DataSet::open(config.data, config.seed));
  if (plan.data.labels().empty())
    return bad_input("{}: a campaign needs a class for each image", config.data.images.path.string());
  QFI_CHECK(plan.data.check_labels(plan.classes));
  QFI_TRY(auto netlist, read_netlist(config.faults.netlist.path, config.faults.roles));
  plan.netlist = std::make_unique<Netlist>(std::move(netlist));
  return {};
}

}  // namespace

void restore_block(const Plan& plan, const ImageBlock& block, Batch& batch) {
  batch.set_images(block.count);
  for (std::size_t k = 0; k < plan.live_tensors.size(); ++k)
    std::memcpy(batch.tensor(plan.live_tensors[k]).data(), block.live[k].data(), block.live[k].size());
}

ClassificationCounts score_block(const Plan& plan, const Batch& batch, const ImageBlock& block,
                                 std::vector<ImageScore>& image_scores) {
  const Tensor& metric = plan.program->model().tensors[static_cast<std::size_t>(plan.metric_tensor)];
  const std::size_t score_bytes = metric.bytes();
  ClassificationCounts counts;
  image_scores.clear();
  for (std::size_t i = 0; i < block.count; ++i) {
    const std::size_t image = block.first + i;
    bool is_identical = true;
    for (std::size_t k = 0; k < plan.outputs && is_identical; ++k) {
      const std::size_t bytes = tensor_bytes(plan, plan.watched[k]);
      is_identical = std::memcmp(batch.tensor(plan.watched[k]).data() + i * bytes,
                                 plan.golden.outputs[k].data() + image * bytes, bytes) == 0;
    }
    const int label = plan.data.labels()[image];
    const int golden_top1 = plan.golden.top1[image];
    const Scores scores(metric, batch.tensor(plan.metric_tensor).subspan(i * score_bytes, score_bytes));
    const int top1 = scores.top1();
    const bool was_correct = golden_top1 == label;
    const bool is_correct = top1 == label;
    image_scores.push_back({is_correct, scores.rank(label) < 5, top1 != golden_top1});
    ++counts.images;
    counts.golden_correct += was_correct ? 1 : 0;
    counts.faulty_correct += is_correct ? 1 : 0;
    counts.faulty_top5_correct += image_scores.back().top5 ? 1 : 0;
    counts.top1_changed += top1 != golden_top1 ? 1 : 0;
    if (top1 != golden_top1)
      counts.top5_lost += Scores(metric, golden_scores(plan, image)).rank(top1) >= 5 ? 1 : 0;
    counts.output_identical += is_identical ? 1 : 0;
    counts.correct_to_wrong += was_correct && !is_correct ? 1 : 0;
    counts.wrong_to_correct += !was_correct && is_correct ? 1 : 0;
    counts.due += scores.has_nan_or_infinity() ? 1 : 0;
  }
  return counts;
}

Result<Plan> make_plan(CampaignConfig config, const PlanParams& params) {
  Plan plan;
  plan.config = std::move(config);
  QFI_CHECK(load_inputs(plan, params.kernels));
  QFI_TRY(const std::vector<std::size_t> chosen, choose_operators(*plan.program, plan.config.faults));
  const std::vector<TableUse> uses = collect_uses(*plan.program, chosen, plan.operators);

  const std::vector<Site> sites = enumerate_sites(*plan.netlist, plan.config.faults.sites);
  plan.sites = sites.size();
  plan.population = 2 * plan.sites;
  QFI_TRY(const std::vector<StuckAt> drawn, draw_faults(plan, sites));

  make_blocks(plan);
  plan.cut = choose_cut(plan);
  plan.live_tensors = plan.program->live_tensors(plan.cut, plan.watched);
  QFI_TRY(std::vector<TableUse> counted, run_golden(plan, uses, params.threads));
  score_golden(plan);
  plan.tables = std::make_unique<FaultTables>(*plan.netlist, std::move(counted), plan.config.faults.unit);
  if (auto checked = plan.tables->check_fault_free(); !checked)
    return at(plan.config.faults.netlist.path.string(), checked.error());
  QFI_CHECK(prove_table_path(plan));
  classify_faults(plan, drawn, params.threads);
  return plan;
}

}  // namespace qfi

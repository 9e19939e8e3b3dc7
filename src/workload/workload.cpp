// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/workload.hpp"

#include <algorithm>
#include <cstring>

#include "qfi/base/log.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/workload/block_size.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_output_bytes = std::uint64_t{4} << 30;

Result<int> find_metric_tensor(const Model& model, const std::string& name) {
  if (name == "output") return model.outputs[0];
  Result<int> tensor = find_tensor(model, name);
  if (!tensor) return at("metric", tensor.error());
  if (!is_computed(model, *tensor)) return bad_input("metric: nothing computes the tensor '{}'", name);
  return tensor;
}

std::span<const std::byte> golden_tensor(const Workload& workload, std::size_t image, int tensor) {
  const auto place =
      static_cast<std::size_t>(std::ranges::find(workload.watched, tensor) - workload.watched.begin());
  const std::size_t bytes = workload.tensor(tensor).bytes();
  return std::span(workload.golden.outputs[place]).subspan(image * bytes, bytes);
}

// As choose_task(); where the output is no row of scores, a campaign can yet compare it with the golden
// run's.
Result<ChosenTask> choose_task_of_campaign(const Tensor& output, const DataSet& data, const Metric& metric) {
  Result<ChosenTask> chosen = choose_task(output, data, metric);
  const bool is_row = std::ranges::count_if(output.shape, [](int size) { return size != 1; }) <= 1;
  if (chosen || is_row || data.has_label_maps() || metric.threshold) return chosen;
  log(LogLevel::warning, chosen.error().message + "; counted is whether the output changes, without labels");
  return ChosenTask{&outputs_task(), {}};
}

// `units` nullptr: products are exact.
Result<void> run_golden_block(Workload& workload, const InputScaling& scaling, const Units* units,
                              std::size_t first, Batch& batch) {
  QFI_CHECK(check_stop());
  QFI_CHECK(read_inputs(workload.program->model(), workload.data, scaling, first, batch.images(),
                        [&](int input, std::span<const std::byte> values) {
                          std::ranges::copy(values, batch.tensor(input).begin());
                        }));
  workload.program->run(batch, 0, workload.program->model().operators.size(), units);
  for (std::size_t k = 0; k < workload.watched.size(); ++k) {
    const auto from = batch.tensor(workload.watched[k]);
    const std::size_t bytes = workload.tensor(workload.watched[k]).bytes();
    std::memcpy(workload.golden.outputs[k].data() + first * bytes, from.data(), from.size());
  }
  return {};
}

Result<void> run_golden(Workload& workload, const InputScaling& scaling, const Units* units,
                        unsigned threads) {
  std::uint64_t bytes = 0;
  for (const int tensor : workload.watched) bytes += workload.tensor(tensor).bytes() * workload.images();
  if (bytes > k_most_output_bytes)
    return bad_input("data: the outputs of all images need {} bytes, more than {}; select fewer images",
                     bytes, k_most_output_bytes);
  for (const int tensor : workload.watched)
    workload.golden.outputs.emplace_back(workload.tensor(tensor).bytes() * workload.images());
  const std::size_t size = block_images(workload.program->bytes_per_image());
  const std::size_t blocks = (workload.images() + size - 1) / size;
  std::vector<std::unique_ptr<Batch>> batches(threads);
  std::vector<Result<void>> outcomes(blocks);
  parallel_for(blocks, threads, [&](std::size_t block, unsigned worker) {
    if (!batches[worker]) batches[worker] = std::make_unique<Batch>(*workload.program, size);
    batches[worker]->set_images(std::min(size, workload.images() - block * size));
    outcomes[block] = run_golden_block(workload, scaling, units, block * size, *batches[worker]);
  });
  for (const Result<void>& outcome : outcomes) QFI_CHECK(outcome);
  return {};
}

void score_golden(Workload& workload) {
  GoldenRun& golden = workload.golden;
  for (std::size_t image = 0; image < workload.images(); ++image) {
    const Answer answer{workload.tensor(workload.metric_tensor),
                        golden_tensor(workload, image, workload.metric_tensor), workload.answer};
    golden.classes.push_back(workload.task->classes_of(answer));
    golden.of_image.push_back(
        score_image(workload, image, [&](int tensor) { return golden_tensor(workload, image, tensor); }));
    golden.counts += golden.of_image.back();
    golden.ties += workload.task->ties(answer, workload.label(image));
  }
}

Result<void> read_label_maps(Workload& workload) {
  const Tensor& output = workload.tensor(workload.metric_tensor);
  for (std::size_t image = 0; workload.data.has_label_maps() && image < workload.images(); ++image) {
    QFI_TRY(workload.label_maps.emplace_back(), workload.data.label_map(image));
    auto shape = workload.task->check_image(output, workload.answer, workload.label(image));
    if (!shape) return at(fmt::format("image {}", workload.data.indices()[image]), shape.error());
    workload.answer = *shape;
  }
  return {};
}

}  // namespace

FaultCounts& FaultCounts::operator+=(const FaultCounts& other) {
  images += other.images;
  output_identical += other.output_identical;
  nan += other.nan;
  infinity += other.infinity;
  units += other.units;
  changed += other.changed;
  labelled += other.labelled;
  golden_correct += other.golden_correct;
  faulty_correct += other.faulty_correct;
  correct_to_wrong += other.correct_to_wrong;
  wrong_to_correct += other.wrong_to_correct;
  faulty_top5_correct += other.faulty_top5_correct;
  top5_lost += other.top5_lost;
  confusion += other.confusion;
  return *this;
}

FaultCounts score_image(const Workload& workload, std::size_t image, const TensorOf& tensor_of) {
  const auto values = tensor_of(workload.metric_tensor);
  const GoldenAnswer golden{workload.golden.classes[image],
                            golden_tensor(workload, image, workload.metric_tensor)};
  FaultCounts counts =
      workload.task->score({workload.tensor(workload.metric_tensor), values, workload.answer},
                           workload.label(image), &golden, false);
  const auto is_golden = [&](std::size_t k) {
    return std::ranges::equal(tensor_of(workload.watched[k]),
                              golden_tensor(workload, image, workload.watched[k]));
  };
  bool is_identical = true;
  for (std::size_t k = 0; k < workload.outputs && is_identical; ++k) is_identical = is_golden(k);
  counts.output_identical = is_identical ? 1 : 0;
  count_due(workload.tensor(workload.metric_tensor), values, counts);
  return counts;
}

Result<Workload> make_workload(Model model, const std::string& file, const DataAndInput& source,
                               const WorkloadParams& params) {
  Workload workload;
  const auto inputs = input_names(model);
  if (!inputs) return at(file, inputs.error());
  QFI_TRY(workload.metric_tensor, find_metric_tensor(model, source.metric.tensor));
  for (const int output : model.outputs)
    if (std::ranges::find(workload.watched, output) == workload.watched.end())
      workload.watched.push_back(output);
  workload.outputs = workload.watched.size();
  if (std::ranges::find(workload.watched, workload.metric_tensor) == workload.watched.end())
    workload.watched.push_back(workload.metric_tensor);
  auto program = Program::prepare(
      std::move(model),
      {params.kernels, false, {workload.metric_tensor}, params.model_memory, params.model_memory});
  if (!program) return at(file, program.error());
  workload.program = std::make_shared<Program>(std::move(*program));
  workload.device = params.device;
  for (const int tensor : workload.watched)
    if (workload.tensor(tensor).is_constant)
      return bad_input("{}: the output '{}' is a constant", file, workload.tensor(tensor).name);
  QFI_TRY(workload.data, DataSet::open(source.data, source.seed, *inputs));
  if (params.shuffles_images) workload.data.shuffle(source.seed);
  const Tensor& output = workload.tensor(workload.metric_tensor);
  QFI_TRY(const ChosenTask chosen, choose_task_of_campaign(output, workload.data, source.metric));
  workload.task = chosen.task;
  workload.answer = chosen.answer;
  if (!chosen.task->has_accuracy() && source.data.golden)
    return bad_input("data: 'golden' states an accuracy, and there are no labels to measure it by");
  QFI_CHECK(read_label_maps(workload));
  QFI_CHECK(run_golden(workload, source.input, nullptr, params.threads));
  score_golden(workload);
  if (workload.task->has_accuracy() && workload.golden.counts.labelled == 0)
    return bad_input("{}: no pixel has a label that counts", source.data.labels.path.string());
  return workload;
}

Result<Workload> with_golden_units(const Workload& workload, const Units& units, const InputScaling& scaling,
                                   unsigned threads) {
  Workload result = workload;
  result.golden = GoldenRun();
  QFI_CHECK(run_golden(result, scaling, &units, threads));
  score_golden(result);
  return result;
}

}  // namespace qfi

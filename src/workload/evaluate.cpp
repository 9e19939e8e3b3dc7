// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/evaluate.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>

#include "qfi/base/file.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/workload/block_size.hpp"
#include "qfi/workload/classification.hpp"
#include "qfi/workload/inputs.hpp"

namespace qfi {
namespace {

// What a thread keeps, and its share of the sums.
struct Worker {
  explicit Worker(const Program& program, std::size_t images) : batch(program, images) {}
  Batch batch;
  Evaluation sums;
};

const char* npy_type(TensorType type) {
  switch (type) {
    case TensorType::float32: return "f4";
    case TensorType::int8: return "i1";
    case TensorType::uint8: return "u1";
    case TensorType::int16: return "i2";
    case TensorType::int32: return "i4";
    case TensorType::int64: return "i8";
    case TensorType::boolean: return "b1";
  }
  return "";
}

// The files of the tensors that are kept: filled from any thread, in any order.
class Recorder {
 public:
  Result<void> open(const Program& program, const std::vector<TensorFile>& files, std::size_t images) {
    for (const TensorFile& file : files) {
      const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(file.tensor)];
      // The model's own batch of 1 is no dimension of its own.
      std::vector<std::uint64_t> shape{images};
      const bool drops_batch = !tensor.shape.empty() && tensor.shape[0] == 1;
      shape.insert(shape.end(), tensor.shape.begin() + (drops_batch ? 1 : 0), tensor.shape.end());
      const std::string header = npy_header(npy_type(tensor.type), shape);
      QFI_CHECK(check_replaceable(file.path, header, file.is_forced));
      QFI_TRY(OutputFile output, OutputFile::create(file.path));
      QFI_CHECK(output.write_at(0, bytes_of(header)));
      m_entries.push_back({&tensor, file.tensor, header.size(), std::move(output)});
    }
    return {};
  }

  Result<void> keep(const Batch& batch, std::size_t first) const {
    for (const Entry& entry : m_entries) {
      const std::size_t bytes = entry.tensor->bytes();
      const std::uint64_t place = entry.data_at + first * bytes;
      if (!entry.tensor->is_constant) {
        QFI_CHECK(entry.file.write_at(place, batch.tensor(entry.index)));
        continue;
      }
      for (std::size_t i = 0; i < batch.images(); ++i)
        QFI_CHECK(entry.file.write_at(place + i * bytes, entry.tensor->data));
    }
    return {};
  }

  Result<void> finish() {
    for (Entry& entry : m_entries) QFI_CHECK(entry.file.finish());
    return {};
  }

 private:
  struct Entry {
    const Tensor* tensor;
    int index;
    std::size_t data_at;
    OutputFile file;
  };
  std::vector<Entry> m_entries;
};

class Evaluator {
 public:
  Evaluator(const Program& program, const DataSet& data, const EvaluateParams& params)
      : m_program(program), m_model(program.model()), m_data(data), m_params(params) {}

  Result<Evaluation> run() {
    const auto start = std::chrono::steady_clock::now();
    const Tensor& output = m_model.tensors[static_cast<std::size_t>(m_params.scores)];
    Evaluation total;
    QFI_CHECK(choose(output, total));
    QFI_TRY(const BatchPlan batches, plan_batches(m_program, m_data.images(), m_params.max_bytes,
                                                  m_params.threads, m_params.units != nullptr));
    total.images_per_batch = batches.images;
    QFI_CHECK(m_recorder.open(m_program, m_params.files, m_data.images()));
    const std::size_t size = batches.images;
    const std::size_t blocks = (m_data.images() + size - 1) / size;
    std::vector<std::unique_ptr<Worker>> workers(batches.threads);
    std::vector<Result<void>> outcomes(blocks);
    std::atomic<std::size_t> first_failed = blocks;  // later blocks need not run; earlier ones do
    std::uint64_t done = 0;
    std::mutex lock;
    parallel_for(blocks, batches.threads, [&](std::size_t block, unsigned index) {
      if (block > first_failed) return;
      if (!workers[index]) {
        workers[index] = std::make_unique<Worker>(m_program, size);
        workers[index]->sums = total;
      }
      const std::size_t first = block * size;
      const std::size_t count = std::min(size, m_data.images() - first);
      outcomes[block] = run_block(first, count, *workers[index]);
      const std::scoped_lock guard(lock);
      if (!outcomes[block]) first_failed = std::min<std::size_t>(first_failed, block);
      if (m_params.progress) m_params.progress(done += count, m_data.images());
    });
    for (const Result<void>& outcome : outcomes) QFI_CHECK(outcome);
    for (const auto& worker : workers)
      if (worker) add(worker->sums, total);
    QFI_CHECK(m_recorder.finish());
    total.images = m_data.images();
    total.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return total;
  }

 private:
  Result<void> run_block(std::size_t first, std::size_t count, Worker& worker) {
    const int output = m_params.scores;
    QFI_CHECK(check_stop());
    worker.batch.set_images(count);
    QFI_CHECK(read_inputs(m_model, m_data, m_params.scaling, first, count,
                          [&](int input, std::span<const std::byte> values) {
                            std::ranges::copy(values, worker.batch.tensor(input).begin());
                          }));
    m_program.run(worker.batch, 0, m_model.operators.size(), m_params.units);
    QFI_CHECK(m_recorder.keep(worker.batch, first));
    const Tensor& tensor = m_model.tensors[static_cast<std::size_t>(output)];
    for (std::size_t i = 0; i < count; ++i) {
      const auto image =
          std::as_const(worker.batch).tensor(output).subspan(i * tensor.bytes(), tensor.bytes());
      if (tensor.type == TensorType::float32)
        worker.sums.nan_or_infinity += Scores(tensor, image).has_nan_or_infinity() ? 1 : 0;
      if (worker.sums.task != nullptr)
        if (auto scored = score(tensor, image, first + i, worker.sums); !scored)
          return at(fmt::format("image {}", m_data.indices()[first + i]), scored.error());
    }
    return {};
  }

  Result<void> choose(const Tensor& output, Evaluation& total) {
    if (m_data.labels().empty() && !m_data.has_label_maps()) {
      if (!m_params.metric.threshold) return {};
      return bad_input("metric: a threshold without labels changes nothing");
    }
    QFI_TRY(const ChosenTask chosen, choose_task(output, m_data, m_params.metric));
    total.task = chosen.task;
    total.answer = chosen.answer;
    total.counts.confusion = ConfusionMatrix(chosen.answer.classes);
    return {};
  }

  Result<void> score(const Tensor& tensor, std::span<const std::byte> values, std::size_t image,
                     Evaluation& sums) const {
    ClassMap map;
    QFI_TRY(const Label label, read_label(m_data, image, map));
    QFI_TRY(const AnswerShape shape, sums.task->check_image(tensor, sums.answer, label));
    const Answer answer{tensor, values, shape};
    sums.counts += sums.task->score(answer, label, nullptr, true);
    sums.ties += sums.task->ties(answer, label);
    return {};
  }

  static void add(const Evaluation& part, Evaluation& total) {
    total.counts += part.counts;
    total.ties += part.ties;
    total.nan_or_infinity += part.nan_or_infinity;
  }

  const Program& m_program;
  const Model& m_model;
  const DataSet& m_data;
  const EvaluateParams& m_params;
  Recorder m_recorder;
};

}  // namespace

Result<BatchPlan> plan_batches(const Program& program, std::size_t images, std::size_t max_bytes,
                               unsigned threads, bool has_tables) {
  // Inputs are there twice while they are converted; a class map and scores are small beside it.
  std::size_t needed = program.bytes_per_image();
  for (const int input : program.model().inputs)
    needed += 3 * program.model().tensors[static_cast<std::size_t>(input)].elements() * sizeof(float);
  const std::size_t per_thread = has_tables ? program.table_scratch_bytes() : program.scratch_bytes();
  if (needed + per_thread > max_bytes)
    return bad_input("one image needs {} bytes, the limit is {}: raise --memory", needed + per_thread,
                     max_bytes);
  BatchPlan plan;
  plan.threads =
      static_cast<unsigned>(std::min<std::size_t>({max_bytes / (needed + per_thread), images, threads}));
  const std::size_t fitting = (max_bytes / plan.threads - per_thread) / needed;
  const std::size_t share = (images + plan.threads - 1) / plan.threads;  // work for every thread
  plan.images = std::min({fitting, share, k_most_block_images});
  return plan;
}

Result<Evaluation> evaluate(const Program& program, const DataSet& data, const EvaluateParams& params) {
  return Evaluator(program, data, params).run();
}

}  // namespace qfi

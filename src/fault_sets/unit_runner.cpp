// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/unit_runner.hpp"

#include <algorithm>
#include <cstring>

#include "qfi/base/parallel.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/workload/block_size.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_live_bytes = std::uint64_t{512} << 20;  // of golden tensors kept for all images

// The latest operator, not after the first faulty one, before which all images' live tensors fit, or where
// they are smallest.
std::size_t choose_cut(const Workload& workload, std::size_t first_faulty) {
  const auto live_bytes = [&](std::size_t cut) {
    std::uint64_t bytes = 0;
    for (const int tensor : workload.program->live_tensors(cut, workload.watched))
      bytes += workload.tensor(tensor).bytes();
    return bytes * workload.images();
  };
  std::size_t smallest = first_faulty;
  for (std::size_t cut = first_faulty + 1; cut-- > 0;) {
    if (live_bytes(cut) <= k_live_bytes) return cut;
    if (live_bytes(cut) < live_bytes(smallest)) smallest = cut;
  }
  return smallest;
}

}  // namespace

Result<std::unique_ptr<UnitRunner>> UnitRunner::make(const Workload& workload, const InputScaling& input,
                                                     std::vector<std::size_t> operators, PaddingTaps padding,
                                                     unsigned threads, const Units* golden) {
  std::unique_ptr<UnitRunner> runner(new UnitRunner(workload));
  runner->m_golden_units = golden;
  runner->m_operators = std::move(operators);
  runner->m_cut = choose_cut(workload, runner->m_operators.front());
  runner->m_live_tensors = workload.program->live_tensors(runner->m_cut, workload.watched);
  const std::size_t size = block_images(workload.program->bytes_per_image());
  for (std::size_t first = 0; first < workload.images(); first += size)
    runner->m_blocks.push_back({first, std::min(size, workload.images() - first), {}});
  QFI_CHECK(runner->run_golden(input, padding, threads));
  QFI_TRY(runner->m_cpu, make_device_source(*workload.program, runner->device_plan(threads)));
  QFI_TRY(runner->m_devices,
          make_device_source(*workload.program, runner->device_plan(threads), workload.device));
  return runner;
}

Result<void> UnitRunner::run_golden(const InputScaling& input, PaddingTaps padding, unsigned threads) {
  const Program& program = *m_workload.program;
  constexpr std::size_t k_most_counting = 4;  // each has counters of all operators
  const auto workers =
      static_cast<unsigned>(std::min<std::size_t>({threads, m_blocks.size(), k_most_counting}));
  std::vector<std::unique_ptr<Batch>> batches(workers);
  std::vector<std::vector<PairCounter>> pairs(workers);
  for (auto& of_worker : pairs)
    for (const std::size_t index : m_operators) of_worker.emplace_back(program, index, padding);
  std::vector<Result<void>> outcomes(m_blocks.size());
  parallel_for(m_blocks.size(), workers, [&](std::size_t b, unsigned worker) {
    if (outcomes[b] = check_stop(); !outcomes[b]) return;
    ImageBlock& block = m_blocks[b];
    if (!batches[worker]) batches[worker] = std::make_unique<Batch>(program, m_blocks.front().count);
    Batch& batch = *batches[worker];
    batch.set_images(block.count);
    outcomes[b] = read_inputs(program.model(), m_workload.data, input, block.first, block.count,
                              [&](int tensor, std::span<const std::byte> values) {
                                std::ranges::copy(values, batch.tensor(tensor).begin());
                              });
    if (!outcomes[b]) return;
    std::size_t next = 0;
    for (std::size_t i = 0; i < program.model().operators.size(); ++i) {
      if (i == m_cut)
        for (const int tensor : m_live_tensors) {
          const auto bytes = std::as_const(batch).tensor(tensor);
          block.live.emplace_back(bytes.begin(), bytes.end());
        }
      if (next < m_operators.size() && m_operators[next] == i) pairs[worker][next++].add(batch);
      program.run(batch, i, i + 1, m_golden_units);
    }
  });
  for (const Result<void>& outcome : outcomes) QFI_CHECK(outcome);
  for (unsigned worker = 1; worker < workers; ++worker)
    for (std::size_t k = 0; k < m_operators.size(); ++k) pairs[0][k].add(pairs[worker][k]);
  m_golden_pairs = std::move(pairs[0]);
  return {};
}

DevicePlan UnitRunner::device_plan(unsigned threads) const {
  DevicePlan plan{m_cut, m_workload.watched, {}, threads};
  for (const ImageBlock& block : m_blocks) {
    LiveImages& images = plan.blocks.emplace_back();
    images.images = block.count;
    images.values.assign(block.live.begin(), block.live.end());
  }
  return plan;
}

DeviceTask UnitRunner::task_of(const Part& part) const {
  return {part.block, part.images.first - m_blocks[part.block].first, part.images.count};
}

UnitRunner::Part UnitRunner::first_part(std::size_t images) const {
  const ImageBlock& block = m_blocks.front();
  return {0, {block.first, std::min(images, block.count)}};
}

UnitRunner::Sample UnitRunner::sample(std::size_t images) const {
  Sample sample;
  const std::size_t blocks = m_devices->takes_many_tasks() ? m_blocks.size() : 1;
  for (std::size_t b = 0; b < blocks && sample.images < images; ++b) {
    const std::size_t count = std::min(images - sample.images, m_blocks[b].count);
    sample.parts.push_back({b, {m_blocks[b].first, count}});
    sample.images += count;
  }
  return sample;
}

// The watched tensors, one after the other; `units` nullptr: exact.
std::vector<std::byte> UnitRunner::outputs_of(const Part& part, const Units* units, Device& device) const {
  std::vector<std::byte> outputs;
  const DeviceTask task = task_of(part);
  device.run(units, std::span(&task, 1), [&](std::size_t, const Device::WatchedTensors& tensors) {
    for (const int tensor : m_workload.watched) {
      const auto values = tensors(tensor);
      outputs.insert(outputs.end(), values.begin(), values.end());
    }
    return true;
  });
  return outputs;
}

bool UnitRunner::agrees_with_tables(const Units& tables, const Units* units, std::size_t images,
                                    Device& device) const {
  const Units plain = looked_up(tables);
  const Part part = first_part(images);
  return outputs_of(part, &plain, *m_cpu->make()) == outputs_of(part, units, device);
}

std::vector<std::byte> UnitRunner::outputs_under(const Units& units, std::size_t image,
                                                 Device& device) const {
  return outputs_of({0, {m_blocks.front().first + image, 1}}, &units, device);
}

void UnitRunner::replay(const Units& units, const OutputUse& use) const {
  const Program& program = *m_workload.program;
  const ImageBlock& block = m_blocks.front();
  Batch golden(program, block.count);
  Batch faulty(program, block.count);
  for (Batch* batch : {&golden, &faulty})
    for (std::size_t k = 0; k < m_live_tensors.size(); ++k)
      std::memcpy(batch->tensor(m_live_tensors[k]).data(), block.live[k].data(), block.live[k].size());
  const auto first_image = [&](const Batch& batch) -> TensorOf {
    return [&](int tensor) { return batch.tensor(tensor).first(m_workload.tensor(tensor).bytes()); };
  };
  for (std::size_t i = m_cut; i < program.model().operators.size(); ++i) {
    program.run(faulty, i, i + 1, &units);
    program.run(golden, i, i + 1, m_golden_units);
    if (program.is_folded(i)) continue;
    for (const int output : program.model().operators[i].outputs)
      use(i, output, first_image(golden), first_image(faulty));
  }
}

TensorOf UnitRunner::image_of(const Device::WatchedTensors& tensors, std::size_t image) const {
  return [this, &tensors, image](int tensor) {
    const std::size_t bytes = m_workload.tensor(tensor).bytes();
    return tensors(tensor).subspan(image * bytes, bytes);
  };
}

void UnitRunner::score(std::span<const Part> parts, const Units& units, Device& device,
                       const TrialUse& use) const {
  std::vector<DeviceTask> tasks;
  for (const Part& part : parts) tasks.push_back(task_of(part));
  device.run(&units, tasks, [&](std::size_t part, const Device::WatchedTensors& tensors) {
    Trial trial;
    const FaultSet::Images& images = parts[part].images;
    for (std::size_t i = 0; i < images.count; ++i) {
      const FaultCounts of_image = score_image(m_workload, images.first + i, image_of(tensors, i));
      trial.events.emplace_back(of_image);
      trial.outcome.counts += of_image;
    }
    return use(part, trial);
  });
}

}  // namespace qfi

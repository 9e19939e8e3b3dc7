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

// The latest operator, not after the first faulty one, before which all images' live tensors fit.
std::size_t choose_cut(const Workload& workload, std::size_t first_faulty) {
  const auto live_bytes = [&](std::size_t cut) {
    std::uint64_t bytes = 0;
    for (const int tensor : workload.program->live_tensors(cut, workload.watched))
      bytes += workload.tensor(tensor).bytes();
    return bytes * workload.images();
  };
  std::size_t cut = first_faulty;
  while (cut > 0 && live_bytes(cut) > k_live_bytes) --cut;
  return cut;
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

std::unique_ptr<Device> UnitRunner::make_device() const {
  return std::make_unique<CpuDevice>(*m_workload.program,
                                     DevicePlan{m_cut, m_workload.watched, m_blocks.front().count});
}

// Images of the block; `units` nullptr: exact.
void UnitRunner::run(const ImageBlock& block, const FaultSet::Images& images, const Units* units,
                     Device& device, const std::function<void(const Device::WatchedTensors&)>& use) const {
  const DeviceFault fault{units};
  std::vector<std::span<const std::byte>> live;
  for (std::size_t k = 0; k < m_live_tensors.size(); ++k) {
    const std::size_t bytes = m_workload.tensor(m_live_tensors[k]).bytes();
    live.push_back(
        std::span(block.live[k]).subspan((images.first - block.first) * bytes, images.count * bytes));
  }
  device.run({images.count, live}, std::span(&fault, 1),
             [&](std::size_t, const Device::WatchedTensors& tensors) { use(tensors); });
}

bool UnitRunner::agrees_with_tables(const Units& tables, const Units* units, std::size_t images,
                                    Device& device) const {
  const ImageBlock& block = m_blocks.front();
  const auto outputs = [&](const Units* by) {
    std::vector<std::byte> bytes;
    run(block, {block.first, std::min(images, block.count)}, by, device,
        [&](const Device::WatchedTensors& tensors) {
          for (const int tensor : m_workload.watched) {
            const auto values = tensors(tensor);
            bytes.insert(bytes.end(), values.begin(), values.end());
          }
        });
    return bytes;
  };
  const Units plain = looked_up(tables);
  return outputs(&plain) == outputs(units);
}

std::vector<std::byte> UnitRunner::outputs_under(const Units& units, std::size_t image,
                                                 Device& device) const {
  const ImageBlock& block = m_blocks.front();
  std::vector<std::byte> outputs;
  run(block, images_of(block), &units, device, [&](const Device::WatchedTensors& tensors) {
    for (const int tensor : m_workload.watched) {
      const auto values = image_of(tensors, image)(tensor);
      outputs.insert(outputs.end(), values.begin(), values.end());
    }
  });
  return outputs;
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

Trial UnitRunner::score(const ImageBlock& block, const FaultSet::Images& images, const Units& units,
                        Device& device) const {
  Trial trial;
  run(block, images, &units, device, [&](const Device::WatchedTensors& tensors) {
    for (std::size_t i = 0; i < images.count; ++i) {
      const FaultCounts of_image = score_image(m_workload, images.first + i, image_of(tensors, i));
      trial.events.emplace_back(of_image);
      trial.outcome.counts += of_image;
    }
  });
  return trial;
}

}  // namespace qfi

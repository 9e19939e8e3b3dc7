// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/golden_blocks.hpp"

#include <algorithm>
#include <cstring>

#include "qfi/workload/block_size.hpp"

namespace qfi {

GoldenBlocks::GoldenBlocks(const Workload& workload, const InputScaling& input, std::size_t max_bytes,
                           bool knows_bounds)
    : m_workload(workload), m_input(input), m_propagation(*workload.program, knows_bounds) {
  const std::size_t of_image = GoldenActivations::bytes_per_image(*workload.program);
  m_block_images = block_images(of_image);
  m_keeps_all = of_image * workload.images() <= max_bytes;
  m_blocks.resize((workload.images() + m_block_images - 1) / m_block_images);
}

std::size_t GoldenBlocks::images(std::size_t block) const {
  return std::min(m_block_images, m_workload.images() - first_image(block));
}

Result<std::unique_ptr<GoldenActivations>> GoldenBlocks::make(std::size_t first, std::size_t count,
                                                              unsigned threads) const {
  auto golden = std::make_unique<GoldenActivations>(m_propagation, count);
  QFI_CHECK(read_inputs(m_workload.program->model(), m_workload.data, m_input, first, count,
                        [&](int input, std::span<const std::byte> values) {
                          std::ranges::copy(values, golden->tensor(input).begin());
                        }));
  golden->run(threads);
  return golden;
}

Result<const GoldenActivations*> GoldenBlocks::get(std::size_t block, unsigned threads) {
  if (!m_blocks[block]) {
    if (!m_keeps_all)
      for (auto& kept : m_blocks) kept.reset();
    QFI_TRY(m_blocks[block], make(first_image(block), images(block), threads));
  }
  return m_blocks[block].get();
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// Owns GoldenBlocks, the golden activations of a campaign's images. The number of a block of images goes in;
// its activations come out, from memory if they are kept, which as many are as memory allows. All fault sets
// share one; several threads must not use it at once.
#pragma once

#include <memory>
#include <vector>

#include "qfi/engine/propagation.hpp"
#include "qfi/workload/workload.hpp"

namespace qfi {

class GoldenBlocks {
 public:
  /// `max_bytes` are kept, or one block if that is more. `knows_bounds`: as of Propagation.
  GoldenBlocks(const Workload& workload, const InputScaling& input, std::size_t max_bytes,
               bool knows_bounds = false);

  const Propagation& propagation() const { return m_propagation; }

  /// Blocks are fixed by model and images, never by the machine.
  std::size_t count() const { return m_blocks.size(); }
  std::size_t first_image(std::size_t block) const { return block * m_block_images; }
  std::size_t images(std::size_t block) const;
  std::size_t block_of(std::size_t image) const { return image / m_block_images; }

  /// The block's activations, run unless they are kept. They hold until the next call. Error: images that
  /// cannot be read.
  Result<const GoldenActivations*> get(std::size_t block, unsigned threads);
  /// The activations of any images; they are not kept.
  Result<std::unique_ptr<GoldenActivations>> make(std::size_t first, std::size_t count,
                                                  unsigned threads) const;

 private:
  const Workload& m_workload;
  InputScaling m_input;
  Propagation m_propagation;
  std::size_t m_block_images;
  bool m_keeps_all;
  std::vector<std::unique_ptr<GoldenActivations>> m_blocks;  ///< nullptr where not kept
};

}  // namespace qfi

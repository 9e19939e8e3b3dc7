// SPDX-License-Identifier: Apache-2.0
// Owns the fault-free run of some images with everything kept. The images' inputs go in; every computed
// tensor comes out, and for layers of 8-bit weights also the accumulators and how far each may move before
// its output changes. Changed-value propagation (propagation.hpp) starts from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

class Propagation;
struct Slack;

class GoldenActivations {
 public:
  GoldenActivations(const Propagation& propagation, std::size_t images);
  GoldenActivations(const GoldenActivations&) = delete;
  GoldenActivations& operator=(const GoldenActivations&) = delete;
  ~GoldenActivations();

  /// The most memory that one image takes: with bounds known.
  static std::size_t bytes_per_image(const Program& program);

  std::size_t images() const { return m_images; }
  /// What no other run of any object has: it tells whether something computed from these values is still
  /// right.
  std::uint64_t version() const { return m_version; }
  /// All images of a tensor that is no constant. Model inputs are written here before run().
  std::span<std::byte> tensor(int index) { return m_tensors[static_cast<std::size_t>(index)]; }
  void run(unsigned threads);

  std::span<const std::byte> tensor(int index, std::size_t image) const;
  /// The accumulators of all outputs of an operator that multiplies 8-bit weights, bias included; nullptr for
  /// any other operator.
  const std::int32_t* accumulators(std::size_t operator_index, std::size_t image) const;
  /// How far each of those accumulators may move, for the engine itself; nullptr for any other operator.
  const Slack* slacks(std::size_t operator_index, std::size_t image) const;

  /// Makes the batch hold images image .. image+count-1 as they are before operator `first`.
  /// Precondition: it has room.
  void restore(std::size_t first, std::size_t image, std::size_t count, Batch& batch) const;
  /// Makes every image of the batch that one image, as it is before operator `first`.
  void repeat(std::size_t first, std::size_t image, Batch& batch) const;

 private:
  void run_images(std::size_t first, std::size_t count);

  const Propagation& m_propagation;
  const Program& m_program;
  std::size_t m_images;
  std::uint64_t m_version = 0;
  std::vector<std::vector<std::byte>> m_tensors;
  std::vector<std::vector<std::int32_t>> m_accumulators;  ///< by operator
  std::vector<std::vector<Slack>> m_slacks;               ///< by operator
};

}  // namespace qfi

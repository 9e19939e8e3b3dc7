// SPDX-License-Identifier: Apache-2.0
// Owns faulty inference from golden activations, of several images and several faults side by side: only what
// differs from the golden run is computed, until nothing differs any more. Golden activations, changed
// constants and faults in the data go in; the faulty tensors come out, and after which operator each
// inference was golden again. The results equal, bit for bit, those of running the whole faulty network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "qfi/engine/golden_activations.hpp"

namespace qfi {

/// Where data can be faulted: the network's input, what one operator reads, the accumulator behind an
/// output, an operator's stored output.
enum class Stage : std::uint8_t { network_input, operator_input, accumulator, output };

/// A value of one image that does not read as it was written.
struct DataFault {
  Stage stage = Stage::output;
  std::size_t operator_index = 0;  ///< that reads (operator_input) or computes it
  int tensor = 0;                  ///< that holds it; accumulator: the operator's output
  std::uint64_t element = 0;       ///< of the tensor
  /// From the value's bits, in an image of the run, to those that are read.
  std::function<std::uint32_t(std::uint32_t bits, std::size_t image)> read;
};

class ChangedLayer;
class LayerBounds;
class LayerFaultsOfOperators;
class WindowReach;

/// Faulty constants, made ready for any number of images.
class PreparedConstants {
 public:
  PreparedConstants();
  PreparedConstants(PreparedConstants&&) noexcept;
  PreparedConstants& operator=(PreparedConstants&&) noexcept;
  ~PreparedConstants();

 private:
  friend class Propagation;
  friend class Propagator;
  std::unique_ptr<LayerFaultsOfOperators> m_layers;  ///< changed weights and biases of 8-bit layers
  ChangedOperators m_operators;                      ///< those of all other operators
};

/// A Program made ready for propagation. It is immutable and shared by threads.
class Propagation {
 public:
  /// `knows_bounds`: also made ready for ranges of values (range_propagation.hpp), which takes more memory.
  explicit Propagation(const Program& program, bool knows_bounds = false);
  ~Propagation();

  const Program& program() const { return m_program; }

  /// For the engine itself; nullptr where there are no 8-bit weights, or bounds are not known.
  const LayerBounds* bounds(std::size_t operator_index) const { return m_bounds[operator_index].get(); }

  /// Precondition: each element occurs at most once. Error: as of Program::with_constants.
  Result<PreparedConstants> prepare(std::span<const ConstantFault> faults) const;

  /// The first operator that a fault can reach; the number of operators where nothing reads what is faulty.
  std::size_t first_operator(std::span<const ConstantFault> constants, std::span<const DataFault> data) const;

  /// How many images of a block fit the share of the caches that a thread has.
  std::size_t images_together() const { return m_images_together; }
  /// How many faults on so many images, 1 or more, fit it side by side.
  std::size_t faults_together(std::size_t images) const;

 private:
  friend class Propagator;
  const Program& m_program;
  std::vector<std::unique_ptr<ChangedLayer>> m_layers;  ///< by operator; nullptr: no 8-bit weights
  std::vector<std::unique_ptr<WindowReach>> m_windows;  ///< by operator; nullptr: no pool
  std::vector<std::unique_ptr<LayerBounds>> m_bounds;   ///< by operator
  std::vector<std::vector<std::size_t>> m_readers;      ///< of each tensor, operators, rising
  std::vector<std::size_t> m_last_use;                  ///< of each tensor; model outputs: the end
  std::size_t m_golden_bytes = 0;                       ///< of an image: activations and accumulators
  std::size_t m_inference_bytes = 0;                    ///< of an image: activations
  std::size_t m_images_together = 1;
};

/// The plain way, which is also the oracle: runs operators `first` and later on the whole batch, faults
/// included. Faults at operators before `first` are not applied; those in the network's input only if it is
/// 0.
void run_with_faults(const Program& program, Batch& batch, std::size_t first,
                     const ChangedOperators& operators, std::span<const DataFault> data);

/// What does not read as it was written in an inference. What it refers to must outlive the run.
struct PropagatedFault {
  const PreparedConstants& constants;
  std::span<const DataFault> data;
};

/// One thread's inference.
class Propagator {
 public:
  explicit Propagator(const Propagation& propagation);
  ~Propagator();

  /// The most inferences of one run.
  static constexpr std::size_t k_most_inferences = 64;

  /// Every fault on images first .. first + count - 1: inference k of the run is fault k / count on image
  /// first + k % count. `stop_when_equal` false: goes on to the last operator all the same; the outcome is
  /// the same. Precondition: at most k_most_inferences.
  void run(const GoldenActivations& golden, std::size_t first, std::size_t count,
           std::span<const PropagatedFault> faults, bool stop_when_equal = true);

  /// The operator after which every value of inference k that is still needed was the golden one again; -1:
  /// no value read as anything but the golden one, so that no operator ran. nullopt: the outputs or kept
  /// tensors differ.
  std::optional<int> equal_after(std::size_t k) const;
  /// The inference's tensor after the run, golden where nothing differs; it holds until the next call.
  /// Precondition: the tensor is no constant.
  std::span<const std::byte> tensor(int index, std::size_t k);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace qfi

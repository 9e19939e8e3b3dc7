// SPDX-License-Identifier: Apache-2.0
// Owns faulty inference of one image from its golden activations: only what differs from the golden run is
// computed, until nothing differs any more. Golden activations, changed constants and faults in the data go
// in; the faulty tensors come out, and after which operator all was golden again. The results equal, bit for
// bit, those of running the whole faulty network.
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
  std::size_t operator_index = 0;                    ///< that reads (operator_input) or computes it
  int tensor = 0;                                    ///< that holds it; accumulator: the operator's output
  std::uint64_t element = 0;                         ///< of the tensor
  std::function<std::uint32_t(std::uint32_t)> read;  ///< from the value's bits to those that are read
};

class LayerFaultsOfOperators;
class IncrementalLayer;

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
  explicit Propagation(const Program& program);
  ~Propagation();

  const Program& program() const { return m_program; }

  /// The layer in the form that propagates changes, for the engine itself; nullptr where there are no 8-bit
  /// weights.
  const IncrementalLayer* layer(std::size_t operator_index) const { return m_layers[operator_index].get(); }

  /// Precondition: each element occurs at most once. Error: as of Program::with_constants.
  Result<PreparedConstants> prepare(std::span<const ConstantFault> faults) const;

 private:
  friend class Propagator;
  const Program& m_program;
  std::vector<std::unique_ptr<IncrementalLayer>> m_layers;  ///< by operator; nullptr: no 8-bit weights
  std::vector<std::size_t> m_last_use;                      ///< of each tensor; model outputs: the end
};

struct PropagationOutcome {
  /// The operator after which every value that is still needed was the golden one again; -1: no value read
  /// as anything but the golden one, so that no operator ran. nullopt: the outputs or kept tensors differ.
  std::optional<int> equal_after;
};

/// The plain way, which is also the oracle: runs operators `first` and later on the whole batch, faults
/// included. Faults at operators before `first` are not applied; those in the network's input only if it is
/// 0.
void run_with_faults(const Program& program, Batch& batch, std::size_t first,
                     const ChangedOperators& operators, std::span<const DataFault> data);

/// One thread's inference.
class Propagator {
 public:
  explicit Propagator(const Propagation& propagation);
  ~Propagator();

  /// `stop_when_equal` false: goes on to the last operator all the same; the outcome is the same.
  PropagationOutcome run(const GoldenActivations& golden, std::size_t image,
                         const PreparedConstants& constants, std::span<const DataFault> data,
                         bool stop_when_equal = true);

  /// The image's tensor after the run, golden where nothing differs; it holds until the next call.
  /// Precondition: the tensor is no constant.
  std::span<const std::byte> tensor(int index);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace qfi

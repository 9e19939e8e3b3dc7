// SPDX-License-Identifier: Apache-2.0
// Owns inference: a Model is made a Program once, which then runs batches of images, fault-free, with units
// in the place of the exact products of chosen operators, or with changed constants. A batch's inputs go in;
// its other tensors come out. Integer results are those of the TFLite reference kernels, bit for bit,
// whatever the kernel set and the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/engine/unit.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// How 8-bit weights are multiplied. `reference` is scalar and readable. `portable` is blocked over images
/// and output channels. `fast` uses oneDNN and vector instructions wherever that is exact on this CPU, and is
/// portable elsewhere.
enum class KernelSet : std::uint8_t { reference, portable, fast };
const char* name_of(KernelSet set);
/// What the fast kernels use in this process, for records: "oneDNN 2.6.3 with AVX-512 VNNI, own kernels with
/// AVX-512". DNNL_MAX_CPU_ISA limits both.
std::string instructions_in_use();

struct ProgramParams {
  KernelSet kernels = KernelSet::fast;
  bool keep_all_tensors = false;  ///< every tensor keeps its memory until the end of a run
  std::vector<int> kept_tensors;  ///< these do, besides the model's outputs; none of them is folded
  std::size_t max_bytes_per_image = std::size_t{1} << 30;  ///< scratch memory included
  std::size_t max_prepared_bytes = std::size_t{1} << 30;   ///< weights and tables of all operators
};

class Kernel;
struct MultiplyAccumulate;
class Batch;

/// An element of a constant that reads as other bits; they are the low ones of `bits`.
struct ConstantFault {
  int tensor = 0;
  std::uint64_t element = 0;
  std::uint32_t bits = 0;
  bool operator==(const ConstantFault&) const = default;
};

/// The operators that read changed constants, prepared with them: they take the place of the program's.
class ChangedOperators {
 public:
  ChangedOperators();
  ChangedOperators(ChangedOperators&&) noexcept;
  ChangedOperators& operator=(ChangedOperators&&) noexcept;
  ~ChangedOperators();
  /// nullptr: the operator is as it was.
  const Kernel* find(std::size_t operator_index) const;
  const std::vector<std::pair<std::size_t, std::unique_ptr<Kernel>>>& kernels() const { return m_kernels; }
  /// The bytes of a constant tensor; nullptr: they are as they were.
  const std::byte* constant(int tensor) const;

 private:
  friend class Program;
  std::vector<std::pair<std::size_t, std::unique_ptr<Kernel>>> m_kernels;
  std::vector<std::pair<int, std::vector<std::byte>>> m_constants;
};

/// A network made ready to run. It is immutable and shared by threads, each with its own Batch.
class Program {
 public:
  /// Operators whose inputs are all constants, and SHAPE, are computed here, once: their outputs
  /// become constants of model(). Error: an operator whose types, shapes or quantization are not
  /// supported; too much memory.
  static Result<Program> prepare(Model model, const ProgramParams& params = {});
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  const Model& model() const { return m_model; }
  const ProgramParams& params() const { return m_params; }

  /// Runs operators first .. end-1 on the batch. What they read must be there: the model's
  /// inputs, or a snapshot. `units` nullptr: every product is exact. `changed` nullptr: every constant is the
  /// model's.
  void run(Batch& batch, std::size_t first, std::size_t end, const Units* units = nullptr,
           const ChangedOperators* changed = nullptr) const;

  /// Fills in the products of the tabulated units; the same results, sooner.
  void prepare_tables(Units& units) const;

  /// Takes the tables of the units apart: into few products of stored codes, else into the planes of few
  /// errors, else into at most `most_terms` products, where they have so much structure.
  void take_apart_tables(Units& units, std::size_t most_terms) const;

  /// Prepares the operators that read these constants, or what folded operators make of them. Precondition:
  /// constants of at most 4 bytes an element, elements inside. Error: an operator that cannot take the
  /// values.
  Result<ChangedOperators> with_constants(std::span<const ConstantFault> faults) const;

  /// Whether operator `index`'s outputs come from 32-bit accumulators, int32 or FLOAT32.
  bool has_accumulators(std::size_t operator_index) const;
  /// Reads the accumulator (bias included, before the activation) behind output `element` of the batch's
  /// image, as bits, and writes what `read` makes of it to the output. The inputs must still be there.
  void fault_accumulator(Batch& batch, std::size_t image, std::size_t operator_index, std::size_t element,
                         const std::function<std::uint32_t(std::uint32_t)>& read,
                         const ChangedOperators* changed = nullptr) const;

  /// The operator's kernel, for the engine itself. Precondition: the operator is not folded.
  const Kernel& kernel(std::size_t operator_index) const { return *m_kernels[operator_index]; }

  /// A tensor that is no constant begins at this byte of the memory of one image; tensors share memory once
  /// they are no longer needed. With n images every place and size is n times as large.
  std::size_t offset(int tensor) const { return m_offset[static_cast<std::size_t>(tensor)]; }
  /// Bytes that one image needs in a Batch.
  std::size_t bytes_per_image() const { return m_bytes_per_image; }
  /// Bytes that a Batch needs besides, for any number of images: with exact products, and at most where
  /// products come from tables.
  std::size_t scratch_bytes() const { return m_scratch_bytes; }
  std::size_t table_scratch_bytes() const { return m_table_scratch_bytes; }

  /// The tensors computed before operator `cut`, inputs included, that something needs from there on: later
  /// operators read them, or they are the model's outputs or in `also`.
  std::vector<int> live_tensors(std::size_t cut, std::span<const int> also) const;

  /// Multiplications of one image, if all taps lay inside it; 0 where the operator has none.
  std::uint64_t multiplications(std::size_t operator_index) const;
  bool is_folded(std::size_t operator_index) const { return m_kernels[operator_index] == nullptr; }

  /// Whether a product table can take the place of operator `index`'s products: 8-bit weights.
  bool multiplies_weights(std::size_t operator_index) const;
  /// How operator `index` stores its operands. Precondition: it multiplies weights.
  OperandCodes operand_codes(std::size_t operator_index) const;
  /// The operator's weights as stored bytes. Precondition: it multiplies weights.
  std::span<const std::uint8_t> weight_bytes(std::size_t operator_index) const;

  /// Input bytes that operator `index` can meet, whatever the model's input and whatever goes wrong before
  /// it. Precondition: it multiplies weights.
  ByteSet possible_inputs(std::size_t operator_index, PaddingTaps padding) const;

 private:
  friend class Batch;
  friend class PairCounter;
  Program(Model model, const ProgramParams& params);
  const MultiplyAccumulate& multiply_accumulate(std::size_t operator_index) const;
  struct TableGroup;
  std::vector<TableGroup> table_groups(const Units& units) const;
  Result<void> plan_memory();

  Model m_model;
  ProgramParams m_params;
  std::vector<std::unique_ptr<Kernel>> m_kernels;
  std::vector<std::size_t> m_offset;  ///< where each tensor begins, in bytes of one image
  std::size_t m_bytes_per_image = 0;
  std::size_t m_scratch_bytes = 0;
  std::size_t m_table_scratch_bytes = 0;
};

/// The tensors of some images, and scratch memory. The images of a tensor lie one after the other, each as
/// the model stores it. Tensors share memory once they are no longer needed.
class Batch {
 public:
  Batch(const Program& program, std::size_t images);

  std::size_t images() const { return m_images; }
  std::size_t capacity() const { return m_capacity; }
  /// Runs from now on use the first `images` images, up to capacity().
  void set_images(std::size_t images);
  /// images() * bytes of a tensor that is computed or a model input. Precondition: not a constant.
  std::span<std::byte> tensor(int index);
  std::span<const std::byte> tensor(int index) const;

 private:
  friend class Program;
  const Program* m_program;
  std::size_t m_capacity;
  std::size_t m_images;
  std::vector<std::byte> m_memory;
  std::vector<std::byte> m_scratch;
};

}  // namespace qfi

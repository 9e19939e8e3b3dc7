// SPDX-License-Identifier: Apache-2.0
// Owns the seam between the engine and what runs tiles: a GPU, or loops on the CPU. Jobs go in, one after the
// other; what they leave is in the machine's memory.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "count_job.hpp"
#include "operator_jobs.hpp"

namespace qfi::tiles {

/// The machine broke, or has too little memory; the message says what to do.
struct MachineError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One queue of a machine: what is asked for happens in this order, and may end after the call returns.
/// Queues of one machine share its memory, and each is used by one thread. All calls throw MachineError.
class TileMachine {
 public:
  virtual ~TileMachine() = default;
  /// The hardware's name, for people.
  virtual std::string name() const = 0;
  /// Another queue of the same machine.
  virtual std::unique_ptr<TileMachine> another() const = 0;
  virtual std::size_t free_bytes() const = 0;

  virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void release(std::byte* memory) noexcept = 0;
  /// Bytes of the caller, which may change them once the call returns.
  virtual void upload(std::byte* to, const void* from, std::size_t bytes) = 0;
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  /// Waits for all that was asked for before.
  virtual void download(void* to, const std::byte* from, std::size_t bytes) = 0;

  virtual void run(const CopyJob& job) = 0;
  virtual void run(const PackAllJob& job) = 0;
  virtual void run(const ProductJob& job) = 0;
  virtual void run(const BitsJob& job) = 0;
  virtual void run(const ClassJob& job) = 0;
  virtual void run(const CountJob& job) = 0;
  virtual void run(const LookUpJob& job) = 0;
  virtual void run(const ElementJob& job) = 0;
  virtual void run(const GatherJob& job) = 0;
  virtual void run(const PoolJob& job) = 0;
  virtual void run(const SumJob& job) = 0;
};

/// Memory of a machine. It goes back when the object dies.
class TileMemory {
 public:
  TileMemory() = default;
  TileMemory(TileMachine& machine, std::size_t bytes)
      : m_machine(&machine), m_bytes(bytes), m_memory(bytes == 0 ? nullptr : machine.allocate(bytes)) {}
  TileMemory(TileMemory&& other) noexcept { swap(other); }
  TileMemory& operator=(TileMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~TileMemory() {
    if (m_memory != nullptr) m_machine->release(m_memory);
  }
  std::byte* data() const { return m_memory; }
  std::size_t bytes() const { return m_bytes; }

 private:
  void swap(TileMemory& other) noexcept {
    std::swap(m_machine, other.m_machine);
    std::swap(m_bytes, other.m_bytes);
    std::swap(m_memory, other.m_memory);
  }
  TileMachine* m_machine = nullptr;
  std::size_t m_bytes = 0;
  std::byte* m_memory = nullptr;
};

/// The CPU, running the same tile programs in loops: slow, to test all that is not the hardware's own.
std::unique_ptr<TileMachine> make_host_machine();

/// The first CUDA device. nullptr: there is none, or this build has no CUDA; `why` then says it in one line.
std::unique_ptr<TileMachine> open_cuda_machine(std::string& why);

}  // namespace qfi::tiles

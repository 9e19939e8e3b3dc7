// SPDX-License-Identifier: Apache-2.0
// A device that runs a program's operators on a tile machine, many images of a fault at once. What the
// program needs and the golden tensors are in the machine's memory once for all threads.
#pragma once

#include <memory>
#include <vector>

#include "layer_runner.hpp"
#include "qfi/engine/device.hpp"
#include "tile_program.hpp"

namespace qfi::tiles {

/// Golden tensors before operator DevicePlan::cut, of all blocks one after the other.
class TileGolden {
 public:
  /// Throws MachineError.
  TileGolden(TileMachine& machine, const Program& program, const DevicePlan& plan);

  const std::vector<int>& tensors() const { return m_tensors; }
  const std::byte* tensor(std::size_t k) const { return m_values[k].data(); }
  std::size_t first_image(std::size_t block) const { return m_first_image[block]; }
  std::size_t images() const { return m_first_image.back(); }
  std::size_t most_images_of_block() const { return m_most_images; }

 private:
  std::vector<int> m_tensors;
  std::vector<TileMemory> m_values;
  std::vector<std::size_t> m_first_image;  ///< of each block, and their end
  std::size_t m_most_images = 1;
};

class TileDevice final : public Device {
 public:
  /// `bytes`: of the machine's memory that the device may take. All must outlive the device. Throws
  /// MachineError: not even one block of images fits.
  TileDevice(std::unique_ptr<TileMachine> machine, const TileProgram& program, const TileGolden& golden,
             const DevicePlan& plan, std::size_t bytes);

  void prepare(Units& units) const override;
  void run(const Units* units, std::span<const DeviceTask> tasks, const Use& use) override;

  /// For proofs: runs step after step on what the live tensors hold, and shows what each leaves.
  using Seen = std::function<void(const TileStep& step, std::span<const std::uint8_t> output)>;
  void run_steps(const Units* units, std::size_t images, const Seen& seen);
  /// For measurements: the time of each step alone, the mean of `times`, on whatever the tensors hold.
  using Timed = std::function<void(const TileStep& step, double seconds)>;
  void time_steps(const Units* units, std::size_t images, int times, const Timed& timed);
  TileMachine& machine() { return *m_machine; }
  std::byte* tensor(int index) { return m_activations.data() + m_program.program().offset(index) * m_images; }

 private:
  void begin_fault(const Units* units);
  void load(std::span<const DeviceTask> tasks);
  void run_step(const TileStep& step, std::size_t images);
  bool use_tasks(const Units* units, std::span<const DeviceTask> tasks, std::size_t first_task,
                 const Use& use);
  void run_form(const TileLayer& layer, const TileStep& step, std::size_t images);
  void run_form(const ElementStep& element, const TileStep& step, std::size_t images);
  void run_form(const LinearPair& form, const TileStep& step, std::size_t images);
  void run_form(const GatherStep& gather, const TileStep& step, std::size_t images);
  void run_form(const PoolForm& pool, const TileStep& step, std::size_t images);
  void run_form(const SumForm& sum, const TileStep& step, std::size_t images);
  const std::uint8_t* input(const TileStep& step, std::size_t k);
  std::uint8_t* output(const TileStep& step);
  bool is_signed(const TileStep& step) const;
  std::size_t bytes_of(int tensor) const;

  const TileProgram& m_program;
  const TileGolden& m_golden;
  std::unique_ptr<TileMachine> m_machine;
  std::vector<int> m_left;   ///< tensors that are wanted, or that the CPU goes on with
  std::size_t m_images = 0;  ///< that run at once, at most
  LayerRunner m_runner;
  TileMemory m_activations;
  std::vector<std::vector<std::byte>> m_downloaded;  ///< m_left's, of all images of a run
  Batch m_batch;                                     ///< where the CPU goes on
};

}  // namespace qfi::tiles

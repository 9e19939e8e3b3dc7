// SPDX-License-Identifier: Apache-2.0
// Owns UnitRunner, which runs a workload through faulty units. A unit and a block of images go in; outputs
// and counts come out. It keeps the golden tensors before the first operator in which products are not exact,
// and runs from there on, some images at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "qfi/engine/device.hpp"
#include "qfi/engine/pair_counter.hpp"
#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// Images first .. first+count-1 and the tensors that operators from `cut()` on need.
struct ImageBlock {
  std::size_t first = 0;
  std::size_t count = 0;
  std::vector<std::vector<std::byte>> live;
};

class UnitRunner {
 public:
  /// Runs the golden run up to cut(). The indices `operators` rise; `padding` is that of the pairs that are
  /// counted; `golden` are the units of the golden run (nullptr: products are exact), which must outlive the
  /// runner. Errors: images that cannot be read; a device that cannot be had.
  static Result<std::unique_ptr<UnitRunner>> make(const Workload& workload, const InputScaling& input,
                                                  std::vector<std::size_t> operators, PaddingTaps padding,
                                                  unsigned threads, const Units* golden = nullptr);

  /// What the golden run multiplied in each of the operators; empty once it is forgotten.
  const std::vector<PairCounter>& golden_pairs() const { return m_golden_pairs; }
  void forget_golden_pairs() { m_golden_pairs = {}; }

  const Workload& workload() const { return m_workload; }
  /// First operator of a faulty run; before it all is golden.
  std::size_t cut() const { return m_cut; }
  /// The blocks of images, which model and images fix, never the machine.
  std::span<const ImageBlock> blocks() const { return m_blocks; }
  /// One thread's device: it runs from cut() to the end and leaves the watched tensors of a block.
  std::unique_ptr<Device> make_device() const { return m_devices->make(); }
  const DeviceSource& devices() const { return *m_devices; }

  /// Images first .. first+count-1 of all, which lie in a block.
  struct Part {
    std::size_t block = 0;
    FaultSet::Images images;
  };
  /// Counts what comes out of each part; false: no more of them is wanted.
  using TrialUse = std::function<bool(std::size_t part, const Trial& trial)>;
  void score(std::span<const Part> parts, const Units& units, Device& device, const TrialUse& use) const;
  /// The first block as a part, or as many of its images.
  Part first_part(std::size_t images = static_cast<std::size_t>(-1)) const;
  /// What is run to measure a fault of so many images, and how many images it has: the first block, or all
  /// blocks for a device that takes them together.
  struct Sample {
    std::vector<Part> parts;
    std::size_t images = 0;
  };
  Sample sample(std::size_t images) const;
  /// Whether the first `images` images give the same outputs by plain look-ups, product by product, on the
  /// CPU as by `units` on the device; a nullptr stands for the exact kernels, where the tables are exact.
  bool agrees_with_tables(const Units& tables, const Units* units, std::size_t images, Device& device) const;
  /// The watched tensors of one image of the first block.
  std::vector<std::byte> outputs_under(const Units& units, std::size_t image, Device& device) const;
  /// Runs the first image with the units and without, operator by operator, and shows each output. It runs on
  /// the CPU, whatever the device is.
  using OutputUse = std::function<void(std::size_t operator_index, int output, const TensorOf& golden,
                                       const TensorOf& faulty)>;
  void replay(const Units& units, const OutputUse& use) const;

 private:
  explicit UnitRunner(const Workload& workload) : m_workload(workload) {}
  Result<void> run_golden(const InputScaling& input, PaddingTaps padding, unsigned threads);
  std::vector<std::byte> outputs_of(const Part& part, const Units* units, Device& device) const;
  DevicePlan device_plan(unsigned threads) const;
  DeviceTask task_of(const Part& part) const;
  TensorOf image_of(const Device::WatchedTensors& tensors, std::size_t image) const;

  const Workload& m_workload;
  const Units* m_golden_units = nullptr;
  std::vector<std::size_t> m_operators;
  std::size_t m_cut = 0;
  std::vector<int> m_live_tensors;
  std::vector<ImageBlock> m_blocks;
  std::vector<PairCounter> m_golden_pairs;
  std::unique_ptr<DeviceSource> m_devices;
  std::unique_ptr<DeviceSource> m_cpu;  ///< for proofs
};

}  // namespace qfi

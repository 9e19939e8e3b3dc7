// SPDX-License-Identifier: Apache-2.0
// Owns the seam between a campaign and what computes for it. Golden tensors of all images go in once, faults
// one after the other; the watched tensors of every fault and image come out. The CPU's device is the engine
// itself, another one a GPU, and nobody who runs faults knows which one it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

/// A block of images as the fault-free run leaves them before operator DevicePlan::cut. Of the k-th tensor of
/// Program::live_tensors(cut, watched), values[k] holds `images` images, one after the other, each as the
/// model stores it.
struct LiveImages {
  std::size_t images = 0;  ///< at least 1
  std::vector<std::span<const std::byte>> values;
};

/// What all runs of a campaign have in common. The caller owns the memory of the blocks, and keeps it
/// unchanged as long as there are devices.
struct DevicePlan {
  /// The first operator that runs, up to the number of operators; before it every run is fault-free.
  std::size_t cut = 0;
  /// Tensors that are wanted of each run: model outputs, or those that ProgramParams::kept_tensors keeps.
  std::vector<int> watched;
  std::vector<LiveImages> blocks;  ///< at least one
  unsigned threads = 1;            ///< that have a device each, about
};

/// Some images of a block.
struct DeviceTask {
  std::size_t block = 0;
  std::size_t first = 0;   ///< in the block
  std::size_t images = 0;  ///< at least 1
};

/// One thread's: the threads of a campaign each have their own, over one Program.
class Device {
 public:
  virtual ~Device() = default;

  /// Fills in what the device needs of units' tables to run them fast. Without it they are looked up.
  virtual void prepare(Units& units) const = 0;

  /// All images of a watched tensor after a run: DeviceTask::images times its bytes, one image after the
  /// other, each as the model stores it.
  using WatchedTensors = std::function<std::span<const std::byte>(int tensor)>;
  /// Takes what a fault left of one task; `task` counts from 0 in the list. The tensors are the device's own
  /// memory and hold until the call returns. False: no more of them is wanted.
  using Use = std::function<bool(std::size_t task, const WatchedTensors& tensors)>;

  /// Runs one fault on every task and calls `use` once for each, in their order, on the calling thread.
  /// `units` nullptr: every product is exact. Integer results are the same bytes on every device. A device
  /// that breaks throws.
  virtual void run(const Units* units, std::span<const DeviceTask> tasks, const Use& use) = 0;
};

/// What the threads of a campaign have their devices from.
class DeviceSource {
 public:
  virtual ~DeviceSource() = default;
  virtual std::unique_ptr<Device> make() const = 0;
  /// Whether a device runs a fault's tasks faster when it gets them together.
  virtual bool takes_many_tasks() const = 0;
  /// For records: the device's name, and what of the network it leaves to the CPU.
  virtual std::string description() const = 0;
};

/// `tile_programs`: what a GPU would do, in loops on the CPU, for tests.
enum class DeviceChoice : std::uint8_t { cpu, cuda, automatic, tile_programs };

struct DeviceParams {
  DeviceChoice choice = DeviceChoice::cpu;
  std::uint64_t memory = 0;  ///< bytes of the device that may be taken; 0: most of what is free
};

/// Errors: a GPU is asked for and cannot be had; memory is limited of a device that is not asked for.
Result<void> check_device(const DeviceParams& params);

/// The GPU that `cuda` would take, or why there is none.
std::string gpu_in_reach();

/// `program` must outlive it. A device other than the CPU is compared with it first, operator by operator.
/// `automatic` takes the CPU where there is no GPU, it fails in that, or the network is not worth it. Error:
/// `cuda` is asked for, and there is none or it fails.
Result<std::unique_ptr<DeviceSource>> make_device_source(const Program& program, DevicePlan plan,
                                                         const DeviceParams& params = {});

}  // namespace qfi

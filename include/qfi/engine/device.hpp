// SPDX-License-Identifier: Apache-2.0
// Owns the seam between a campaign and what computes for it. Golden tensors of some images and a list of
// faults go in; the watched tensors of every fault and image come out. CpuDevice is the engine itself;
// another device (a GPU) is one more class, and nobody who runs faults knows which one it has.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

/// What all runs of a device have in common, so that it can lay out its memory once.
struct DevicePlan {
  /// The first operator that runs, up to the number of operators; before it every run is fault-free.
  std::size_t cut = 0;
  /// Tensors that are wanted of each run: model outputs, or those that ProgramParams::kept_tensors keeps.
  std::vector<int> watched;
  std::size_t most_images = 1;  ///< in one block
};

/// A block of images as the fault-free run leaves them before operator DevicePlan::cut. Of the k-th tensor of
/// Program::live_tensors(cut, watched), values[k] holds at least `images` images, one after the other, each
/// as the model stores it. The caller owns the memory and keeps it unchanged during the run.
struct LiveImages {
  std::size_t images = 0;  ///< 1 .. DevicePlan::most_images
  std::span<const std::span<const std::byte>> values;
};

/// A fault as devices see it: what is not as in the fault-free run.
struct DeviceFault {
  const Units* units = nullptr;  ///< nullptr: every product is exact; else it must outlive the run
};

/// One thread's: the threads of a campaign each have their own, over one Program.
class Device {
 public:
  virtual ~Device() = default;

  /// All images of a watched tensor after the run of one fault: LiveImages::images times its bytes, one image
  /// after the other, each as the model stores it.
  using WatchedTensors = std::function<std::span<const std::byte>(int tensor)>;
  /// Takes what one fault left; `fault` counts from 0 in the list. The tensors are the device's own memory
  /// and hold until the call returns.
  using Use = std::function<void(std::size_t fault, const WatchedTensors& tensors)>;

  /// Runs every fault of the list on every image and calls `use` once for each fault, in the order of the
  /// list, on the calling thread. Integer results are the same bytes on every device. A device that breaks
  /// throws.
  virtual void run(const LiveImages& images, std::span<const DeviceFault> faults, const Use& use) = 0;
};

/// The engine's own kernels: one fault after the other, on one Batch, whose tensors `use` sees in place.
class CpuDevice final : public Device {
 public:
  /// `program` must outlive the device.
  CpuDevice(const Program& program, const DevicePlan& plan);

  void run(const LiveImages& images, std::span<const DeviceFault> faults, const Use& use) override;

 private:
  const Program& m_program;
  std::size_t m_cut;
  std::vector<int> m_live_tensors;
  Batch m_batch;
};

}  // namespace qfi

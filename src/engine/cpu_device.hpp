// SPDX-License-Identifier: Apache-2.0
// The engine's own kernels as a device: one task after the other, on one Batch, whose tensors are seen in
// place.
#pragma once

#include "qfi/engine/device.hpp"

namespace qfi {

class CpuDevice final : public Device {
 public:
  /// Both must outlive the device.
  CpuDevice(const Program& program, const DevicePlan& plan);

  void prepare(Units& units) const override { m_program.prepare_tables(units); }
  void run(const Units* units, std::span<const DeviceTask> tasks, const Use& use) override;

 private:
  const Program& m_program;
  const DevicePlan& m_plan;
  std::vector<int> m_live_tensors;
  Batch m_batch;
};

}  // namespace qfi

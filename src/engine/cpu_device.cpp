// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "qfi/engine/device.hpp"

namespace qfi {

CpuDevice::CpuDevice(const Program& program, const DevicePlan& plan)
    : m_program(program),
      m_cut(plan.cut),
      m_live_tensors(program.live_tensors(plan.cut, plan.watched)),
      m_batch(program, plan.most_images) {}

// The live tensors are copied for every fault: later operators reuse their memory.
void CpuDevice::run(const LiveImages& images, std::span<const DeviceFault> faults, const Use& use) {
  m_batch.set_images(images.images);
  for (std::size_t fault = 0; fault < faults.size(); ++fault) {
    for (std::size_t k = 0; k < m_live_tensors.size(); ++k) {
      const std::span<std::byte> to = m_batch.tensor(m_live_tensors[k]);
      std::memcpy(to.data(), images.values[k].data(), to.size());
    }
    m_program.run(m_batch, m_cut, m_program.model().operators.size(), faults[fault].units);
    use(fault, [this](int tensor) { return std::as_const(m_batch).tensor(tensor); });
  }
}

}  // namespace qfi

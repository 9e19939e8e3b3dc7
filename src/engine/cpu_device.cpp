// SPDX-License-Identifier: Apache-2.0
#include "cpu_device.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace qfi {

CpuDevice::CpuDevice(const Program& program, const DevicePlan& plan)
    : m_program(program),
      m_plan(plan),
      m_live_tensors(program.live_tensors(plan.cut, plan.watched)),
      m_batch(program, std::ranges::max_element(plan.blocks, {}, &LiveImages::images)->images) {}

// The live tensors are copied for every run: later operators reuse their memory.
void CpuDevice::run(const Units* units, std::span<const DeviceTask> tasks, const Use& use) {
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const DeviceTask& task = tasks[t];
    m_batch.set_images(task.images);
    for (std::size_t k = 0; k < m_live_tensors.size(); ++k) {
      const std::span<std::byte> to = m_batch.tensor(m_live_tensors[k]);
      const std::size_t of_image = to.size() / task.images;
      std::memcpy(to.data(), m_plan.blocks[task.block].values[k].data() + task.first * of_image, to.size());
    }
    m_program.run(m_batch, m_plan.cut, m_program.model().operators.size(), units);
    if (!use(t, [this](int tensor) { return std::as_const(m_batch).tensor(tensor); })) return;
  }
}

}  // namespace qfi

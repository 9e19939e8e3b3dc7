// SPDX-License-Identifier: Apache-2.0
// Chooses what computes: the CPU, or a GPU that was proved.
#include <algorithm>

#include "cpu_device.hpp"
#include "qfi/base/log.hpp"
#include "qfi/engine/device.hpp"
#include "tiles/tile_source.hpp"

namespace qfi {
namespace {

class CpuSource final : public DeviceSource {
 public:
  CpuSource(const Program& program, DevicePlan plan) : m_program(program), m_plan(std::move(plan)) {}
  std::unique_ptr<Device> make() const override { return std::make_unique<CpuDevice>(m_program, m_plan); }
  bool takes_many_tasks() const override { return false; }
  std::string description() const override { return "CPU"; }

 private:
  const Program& m_program;
  DevicePlan m_plan;
};

std::unique_ptr<tiles::TileMachine> open_machine(std::string& why) {
  try {
    return tiles::open_cuda_machine(why);
  } catch (const tiles::MachineError& error) {
    why = error.what();
    return nullptr;
  }
}

}  // namespace

std::string gpu_in_reach() {
  std::string why;
  const auto machine = open_machine(why);
  return machine ? machine->name() : "none: " + why;
}

Result<void> check_device(const DeviceParams& params) {
  if (params.choice == DeviceChoice::cpu && params.memory > 0)
    return bad_input("--device-memory is of a GPU: give --device cuda or auto with it");
  if (params.choice != DeviceChoice::cuda) return {};
  std::string why;
  if (open_machine(why)) return {};
  return failed("--device cuda: {}; --device cpu needs none, and auto takes one where it is there", why);
}

Result<std::unique_ptr<DeviceSource>> make_device_source(const Program& program, DevicePlan plan,
                                                         const DeviceParams& params) {
  if (params.choice == DeviceChoice::tile_programs)
    return tiles::make_tile_source(tiles::make_host_machine(), program, plan, params.memory);
  if (params.choice == DeviceChoice::cpu) return std::make_unique<CpuSource>(program, std::move(plan));
  std::string why;
  if (auto machine = open_machine(why)) {
    auto source = tiles::make_tile_source(std::move(machine), program, plan, params.memory);
    if (source) return source;
    why = source.error().message;
    if (params.choice == DeviceChoice::cuda) return failed("--device cuda: {}", why);
    log(LogLevel::warning, fmt::format("--device auto: runs on the CPU: {}", why));
  } else if (params.choice == DeviceChoice::cuda) {
    return failed("--device cuda: {}", why);
  } else {
    log(LogLevel::info, fmt::format("--device auto: runs on the CPU: {}", why));
  }
  return std::make_unique<CpuSource>(program, std::move(plan));
}

}  // namespace qfi

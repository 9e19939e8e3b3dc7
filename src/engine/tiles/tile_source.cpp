// SPDX-License-Identifier: Apache-2.0
#include "tile_source.hpp"

#include <algorithm>

#include "tile_proof.hpp"

namespace qfi::tiles {
namespace {

class TileSource final : public DeviceSource {
 public:
  // Throws MachineError.
  TileSource(std::unique_ptr<TileMachine> machine, const Program& program, DevicePlan plan,
             std::uint64_t memory)
      : m_machine(std::move(machine)),
        m_plan(std::move(plan)),
        m_free(m_machine->free_bytes()),
        m_program(*m_machine, program, m_plan.cut),
        m_golden(*m_machine, program, m_plan) {
    const std::size_t taken = m_free - std::min(m_free, m_machine->free_bytes());
    const std::size_t usable = memory == 0 ? m_free / 10 * 9 : std::min<std::size_t>(m_free, memory);
    m_bytes_each = (usable - std::min(usable, taken)) / (m_plan.threads + 1);  // one more proves
  }

  std::unique_ptr<Device> make() const override { return make_tile_device(); }
  std::unique_ptr<TileDevice> make_tile_device() const {
    return std::make_unique<TileDevice>(m_machine->another(), m_program, m_golden, m_plan, m_bytes_each);
  }
  bool takes_many_tasks() const override { return true; }
  std::string description() const override {
    std::string left;
    const Program& program = m_program.program();
    for (std::size_t i = m_program.end(); i < program.model().operators.size(); ++i)
      if (!program.is_folded(i)) left += (left.empty() ? "" : ", ") + operator_label(program.model(), i);
    return left.empty() ? m_machine->name() : m_machine->name() + "; on the CPU: " + left;
  }

  Result<void> prove() const {
    QFI_CHECK(prove_products(*m_machine));
    QFI_CHECK(prove_counts(*m_machine));
    const auto device = make_tile_device();
    return prove_steps(*device, m_program, m_plan);
  }
  // Whether the machine has at least half of the multiplications.
  bool is_worth_it() const {
    std::uint64_t here = 0, all = 0;
    const Program& program = m_program.program();
    for (std::size_t i = m_plan.cut; i < program.model().operators.size(); ++i) {
      all += program.multiplications(i);
      if (i < m_program.end()) here += program.multiplications(i);
    }
    return here > 0 && 2 * here >= all;
  }

 private:
  std::unique_ptr<TileMachine> m_machine;
  DevicePlan m_plan;
  std::size_t m_free;  ///< bytes, before anything is taken
  TileProgram m_program;
  TileGolden m_golden;
  std::size_t m_bytes_each = 0;
};

}  // namespace

Result<std::unique_ptr<DeviceSource>> make_tile_source(std::unique_ptr<TileMachine> machine,
                                                       const Program& program, const DevicePlan& plan,
                                                       std::uint64_t memory) {
  try {
    auto source = std::make_unique<TileSource>(std::move(machine), program, plan, memory);
    if (!source->is_worth_it())
      return bad_input("most of the network has operators that only the CPU computes: {}",
                       source->description());
    QFI_CHECK(source->prove());
    return source;
  } catch (const MachineError& error) {
    return failed("{}", error.what());
  }
}

}  // namespace qfi::tiles

// SPDX-License-Identifier: Apache-2.0
// The instruction sets that tests are run with: those of this CPU that DNNL_MAX_CPU_ISA allows.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "engine/kernels/instruction_set.hpp"

namespace qfi::test {

inline std::vector<const InstructionSet*> available_sets() {
  std::vector<const InstructionSet*> sets;
  std::ranges::copy_if(instruction_sets(), std::back_inserter(sets),
                       [](const InstructionSet* set) { return set->is_available(); });
  return sets;
}

/// As a part of a test's name.
inline std::string test_name(const InstructionSet& set) {
  std::string name;
  std::ranges::copy_if(std::string(set.name), std::back_inserter(name),
                       [](char c) { return c != '-' && c != ' '; });
  return name;
}

}  // namespace qfi::test

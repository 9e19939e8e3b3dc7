// SPDX-License-Identifier: Apache-2.0
// Verilog libraries with user-defined primitives.
#include "fuzz.hpp"
#include "netlist/verilog_primitives.hpp"

namespace qfi::fuzz {

void run(std::string_view input) {
  const auto modules = primitives_as_modules(input);
  if (modules && input.find("primitive") == std::string_view::npos)
    require(*modules == input, "text without primitives stays as it is");
}

}  // namespace qfi::fuzz

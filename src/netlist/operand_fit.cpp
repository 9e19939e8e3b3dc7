// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/operand_fit.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace qfi {
namespace {

struct Numbers {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

std::size_t bits_for(const Numbers& numbers, bool is_unsigned) {
  std::size_t bits = 1;
  while (is_unsigned ? numbers.last >> bits != 0
                     : numbers.last >> (bits - 1) != 0 || -(numbers.first + 1) >> (bits - 1) > 0)
    ++bits;
  return bits;
}

// What a port lacks to hold these numbers.
std::string missing_in(const char* port, std::size_t width, bool is_unsigned, const Numbers& numbers) {
  if (width >= 32) return "";
  const char* sign = is_unsigned ? "unsigned" : "signed";
  if (is_unsigned && numbers.first < 0)
    return fmt::format("{} is {}, and {} .. {} are signed numbers", port, sign, numbers.first, numbers.last);
  const std::size_t bits = bits_for(numbers, is_unsigned);
  if (bits <= width) return "";
  return fmt::format("{} has {} bits, {}, and {} .. {} need {}", port, width, sign, numbers.first,
                     numbers.last, bits);
}

}  // namespace

std::string missing_width(const Netlist& netlist, const OperandGrid& grid) {
  const Numbers outer{grid.outer.first, grid.outer.last};
  const Numbers inner{grid.inner.first, grid.inner.last};
  const auto corners = {outer.first * inner.first, outer.first * inner.last, outer.last * inner.first,
                        outer.last * inner.last};
  const Numbers products{std::min(corners), std::max(corners)};
  const bool is_unsigned = netlist.is_unsigned;
  for (const std::string& missing :
       {missing_in("port rs1", netlist.rs1.size(), is_unsigned, grid.outer_is_rs1 ? outer : inner),
        missing_in("port rs2", netlist.rs2.size(), is_unsigned, grid.outer_is_rs1 ? inner : outer),
        missing_in("the result", netlist.result.size(), is_unsigned, products)})
    if (!missing.empty()) return missing;
  return "";
}

std::string operand_widths(const Netlist& netlist) {
  return fmt::format("{} x {} bits, {}", netlist.rs1.size(), netlist.rs2.size(),
                     netlist.is_unsigned ? "unsigned" : "signed");
}

std::vector<OperandFit> operand_fits(const Netlist& netlist) {
  const auto fit = [&](const char* operands, IntRange range) {
    return OperandFit{operands, missing_width(netlist, {range, range, true})};
  };
  return {fit("INT8 codes, raw", {-128, 127}), fit("UINT8 codes, raw", {0, 255}),
          fit("codes minus zero points, offset", {-255, 255})};
}

OperandGrid common_grid(const Netlist& netlist) {
  const auto range = [&](const std::vector<NetId>& port) {
    const int bits = static_cast<int>(std::min<std::size_t>(port.size(), 8));
    return netlist.is_unsigned ? IntRange{0, (1 << bits) - 1}
                               : IntRange{-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
  };
  return {range(netlist.rs1), range(netlist.rs2), true};
}

ProductErrors product_errors(const Simulator& simulator) {
  const OperandGrid& grid = simulator.grid();
  ProductErrors errors;
  double distances = 0;
  for (int outer = grid.outer.first; outer <= grid.outer.last; ++outer)
    for (int inner = grid.inner.first; inner <= grid.inner.last; ++inner, ++errors.pairs) {
      const std::int64_t error = std::int64_t{simulator.golden()[errors.pairs]} - std::int64_t{outer} * inner;
      const auto distance = static_cast<std::uint64_t>(std::abs(error));
      errors.wrong += error != 0 ? 1 : 0;
      errors.worst = std::max(errors.worst, distance);
      distances += static_cast<double>(distance);
    }
  errors.mean_distance = distances / static_cast<double>(errors.pairs);
  return errors;
}

}  // namespace qfi

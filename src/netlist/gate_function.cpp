// SPDX-License-Identifier: Apache-2.0
#include "gate_function.hpp"

namespace qfi {

std::uint64_t evaluate(GateOp op, std::uint64_t table, const std::array<std::uint64_t, k_gate_inputs>& in) {
  const auto& [a, b, c, d, e, f] = in;
  switch (op) {
    case GateOp::buffer: return a;
    case GateOp::inverter: return ~a;
    case GateOp::and2: return a & b;
    case GateOp::nand2: return ~(a & b);
    case GateOp::or2: return a | b;
    case GateOp::nor2: return ~(a | b);
    case GateOp::xor2: return a ^ b;
    case GateOp::xnor2: return ~(a ^ b);
    case GateOp::and_not: return a & ~b;
    case GateOp::or_not: return a | ~b;
    case GateOp::mux: return (c & b) | (~c & a);
    case GateOp::inverting_mux: return ~((c & b) | (~c & a));
    case GateOp::aoi3: return ~((a & b) | c);
    case GateOp::oai3: return ~((a | b) & c);
    case GateOp::aoi4: return ~((a & b) | (c & d));
    case GateOp::oai4: return ~((a | b) & (c | d));
    case GateOp::xor3: return a ^ b ^ c;
    case GateOp::majority: return (a & b) | (c & (a | b));
    case GateOp::table: break;
  }
  std::uint64_t out = 0;
  for (std::size_t row = 0; row < 64; ++row) {
    if ((table >> row & 1) == 0) continue;
    std::uint64_t product = ~std::uint64_t{0};
    for (std::size_t k = 0; k < k_gate_inputs; ++k) product &= (row >> k & 1) != 0 ? in[k] : ~in[k];
    out |= product;
  }
  return out;
}

namespace {

std::size_t inputs_of(GateOp op) {
  if (op == GateOp::buffer || op == GateOp::inverter) return 1;
  if (op <= GateOp::or_not) return 2;
  return op == GateOp::aoi4 || op == GateOp::oai4 ? 4 : 3;
}

}  // namespace

GateOp op_of_table(std::uint64_t table, std::size_t inputs) {
  // Bit i of input k is bit k of i.
  constexpr std::array<std::uint64_t, k_gate_inputs> k_rows = {0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc,
                                                               0xf0f0f0f0f0f0f0f0, 0xff00ff00ff00ff00,
                                                               0xffff0000ffff0000, 0xffffffff00000000};
  for (std::uint8_t op = 0; op < static_cast<std::uint8_t>(GateOp::table); ++op)
    if (inputs_of(static_cast<GateOp>(op)) == inputs && evaluate(static_cast<GateOp>(op), 0, k_rows) == table)
      return static_cast<GateOp>(op);
  return GateOp::table;
}

}  // namespace qfi

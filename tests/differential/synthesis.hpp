// SPDX-License-Identifier: Apache-2.0
// What tests of synthesis and of netlists that are kept share: a folder, messages, and a small netlist of
// cells.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/netlist/operand_fit.hpp"
#include "qfi/netlist/synth.hpp"
#include "support.hpp"

namespace qfi {

class Synthesis : public testing::Test {
 protected:
  Synthesis() {
    set_log_sink([this](LogLevel, const std::string& message) { m_messages.push_back(message); });
  }
  ~Synthesis() override { set_log_sink({}); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file(m_folder.path() / name, text));
    return m_folder.path() / name;
  }
  SynthParams params(std::filesystem::path source, const std::string& top, NetlistReading reading) const {
    SynthParams result;
    result.sources = {std::move(source)};
    result.top = top;
    result.reading = std::move(reading);
    result.output = m_folder.path() / "out";
    return result;
  }
  Netlist written() const { return test::value_of(read_netlist(m_folder.path() / "out.json")); }
  nlohmann::json manifest() const {
    return nlohmann::json::parse(test::value_of(read_file(m_folder.path() / "out.manifest.json")));
  }
  static std::filesystem::path case_file(const std::string& name) {
    return test::shared_folder() / "data/cases" / name;
  }

  TemporaryFolder m_folder = test::value_of(TemporaryFolder::create());
  std::vector<std::string> m_messages;
};

inline std::size_t wrong_int8_products(const Netlist& netlist) {
  return product_errors(Simulator(netlist, {{-128, 127}, {-128, 127}, true})).wrong;
}

inline constexpr const char* k_cells =
    "module INV(input A, output ZN); assign ZN = !A; endmodule\n"
    "module AND2(input A, B, output Z, inout VDD, inout VSS); assign Z = A & B; endmodule\n"
    "module FULL(input A, B, CI, output S, CO); assign {CO, S} = A + B + CI; endmodule\n"
    "module DFF(input D, CK, output reg Q); always @(posedge CK) Q <= D; endmodule\n";

// 2 x 2 bits, unsigned, of library cells.
inline std::string two_by_two(const std::string& more = "") {
  return "module m(a, b, p);\n  input [1:0] a, b;\n  output [3:0] p;\n  wire w1, w2, w3, c1, i1;\n"
         "  AND2 g0 (.A(a[0]), .B(b[0]), .Z(p[0]));\n  AND2 g1 (.A(a[1]), .B(b[0]), .Z(w1));\n"
         "  AND2 g2 (.A(a[0]), .B(b[1]), .Z(w2));\n  AND2 g3 (.A(a[1]), .B(b[1]), .Z(w3));\n"
         "  FULL f1 (.A(w1), .B(w2), .CI(1'b0), .S(p[1]), .CO(c1));\n"
         "  FULL f2 (.A(w3), .B(c1), .CI(1'b0), .S(p[2]), .CO(p[3]));\n" +
         more + "endmodule\n";
}

}  // namespace qfi

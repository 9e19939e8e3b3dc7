// SPDX-License-Identifier: Apache-2.0
#include "netlist/verilog_primitives.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::HasSubstr;

TEST(VerilogPrimitives, TextWithoutAnyStaysAsItIs) {
  const std::string text =
      "// primitive u (\nmodule a(); /* primitive */ initial $display(\"primitive\"); endmodule\n";
  EXPECT_EQ(value_of(primitives_as_modules(text)), text);
}

TEST(VerilogPrimitives, ATableBecomesASumOfProducts) {
  const std::string text = value_of(primitives_as_modules(
      "`timescale 1ns/1ps\nprimitive mux (y, a, b, s);\n  output y; input a, b, s;\n  table // a b s : y\n"
      "    0 ? 0 : 0 ;\n    1 ? 0 : 1 ;\n    ? 0 1 : 0 ;\n    ? 1 1 : 1 ;\n    0 0 x : 0 ;\n  "
      "endtable\nendprimitive\n"
      "module after(); endmodule\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("module mux (output y, input a, input b, input s);"),
                          HasSubstr("assign y = (a & ~b & ~s) | (a & b & ~s) | (~a & b & s) | (a & b & s);"),
                          HasSubstr("endmodule\nmodule after"), HasSubstr("`timescale")));
}

TEST(VerilogPrimitives, InstancesGetNames) {
  const std::string text = value_of(primitives_as_modules(
      "module c(output y, input a); inv (y, a); inv named (y, a); not (y, a); endmodule\n"
      "primitive inv (output y, input a); table 0 : 1; 1 : 0; endtable endprimitive\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("inv  qfi_primitive_0 (y, a); inv named (y, a); not (y, a);"),
                          HasSubstr("module inv (output y, input a);")));
}

TEST(VerilogPrimitives, WhatIsUndefinedOrHasStateIsNoFunction) {
  EXPECT_THAT(
      value_of(primitives_as_modules("primitive p (output y, input a); table 0 : 1 ; endtable endprimitive")),
      HasSubstr("assign y = 1'bx;"));
  EXPECT_THAT(value_of(primitives_as_modules("primitive ff (q, d, c); output q; reg q; input d, c; table 0 "
                                             "(01) : ? : 0 ; endtable endprimitive")),
              HasSubstr("$_DFF_P_"));
}

TEST(VerilogPrimitives, APortMayHaveAValueAndAnInstanceTheNameOfItsPrimitive) {
  EXPECT_THAT(
      value_of(primitives_as_modules(
          "primitive ff (output reg q = 1'b0, input d, c); table 0 (01) : ? : 0 ; endtable endprimitive")),
      HasSubstr("module ff (output q, input d, input c);"));
  EXPECT_THAT(value_of(primitives_as_modules(
                  "module m(output y, input a); p p (y, a); endmodule primitive p (output y, "
                  "input a); table 0 : 1; 1 : 0; endtable endprimitive")),
              HasSubstr("p p (y, a);"));
}

TEST(VerilogPrimitives, DamageIsAnError) {
  for (const auto& [text, why] :
       {std::pair{"primitive", "no list of ports"},
        {"primitive p (y, a", "does not end"},
        {"primitive p (y, a); endprimitive", "no table"},
        {"primitive p (y, a); table 0 : 1 ;", "does not end"},
        {"primitive p (y, a); table 0 0 : 1 ; endtable endprimitive", "does not fit"},
        {"primitive p (y); table 0 : 1 ; endtable endprimitive", "no input"},
        {"primitive p (y, a, b, c, d, e, f, g, h, i, j, k); table 0 : 1 ; endtable endprimitive",
         "more than 10"}})
    EXPECT_THAT(primitives_as_modules(text).error().message, HasSubstr(why)) << text;
}

}  // namespace
}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// A foreign multiplier for the tests: 9 x 9 signed, odd port names, a mode input.
module mul9 (
  input  logic signed [8:0]  x,
  input  logic signed [8:0]  y,
  input  logic               negate,
  output logic signed [17:0] p
);
  logic signed [17:0] product;
  assign product = x * y;
  assign p = negate ? -product : product;
endmodule

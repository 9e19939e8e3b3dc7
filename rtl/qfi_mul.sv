// SPDX-License-Identifier: Apache-2.0
// 32-bit multiplier, MUL only: result = low word of op_a * op_b, in one cycle.
//
// The structure is that of cve2's single-cycle multiplier (the RV32M MUL instruction): three
// 17 x 17 signed products of the operands' halves, added with the cross products shifted by 16.
// Only the bits that reach the low word exist here; qfi_mul_mulh keeps the whole datapath.
module qfi_mul (
  input  logic [31:0] op_a,
  input  logic [31:0] op_b,
  output logic [31:0] result
);
  // MUL needs no sign: the 17th bit of every factor is zero.
  logic signed [16:0] a_low, a_high, b_low, b_high;
  assign a_low  = {1'b0, op_a[15:0]};
  assign a_high = {1'b0, op_a[31:16]};
  assign b_low  = {1'b0, op_b[15:0]};
  assign b_high = {1'b0, op_b[31:16]};

  logic signed [33:0] low_low, low_high, high_low;
  assign low_low  = a_low  * b_low;
  assign low_high = a_low  * b_high;
  assign high_low = a_high * b_low;

  logic [15:0] upper;
  assign upper  = low_low[31:16] + low_high[15:0] + high_low[15:0];
  assign result = {upper, low_low[15:0]};
endmodule

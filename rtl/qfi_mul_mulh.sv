// SPDX-License-Identifier: Apache-2.0
// 32-bit multiplier with the adders that MULH, MULHSU and MULHU need: the combinational part of a
// unit that multiplies in one cycle (MUL) or two (MULH*), structured like cve2's.
//
// First cycle (second_cycle = 0): three 17 x 17 signed products of the operands' halves;
// result = low word; carry_out = the part of the sum above bit 16, for the second cycle.
// Second cycle (second_cycle = 1): the third multiplier forms high x high and adds carry_in;
// result = high word. The state register between the cycles is outside.
module qfi_mul_mulh (
  input  logic [31:0] op_a,
  input  logic [31:0] op_b,
  input  logic        a_signed,      // op_a is a signed number (MULH, MULHSU)
  input  logic        b_signed,      // op_b is a signed number (MULH)
  input  logic        second_cycle,
  input  logic [33:0] carry_in,
  output logic [31:0] result,
  output logic [33:0] carry_out
);
  logic a_sign, b_sign;
  assign a_sign = a_signed & op_a[31];
  assign b_sign = b_signed & op_b[31];

  logic signed [16:0] a_low, a_high, b_low, b_high, third_b;
  assign a_low   = {1'b0, op_a[15:0]};
  assign a_high  = {a_sign, op_a[31:16]};
  assign b_low   = {1'b0, op_b[15:0]};
  assign b_high  = {b_sign, op_b[31:16]};
  assign third_b = second_cycle ? b_high : b_low;

  logic signed [33:0] low_low, low_high, third;
  assign low_low  = a_low  * b_low;
  assign low_high = a_low  * b_high;
  assign third    = a_high * third_b;

  logic signed [33:0] summand_1, summand_2, sum;
  assign summand_1 = second_cycle ? 34'sd0 : {18'b0, low_low[31:16]};
  assign summand_2 = second_cycle ? carry_in : low_high;
  assign sum       = summand_1 + summand_2 + third;

  assign result    = second_cycle ? sum[31:0] : {sum[15:0], low_low[15:0]};
  assign carry_out = {{16{sum[33]}}, sum[33:16]};
endmodule

// SPDX-License-Identifier: Apache-2.0
// Verilog for Yosys: how $fa and $alu become one-bit adder cells, and what those cells mean.
#pragma once

namespace qfi {

/// Compressor rows ($fa) and carry chains ($alu) to QFI_FA.
inline constexpr const char* k_adder_mapping = R"verilog(
(* techmap_celltype = "$fa" *)
module qfi_map_fa (A, B, C, X, Y);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : bits
      QFI_FA adder (.A(A[i]), .B(B[i]), .CI(C[i]), .S(Y[i]), .CO(X[i]));
    end
  endgenerate
endmodule

(* techmap_celltype = "$alu" *)
module qfi_map_alu (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  input CI, BI;
  output [Y_WIDTH-1:0] X, Y, CO;
  wire [Y_WIDTH-1:0] a, b_extended, b;
  generate
    if (A_WIDTH == 0) assign a = 0;  // a negation
    else if (A_SIGNED) assign a = $signed(A);
    else assign a = A;
    if (B_WIDTH == 0) assign b_extended = 0;
    else if (B_SIGNED) assign b_extended = $signed(B);
    else assign b_extended = B;
  endgenerate
  assign b = BI ? ~b_extended : b_extended;
  wire [Y_WIDTH:0] carry = {CO, CI};
  genvar i;
  generate
    for (i = 0; i < Y_WIDTH; i = i + 1) begin : bits
      QFI_FA adder (.A(a[i]), .B(b[i]), .CI(carry[i]), .S(Y[i]), .CO(CO[i]));
    end
  endgenerate
  assign X = a ^ b;
endmodule
)verilog";

/// Adder cells with a constant input to smaller ones, as a standard-cell mapper would do.
inline constexpr const char* k_constant_adder_mapping = R"verilog(
(* techmap_celltype = "QFI_FA" *)
module qfi_map_constant_fa (A, B, CI, S, CO);
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTVAL_A_ = 0;
  parameter _TECHMAP_CONSTMSK_B_ = 0;
  parameter _TECHMAP_CONSTVAL_B_ = 0;
  parameter _TECHMAP_CONSTMSK_CI_ = 0;
  parameter _TECHMAP_CONSTVAL_CI_ = 0;
  input A, B, CI;
  output S, CO;
  wire _TECHMAP_FAIL_ = !(_TECHMAP_CONSTMSK_A_ || _TECHMAP_CONSTMSK_B_ || _TECHMAP_CONSTMSK_CI_);
  generate
    if (_TECHMAP_CONSTMSK_CI_) begin
      if (_TECHMAP_CONSTVAL_CI_) assign {CO, S} = {A | B, ~(A ^ B)};
      else QFI_HA half (.A(A), .B(B), .S(S), .CO(CO));
    end else if (_TECHMAP_CONSTMSK_B_) begin
      if (_TECHMAP_CONSTVAL_B_) assign {CO, S} = {A | CI, ~(A ^ CI)};
      else QFI_HA half (.A(A), .B(CI), .S(S), .CO(CO));
    end else begin
      if (_TECHMAP_CONSTVAL_A_) assign {CO, S} = {B | CI, ~(B ^ CI)};
      else QFI_HA half (.A(B), .B(CI), .S(S), .CO(CO));
    end
  endgenerate
endmodule

(* techmap_celltype = "QFI_HA" *)
module qfi_map_constant_ha (A, B, S, CO);
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTVAL_A_ = 0;
  parameter _TECHMAP_CONSTMSK_B_ = 0;
  parameter _TECHMAP_CONSTVAL_B_ = 0;
  input A, B;
  output S, CO;
  wire _TECHMAP_FAIL_ = !(_TECHMAP_CONSTMSK_A_ || _TECHMAP_CONSTMSK_B_);
  generate
    if (_TECHMAP_CONSTMSK_A_) assign {CO, S} = _TECHMAP_CONSTVAL_A_ ? {B, ~B} : {1'b0, B};
    else assign {CO, S} = _TECHMAP_CONSTVAL_B_ ? {A, ~A} : {1'b0, A};
  endgenerate
endmodule
)verilog";

/// The cells' meaning, appended to written Verilog so that it stands alone.
inline constexpr const char* k_adder_modules = R"verilog(
module QFI_FA(A, B, CI, S, CO);
  input A, B, CI;
  output S, CO;
  assign S = A ^ B ^ CI;
  assign CO = (A & B) | (CI & (A ^ B));
endmodule

module QFI_HA(A, B, S, CO);
  input A, B;
  output S, CO;
  assign S = A ^ B;
  assign CO = A & B;
endmodule
)verilog";

}  // namespace qfi

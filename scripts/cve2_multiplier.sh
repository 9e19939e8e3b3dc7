#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cve2_multiplier.sh RTL BASE: the netlist BASE.json of the multiplier of an original cve2, whose folder `rtl` is RTL.
# cve2_multdiv_fast.sv has what Yosys does not read (a package that is imported, arrays as ports, assertions); the same
# module without it, line by line, goes to Yosys, with its registers at their reset value, in which it multiplies in one cycle (MUL).
# QFI names the program (build/release/qfi).
set -eu
rtl=$1 base=$2 qfi=${QFI:-$(dirname "$0")/../build/release/qfi}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=cve2_multdiv_fast
# shellcheck disable=SC2016
sed -e '/prim_assert.sv\|import cve2_pkg::\*;\|`ASSERT_KNOWN/s/.*//; /`ASSERT(/,/)$/s/.*//' \
  -e 's/\[33:0\] *imd_val_q_i\[2\]/[67:0] imd_val_q_i/; s/\[33:0\] *imd_val_d_o\[2\]/[67:0] imd_val_d_o/' \
  -e 's/imd_val_q_i\[\([01]\)\]/imd_\1/g' \
  -e 's/imd_val_d_o\[0\]/imd_val_d_o[33:0]/; s/imd_val_d_o\[1\]/imd_val_d_o[67:34]/' \
  -e 's|// Both multiplier variants|wire [33:0] imd_0 = imd_val_q_i[33:0], imd_1 = imd_val_q_i[67:34];|' \
  -e 's/\bMD_OP_/cve2_pkg::MD_OP_/g; s/\bRV32M\([A-Z][A-Za-z]*\)/cve2_pkg::RV32M\1/g' \
  -e 's/cve2_pkg::cve2_pkg::/cve2_pkg::/g' "$rtl/$top.sv" >"$work/$top.sv"
cp "$rtl/cve2_pkg.sv" "$work"
(cd "$work" && yosys -q -p "read_verilog -sv cve2_pkg.sv $top.sv; chparam -set RV32M 3 $top; hierarchy -top $top;
  proc; flatten; opt; delete t:\$*ff*; setundef -undriven -zero; opt; clean; write_verilog $top.v")
"$qfi" synth "$work/$top.v" --top "$top" --rs1 op_a_i --rs2 op_b_i --result multdiv_result_o --cells adders \
  --tie clk_i=0 --tie rst_ni=1 --tie mult_en_i=1 --tie mult_sel_i=1 --tie div_en_i=0 --tie div_sel_i=0 \
  --tie operator_i=0 --tie signed_mode_i=0 --tie alu_adder_ext_i=0 --tie alu_adder_i=0 --tie equal_to_zero_i=0 \
  --tie imd_val_q_i=0 -o "$base"

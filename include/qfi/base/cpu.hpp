// SPDX-License-Identifier: Apache-2.0
// What this CPU can do beyond x86-64's baseline.
#pragma once

namespace qfi {

/// AVX-512 F, BW, VL, DQ and VBMI, and GFNI: Intel since Ice Lake, AMD since Zen 4.
bool has_avx512();

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// What this CPU can do beyond x86-64's baseline, and is allowed to: DNNL_MAX_CPU_ISA, the variable that
// limits oneDNN, limits our own kernels as well.
#pragma once

namespace qfi {

bool has_avx2();

/// True: AVX-512 F, BW, VL, DQ and VBMI, and GFNI are there, as on Intel since Ice Lake and AMD since Zen 4.
bool has_avx512();

}  // namespace qfi

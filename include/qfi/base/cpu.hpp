// SPDX-License-Identifier: Apache-2.0
// What this CPU can do beyond x86-64's baseline.
#pragma once

namespace qfi {

/// AVX-512 F, BW, VL and DQ.
bool has_avx512();
/// And VBMI: byte look-ups over whole vectors.
bool has_avx512_vbmi();

}  // namespace qfi

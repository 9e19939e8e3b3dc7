// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "block_kernels.hpp"
#include "qfi/base/cpu.hpp"

namespace qfi {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(16), may_alias));
using Rows = std::uint32_t __attribute__((vector_size(16), may_alias));

}  // namespace
}  // namespace qfi

#include "block_kernels_loop.hpp"

namespace qfi {

const BlockKernels k_block_kernels_portable{evaluate, change_products};

const BlockKernels& block_kernels() {
#if defined(__x86_64__)
  if (has_avx512()) return k_block_kernels_avx512;
  if (has_avx2()) return k_block_kernels_avx2;
#endif
  return k_block_kernels_portable;
}

}  // namespace qfi

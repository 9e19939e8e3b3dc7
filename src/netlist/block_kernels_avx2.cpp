// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "block_kernels.hpp"

#if defined(__x86_64__)
#include "qfi/base/target_avx2.hpp"

namespace qfi {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(32), may_alias));
using Rows = std::uint32_t __attribute__((vector_size(32), may_alias));

}  // namespace
}  // namespace qfi

#include "block_kernels_loop.hpp"

namespace qfi {

const BlockKernels k_block_kernels_avx2{evaluate, change_products};

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif

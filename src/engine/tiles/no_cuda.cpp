// SPDX-License-Identifier: Apache-2.0
// In the place of the CUDA machine, where the build has none.
#ifndef QFI_HAS_CUDA

#include "tile_machine.hpp"

namespace qfi::tiles {

std::unique_ptr<TileMachine> open_cuda_machine(std::string& why) {
  why = "this build of qfi has no CUDA (QFI_CUDA needs nvcc)";
  return nullptr;
}

}  // namespace qfi::tiles

#endif

// SPDX-License-Identifier: Apache-2.0
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qfi::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

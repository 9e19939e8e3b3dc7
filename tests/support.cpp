// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <cstdlib>

namespace qfi::test {

std::filesystem::path source_folder() { return QFI_SOURCE_FOLDER; }

std::string program() { return QFI_PROGRAM; }

std::filesystem::path shared_folder() {
  const char* folder = std::getenv("QFI_SHARED");
  return folder == nullptr ? source_folder().parent_path() / "shared" : std::filesystem::path(folder);
}

}  // namespace qfi::test

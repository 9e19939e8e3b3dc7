// SPDX-License-Identifier: Apache-2.0
// Without libFuzzer: runs a target on every file that is named, or lies in a folder that is.
#include <fstream>
#include <iterator>

#include "fuzz.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }

int main(int argc, char** argv) {
  std::size_t files = 0;
  const auto replay = [&](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    qfi::fuzz::run(std::string(std::istreambuf_iterator<char>(file), {}));
    ++files;
  };
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      if (std::filesystem::exists(argv[i])) replay(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) replay(entry.path());
  }
  std::printf("%zu inputs\n", files);
  return files == 0 ? 1 : 0;
}

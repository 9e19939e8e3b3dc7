// SPDX-License-Identifier: Apache-2.0
// What all fuzz targets share. A target reads hostile bytes as a user's file would be read: errors are fine,
// anything that a sanitizer, an assertion or the time limit stops is not.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace qfi::fuzz {

/// A folder of this process in memory, where there is one.
inline const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    const std::string root = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    std::string pattern = root + "/qfi-fuzz-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    static std::string made;
    made = pattern;
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(made, ignored);
    });
    return std::filesystem::path(pattern);
  }();
  return path;
}

inline std::filesystem::path write(const std::string& name, std::string_view content) {
  const std::filesystem::path path = folder() / name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(content.data(), 1, content.size(), file) != content.size()) std::abort();
  std::fclose(file);
  return path;
}

/// What must hold whatever the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

/// Takes the first byte off.
inline std::uint8_t choice(std::string_view& input) {
  if (input.empty()) return 0;
  const auto value = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  return value;
}

/// One input of a target.
void run(std::string_view input);

}  // namespace qfi::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

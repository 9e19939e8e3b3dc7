// SPDX-License-Identifier: Apache-2.0
// Files: a path goes in, the whole content comes out, up to a limit. What is written appears under its name
// whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// How much content is read at most, and the option that sets it, for errors.
struct ByteLimit {
  std::uint64_t bytes = std::uint64_t{4} << 30;
  std::string_view option = {};  ///< empty: no option sets it

  ByteLimit() = default;
  ByteLimit(std::uint64_t most, std::string_view set_by = {}) : bytes(most), option(set_by) {}
  /// "the limit of 42 bytes, which --option sets"
  std::string text() const;
};

/// The whole file. Errors: missing, not a regular file, unreadable, larger than the limit, a Git LFS pointer.
Result<std::string> read_file(const std::filesystem::path& path, const ByteLimit& limit = {});

/// The whole file; one that gzip packed, whatever its name, is unpacked. The limit is one of the content.
/// Errors: those of read_file, and damaged gzip data.
Result<std::string> read_file_gunzip(const std::filesystem::path& path, const ByteLimit& limit = {});

/// A file that appears under its name, whole, when it is finished. One that is not finished leaves nothing
/// behind.
class OutputFile {
 public:
  /// Error: the name is taken by something that is not a regular file, or no file can be made here.
  static Result<OutputFile> create(const std::filesystem::path& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  /// May be called from several threads, for different places.
  Result<void> write_at(std::uint64_t place, std::span<const std::byte> content) const;
  /// Brings what is written to the disk and closes the file: write_at() must not follow. Many files may wait
  /// like this.
  Result<void> settle();
  /// Settles the file and gives it its name.
  Result<void> finish();

 private:
  OutputFile(std::filesystem::path path, std::string temporary, int descriptor)
      : m_path(std::move(path)), m_temporary(std::move(temporary)), m_descriptor(descriptor) {}
  std::filesystem::path m_path;
  std::string m_temporary;  ///< in the same folder; renamed by finish()
  int m_descriptor = -1;
};

/// Writes to a temporary file in the same folder, then renames: readers see all or nothing.
Result<void> write_file(const std::filesystem::path& path, std::string_view content);

/// Error: nobody asked to replace a file, and one is there that does not begin with `start`, as all that qfi
/// writes under such a name does.
Result<void> check_replaceable(const std::filesystem::path& path, std::string_view start, bool is_forced);

/// The name of the folder that holds a file, also where the path does not say it.
std::string folder_name(const std::filesystem::path& file);

/// A private folder (mode 0700) below the system's temporary folder, removed with its content.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder&& other) noexcept : m_path(std::exchange(other.m_path, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return m_path; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : m_path(std::move(path)) {}
  std::filesystem::path m_path;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace qfi

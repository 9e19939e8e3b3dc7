// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

namespace qfi {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : m_value(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (m_value >= 0) ::close(m_value);
  }
  int get() const { return m_value; }

 private:
  int m_value;
};

}  // namespace

std::string ByteLimit::text() const {
  const std::string set_by = option.empty() ? "" : fmt::format(", which {} sets", option);
  return fmt::format("the limit of {} bytes{}", bytes, set_by);
}

Result<std::string> read_file(const std::filesystem::path& path, const ByteLimit& limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return bad_input("{}: cannot open: {}", path.string(), std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return bad_input("{}: not a regular file", path.string());
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit.bytes) return bad_input("{}: {} bytes, more than {}", path.string(), size, limit.text());
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return bad_input("{}: cannot read: {}", path.string(), std::strerror(errno));
    if (got == 0) return bad_input("{}: became shorter while it was read", path.string());
    done += static_cast<std::size_t>(got);
  }
  if (content.starts_with("version https://git-lfs.github.com/spec/"))
    return bad_input("{}: a Git LFS pointer, not the file itself; fetch it with git lfs pull", path.string());
  return content;
}

Result<std::string> read_file_gunzip(const std::filesystem::path& path, const ByteLimit& limit) {
  QFI_TRY(std::string raw, read_file(path, limit));
  const bool is_gzip = raw.size() >= 2 && raw[0] == '\x1f' && raw[1] == '\x8b';
  if (!is_gzip) return raw;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(::gzopen(path.c_str(), "rb"), ::gzclose);
  if (!file) return bad_input("{}: cannot open", path.string());
  std::string content;
  std::string chunk(1 << 16, '\0');
  for (;;) {
    const int got = ::gzread(file.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    if (got < 0) return bad_input("{}: damaged gzip data", path.string());
    if (got == 0) break;
    content.append(chunk, 0, static_cast<std::size_t>(got));
    if (content.size() > limit.bytes)
      return bad_input("{}: unpacks to more than {}", path.string(), limit.text());
  }
  if (::gzeof(file.get()) == 0) return bad_input("{}: gzip data ends early", path.string());
  int status = Z_OK;
  ::gzerror(file.get(), &status);
  if (status != Z_OK && status != Z_STREAM_END) return bad_input("{}: damaged gzip data", path.string());
  return content;
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    return bad_input("{}: exists and is not a regular file", path.string());
  std::string temporary = path.string() + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return failed("{}: cannot create a file here: {}", path.string(), std::strerror(errno));
  return OutputFile(path, std::move(temporary), descriptor);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : m_path(std::move(other.m_path)),
      m_temporary(std::exchange(other.m_temporary, {})),
      m_descriptor(std::exchange(other.m_descriptor, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(m_path, other.m_path);
  std::swap(m_temporary, other.m_temporary);
  std::swap(m_descriptor, other.m_descriptor);
  return *this;
}

OutputFile::~OutputFile() {
  if (m_descriptor >= 0) ::close(m_descriptor);
  if (!m_temporary.empty()) ::unlink(m_temporary.c_str());
}

Result<void> OutputFile::write_at(std::uint64_t place, std::span<const std::byte> content) const {
  while (!content.empty()) {
    const ssize_t written = ::pwrite(m_descriptor, content.data(), content.size(), static_cast<off_t>(place));
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed("{}: cannot write: {}", m_path.string(), std::strerror(errno));
    }
    place += static_cast<std::uint64_t>(written);
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> OutputFile::settle() {
  if (m_descriptor < 0) return {};
  // mkostemp makes the file private; results are ordinary files, so give them the usual mode.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(m_descriptor, 0666 & ~mask) != 0 || ::fsync(m_descriptor) != 0)
    return failed("{}: cannot write: {}", m_path.string(), std::strerror(errno));
  ::close(std::exchange(m_descriptor, -1));
  return {};
}

Result<void> OutputFile::finish() {
  QFI_CHECK(settle());
  if (::rename(m_temporary.c_str(), m_path.c_str()) != 0)
    return failed("{}: cannot replace: {}", m_path.string(), std::strerror(errno));
  m_temporary.clear();
  return {};
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content) {
  QFI_TRY(OutputFile file, OutputFile::create(path));
  QFI_CHECK(file.write_at(0, bytes_of(content)));
  return file.finish();
}

Result<void> check_replaceable(const std::filesystem::path& path, std::string_view start, bool is_forced) {
  std::error_code ignored;
  if (is_forced || !std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return {};
  std::ifstream file(path, std::ios::binary);
  std::string found(start.size(), '\0');
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  if (std::filesystem::is_regular_file(path, ignored) && file && found == start) return {};
  return bad_input("{}: exists and does not look like a file that this command writes; --force replaces it",
                   path.string());
}

std::string folder_name(const std::filesystem::path& file) {
  std::error_code none;
  return std::filesystem::absolute(file, none).lexically_normal().parent_path().filename().string();
}

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code error;
  std::string pattern = (std::filesystem::temp_directory_path(error) / "qfi-XXXXXX").string();
  if (error || ::mkdtemp(pattern.data()) == nullptr)
    return failed("cannot make a temporary folder: {}", std::strerror(errno));
  return TemporaryFolder(pattern);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!m_path.empty()) std::filesystem::remove_all(m_path, ignored);
}

}  // namespace qfi

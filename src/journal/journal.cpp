// SPDX-License-Identifier: Apache-2.0
#include "qfi/journal/journal.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "journal_file.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_waiting = 4096;
constexpr auto k_sync_every = std::chrono::seconds(1);

std::string identity_text(const Journal::Identity& identity) {
  std::string text;
  for (const auto& [name, value] : identity)
    text += fmt::format("{} {} {} {}\n", name.size(), value.size(), name, value);
  return text;
}

}  // namespace

struct Journal::Impl {
  JournalFile file;
  std::optional<Identity> identity;
  std::uint64_t seed = 0;

  std::mutex lock;  // of what follows
  std::condition_variable changed;
  std::deque<TrialRow> waiting;
  bool is_closing = false;
  std::optional<Error> failure;
  std::atomic<bool> has_failed = false;
  std::atomic<double> seconds = 0;
  std::jthread writer;

  Result<void> load_identity();
  void run_writer();
};

// Kept as one note: lines "name size, value size, name, value".
Result<void> Journal::Impl::load_identity() {
  QFI_TRY(const std::optional<std::string> text, file.read_note("campaign"));
  if (!text) return {};
  Identity known;
  std::string_view rest = *text;
  while (!rest.empty()) {
    char* end = nullptr;
    const std::string sizes(rest.substr(0, 48));
    const std::size_t name_size = std::strtoull(sizes.c_str(), &end, 10);
    const std::size_t value_size = std::strtoull(end, &end, 10);
    const auto head = static_cast<std::size_t>(end - sizes.c_str()) + 1;
    if (head + name_size + 1 + value_size + 1 > rest.size() || name_size > rest.size() ||
        value_size > rest.size())
      return tl::unexpected(file.damaged("the campaign that it belongs to cannot be read"));
    known[std::string(rest.substr(head, name_size))] = rest.substr(head + name_size + 1, value_size);
    rest.remove_prefix(head + name_size + 1 + value_size + 1);
  }
  identity = std::move(known);
  seed = xxh64(bytes_of(*text), JournalFile::k_version);
  return {};
}

void Journal::Impl::run_writer() {
  auto next_sync = std::chrono::steady_clock::now() + k_sync_every;
  bool is_unsynced = false;
  for (;;) {
    std::deque<TrialRow> rows;
    bool ends = false;
    {
      std::unique_lock guard(lock);
      changed.wait_until(guard, next_sync, [&] { return !waiting.empty() || is_closing; });
      rows.swap(waiting);
      ends = is_closing;
    }
    changed.notify_all();
    const auto start = std::chrono::steady_clock::now();
    const bool syncs = ends || start >= next_sync;
    Result<void> done;
    if (!has_failed && (!rows.empty() || (syncs && is_unsynced))) {
      done = file.write(rows, seed, syncs);
      is_unsynced = !syncs;
    }
    if (syncs) {
      next_sync = start + k_sync_every;
      if (done && !has_failed) done = file.check_still_there();
    }
    seconds = seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    {
      const std::scoped_lock guard(lock);
      if (!done && !failure) failure = done.error();
      if (failure) has_failed = true;
    }
    changed.notify_all();
    if (ends) return;
  }
}

Journal::Journal(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

Journal::~Journal() { static_cast<void>(finish()); }

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file,
                                               std::span<const std::string> columns) {
  auto impl = std::make_unique<Impl>();
  QFI_CHECK(impl->file.open(file, columns));
  QFI_CHECK(impl->load_identity());
  return std::unique_ptr<Journal>(new Journal(std::move(impl)));
}

Result<std::unique_ptr<Journal>> Journal::open_to_read(const std::filesystem::path& file) {
  std::error_code ignored;
  const auto has = [&](const char* suffix) {
    return std::filesystem::exists(std::filesystem::symlink_status(file.string() + suffix, ignored));
  };
  // One that is in use, or was when it was killed, has more to read and must be locked.
  if (has("-wal") || has("-journal")) return open(file, {});
  auto impl = std::make_unique<Impl>();
  QFI_CHECK(impl->file.open_finished(file));
  QFI_CHECK(impl->load_identity());
  return std::unique_ptr<Journal>(new Journal(std::move(impl)));
}

// An empty one is what a run leaves that was killed at once.
Result<void> Journal::remove(const std::filesystem::path& file) {
  constexpr std::size_t k_application_at = 68;  // in the head of an SQLite file, high byte first
  std::error_code error;
  std::string head(100, '\0');
  const bool is_file = std::filesystem::is_regular_file(std::filesystem::symlink_status(file, error));
  if (is_file)
    std::ifstream(file, std::ios::binary).read(head.data(), static_cast<std::streamsize>(head.size()));
  std::uint32_t application = 0;
  for (std::size_t i = 0; i < 4; ++i)
    application = application << 8U | static_cast<unsigned char>(head[k_application_at + i]);
  const bool is_empty = is_file && std::filesystem::file_size(file, error) == 0;
  if (!is_empty && (!head.starts_with("SQLite format 3") || application != JournalFile::k_application))
    return bad_input("{}: does not look like a journal of qfi; move it away yourself", file.string());
  {
    JournalFile tried;  // another run's must stay; a damaged one may go
    auto opened = tried.open(file, {});
    if (!opened && tried.is_in_use()) return opened;
  }
  for (const char* suffix : {"", "-wal", "-journal"}) {
    std::filesystem::remove(file.string() + suffix, error);
    if (error) return failed("{}{}: cannot be removed: {}", file.string(), suffix, error.message());
  }
  return {};
}

const std::filesystem::path& Journal::file() const { return m_impl->file.path(); }
const std::vector<std::string>& Journal::columns() const { return m_impl->file.columns(); }
const std::optional<Journal::Identity>& Journal::identity() const { return m_impl->identity; }
bool Journal::has_failed() const { return m_impl->has_failed; }
double Journal::seconds() const { return m_impl->seconds; }

Result<std::optional<std::string>> Journal::note(const std::string& name) const {
  return m_impl->file.read_note("note " + name);
}
Result<void> Journal::set_note(const std::string& name, const std::string& value) {
  return m_impl->file.write_note("note " + name, value);
}

Result<void> Journal::identify(const Identity& identity) {
  if (!m_impl->identity) {
    QFI_CHECK(m_impl->file.write_note("campaign", identity_text(identity)));
    return m_impl->load_identity();
  }
  return check(identity);
}

Result<void> Journal::check(const Identity& identity) const {
  std::vector<std::string> differences;
  const auto value_in = [](const Identity& all, const std::string& name) {
    const auto found = all.find(name);
    return found == all.end() ? std::string("nothing") : found->second;
  };
  Identity names = identity;
  names.insert(m_impl->identity->begin(), m_impl->identity->end());
  for (const auto& [name, ignored] : names) {
    const std::string before = value_in(*m_impl->identity, name);
    const std::string now = value_in(identity, name);
    if (before != now) differences.push_back(fmt::format("{} was {}, is {}", name, before, now));
  }
  if (differences.empty()) return {};
  constexpr std::size_t k_shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(k_shown, differences.size()); ++i)
    text += (i == 0 ? "" : "; ") + differences[i];
  if (differences.size() > k_shown) text += fmt::format("; and {} more", differences.size() - k_shown);
  return bad_input("{}: of another campaign: {}. Choose another output folder, or begin anew with --restart",
                   m_impl->file.path().string(), text);
}

Result<void> Journal::read(std::uint64_t set, std::uint64_t first, std::uint64_t end,
                           const std::function<Result<void>(TrialRow&&)>& use) const {
  return m_impl->file.read(set, first, end, m_impl->seed, use);
}

Result<std::uint64_t> Journal::trials() const { return m_impl->file.trials(); }

void Journal::add(TrialRow row) {
  std::unique_lock guard(m_impl->lock);
  if (!m_impl->writer.joinable())
    m_impl->writer = std::jthread([impl = m_impl.get()] { impl->run_writer(); });
  m_impl->changed.wait(guard, [&] { return m_impl->waiting.size() < k_most_waiting || m_impl->failure; });
  if (m_impl->failure) return;
  m_impl->waiting.push_back(std::move(row));
  guard.unlock();
  m_impl->changed.notify_all();
}

Result<void> Journal::finish() {
  {
    const std::scoped_lock guard(m_impl->lock);
    m_impl->is_closing = true;
  }
  m_impl->changed.notify_all();
  if (m_impl->writer.joinable()) m_impl->writer.join();
  const std::scoped_lock guard(m_impl->lock);
  m_impl->writer = {};
  m_impl->is_closing = false;
  if (m_impl->failure) return tl::unexpected(*m_impl->failure);
  return {};
}

}  // namespace qfi

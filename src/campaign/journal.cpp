// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/journal.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"

namespace qfi {
namespace {

constexpr int k_application = 0x71664A31;  // "qfJ1"
constexpr int k_version = 1;
constexpr std::size_t k_most_waiting = 4096;
constexpr auto k_sync_every = std::chrono::seconds(1);
constexpr int k_most_value_bytes = 256 << 20;

// Columns of the counts, from `images` on.
std::string count_columns(const char* suffix) {
  std::string columns;
  for (const CountField& field : k_count_fields) columns += fmt::format("{}{}, ", field.name, suffix);
  return columns;
}

std::string notes_table() {
  return "CREATE TABLE notes(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) "
         "STRICT, WITHOUT ROWID";
}
std::string trials_table() {
  return "CREATE TABLE trials(fault_set INTEGER NOT NULL, fault INTEGER NOT NULL, block INTEGER NOT NULL, "
         "name TEXT NOT NULL, " +
         count_columns(" INTEGER NOT NULL") +
         "details BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(fault_set, fault, block)) STRICT, "
         "WITHOUT ROWID";
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

std::uint64_t checksum_of_note(const std::string& name, const std::string& value) {
  return xxh64(bytes_of(name), xxh64(bytes_of(value), k_version));
}

// `seed`: of the campaign, so that rows of another one do not pass.
std::uint64_t checksum_of(const TrialRow& row, std::uint64_t seed) {
  std::string numbers = fmt::format("{} {} {}", row.key.set, row.key.fault, row.key.block);
  for (const CountField& field : k_count_fields) numbers += fmt::format(" {}", row.counts.*field.value);
  return xxh64(bytes_of(row.details), xxh64(bytes_of(row.name), xxh64(bytes_of(numbers), seed)));
}

std::string identity_text(const Journal::Identity& identity) {
  std::string text;
  for (const auto& [name, value] : identity)
    text += fmt::format("{} {} {} {}\n", name.size(), value.size(), name, value);
  return text;
}

std::int64_t stored(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::string_view column_bytes(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  const auto bytes = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), bytes);
}

std::uint64_t column_number(sqlite3_stmt* statement, int column) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement, column));
}

}  // namespace

struct Journal::Impl {
  std::filesystem::path file;
  std::unique_ptr<sqlite3, CloseDatabase> database;
  mutable std::mutex database_lock;
  std::optional<Identity> identity;
  std::uint64_t seed = 0;
  ino_t inode = 0;

  std::mutex lock;  // of what follows
  std::condition_variable changed;
  std::deque<TrialRow> waiting;
  bool is_writing = false;
  bool is_closing = false;
  std::optional<Error> failure;
  std::atomic<bool> has_failed = false;
  std::atomic<double> seconds = 0;
  std::jthread writer;

  tl::unexpected<Error> error(const char* doing) const {
    const int code = sqlite3_errcode(database.get());
    if (code == SQLITE_NOTADB)
      return bad_input("{}: no journal of qfi ({}); move it away", file.string(),
                       sqlite3_errmsg(database.get()));
    if (code == SQLITE_CORRUPT || code == SQLITE_CONSTRAINT || code == SQLITE_ERROR)
      return bad_input("{}: damaged ({}); move it away, or begin anew with --restart", file.string(),
                       sqlite3_errmsg(database.get()));
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
      return bad_input("{}: in use by another run; wait for it, or choose another output folder",
                       file.string());
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || ::access(file.parent_path().c_str(), W_OK) != 0)
      return failed("{}: cannot {}: {}; a journal must be writable, and its folder", file.string(), doing,
                    sqlite3_errmsg(database.get()));
    if (code == SQLITE_FULL)
      return failed("{}: cannot {}: the disk is full; what is in it stays: make room and run again",
                    file.string(), doing);
    return failed("{}: cannot {}: {}", file.string(), doing, sqlite3_errmsg(database.get()));
  }
  Error damaged(const std::string& what) const {
    return {fmt::format("{}: damaged ({}); move it away, or begin anew with --restart", file.string(), what),
            ErrorKind::bad_input};
  }

  Result<void> execute(const char* sql, const char* doing) const {
    if (sqlite3_exec(database.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(doing);
    return {};
  }
  Result<Statement> prepare(const std::string& sql, const char* doing) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database.get(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr) !=
        SQLITE_OK)
      return error(doing);
    return Statement(statement);
  }
  Result<std::int64_t> number(const char* sql) const {
    QFI_TRY(const Statement statement, prepare(sql, "read"));
    if (sqlite3_step(statement.get()) != SQLITE_ROW) return error("read");
    return sqlite3_column_int64(statement.get(), 0);
  }

  Result<void> open();
  Result<void> make_tables();
  Result<void> check_tables() const;
  Result<void> load_identity();
  Result<std::optional<std::string>> read_note(const std::string& name) const;
  Result<void> write_note(const std::string& name, const std::string& value);
  Result<void> insert(sqlite3_stmt* statement, const TrialRow& row) const;
  Result<void> check_same(const TrialRow& row) const;
  Result<void> write(const std::deque<TrialRow>& rows, bool syncs);
  Result<void> check_still_there() const;
  void run_writer();
};

// Nothing of the file's own runs: no views, no triggers, no functions in its schema.
Result<void> Journal::Impl::open() {
  std::error_code ignored;
  if (std::filesystem::is_symlink(file, ignored))
    return bad_input("{}: a link; a journal is a file of its own", file.string());
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  database.reset(opened);
  if (code != SQLITE_OK) return error("open");
  for (const int option : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                           SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION})
    sqlite3_db_config(database.get(), option, 0, nullptr);
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(database.get(), SQLITE_LIMIT_LENGTH, k_most_value_bytes);
  sqlite3_limit(database.get(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_busy_timeout(database.get(), 1000);  // the system may still be ending a killed run
  // One process, locked before anything is read: then no shared memory is needed beside the file.
  QFI_CHECK(execute("PRAGMA locking_mode = EXCLUSIVE", "lock"));
  QFI_CHECK(execute("PRAGMA cell_size_check = ON", "open"));
  QFI_CHECK(execute("PRAGMA mmap_size = 0", "open"));
  QFI_TRY(const std::int64_t tables, number("SELECT count(*) FROM sqlite_schema"));
  QFI_TRY(const std::int64_t application, number("PRAGMA application_id"));
  QFI_TRY(const std::int64_t version, number("PRAGMA user_version"));
  const bool is_new = tables == 0 && application == 0 && version == 0;
  if (!is_new && application != k_application)
    return bad_input("{}: no journal of qfi; choose another output folder", file.string());
  if (!is_new && version != k_version)
    return bad_input("{}: journal of version {}, this program writes version {}; begin anew with --restart",
                     file.string(), version, k_version);
  QFI_CHECK(execute("BEGIN EXCLUSIVE; COMMIT", "lock"));
  QFI_CHECK(is_new ? make_tables() : check_tables());
  QFI_CHECK(execute("PRAGMA journal_mode = WAL", "open"));
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0) inode = status.st_ino;
  return load_identity();
}

Result<void> Journal::Impl::make_tables() {
  const std::string sql =
      fmt::format("BEGIN EXCLUSIVE; PRAGMA application_id = {}; PRAGMA user_version = {}; {}; {}; COMMIT",
                  k_application, k_version, notes_table(), trials_table());
  return execute(sql.c_str(), "write");
}

Result<void> Journal::Impl::check_tables() const {
  QFI_TRY(const Statement statement, prepare("SELECT sql FROM sqlite_schema ORDER BY name", "read"));
  std::vector<std::string> found;
  int code = SQLITE_ROW;
  while (found.size() < 3 && (code = sqlite3_step(statement.get())) == SQLITE_ROW)
    found.emplace_back(column_bytes(statement.get(), 0));
  if (code != SQLITE_DONE && code != SQLITE_ROW) return error("read");
  if (found != std::vector{notes_table(), trials_table()})
    return tl::unexpected(damaged("its tables are not those of a journal"));
  return {};
}

Result<std::optional<std::string>> Journal::Impl::read_note(const std::string& name) const {
  const std::scoped_lock guard(database_lock);
  QFI_TRY(const Statement statement, prepare("SELECT value, checksum FROM notes WHERE name = ?", "read"));
  sqlite3_bind_text(statement.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return error("read");
  std::string value(column_bytes(statement.get(), 0));
  if (column_number(statement.get(), 1) != checksum_of_note(name, value))
    return tl::unexpected(damaged("a checksum is wrong"));
  return value;
}

Result<void> Journal::Impl::write_note(const std::string& name, const std::string& value) {
  const std::scoped_lock guard(database_lock);
  QFI_TRY(const Statement statement, prepare("INSERT OR REPLACE INTO notes VALUES(?, ?, ?)", "write"));
  sqlite3_bind_text(statement.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  sqlite3_bind_text(statement.get(), 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  sqlite3_bind_int64(statement.get(), 3, stored(checksum_of_note(name, value)));
  if (sqlite3_step(statement.get()) != SQLITE_DONE) return error("write");
  return {};
}

// Kept as one note: lines "name size, value size, name, value".
Result<void> Journal::Impl::load_identity() {
  QFI_TRY(const std::optional<std::string> text, read_note("campaign"));
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
      return tl::unexpected(damaged("the campaign that it belongs to cannot be read"));
    known[std::string(rest.substr(head, name_size))] = rest.substr(head + name_size + 1, value_size);
    rest.remove_prefix(head + name_size + 1 + value_size + 1);
  }
  identity = std::move(known);
  seed = xxh64(bytes_of(*text), k_version);
  return {};
}

Result<void> Journal::Impl::insert(sqlite3_stmt* statement, const TrialRow& row) const {
  int column = 1;
  for (const std::uint64_t number : {row.key.set, row.key.fault, row.key.block})
    sqlite3_bind_int64(statement, column++, stored(number));
  sqlite3_bind_text(statement, column++, row.name.data(), static_cast<int>(row.name.size()), SQLITE_STATIC);
  for (const CountField& field : k_count_fields)
    sqlite3_bind_int64(statement, column++, stored(row.counts.*field.value));
  sqlite3_bind_blob(statement, column++, row.details.data(), static_cast<int>(row.details.size()),
                    SQLITE_STATIC);
  sqlite3_bind_int64(statement, column, stored(checksum_of(row, seed)));
  const int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (code != SQLITE_DONE) return error("write");
  return sqlite3_changes(database.get()) == 1 ? Result<void>() : check_same(row);
}

Result<void> Journal::Impl::check_same(const TrialRow& row) const {
  QFI_TRY(const Statement statement,
          prepare("SELECT checksum FROM trials WHERE fault_set = ? AND fault = ? AND block = ?", "read"));
  int column = 1;
  for (const std::uint64_t number : {row.key.set, row.key.fault, row.key.block})
    sqlite3_bind_int64(statement.get(), column++, stored(number));
  if (sqlite3_step(statement.get()) != SQLITE_ROW) return error("read");
  if (column_number(statement.get(), 0) == checksum_of(row, seed)) return {};
  return bad_input("{}: two different results of fault {} ({}), block {}", file.string(), row.key.fault,
                   row.name, row.key.block);
}

// A commit reaches the operating system, and the disk where it `syncs`.
Result<void> Journal::Impl::write(const std::deque<TrialRow>& rows, bool syncs) {
  const std::scoped_lock guard(database_lock);
  std::string places = "?, ?, ?, ?, ";
  for (std::size_t i = 0; i < k_count_fields.size(); ++i) places += "?, ";
  QFI_CHECK(execute(syncs ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", "write"));
  QFI_CHECK(execute("BEGIN IMMEDIATE", "write"));
  QFI_TRY(const Statement statement,
          prepare("INSERT OR IGNORE INTO trials VALUES(" + places + "?, ?)", "write"));
  Result<void> done;
  for (const TrialRow& row : rows) {
    if (done) done = insert(statement.get(), row);
  }
  // A sync needs something that is written.
  if (done && syncs && rows.empty())
    done = execute(fmt::format("PRAGMA user_version = {}", k_version).c_str(), "write");
  if (done) done = execute("COMMIT", "write");
  if (!done) sqlite3_exec(database.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Result<void> Journal::Impl::check_still_there() const {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || status.st_ino != inode)
    return failed("{}: the journal was moved or removed while the campaign ran", file.string());
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
      is_writing = true;
      ends = is_closing;
    }
    changed.notify_all();
    const auto start = std::chrono::steady_clock::now();
    const bool syncs = ends || start >= next_sync;
    Result<void> done;
    if (!has_failed && (!rows.empty() || (syncs && is_unsynced))) {
      done = write(rows, syncs);
      is_unsynced = !syncs;
    }
    if (syncs) {
      next_sync = start + k_sync_every;
      if (done && !has_failed) done = check_still_there();
    }
    seconds = seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    {
      const std::scoped_lock guard(lock);
      is_writing = false;
      if (!done && !failure) failure = done.error();
      if (failure) has_failed = true;
    }
    changed.notify_all();
    if (ends) return;
  }
}

Journal::Journal(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

Journal::~Journal() { static_cast<void>(finish()); }

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file) {
  auto impl = std::make_unique<Impl>();
  impl->file = file;
  QFI_CHECK(impl->open());
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
  if (!is_empty && (!head.starts_with("SQLite format 3") || application != k_application))
    return bad_input("{}: does not look like a journal of qfi; move it away yourself", file.string());
  {
    Impl in_use;  // another run's must stay; a damaged one may go
    in_use.file = file;
    const auto opened = in_use.open();
    if (!opened && sqlite3_errcode(in_use.database.get()) == SQLITE_BUSY) return opened;
  }
  for (const char* suffix : {"", "-wal", "-journal"}) {
    std::filesystem::remove(file.string() + suffix, error);
    if (error) return failed("{}{}: cannot be removed: {}", file.string(), suffix, error.message());
  }
  return {};
}

const std::filesystem::path& Journal::file() const { return m_impl->file; }
const std::optional<Journal::Identity>& Journal::identity() const { return m_impl->identity; }
bool Journal::has_failed() const { return m_impl->has_failed; }
double Journal::seconds() const { return m_impl->seconds; }

Result<std::optional<std::string>> Journal::note(const std::string& name) const {
  return m_impl->read_note("note " + name);
}
Result<void> Journal::set_note(const std::string& name, const std::string& value) {
  return m_impl->write_note("note " + name, value);
}

Result<void> Journal::identify(const Identity& identity) {
  if (!m_impl->identity) {
    QFI_CHECK(m_impl->write_note("campaign", identity_text(identity)));
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
                   m_impl->file.string(), text);
}

Result<void> Journal::read(std::uint64_t set, std::uint64_t first, std::uint64_t end,
                           const std::function<Result<void>(TrialRow&&)>& use) const {
  const std::scoped_lock guard(m_impl->database_lock);
  QFI_TRY(
      const Statement statement,
      m_impl->prepare("SELECT fault_set, fault, block, name, " + count_columns("") +
                          "details, checksum FROM trials WHERE fault_set = ? AND fault >= ? AND fault < ? "
                          "ORDER BY fault_set, fault, block",
                      "read"));
  int place = 1;
  for (const std::uint64_t number : {set, first, end})
    sqlite3_bind_int64(statement.get(), place++, stored(number));
  std::optional<TrialKey> last;
  for (;;) {
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return m_impl->error("read");
    TrialRow row;
    row.key = {column_number(statement.get(), 0), column_number(statement.get(), 1),
               column_number(statement.get(), 2)};
    row.name = column_bytes(statement.get(), 3);
    int column = 4;
    for (const CountField& field : k_count_fields)
      row.counts.*field.value = column_number(statement.get(), column++);
    row.details = column_bytes(statement.get(), column++);
    if (column_number(statement.get(), column) != checksum_of(row, m_impl->seed))
      return tl::unexpected(m_impl->damaged("a checksum is wrong"));
    if (last && !(*last < row.key)) return tl::unexpected(m_impl->damaged("its order is broken"));
    last = row.key;
    QFI_CHECK(use(std::move(row)));
  }
}

Result<std::uint64_t> Journal::trials() const {
  const std::scoped_lock guard(m_impl->database_lock);
  QFI_TRY(const std::int64_t count, m_impl->number("SELECT count(*) FROM trials"));
  return static_cast<std::uint64_t>(count);
}

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

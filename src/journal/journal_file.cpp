// SPDX-License-Identifier: Apache-2.0
#include "journal_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"

namespace qfi {
namespace {

constexpr int k_most_value_bytes = 256 << 20;

// "images SUFFIX, changed SUFFIX, "
std::string count_columns(std::span<const std::string> columns, const char* suffix) {
  std::string text;
  for (const std::string& column : columns) text += fmt::format("{}{}, ", column, suffix);
  return text;
}

constexpr std::string_view k_before_counts =
    "CREATE TABLE trials(fault_set INTEGER NOT NULL, fault INTEGER NOT NULL, block INTEGER NOT NULL, ";
constexpr std::string_view k_after_counts =
    "details BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(fault_set, fault, block)) STRICT, "
    "WITHOUT ROWID";

std::string notes_table() {
  return "CREATE TABLE notes(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) "
         "STRICT, WITHOUT ROWID";
}
std::string trials_table(std::span<const std::string> columns) {
  return fmt::format("{}{}{}", k_before_counts, count_columns(columns, " INTEGER NOT NULL"), k_after_counts);
}

// The columns of a trials table by its own statement, which need not be one; see check_tables().
std::vector<std::string> columns_of(std::string_view statement) {
  constexpr std::size_t k_most_columns = 100;
  constexpr std::string_view k_type = " INTEGER NOT NULL, ";
  constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyz_0123456789";
  std::vector<std::string> columns;
  if (!statement.starts_with(k_before_counts)) return columns;
  statement.remove_prefix(k_before_counts.size());
  for (auto end = statement.find(k_type); end != std::string_view::npos && columns.size() < k_most_columns;
       end = statement.find(k_type)) {
    const std::string_view name = statement.substr(0, end);
    if (name.empty() || name.find_first_not_of(k_letters) != std::string_view::npos) break;
    columns.emplace_back(name);
    statement.remove_prefix(end + k_type.size());
  }
  return columns;
}

std::uint64_t checksum_of_note(const std::string& name, const std::string& value) {
  return xxh64(bytes_of(name), xxh64(bytes_of(value), JournalFile::k_version));
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

std::int32_t JournalFile::checksum_of(const TrialRow& row, std::uint64_t seed) const {
  std::string numbers = fmt::format("{} {} {}", row.key.set, row.key.fault, row.key.block);
  for (const std::uint64_t count : row.counts) numbers += fmt::format(" {}", count);
  // Half of it: a row is short, and there may be many millions.
  return static_cast<std::int32_t>(xxh64(bytes_of(row.details), xxh64(bytes_of(numbers), seed)));
}

bool JournalFile::is_in_use() const { return sqlite3_errcode(m_database.get()) == SQLITE_BUSY; }

tl::unexpected<Error> JournalFile::error(const char* doing) const {
  const int code = sqlite3_errcode(m_database.get());
  if (code == SQLITE_NOTADB)
    return bad_input("{}: no journal of qfi ({}); move it away", m_path.string(),
                     sqlite3_errmsg(m_database.get()));
  if (code == SQLITE_CORRUPT || code == SQLITE_CONSTRAINT || code == SQLITE_ERROR)
    return bad_input("{}: damaged ({}); move it away, or begin anew with --restart", m_path.string(),
                     sqlite3_errmsg(m_database.get()));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return bad_input("{}: in use by another run; wait for it, or choose another output folder",
                     m_path.string());
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || ::access(m_path.parent_path().c_str(), W_OK) != 0)
    return failed("{}: cannot {}: {}; a journal must be writable, and its folder", m_path.string(), doing,
                  sqlite3_errmsg(m_database.get()));
  if (code == SQLITE_FULL)
    return failed("{}: cannot {}: the disk is full; what is in it stays: make room and run again",
                  m_path.string(), doing);
  return failed("{}: cannot {}: {}", m_path.string(), doing, sqlite3_errmsg(m_database.get()));
}

Error JournalFile::damaged(const std::string& what) const {
  return {fmt::format("{}: damaged ({}); move it away, or begin anew with --restart", m_path.string(), what),
          ErrorKind::bad_input};
}

Result<void> JournalFile::execute(const char* sql, const char* doing) const {
  if (sqlite3_exec(m_database.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(doing);
  return {};
}

Result<JournalFile::Statement> JournalFile::prepare(const std::string& sql, const char* doing) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(m_database.get(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return error(doing);
  return Statement(statement);
}

Result<std::int64_t> JournalFile::number(const char* sql) const {
  QFI_TRY(const Statement statement, prepare(sql, "read"));
  if (sqlite3_step(statement.get()) != SQLITE_ROW) return error("read");
  return sqlite3_column_int64(statement.get(), 0);
}

// Nothing of the file's own runs: no views, no triggers, no functions in its schema.
Result<void> JournalFile::connect(const std::filesystem::path& path, const std::string& name, int flags) {
  m_path = path;
  std::error_code ignored;
  if (std::filesystem::is_symlink(m_path, ignored))
    return bad_input("{}: a link; a journal is a file of its own", m_path.string());
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &opened, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
  m_database.reset(opened);
  if (code != SQLITE_OK) return error("open");
  for (const int option : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                           SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION})
    sqlite3_db_config(m_database.get(), option, 0, nullptr);
  sqlite3_db_config(m_database.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(m_database.get(), SQLITE_LIMIT_LENGTH, k_most_value_bytes);
  sqlite3_limit(m_database.get(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_busy_timeout(m_database.get(), 1000);  // the system may still be ending a killed run
  // One process, locked before anything is read: then no shared memory is needed beside the file.
  QFI_CHECK(execute("PRAGMA locking_mode = EXCLUSIVE", "lock"));
  QFI_CHECK(execute("PRAGMA cell_size_check = ON", "open"));
  return execute("PRAGMA mmap_size = 0", "open");
}

// Whether it is empty.
Result<bool> JournalFile::check_head() const {
  QFI_TRY(const std::int64_t tables, number("SELECT count(*) FROM sqlite_schema"));
  QFI_TRY(const std::int64_t application, number("PRAGMA application_id"));
  QFI_TRY(const std::int64_t version, number("PRAGMA user_version"));
  const bool is_new = tables == 0 && application == 0 && version == 0;
  if (!is_new && application != k_application)
    return bad_input("{}: no journal of qfi; choose another output folder", m_path.string());
  if (!is_new && version != k_version)
    return bad_input("{}: journal of version {}, this program writes version {}; begin anew with --restart",
                     m_path.string(), version, k_version);
  return is_new;
}

Result<void> JournalFile::open(const std::filesystem::path& path, std::span<const std::string> columns) {
  QFI_CHECK(connect(path, path.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  QFI_TRY(const bool is_new, check_head());
  QFI_CHECK(execute("BEGIN EXCLUSIVE; COMMIT", "lock"));
  if (is_new) {
    m_columns.assign(columns.begin(), columns.end());
    QFI_CHECK(make_tables());
  } else {
    QFI_CHECK(check_tables());
    if (!std::ranges::equal(columns, m_columns))
      return bad_input(
          "{}: of another task, with other counts; choose another output folder, or begin anew with "
          "--restart",
          path.string());
  }
  QFI_CHECK(execute("PRAGMA journal_mode = WAL", "open"));
  struct stat status {};
  if (::stat(m_path.c_str(), &status) == 0) m_inode = status.st_ino;
  return {};
}

Result<void> JournalFile::open_finished(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string())
    uri += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/'
               ? std::string(1, c)
               : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  QFI_CHECK(connect(path, uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  QFI_TRY(const bool is_new, check_head());
  return is_new ? bad_input("{}: empty; run its campaign", path.string()) : check_tables();
}

Result<void> JournalFile::make_tables() {
  const std::string sql =
      fmt::format("BEGIN EXCLUSIVE; PRAGMA application_id = {}; PRAGMA user_version = {}; {}; {}; COMMIT",
                  k_application, k_version, notes_table(), trials_table(m_columns));
  return execute(sql.c_str(), "write");
}

// The statements that made its tables, which SQLite keeps, must be those that this program would have run.
Result<void> JournalFile::check_tables() {
  QFI_TRY(const Statement statement, prepare("SELECT sql FROM sqlite_schema ORDER BY name", "read"));
  std::vector<std::string> found;
  int code = SQLITE_ROW;
  while (found.size() < 3 && (code = sqlite3_step(statement.get())) == SQLITE_ROW)
    found.emplace_back(column_bytes(statement.get(), 0));
  if (code != SQLITE_DONE && code != SQLITE_ROW) return error("read");
  if (found.size() == 2) m_columns = columns_of(found[1]);
  if (m_columns.empty() || found != std::vector{notes_table(), trials_table(m_columns)})
    return tl::unexpected(damaged("its tables are not those of a journal"));
  return {};
}

Result<std::optional<std::string>> JournalFile::read_note(const std::string& name) const {
  const std::scoped_lock guard(m_lock);
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

Result<void> JournalFile::write_note(const std::string& name, const std::string& value) {
  const std::scoped_lock guard(m_lock);
  QFI_TRY(const Statement statement, prepare("INSERT OR REPLACE INTO notes VALUES(?, ?, ?)", "write"));
  sqlite3_bind_text(statement.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  sqlite3_bind_text(statement.get(), 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  sqlite3_bind_int64(statement.get(), 3, stored(checksum_of_note(name, value)));
  if (sqlite3_step(statement.get()) != SQLITE_DONE) return error("write");
  return {};
}

Result<void> JournalFile::insert(sqlite3_stmt* statement, const TrialRow& row, std::uint64_t seed) const {
  int column = 1;
  for (const std::uint64_t number : {row.key.set, row.key.fault, row.key.block})
    sqlite3_bind_int64(statement, column++, stored(number));
  assert(row.counts.size() == m_columns.size());
  for (const std::uint64_t count : row.counts) sqlite3_bind_int64(statement, column++, stored(count));
  sqlite3_bind_blob(statement, column++, row.details.data(), static_cast<int>(row.details.size()),
                    SQLITE_STATIC);
  sqlite3_bind_int(statement, column, checksum_of(row, seed));
  const int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (code != SQLITE_DONE) return error("write");
  return sqlite3_changes(m_database.get()) == 1 ? Result<void>() : check_same(row, seed);
}

Result<void> JournalFile::check_same(const TrialRow& row, std::uint64_t seed) const {
  QFI_TRY(const Statement statement,
          prepare("SELECT checksum FROM trials WHERE fault_set = ? AND fault = ? AND block = ?", "read"));
  int column = 1;
  for (const std::uint64_t number : {row.key.set, row.key.fault, row.key.block})
    sqlite3_bind_int64(statement.get(), column++, stored(number));
  if (sqlite3_step(statement.get()) != SQLITE_ROW) return error("read");
  if (sqlite3_column_int64(statement.get(), 0) == checksum_of(row, seed)) return {};
  return bad_input("{}: two different results of fault {}, block {}", m_path.string(), row.key.fault,
                   row.key.block);
}

// A commit reaches the operating system, and the disk where it `syncs`.
Result<void> JournalFile::write(const std::deque<TrialRow>& rows, std::uint64_t seed, bool syncs) {
  const std::scoped_lock guard(m_lock);
  std::string places = "?, ?, ?, ";
  for (std::size_t i = 0; i < m_columns.size(); ++i) places += "?, ";
  QFI_CHECK(execute(syncs ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", "write"));
  QFI_CHECK(execute("BEGIN IMMEDIATE", "write"));
  QFI_TRY(const Statement statement,
          prepare("INSERT OR IGNORE INTO trials VALUES(" + places + "?, ?)", "write"));
  Result<void> done;
  for (const TrialRow& row : rows) {
    if (done) done = insert(statement.get(), row, seed);
  }
  // A sync needs something that is written.
  if (done && syncs && rows.empty())
    done = execute(fmt::format("PRAGMA user_version = {}", k_version).c_str(), "write");
  if (done) done = execute("COMMIT", "write");
  if (!done) sqlite3_exec(m_database.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Result<void> JournalFile::check_still_there() const {
  struct stat status {};
  if (::stat(m_path.c_str(), &status) != 0 || status.st_ino != m_inode)
    return failed("{}: the journal was moved or removed while the campaign ran", m_path.string());
  return {};
}

Result<void> JournalFile::read(std::uint64_t set, std::uint64_t first, std::uint64_t end, std::uint64_t seed,
                               const std::function<Result<void>(TrialRow&&)>& use) const {
  const std::scoped_lock guard(m_lock);
  QFI_TRY(const Statement statement,
          prepare("SELECT fault_set, fault, block, " + count_columns(m_columns, "") +
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
    if (code != SQLITE_ROW) return error("read");
    TrialRow row;
    row.key = {column_number(statement.get(), 0), column_number(statement.get(), 1),
               column_number(statement.get(), 2)};
    int column = 3;
    for (std::size_t i = 0; i < m_columns.size(); ++i)
      row.counts.push_back(column_number(statement.get(), column++));
    row.details = column_bytes(statement.get(), column++);
    if (sqlite3_column_int64(statement.get(), column) != checksum_of(row, seed))
      return tl::unexpected(damaged("a checksum is wrong"));
    if (last && !(*last < row.key)) return tl::unexpected(damaged("its order is broken"));
    last = row.key;
    QFI_CHECK(use(std::move(row)));
  }
}

Result<std::uint64_t> JournalFile::trials() const {
  const std::scoped_lock guard(m_lock);
  QFI_TRY(const std::int64_t count, number("SELECT count(*) FROM trials"));
  return static_cast<std::uint64_t>(count);
}

}  // namespace qfi

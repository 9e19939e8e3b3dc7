// SPDX-License-Identifier: Apache-2.0
// The SQLite file of a journal: tables, notes, rows with checksums. One thread at a time, but for the lock
// within.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "qfi/journal/journal.hpp"

namespace qfi {

class JournalFile {
 public:
  static constexpr int k_application = 0x71664A31;  // "qfJ1", in the head of the file
  static constexpr int k_version = 3;

  /// See Journal::open.
  Result<void> open(const std::filesystem::path& path, std::span<const std::string> columns);
  /// Only to be read, without locks: nothing lies beside the file that belongs to it.
  Result<void> open_finished(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return m_path; }
  const std::vector<std::string>& columns() const { return m_columns; }
  /// The last error was that another process has it open.
  bool is_in_use() const;

  Result<std::optional<std::string>> read_note(const std::string& name) const;
  Result<void> write_note(const std::string& name, const std::string& value);

  /// `seed`: of the campaign, so that rows of another one do not pass. A commit reaches the operating system,
  /// and the disk where it `syncs`.
  Result<void> write(const std::deque<TrialRow>& rows, std::uint64_t seed, bool syncs);
  Result<void> read(std::uint64_t set, std::uint64_t first, std::uint64_t end, std::uint64_t seed,
                    const std::function<Result<void>(TrialRow&&)>& use) const;
  Result<std::uint64_t> trials() const;
  /// Error: it was moved or removed.
  Result<void> check_still_there() const;
  Error damaged(const std::string& what) const;

 private:
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;
  struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };

  Result<void> connect(const std::filesystem::path& path, const std::string& name, int flags);
  Result<bool> check_head() const;
  tl::unexpected<Error> error(const char* doing) const;
  Result<void> execute(const char* sql, const char* doing) const;
  Result<Statement> prepare(const std::string& sql, const char* doing) const;
  Result<std::int64_t> number(const char* sql) const;
  Result<void> make_tables();
  Result<void> check_tables();
  std::int32_t checksum_of(const TrialRow& row, std::uint64_t seed) const;
  Result<void> insert(sqlite3_stmt* statement, const TrialRow& row, std::uint64_t seed) const;
  Result<void> check_same(const TrialRow& row, std::uint64_t seed) const;

  std::filesystem::path m_path;
  std::vector<std::string> m_columns;  ///< of a trial's counts
  std::unique_ptr<sqlite3, CloseDatabase> m_database;
  mutable std::mutex m_lock;
  ino_t m_inode = 0;
};

}  // namespace qfi

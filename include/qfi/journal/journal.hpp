// SPDX-License-Identifier: Apache-2.0
// Owns Journal, every finished trial of a campaign, in an SQLite file with one writer. Trials go in as rows
// of a name, counts and packed details, whose meaning is the caller's; the same rows come out in order,
// checked. What a killed run has done is not done again; the journals of shards are merged into one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct TrialKey {
  std::uint64_t set = 0;    ///< in the plan
  std::uint64_t fault = 0;  ///< in order of drawing
  std::uint64_t block = 0;  ///< of images
  auto operator<=>(const TrialKey&) const = default;
};

struct TrialRow {
  TrialKey key;
  std::vector<std::uint64_t> counts;  ///< in the order of the journal's columns
  std::string details;                ///< the rest of the trial, packed
  bool operator==(const TrialRow&) const = default;
};

class Journal {
 public:
  /// Makes the file with these columns, lower-case words, for the counts of a trial, or opens one that has
  /// them; nobody else may have it open. Errors: it is no journal of qfi, damaged, in use, of other columns,
  /// or cannot be written.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& file,
                                               std::span<const std::string> columns);
  /// Opens a journal to be read only; a finished one is not touched and may lie where nothing can be written.
  /// Errors: those of open(), or the file is missing.
  static Result<std::unique_ptr<Journal>> open_to_read(const std::filesystem::path& file);
  /// Removes a journal. Error: the file is no journal of qfi, as far as its head says, or it is in use.
  static Result<void> remove(const std::filesystem::path& file);
  /// Writes what is left.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const std::filesystem::path& file() const;
  /// The names of a trial's counts.
  const std::vector<std::string>& columns() const;

  /// What a later run has to know before it plans; nullopt where it was not noted.
  Result<std::optional<std::string>> note(const std::string& name) const;
  Result<void> set_note(const std::string& name, const std::string& value);

  /// What the trials belong to, by name. The first time it is kept. Error: the journal belongs to another
  /// campaign; says what differs.
  using Identity = std::map<std::string, std::string>;
  Result<void> identify(const Identity& identity);
  /// Checks an identity without keeping it. Error: as identify(). Precondition: identified.
  Result<void> check(const Identity& identity) const;
  /// What the trials belong to; nullopt where it is not identified yet.
  const std::optional<Identity>& identity() const;

  /// Shows the trials of faults first .. end-1 of a set, in order. Preconditions: identified, and nothing was
  /// added since finish(). Errors: `use`'s, or the file is damaged.
  Result<void> read(std::uint64_t set, std::uint64_t first, std::uint64_t end,
                    const std::function<Result<void>(TrialRow&&)>& use) const;
  /// How many trials it holds.
  Result<std::uint64_t> trials() const;

  /// Keeps a trial; from any thread. A few thousand trials may wait for the writer. One that is there already
  /// must be the same. Precondition: identified.
  void add(TrialRow row);
  /// Waits until all is written and safe from a power cut. Error: something could not be written, now or
  /// before.
  Result<void> finish();
  /// Whether something could not be written; finish() says what.
  bool has_failed() const;
  /// The seconds that the writer took so far.
  double seconds() const;

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// Journals: SQLite files of others, and the packed details of trials within.
#include <vector>

#include "fuzz.hpp"
#include "qfi/fault_sets/trial.hpp"
#include "qfi/journal/journal.hpp"

namespace qfi::fuzz {
namespace {

const std::vector<ImageEvents> k_golden(40);

void decode(std::string_view details) {
  FaultCounts counts;
  counts.images = k_golden.size();
  const auto trial = decode_details(details, counts, k_golden);
  if (!trial) return;
  require(decode_details(encode_details(*trial, k_golden), counts, k_golden) == trial, "details survive");
}

void read_all(const Journal& journal) {
  static_cast<void>(journal.note("shard"));
  static_cast<void>(journal.trials());
  if (!journal.identity()) return;
  for (std::uint64_t set = 0; set < 2; ++set)
    static_cast<void>(journal.read(set, 0, 1000, [](TrialRow&& row) -> Result<void> {
      decode(row.details);
      return {};
    }));
}

}  // namespace

// One in eight is opened to be written.
void run(std::string_view input) {
  const std::uint8_t how = choice(input);
  if (how % 4 == 3) return decode(input);
  const auto file = write("journal.sqlite", input);
  {
    const auto journal = how % 8 == 0 ? Journal::open(file, count_columns()) : Journal::open_to_read(file);
    if (journal) read_all(**journal);
  }
  for (const char* suffix : {"-wal", "-journal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(file.string() + suffix, ignored);
  }
}

}  // namespace qfi::fuzz

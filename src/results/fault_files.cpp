// SPDX-License-Identifier: Apache-2.0
// The faults of stored bits as CSV.
#include "qfi/results/fault_files.hpp"

#include <fmt/format.h>

#include <cmath>
#include <regex>

#include "qfi/base/csv.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/model/stored_value.hpp"

namespace qfi {
namespace {

constexpr const char* k_header =
    "fault,stratum,image,flips,layer,tensor,stage,element,channel,bit,stored_bit,model,golden_value,faulty_"
    "value,"
    "distance,images,units,changed,labelled,golden_correct,faulty_correct,faulty_top5_correct,top5_lost,"
    "output_identical,correct_to_wrong,wrong_to_correct,nan,infinity,trials_0_to_1,changed_0_to_1,trials_1_"
    "to_0,"
    "changed_1_to_0,trials_away,changed_away,trials_towards,changed_towards,reads,detected,corrected,missed,"
    "equal_after";
constexpr const char* k_protected_header =
    ",protected_changed,protected_faulty_correct,protected_output_identical,protected_detected,"
    "protected_corrected,protected_missed";

// Lines on their way to a file, in pieces, so that no table is held whole.
class TableWriter {
 public:
  explicit TableWriter(OutputFile file) : m_file(std::move(file)) {}

  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(m_text), format, std::forward<Args>(args)...);
  }
  Result<void> end_line() {
    constexpr std::size_t k_piece_bytes = 1 << 20;
    m_text.push_back('\n');
    ++m_lines;
    return m_text.size() < k_piece_bytes ? Result<void>() : flush();
  }
  Result<FaultTable> finish(const std::string& name) {
    QFI_CHECK(flush());
    QFI_CHECK(m_file.settle());
    return FaultTable{name, m_lines - 1, m_hash.hex(), std::move(m_file)};
  }

 private:
  Result<void> flush() {
    const auto piece = bytes_of({m_text.data(), m_text.size()});
    m_hash.add(piece);
    QFI_CHECK(m_file.write_at(m_written, piece));
    m_written += piece.size();
    m_text.clear();
    return {};
  }

  OutputFile m_file;
  fmt::memory_buffer m_text;
  Sha256 m_hash;
  std::uint64_t m_written = 0;
  std::uint64_t m_lines = 0;
};

class FaultLines {
 public:
  FaultLines(const BitSet& set, TableWriter& writer) : m_set(set), m_writer(writer) {}

  Result<void> write() {
    add("{}{}", k_header, m_set.protected_outcomes().empty() ? "" : k_protected_header);
    QFI_CHECK(m_writer.end_line());
    for (std::size_t fault = 0; fault < m_set.drawn(); ++fault) {
      const BitOutcome outcome = m_set.outcomes()[fault];
      add_fault(fault, outcome);
      add_counts(outcome.counts);
      add_outcome(outcome);
      if (!m_set.protected_outcomes().empty()) {
        const BitOutcome kept = m_set.protected_outcomes()[fault];
        add(",{},{},{},{},{},{}", kept.counts.changed, of_labels(kept.counts.faulty_correct),
            kept.counts.output_identical, kept.detected, kept.corrected, kept.missed);
      }
      QFI_CHECK(m_writer.end_line());
    }
    return {};
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    m_writer.add(format, std::forward<Args>(args)...);
  }

  void add_fault(std::size_t index, const BitOutcome& outcome) {
    const BitFault fault = m_set.fault(index);
    add("{},{},{},{},", index, m_set.stratum_of(index), images_of(index), fault.sites.size());
    if (fault.sites.size() != 1) return add(",,,,,,,,,,,");
    const BitSite& site = fault.sites.front();
    const StoredValues& stored = m_set.values().stored[site.values];
    const ValuePlace& place = m_set.values().places[site.values];
    const Tensor& tensor = m_set.workload().tensor(place.tensor);
    const bool is_data = place.target == FaultTarget::data;
    const std::optional<int> bit = stored.storage.bit_of(site.stored_bit);
    add("{},{},{},{},{},{},{},{},", stored.layer, csv_quoted(tensor.name),
        is_data ? name_in(k_stages, place.stage) : "", site.element, place.channel_of(site.element),
        bit ? std::to_string(*bit) : "", site.stored_bit, name_of(fault.models.front()));
    const auto& value = outcome.value;
    if (!value) return add(",,,");
    const TensorType type = stored_type(tensor, is_data && place.stage == Stage::accumulator);
    const double before = number_of(type, value->first);
    const double after = number_of(type, value->second);
    add("{:.9g},{:.9g},{:.9g},", before, after, std::abs(after - before));
  }

  // Numbers in the file; empty where a fault meets all.
  std::string images_of(std::size_t fault) const {
    if (m_set.is_crossed()) return "";
    const FaultSet::Images images =
        m_set.is_paired() ? FaultSet::Images{m_set.image_of(fault), 1} : m_set.group(m_set.group_of(fault));
    return fmt::format(
        "{}", fmt::join(std::span(m_set.workload().data.indices()).subspan(images.first, images.count), " "));
  }

  // Empty where there are no labels to be right or wrong by.
  std::string of_labels(std::uint64_t count) const {
    return m_set.workload().task->has_accuracy() ? std::to_string(count) : "";
  }

  void add_counts(const FaultCounts& counts) {
    add("{},{},{},{},{},{},{},{},{},{},{},{},{},", counts.images, counts.units, counts.changed,
        of_labels(counts.labelled), of_labels(counts.golden_correct), of_labels(counts.faulty_correct),
        of_labels(counts.faulty_top5_correct), counts.top5_lost, counts.output_identical,
        of_labels(counts.correct_to_wrong), of_labels(counts.wrong_to_correct), counts.nan, counts.infinity);
  }

  void add_outcome(const BitOutcome& outcome) {
    for (const TrialSums& sums :
         {outcome.of_direction[0], outcome.of_direction[1], outcome.of_magnitude[0], outcome.of_magnitude[1]})
      add("{},{},", sums.trials, sums.changed);
    add("{},{},{},{},", outcome.reads, outcome.detected, outcome.corrected, outcome.missed);
    const char* separator = "";
    for (const auto& [op, images] : outcome.equal_after) {
      add("{}{}:{}", separator, op, images);
      separator = " ";
    }
  }

  const BitSet& m_set;
  TableWriter& m_writer;
};

Result<FaultTable> write_faults(const BitSet& set, const std::filesystem::path& folder,
                                const std::string& name) {
  QFI_TRY(OutputFile file, OutputFile::create(folder / name));
  TableWriter writer(std::move(file));
  QFI_CHECK(FaultLines(set, writer).write());
  return writer.finish(name);
}

Result<std::optional<FaultTable>> write_bits(const BitSet& set, const std::filesystem::path& folder,
                                             const std::string& name) {
  constexpr std::size_t k_most = 5'000'000;
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < set.drawn() && rows <= k_most; ++i) rows += set.bits_of(i);
  if (rows == set.drawn() || rows > k_most) return std::nullopt;
  QFI_TRY(OutputFile file, OutputFile::create(folder / name));
  TableWriter writer(std::move(file));
  writer.add("fault,layer,element,stored_bit,stage,model");
  QFI_CHECK(writer.end_line());
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitFault fault = set.fault(i);
    for (std::size_t k = 0; k < fault.sites.size(); ++k) {
      const BitSite& site = fault.sites[k];
      const ValuePlace& place = set.values().places[site.values];
      writer.add("{},{},{},{},{},{}", i, place.operator_index, site.element, site.stored_bit,
                 place.target == FaultTarget::data ? name_in(k_stages, place.stage) : "",
                 name_of(fault.models[k]));
      QFI_CHECK(writer.end_line());
    }
  }
  return writer.finish(name);
}

}  // namespace

Result<std::vector<SetFiles>> write_tables(const Plan& plan, const std::filesystem::path& folder) {
  std::vector<SetFiles> files(plan.sets.size());
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const BitSet* set = plan.bits(i);
    if (set == nullptr) continue;
    const std::string name = plan.sets.size() == 1 ? "faults" : fmt::format("faults_{}", i);
    QFI_TRY(files[i].faults, write_faults(*set, folder, name + ".csv"));
    QFI_TRY(files[i].bits, write_bits(*set, folder, name + "_bits.csv"));
  }
  return files;
}

bool is_set_file_name(std::string_view name) {
  static const std::regex pattern("faults(_[0-9]{1,9})?(_bits)?\\.csv");
  return std::regex_match(name.begin(), name.end(), pattern);
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/fault_records.hpp"

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

class FaultTableReader {
 public:
  FaultTableReader(std::string_view text, const std::string& file, std::size_t strata)
      : m_reader(text, file), m_strata(strata) {}

  Result<std::vector<FaultRecord>> read() {
    QFI_CHECK(m_reader.read_header());
    std::vector<FaultRecord> faults;
    for (;;) {
      QFI_TRY(const bool is_there, m_reader.next());
      if (!is_there) return faults;
      auto fault = read_fault();
      if (!fault) return at(m_reader.where(), fault.error());
      faults.push_back(std::move(*fault));
    }
  }

 private:
  Result<FaultRecord> read_fault() const {
    FaultRecord fault;
    QFI_TRY(const std::uint64_t flips, count("flips"));
    if (flips == 1) QFI_CHECK(read_name(fault));
    QFI_TRY(fault.stratum, count("stratum"));
    if (fault.stratum >= m_strata) return bad_input("no stratum {}", fault.stratum);
    QFI_TRY(fault.units, count("units"));
    QFI_TRY(fault.changed, count("changed"));
    QFI_TRY(const std::string_view labelled, field("labelled"));
    if (labelled.empty()) return fault;  // the images have no labels
    QFI_TRY(fault.labelled, count("labelled"));
    QFI_TRY(fault.golden_correct, count("golden_correct"));
    QFI_TRY(fault.faulty_correct, count("faulty_correct"));
    return fault;
  }

  Result<std::string_view> field(const char* name) const {
    const auto column = m_reader.column(name);
    if (!column || *column >= m_reader.fields().size()) return bad_input("no '{}'", name);
    return m_reader.fields()[*column];
  }
  Result<std::uint64_t> count(const char* name) const {
    QFI_TRY(const std::string_view text, field(name));
    std::uint64_t value = 0;
    if (!parse_number(text, value)) return bad_input("'{}' is no count", name);
    return value;
  }
  Result<void> read_name(FaultRecord& fault) const {
    for (const char* name : {"image", "layer", "tensor", "stage", "element", "stored_bit", "model"}) {
      QFI_TRY(const std::string_view text, field(name));
      if (!text.empty()) fault.name += fmt::format("{}{} {}", fault.name.empty() ? "" : ", ", name, text);
    }
    QFI_TRY(fault.layer, count("layer"));
    QFI_TRY(const std::string_view stage, field("stage"));
    if (!stage.empty()) fault.stage = stage;
    QFI_TRY(const std::string_view bit, field("bit"));
    if (bit.empty()) return {};  // a check bit
    QFI_TRY(fault.bit, count("bit"));
    return {};
  }

  CsvReader m_reader;
  std::size_t m_strata;
};

constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;

FaultRecord record_of(const CampaignResults& results, const NetlistFaultResults& fault) {
  const Task& task = *results.task;
  const auto count = [&](const char* key) { return count_in(task.count_fields(), fault.counts, key); };
  FaultRecord record;
  if (fault.site && fault.stuck_at) record.name = fmt::format("{} stuck at {}", *fault.site, *fault.stuck_at);
  else record.name = fault.fault.value_or("");
  record.units = count(task.names().fault_units_key);
  record.changed = count(task.names().fault_changed_key);
  if (!task.has_accuracy()) return record;
  record.labelled = count(task.names().fault_labelled_key);
  record.golden_correct = count("golden_correct");
  record.faulty_correct = count("faulty_correct");
  return record;
}

Result<SetFaults> table_beside(const FileFacts& table, std::size_t strata,
                               const std::filesystem::path& folder) {
  if (table.name.find('/') != std::string::npos)
    return bad_input("faults_file: '{}' is no name of a file", table.name);
  SetFaults result;
  const auto content = read_file(folder / table.name, k_most_bytes);
  if (!content) result.missing = content.error().message;
  else if (sha256_hex(bytes_of(*content)) != table.sha256)
    result.missing = fmt::format("{} is not the table that results.json is about", table.name);
  if (!result.missing.empty()) return result;
  QFI_TRY(result.faults, read_fault_table(*content, (folder / table.name).string(), strata));
  return result;
}

}  // namespace

Result<SetFaults> fault_records(const CampaignResults& results, const SetResults& set,
                                const std::filesystem::path& folder) {
  if (const StoredBitResults* bits = set.bits(); bits != nullptr && bits->faults_file)
    return table_beside(*bits->faults_file, set.strata.size(), folder);
  SetFaults faults;
  if (const NetlistResults* netlist = set.netlist())
    for (const NetlistFaultResults& fault : netlist->faults)
      faults.faults.push_back(record_of(results, fault));
  return faults;
}

Result<std::vector<FaultRecord>> read_fault_table(std::string_view text, const std::string& file,
                                                  std::size_t strata) {
  return FaultTableReader(text, file, strata).read();
}

}  // namespace qfi

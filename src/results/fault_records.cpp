// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/fault_records.hpp"

#include <charconv>
#include <map>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/results/csv.hpp"

namespace qfi {
namespace {

class FaultTableReader {
 public:
  FaultTableReader(const std::vector<std::string>& header, std::size_t strata) : m_strata(strata) {
    for (std::size_t i = 0; i < header.size(); ++i) m_columns[header[i]] = i;
  }

  Result<FaultRecord> read(const std::vector<std::string>& fields) const {
    FaultRecord fault;
    QFI_TRY(const std::uint64_t flips, count(fields, "flips"));
    if (flips == 1) QFI_CHECK(read_name(fields, fault));
    QFI_TRY(fault.stratum, count(fields, "stratum"));
    if (fault.stratum >= m_strata) return bad_input("no stratum {}", fault.stratum);
    QFI_TRY(fault.units, count(fields, "units"));
    QFI_TRY(fault.changed, count(fields, "changed"));
    QFI_TRY(fault.labelled, count(fields, "labelled"));
    QFI_TRY(fault.golden_correct, count(fields, "golden_correct"));
    QFI_TRY(fault.faulty_correct, count(fields, "faulty_correct"));
    return fault;
  }

 private:
  Result<std::string> field(const std::vector<std::string>& fields, const char* name) const {
    const auto column = m_columns.find(name);
    if (column == m_columns.end() || column->second >= fields.size()) return bad_input("no '{}'", name);
    return fields[column->second];
  }
  Result<std::uint64_t> count(const std::vector<std::string>& fields, const char* name) const {
    QFI_TRY(const std::string text, field(fields, name));
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
      return bad_input("'{}' is no count", name);
    return value;
  }
  Result<void> read_name(const std::vector<std::string>& fields, FaultRecord& fault) const {
    for (const char* name : {"image", "layer", "tensor", "stage", "element", "stored_bit", "model"}) {
      QFI_TRY(const std::string text, field(fields, name));
      if (!text.empty()) fault.name += fmt::format("{}{} {}", fault.name.empty() ? "" : ", ", name, text);
    }
    QFI_TRY(fault.layer, count(fields, "layer"));
    QFI_TRY(fault.bit, count(fields, "bit"));
    return {};
  }

  std::size_t m_strata;
  std::map<std::string, std::size_t> m_columns;
};

constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;

FaultRecord record_of(const CampaignResults& results, const StuckAtFaultResults& fault) {
  const Task& task = *results.task;
  const auto count = [&](const char* key) { return count_in(task.count_fields(), fault.counts, key); };
  FaultRecord record;
  record.name = fmt::format("{} stuck at {}", fault.site, fault.stuck_at);
  record.units = count(task.names().fault_units_key);
  record.changed = count(task.names().fault_changed_key);
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
    for (const StuckAtFaultResults& fault : netlist->faults)
      faults.faults.push_back(record_of(results, fault));
  return faults;
}

Result<std::vector<FaultRecord>> read_fault_table(std::string_view text, const std::string& file,
                                                  std::size_t strata) {
  std::optional<FaultTableReader> reader;
  std::vector<FaultRecord> faults;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::string_view content = next_line(text);
    if (content.size() > k_longest_line)
      return bad_input("{}:{}: a line of {} bytes", file, line, content.size());
    if (line == 1) {
      reader.emplace(csv_fields(content), strata);
      continue;
    }
    auto fault = reader->read(csv_fields(content));
    if (!fault) return at(fmt::format("{}:{}", file, line), fault.error());
    faults.push_back(std::move(*fault));
  }
  return faults;
}

}  // namespace qfi

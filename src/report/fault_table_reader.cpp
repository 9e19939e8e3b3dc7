// SPDX-License-Identifier: Apache-2.0
#include "fault_table_reader.hpp"

#include "qfi/base/csv.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

class FaultTableReader {
 public:
  FaultTableReader(std::string_view text, const std::string& file, std::size_t strata)
      : m_reader(text, file), m_strata(strata) {}

  Result<std::vector<RecordedFault>> read() {
    QFI_CHECK(m_reader.read_header());
    std::vector<RecordedFault> faults;
    for (;;) {
      QFI_TRY(const bool is_there, m_reader.next());
      if (!is_there) return faults;
      auto fault = read_fault();
      if (!fault) return at(m_reader.where(), fault.error());
      faults.push_back(std::move(*fault));
    }
  }

 private:
  Result<RecordedFault> read_fault() const {
    RecordedFault fault;
    QFI_TRY(const std::uint64_t flips, count("flips"));
    if (flips == 1) QFI_CHECK(read_name(fault));
    QFI_TRY(fault.stratum, count("stratum"));
    if (fault.stratum >= m_strata) return bad_input("no stratum {}", fault.stratum);
    QFI_TRY(fault.units, count("units"));
    QFI_TRY(fault.changed, count("changed"));
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
  Result<void> read_name(RecordedFault& fault) const {
    for (const char* name : {"image", "layer", "tensor", "stage", "element", "stored_bit", "model"}) {
      QFI_TRY(const std::string_view text, field(name));
      if (!text.empty()) fault.name += fmt::format("{}{} {}", fault.name.empty() ? "" : ", ", name, text);
    }
    QFI_TRY(fault.layer, count("layer"));
    QFI_TRY(const std::string_view bit, field("bit"));
    if (bit.empty()) return {};  // a check bit
    QFI_TRY(fault.bit, count("bit"));
    return {};
  }

  CsvReader m_reader;
  std::size_t m_strata;
};

}  // namespace

Result<std::vector<RecordedFault>> read_fault_table(std::string_view text, const std::string& file,
                                                    std::size_t strata) {
  return FaultTableReader(text, file, strata).read();
}

}  // namespace qfi

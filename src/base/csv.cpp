// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/csv.hpp"

#include <algorithm>

#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_bytes = std::uint64_t{1} << 30;
constexpr std::size_t k_most_line = 4096;

}  // namespace

Result<void> for_each_csv_row(const std::filesystem::path& file, std::span<const std::string> names,
                              const CsvRow& row) {
  QFI_TRY(const std::string text, read_file(file, k_most_bytes));
  std::vector<std::size_t> columns;
  std::vector<std::string_view> chosen(names.size());
  std::size_t number = 0;
  for (std::size_t place = 0, end = 0; place < text.size(); place = end + 1) {
    end = std::min(text.find('\n', place), text.size());
    std::string_view line = std::string_view(text).substr(place, end - place);
    ++number;
    if (line.size() > k_most_line)
      return bad_input("{}:{}: a line of more than {} characters", file.string(), number, k_most_line);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const auto fields = split(line, ',');
    if (columns.empty()) {
      for (const std::string& name : names) {
        columns.push_back(static_cast<std::size_t>(std::ranges::find(fields, name) - fields.begin()));
        if (columns.back() == fields.size())
          return bad_input("{}:{}: the header lacks the column '{}'", file.string(), number, name);
      }
      continue;
    }
    if (fields.size() <= std::ranges::max(columns))
      return bad_input("{}:{}: {} fields are too few", file.string(), number, fields.size());
    for (std::size_t k = 0; k < columns.size(); ++k) chosen[k] = fields[columns[k]];
    QFI_CHECK(row(number, chosen));
  }
  if (columns.empty()) return bad_input("{}: is empty", file.string());
  return {};
}

}  // namespace qfi

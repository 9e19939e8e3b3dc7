// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/fault_list.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/text.hpp"
#include "qfi/faults/collapse.hpp"
#include "qfi/netlist/site_map.hpp"
#include "site_names.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_list_bytes = std::uint64_t{1} << 28;
constexpr std::size_t k_most_listed = 2'000'000;  // of some 300 bytes each
constexpr std::size_t k_most_hints = 20;          // unknown names for which a similar one is looked for
constexpr std::string_view k_blanks = " \t\r\n";

std::vector<std::string_view> words_in(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(k_blanks); at != std::string_view::npos;
       at = line.find_first_not_of(k_blanks, at)) {
    const std::size_t end = std::min(line.find_first_of(k_blanks, at), line.size());
    if (!words.empty() && line.substr(at, 2) == "//") break;  // a comment
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<bool> listed_value(std::string_view word) {
  if (word == "sa0" || word == "0") return false;
  if (word == "sa1" || word == "1") return true;
  return std::nullopt;
}

bool is_class(std::string_view word) {
  const bool is_code = word.size() >= 2 && word.size() <= 12 && std::ranges::all_of(word, [](char c) {
                         return std::isupper(static_cast<unsigned char>(c)) != 0 ||
                                std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.';
                       });
  return is_code || word == "--";
}

tl::unexpected<Error> too_many() { return bad_input("more than {} faults in the list", k_most_listed); }

// The list of a test pattern generator.
class ListReader {
 public:
  ListReader(std::string_view text, std::string name, const Netlist& netlist)
      : m_text(text), m_name(std::move(name)), m_names(netlist) {}

  Result<std::vector<ListedFault>> read() {
    for (const std::string_view line : split(m_text, '\n')) {
      ++m_line;
      const std::vector<std::string_view> words = words_in(line);
      if (words.empty() || words[0].starts_with("//") || words[0].starts_with('#')) continue;
      if (auto taken = take(words); !taken) return at(where(), taken.error());
    }
    if (m_unknown > 0)
      return bad_input("{}: {} of {} faults are at no net or pin of the netlist; each is named above", m_name,
                       m_unknown, m_unknown + m_faults.size());
    if (m_faults.empty()) return bad_input("{}: no faults in the list", m_name);
    return std::move(m_faults);
  }

 private:
  std::string where() const { return fmt::format("{}:{}", m_name, m_line); }

  Result<void> take(const std::vector<std::string_view>& words) {
    const std::optional<bool> value = listed_value(words[0]);
    if (!value)
      return bad_input(
          "'{}' is neither sa0, sa1, 0 nor 1, with which a line of a fault list begins; a CSV has the header "
          "'site,stuck_at' or 'fault'",
          printable(std::string(words[0].substr(0, 40))));
    if (words.size() < 2) return bad_input("no place behind '{}'", words[0]);
    const bool has_class = words.size() > 2 && is_class(words[1]);
    if (has_class && words[1] != "--" && words[1] != "EQ") m_class = words[1];
    if (!has_class) m_class.clear();
    if (m_faults.size() + m_unknown == k_most_listed) return too_many();
    const std::size_t first = has_class ? 2 : 1;
    std::string place(words[first]);
    // An escaped name ends with a blank, as \g1 /A.
    if (place.find('\\') != std::string::npos && first + 1 < words.size() &&
        words[first + 1].starts_with('/'))
      place += words[first + 1];
    const auto site = m_names.find(place, m_unknown < k_most_hints);
    if (site) {
      m_faults.push_back({StuckAt{*site, *value}, place, m_class});
      return {};
    }
    ++m_unknown;
    log(LogLevel::warning, fmt::format("{}: {}", where(), site.error().message));
    return {};
  }

  std::string_view m_text;
  std::string m_name;
  SiteNames m_names;
  std::size_t m_line = 0;
  std::size_t m_unknown = 0;
  std::string m_class;  ///< of the last fault that had one
  std::vector<ListedFault> m_faults;
};

// Names may hold commas without being quoted.
std::string joined_fields(std::span<const std::string_view> fields) {
  return fmt::format("{}", fmt::join(fields, ","));
}

Result<NetlistFault> fault_in(const SiteNames& names, std::span<const std::string_view> fields,
                              bool is_text) {
  if (is_text) return names.parse(joined_fields(fields));
  if (fields.size() < 2) return bad_input("expected SITE,0 or SITE,1");
  QFI_TRY(const Site site, names.find(joined_fields(fields.first(fields.size() - 1))));
  QFI_TRY(const bool value, parse_stuck_value(fields.back()));
  return StuckAt{site, value};
}

Result<std::vector<ListedFault>> read_csv(std::string_view text, const std::string& name,
                                          const Netlist& netlist) {
  CsvReader reader(text, name);
  QFI_CHECK(reader.read_header());
  const bool is_text = reader.header().size() == 1;
  const SiteNames names(netlist);
  std::vector<ListedFault> faults;
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) break;
    auto fault = fault_in(names, reader.fields(), is_text);
    if (!fault) return at(reader.where(), fault.error());
    if (faults.size() == k_most_listed) return too_many();
    faults.push_back({std::move(*fault), "", ""});
  }
  if (faults.empty()) return bad_input("{}: no faults in the list", name);
  return faults;
}

bool is_csv(const std::string& text, const std::string& name) {
  CsvReader reader(text, name);
  if (!reader.read_header()) return false;
  return reader.header() == std::vector<std::string>{"site", "stuck_at"} ||
         reader.header() == std::vector<std::string>{"fault"};
}

}  // namespace

Result<std::vector<ListedFault>> read_fault_list(const std::filesystem::path& path, const Netlist& netlist) {
  QFI_TRY(const std::string text, read_file(path, k_most_list_bytes));
  if (is_csv(text, path.string())) return read_csv(text, path.string(), netlist);
  return ListReader(text, path.string(), netlist).read();
}

Result<std::string> fault_list_line(FaultListForm form, bool value, std::string_view fault_class,
                                    std::string_view place, std::string_view comment) {
  const auto is_blank = [](char c) { return std::isgraph(static_cast<unsigned char>(c)) == 0; };
  if (place.empty() || std::ranges::any_of(place, is_blank))
    return bad_input("'{}' cannot stand in a fault list, which has no blanks in names",
                     printable(std::string(place)));
  return fmt::format("{}{}   {}   {}{}{}\n", form == FaultListForm::sa0 ? "sa" : "", int{value},
                     printable(std::string(fault_class)), place, comment.empty() ? "" : "   ",
                     printable(std::string(comment)));
}

std::string place_in_list(std::string cell, std::string_view pin) {
  std::ranges::replace(cell, '.', '/');
  return fmt::format("/{}/{}", cell, pin);
}

Result<std::string> all_faults_list(const Netlist& netlist, SiteKind kind, FaultListForm form,
                                    bool only_prime) {
  const std::vector<Site> sites = enumerate_sites(netlist, kind);
  const std::vector<std::uint32_t> classes = structural_classes(netlist, sites);
  const std::vector<Site> drivers = drivers_of(netlist);
  std::map<std::uint32_t, std::vector<std::size_t>> members;  // classes are numbered by their first members
  for (std::size_t i = 0; i < classes.size(); ++i) members[classes[i]].push_back(i);
  std::string text = fmt::format("{}{} stuck-at faults of {}, {} of them prime\n", k_fault_list_start,
                                 classes.size(), netlist.module_name, members.size());
  for (const auto& [number, faults] : members)
    for (const std::size_t i : faults) {
      if (only_prime && i != faults.front()) break;
      const StuckAt fault = stuck_at_member(sites, i);
      const Site site = fault.site.kind == Site::Kind::net ? drivers[fault.site.index] : fault.site;
      const std::string place =
          site.kind == Site::Kind::net
              ? netlist.nets[site.index].name
              : place_in_list(netlist.cells[site.index].name, netlist.cells[site.index].pins[site.pin].name);
      QFI_TRY(const std::string line,
              fault_list_line(form, fault.value, i == faults.front() ? "NC" : "--", place));
      text += line;
    }
  return text;
}

}  // namespace qfi

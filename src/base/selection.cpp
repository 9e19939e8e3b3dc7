// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/selection.hpp"

#include <algorithm>

#include "qfi/base/similar.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_listed = 12;
constexpr std::size_t k_longest_name = 100;

std::vector<std::string> without_repeats(const std::vector<std::string>& names) {
  std::vector<std::string> once;
  for (const std::string& name : names)
    if (std::ranges::find(once, name) == once.end()) once.push_back(name);
  return once;
}

}  // namespace

std::string name_list(std::span<const std::string> names) {
  if (names.empty()) return "none";
  std::string text;
  for (const std::string& name : names.first(std::min(names.size(), k_most_listed)))
    text += (text.empty() ? "" : ", ") + name.substr(0, k_longest_name);
  return names.size() > k_most_listed ? fmt::format("{}, .. ({} in all)", text, names.size()) : text;
}

std::vector<std::string> number_names(std::vector<std::uint64_t> numbers) {
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < numbers.size();) {
    std::size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (end - begin > 2) {
      names.push_back(fmt::format("{} to {}", numbers[begin], numbers[end - 1]));
    } else {
      for (std::size_t i = begin; i < end; ++i) names.push_back(std::to_string(numbers[i]));
    }
    begin = end;
  }
  return names;
}

std::vector<std::string> number_names_below(std::uint64_t count) {
  if (count > 2) return {fmt::format("0 to {}", count - 1)};
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::string selection_text(std::string_view key, std::string_view why, const Selectable& selectable) {
  return fmt::format("{}: {}; {}: {}", key, why, selectable.what,
                     name_list(without_repeats(selectable.names)));
}

tl::unexpected<Error> selects_nothing(std::string_view key, std::string_view given, std::string_view why,
                                      const Selectable& selectable) {
  const bool is_number = std::ranges::all_of(given, [](char c) { return c >= '0' && c <= '9'; });
  const auto guess = is_number ? std::nullopt : most_similar(given, selectable.names);
  return bad_input("{}{}", selection_text(key, why, selectable),
                   guess ? "; did you mean '" + *guess + "'?" : "");
}

}  // namespace qfi

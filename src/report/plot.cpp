// SPDX-License-Identifier: Apache-2.0
#include "plot.hpp"

#include "qfi/base/file.hpp"
#include "qfi/base/process.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::chrono::seconds k_limit{120};
constexpr std::size_t k_longest_label = 40;

std::string file_name(std::size_t index) { return fmt::format("picture_{}.svg", index); }

std::string script_of(const Plot& plot, std::size_t index) {
  return fmt::format(
             "reset session\nset terminal svg size {},{} noenhanced font 'sans-serif,13' background "
             "'#ffffff'\n"
             "set output '{}'\nset encoding utf8\nset border 3 lc rgb '#777777'\nset tics nomirror scale "
             "0.5\n"
             "set grid lc rgb '#dddddd' lw 1\nset key top center outside horizontal samplen 1.5\n",
             plot.width, plot.height, file_name(index)) +
         plot.script + "\nunset output\n";
}

}  // namespace

std::string plot_text(const std::string& text) {
  constexpr std::string_view k_plain = " _.,:;+-/()[]%=*$";
  std::string label;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    label += is_letter || k_plain.find(c) != std::string_view::npos ? c : '?';
  }
  if (label.size() > k_longest_label) label = label.substr(0, k_longest_label - 2) + "..";
  return label;
}

Result<std::vector<std::string>> draw_plots(const std::vector<Plot>& plots) {
  std::vector<std::string> pictures;
  if (plots.empty()) return pictures;
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  std::string script;
  for (std::size_t i = 0; i < plots.size(); ++i) script += script_of(plots[i], i);
  QFI_CHECK(write_file(folder.path() / "pictures.gp", script));
  const auto outcome = run_process({"gnuplot", "--default-settings", "pictures.gp"}, folder.path(), k_limit);
  if (!outcome && outcome.error().kind == ErrorKind::unavailable)
    return unavailable("{}; it draws the pictures (Debian: gnuplot-nox)", outcome.error().message);
  if (!outcome) return tl::unexpected(outcome.error());
  if (outcome->exit_code != 0) return failed("gnuplot: {}", printable(outcome->output));
  for (std::size_t i = 0; i < plots.size(); ++i) {
    QFI_TRY(pictures.emplace_back(), read_file(folder.path() / file_name(i), std::uint64_t{64} << 20));
    if (pictures.back().empty()) return failed("gnuplot drew nothing: {}", printable(outcome->output));
  }
  return pictures;
}

}  // namespace qfi

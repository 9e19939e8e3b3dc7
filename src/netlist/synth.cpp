// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/synth.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "adder_mapping.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/process.hpp"
#include "qfi/netlist/simulator.hpp"

namespace qfi {
namespace {

constexpr std::chrono::seconds k_yosys_limit{600};
// A constant moves by one adder in a round, along the carry chain and down the compressor tree.
constexpr int k_constant_rounds = 48;
constexpr const char* k_gates = "AND,NAND,OR,NOR,XOR,XNOR,ANDNOT,ORNOT";

// Names go into a Yosys script: only plain identifiers pass.
Result<void> check_identifier(const std::string& name, const char* what) {
  const auto is_plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (name.empty() || !std::ranges::all_of(name, is_plain) ||
      std::isdigit(static_cast<unsigned char>(name[0])) != 0)
    return bad_input("{} '{}' is not a plain identifier (letters, digits, _)", what, name);
  return {};
}

Result<void> check_names(const SynthParams& params) {
  if (params.sources.empty()) return bad_input("no RTL file given");
  QFI_CHECK(check_identifier(params.top, "top module"));
  QFI_CHECK(check_identifier(params.roles.rs1, "port"));
  QFI_CHECK(check_identifier(params.roles.rs2, "port"));
  QFI_CHECK(check_identifier(params.roles.result, "port"));
  for (const auto& [port, value] : params.roles.tie) QFI_CHECK(check_identifier(port, "tied port"));
  return {};
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string mapping_commands(const SynthParams& params) {
  const std::string to_gates = fmt::format("abc -fast -g {}\nopt_clean -purge\n", k_gates);
  if (params.cells == CellSet::gates)
    return fmt::format("synth -flatten -noabc -noshare -top {}\n", params.top) + to_gates;
  // maccmap builds the compressor tree of full adders, $alu the final carry chain; both become
  // adder cells before anything else is mapped. Cells with constant inputs shrink step by step.
  return "proc\nflatten\nopt -full\nwreduce\npeepopt\nopt_clean\nalumacc\nopt\nmaccmap\nopt\n"
         "techmap -map adders.v\ntechmap\nopt\n" +
         repeated("techmap -map constant_adders.v\nopt\n", k_constant_rounds) + "techmap\nopt\n" + to_gates;
}

std::string script(const SynthParams& params) {
  std::string text = fmt::format("hierarchy -check -top {}\n", params.top);
  text += mapping_commands(params);
  text +=
      "setattr -unset src w:* c:*\nrename -enumerate -pattern n% w:*\nrename -enumerate -pattern g% c:*\n";
  const auto attribute = [&](const std::string& name, const std::string& value) {
    text += fmt::format("setattr -mod -set qfi_{} \"{}\" {}\n", name, value, params.top);
  };
  attribute("rs1", params.roles.rs1);
  attribute("rs2", params.roles.rs2);
  attribute("result", params.roles.result);
  for (const auto& [port, value] : params.roles.tie) attribute("tie_" + port, std::to_string(value));
  if (params.roles.is_unsigned) attribute("unsigned", "yes");
  return text + "write_json netlist.json\nwrite_verilog -noattr netlist.v\n";
}

// The lines in which Yosys says what is wrong, else the last one.
std::string yosys_message(const std::string& output) {
  std::istringstream lines(output);
  std::string message;
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    last = line;
    if (line.find("ERROR") != std::string::npos) message += (message.empty() ? "" : "; ") + line;
  }
  return message.empty() ? last : message;
}

// A source as Yosys saw it.
struct Source {
  std::string file;
  std::string sha256;
};

Result<std::vector<Source>> run_yosys(const SynthParams& params, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder / "rtl", error);
  QFI_CHECK(write_file(folder / "script.ys", script(params)));
  QFI_CHECK(write_file(folder / "adders.v", k_adder_mapping));
  QFI_CHECK(write_file(folder / "constant_adders.v", k_constant_adder_mapping));
  std::vector<std::string> command = {"yosys", "-q", "-f", "verilog -sv", "-s", "script.ys"};
  std::set<std::string> names;
  std::vector<Source> sources;
  for (const auto& source : params.sources) {
    // A copy under its own name: messages and attributes name the file without its folder.
    const std::string name = "rtl/" + source.filename().string();
    if (!names.insert(name).second)
      return bad_input("two RTL files are called {}", source.filename().string());
    QFI_TRY(const std::string text, read_file(source, std::uint64_t{64} << 20));
    QFI_CHECK(write_file(folder / name, text));
    command.push_back(name);
    sources.push_back({source.filename().string(), sha256_hex(bytes_of(text))});
  }
  QFI_TRY(const ProcessOutcome outcome, run_process(command, folder, k_yosys_limit, k_temporary_files_here));
  if (outcome.exit_code != 0) return bad_input("Yosys: {}", yosys_message(outcome.output));
  return sources;
}

Result<std::string> yosys_version(const std::filesystem::path& folder) {
  QFI_TRY(const ProcessOutcome outcome, run_process({"yosys", "-V"}, folder, k_yosys_limit));
  return outcome.output.substr(0, outcome.output.find('\n'));
}

nlohmann::ordered_json manifest(const SynthParams& params, const std::vector<Source>& read,
                                const Netlist& netlist, const SynthStats& stats, const std::string& verilog) {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const Source& source : read) sources.push_back({{"file", source.file}, {"sha256", source.sha256}});
  std::map<std::string, std::size_t> cells_by_type;
  for (const Cell& cell : netlist.cells) ++cells_by_type[cell.type];
  return {{"top", params.top},
          {"sources", sources},
          {"rs1", params.roles.rs1},
          {"rs2", params.roles.rs2},
          {"result", params.roles.result},
          {"tie", params.roles.tie},
          {"unsigned", params.roles.is_unsigned},
          {"yosys", stats.yosys_version},
          {"script", script(params)},
          {"cells", stats.cells},
          {"cells_by_type", cells_by_type},
          {"nets", stats.nets},
          {"depth", stats.depth},
          {"netlist_sha256", netlist.sha256},
          {"verilog_sha256", sha256_hex(bytes_of(verilog))}};
}

Result<void> check_window(const Netlist& netlist, IntRange outer, IntRange inner) {
  const Simulator simulator(netlist, {outer, inner, true});
  const auto products = simulator.golden();
  const unsigned bits = static_cast<unsigned>(std::min<std::size_t>(netlist.result.size(), 32));
  std::size_t index = 0;
  for (std::int64_t a = outer.first; a <= outer.last; ++a)
    for (std::int64_t b = inner.first; b <= inner.last; ++b, ++index) {
      const auto exact =
          static_cast<std::uint32_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
      const auto difference = exact ^ static_cast<std::uint32_t>(products[index]);
      if (static_cast<std::uint32_t>(difference << (32 - bits)) != 0)
        return bad_input("the circuit is no multiplier: {} * {} gives {}", a, b, products[index]);
    }
  return {};
}

}  // namespace

Result<void> check_multiplies(const Netlist& netlist) {
  const std::size_t width = std::min(netlist.rs1.size(), netlist.rs2.size());
  // The largest operands that the ports hold, at most 255 in magnitude.
  const std::size_t magnitude_bits = std::min<std::size_t>(netlist.is_unsigned ? width : width - 1, 8);
  const int last = (1 << magnitude_bits) - 1;
  const int lowest = netlist.is_unsigned ? 0 : -last;
  for (int first = lowest; first <= last; first += 64)
    QFI_CHECK(check_window(netlist, {first, std::min(first + 63, last)}, {lowest, last}));
  if (width < 32 || netlist.is_unsigned) return {};
  for (const int a : {-2147483647 - 1, -70'000'000, -65'568, 65'504, 1'431'655'744, 2'147'483'584})
    for (const int b : {-2147483647 - 1, -123'456'789, -65'568, 65'504, 858'993'408, 2'147'483'584})
      QFI_CHECK(check_window(netlist, {a, a + 63}, {b, b + 63}));
  return {};
}

Result<SynthStats> synthesize(const SynthParams& params) {
  QFI_CHECK(check_names(params));
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  QFI_TRY(const std::vector<Source> sources, run_yosys(params, folder.path()));
  QFI_TRY(const std::string json_text, read_file(folder.path() / "netlist.json"));
  QFI_TRY(const Netlist netlist, parse_netlist(json_text, "netlist of " + params.top));
  QFI_CHECK(check_multiplies(netlist));
  QFI_TRY(std::string verilog, read_file(folder.path() / "netlist.v"));
  if (params.cells == CellSet::adders) verilog += k_adder_modules;

  SynthStats stats;
  QFI_TRY(stats.yosys_version, yosys_version(folder.path()));
  stats.cells = netlist.cells.size();
  stats.nets = static_cast<std::size_t>(std::count_if(netlist.nets.begin() + 2, netlist.nets.end(),
                                                      [](const Net& net) { return net.is_read; }));
  stats.depth = netlist.depth;
  const std::string base = params.output.string();
  QFI_CHECK(write_file(base + ".json", json_text));
  QFI_CHECK(write_file(base + ".v", verilog));
  QFI_CHECK(write_file(base + ".manifest.json",
                       manifest(params, sources, netlist, stats, verilog)
                               .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                           "\n"));
  return stats;
}

}  // namespace qfi

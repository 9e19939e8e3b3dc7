// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/synth.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "adder_mapping.hpp"
#include "cell_library.hpp"
#include "kept_netlist.hpp"
#include "liberty.hpp"
#include "liberty_adders.hpp"
#include "netlist_json.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/text.hpp"
#include "qfi/netlist/simulator.hpp"
#include "source_trace.hpp"
#include "yosys.hpp"

namespace qfi {
namespace {

// A constant moves by one adder in a round, along the carry chain and down the compressor tree.
constexpr int k_constant_rounds = 48;
constexpr const char* k_gates = "AND,NAND,OR,NOR,XOR,XNOR,ANDNOT,ORNOT";

// A parameter's value as a Yosys script writes it. Only whole numbers, sized Verilog constants and plain
// words pass, so that no value can end the command that it stands in.
Result<std::string> script_constant(const std::string& value) {
  std::uint64_t number = 0;
  if (parse_number(value, number) && number < std::uint64_t{1} << 31) return std::to_string(number);
  static const std::regex k_sized("[0-9]{1,4}'(b[01]{1,256}|d[0-9]{1,80}|h[0-9a-fA-F]{1,80})");
  if (std::regex_match(value, k_sized)) return value;
  if (check_identifier(value, "value")) return "\"" + value + "\"";
  return bad_input(
      "parameter value '{}' is neither a whole number below 2^31, nor a constant as 8'hff, nor a plain word",
      value);
}

Result<void> check_names(const SynthParams& params) {
  if (params.sources.empty()) return bad_input("no RTL file given");
  if (!params.liberty.files.empty() && !params.reading.libraries.empty())
    return bad_input("--liberty maps RTL to cells, --library keeps those of a netlist; give one of them");
  QFI_CHECK(check_identifier(params.top, "top module"));
  QFI_CHECK(check_identifier(params.reading.rs1, "port"));
  QFI_CHECK(check_identifier(params.reading.rs2, "port"));
  QFI_CHECK(check_identifier(params.reading.result, "port"));
  for (const auto& [port, value] : params.reading.tie) QFI_CHECK(check_identifier(port, "tied port"));
  for (const auto& [name, value] : params.parameters) {
    QFI_CHECK(check_identifier(name, "parameter"));
    QFI_CHECK(script_constant(value));
  }
  return {};
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

constexpr const char* k_merged_liberty = "merged.lib";

bool is_mapped(const SynthParams& params) { return !params.liberty.files.empty(); }

std::string mapping_commands(const SynthParams& params, const std::string& abc) {
  // Adders that the library lacks are gates before anything is mapped.
  const std::string to_gates =
      is_mapped(params)
          ? fmt::format("techmap -map library_adders.v\ntechmap\nopt\nabc -liberty {}\nopt_clean -purge\n",
                        k_merged_liberty)
          : fmt::format("{} -g {}\nopt_clean -purge\n", abc, k_gates);
  if (params.cells == CellSet::gates && !is_mapped(params))
    return fmt::format("synth -flatten -noabc -noshare -top {}\n", params.top) + to_gates;
  // maccmap builds the compressor tree of full adders, $alu the final carry chain; both become
  // adder cells before anything else is mapped. Cells with constant inputs shrink step by step.
  return "proc\nflatten\nopt -full\nwreduce\npeepopt\nopt_clean\nalumacc\nopt\nmaccmap\nopt\n"
         "techmap -map adders.v\ntechmap\nopt\n" +
         repeated("techmap -map constant_adders.v\nopt\n", k_constant_rounds) + "techmap\nopt\n" + to_gates;
}

bool keeps_cells(const SynthParams& params) { return !params.reading.libraries.empty(); }

// Precondition: check_names().
std::string top_commands(const SynthParams& params) {
  std::string text;
  for (const auto& [name, value] : params.parameters)
    text += fmt::format("chparam -set {} {} {}\n", name, *script_constant(value), params.top);
  return text + fmt::format("hierarchy -check -top {}\n", params.top);
}

// Precondition: check_names().
std::string script(const SynthParams& params, const std::string& abc) {
  std::string text =
      is_mapped(params) ? fmt::format("read_liberty -lib {} {}\n", k_liberty_flags, k_merged_liberty) : "";
  text += library_commands(params.reading.libraries);
  text += top_commands(params);
  if (keeps_cells(params)) text += k_keep_cells;
  else
    text += mapping_commands(params, abc) +
            "setattr -unset src w:* c:*\nrename -enumerate -pattern n% w:*\nrename -enumerate -pattern g% "
            "c:*\n";
  const auto attribute = [&](const std::string& name, const std::string& value) {
    text += fmt::format("setattr -mod -set qfi_{} \"{}\" {}\n", name, value, params.top);
  };
  attribute("rs1", params.reading.rs1);
  attribute("rs2", params.reading.rs2);
  attribute("result", params.reading.result);
  for (const auto& [port, value] : params.reading.tie) attribute("tie_" + port, std::to_string(value));
  if (params.reading.is_unsigned) attribute("unsigned", "yes");
  if (params.reading.is_approximate) attribute("approximate", "yes");
  return text + "write_json netlist.json\nwrite_verilog -noattr netlist.v\n";
}

// Lists of what the top module is made of: its cells, those that are operators, and its processes.
std::string list_commands(const std::string& top) {
  return fmt::format(
      "select -write cells.txt {0}/c:*\nselect -write operators.txt {0}/t:$*\nselect -write processes.txt "
      "{0}/p:*\n",
      top);
}

// A module of nothing but many instances is a netlist that another tool has mapped: optimizing it gives other
// cells and sites than those of the file, which whoever wants the file's must know.
void warn_of_mapped_netlist(const SynthParams& params, const std::filesystem::path& folder) {
  constexpr std::ptrdiff_t k_instances = 16;  // fewer: a wrapper around RTL
  const auto lines = [&](const char* file) {
    const auto text = read_file(folder / file);
    return text ? std::count(text->begin(), text->end(), '\n') : 0;
  };
  const std::ptrdiff_t cells = lines("cells.txt");
  if (cells < k_instances || lines("operators.txt") > 0 || lines("processes.txt") > 0) return;
  log(LogLevel::warning,
      fmt::format(
          "{} is a netlist of {} cells: it is optimized anew, and the fault sites are not those of the "
          "file; to keep its cells, name the file of their functions with --library",
          params.top, cells));
}

// What a synthesis made, beside the netlist.
struct Synthesis {
  std::vector<YosysSource> sources;
  std::vector<YosysSource> libraries;
  CellLibrary cells;
  std::string script;
  std::string verilog;
};

// One library of the cells that may be used, and how adders become its cells.
Result<void> take_liberty(const LibertyParams& liberty, const std::filesystem::path& folder,
                          Synthesis& synthesis) {
  std::vector<LibertyFile> files;
  for (const std::filesystem::path& file : liberty.files) {
    if (!is_liberty(file)) return bad_input("{}: not a Liberty file (.lib)", file.string());
    QFI_TRY(std::string text, read_file(file, k_most_liberty_bytes));
    synthesis.libraries.push_back({file.filename().string(), sha256_hex(bytes_of(text))});
    files.push_back({file.string(), std::move(text)});
  }
  QFI_TRY(const std::string merged, merged_liberty(files, liberty.unused));
  QFI_CHECK(write_file(folder / k_merged_liberty, merged));
  QFI_CHECK(read_library(folder / k_merged_liberty, synthesis.cells));
  return write_file(folder / "library_adders.v", adder_techmap(synthesis.cells));
}

Result<Synthesis> run_synthesis(const SynthParams& params, const std::filesystem::path& folder) {
  Synthesis synthesis;
  QFI_TRY(const std::string abc, fast_abc_command(folder));
  synthesis.script = script(params, abc);
  QFI_CHECK(write_file(folder / "adders.v", k_adder_mapping));
  QFI_CHECK(write_file(folder / "constant_adders.v", k_constant_adder_mapping));
  for (const std::filesystem::path& library : params.reading.libraries)
    QFI_CHECK(read_library(library, synthesis.cells));
  QFI_TRY(synthesis.libraries, copy_libraries(params.reading.libraries, folder));
  if (is_mapped(params)) QFI_CHECK(take_liberty(params.liberty, folder, synthesis));
  QFI_TRY(synthesis.sources, copy_sources(params.sources, folder));
  QFI_CHECK(run_yosys(synthesis.sources, list_commands(params.top) + synthesis.script, folder));
  if (!keeps_cells(params)) warn_of_mapped_netlist(params, folder);
  QFI_TRY(synthesis.verilog, read_file(folder / "netlist.v"));
  if (params.cells == CellSet::adders && !is_mapped(params)) synthesis.verilog += k_adder_modules;
  return synthesis;
}

using Json = nlohmann::ordered_json;

// Tells each cell and port of the document where it comes from. Not to know it is no error.
void add_origins(const Netlist& netlist, const SynthParams& params, const Synthesis& synthesis,
                 const std::filesystem::path& folder, Json& document) {
  if (keeps_cells(params)) return;
  const auto origins = [&]() -> Result<Origins> {
    QFI_CHECK(run_yosys(synthesis.sources, top_commands(params) + k_origin_commands, folder));
    return trace_origins(folder, params.reading, netlist);
  }();
  if (!origins) {
    log(LogLevel::warning,
        fmt::format("which lines of the RTL the gates come from is not known: {}", origins.error().message));
    return;
  }
  Json& module = document["modules"][params.top];
  for (const auto& [port, source] : origins->ports) module["netnames"][port]["attributes"]["src"] = source;
  for (std::size_t cell = 0; cell < origins->cells.size(); ++cell) {
    const auto& [source, instance] = origins->cells[cell];
    Json& attributes = module["cells"][netlist.cells[cell].name]["attributes"];
    if (!source.empty()) attributes["src"] = source;
    if (!instance.empty()) attributes[k_instance_attribute] = instance;
  }
}

// Lists of numbers on one line each, as Yosys writes them.
std::string with_short_lists(const std::string& text) {
  std::string result;
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_quoted && text[i] == '\\') result += text[i++];
    else if (text[i] == '"') is_quoted = !is_quoted;
    const std::size_t end =
        !is_quoted && text[i] == '[' ? text.find_first_of("[]{}", i + 1) : std::string::npos;
    if (end == std::string::npos || text[end] != ']') {
      result += text[i];
      continue;
    }
    for (; i < end; ++i)
      if (text[i] != '\n' && (text[i] != ' ' || (text[i + 1] != ' ' && i + 1 < end))) result += text[i];
    result += text[end - 1] == '[' ? "]" : " ]";
  }
  return result;
}

// The netlist with the functions of its library cells, so that it needs no other file.
Result<Json> self_contained(const std::string& text, const SynthParams& params, const Synthesis& synthesis) {
  auto document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) return failed("Yosys has written no JSON");
  const auto modules = document.find("modules");
  if (modules == document.end() || !modules->contains(params.top))
    return failed("Yosys has written no module '{}'", params.top);
  Json module = (*modules)[params.top];
  for (const auto& [name, cell] : module["cells"].items()) {
    const std::string type = cell["type"].get<std::string>();
    const auto known = synthesis.cells.cells().find(type);
    if (known == synthesis.cells.cells().end()) continue;
    if (!known->second.refusal.empty())
      return bad_input("cell '{}': a {} cannot be used: {}", printable(name), type, known->second.refusal);
    module["attributes"][k_cell_attribute + type] = cell_text(known->second);
  }
  *modules = {{params.top, module}};  // the library's own modules are empty
  return document;
}

std::string text_of(const Json& document) {
  return with_short_lists(document.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

Json manifest(const SynthParams& params, const Synthesis& synthesis, const Netlist& netlist,
              const SynthStats& stats) {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const YosysSource& source : synthesis.sources)
    sources.push_back({{"file", source.file}, {"sha256", source.sha256}});
  std::map<std::string, std::size_t> cells_by_type;
  for (const Cell& cell : netlist.cells) ++cells_by_type[cell.type];
  nlohmann::ordered_json json = {{"top", params.top}, {"sources", sources}};
  for (const YosysSource& library : synthesis.libraries)
    json["libraries"].push_back({{"file", library.file}, {"sha256", library.sha256}});
  if (!params.liberty.unused.empty()) json["dont_use"] = params.liberty.unused;
  if (!params.parameters.empty()) json["parameters"] = params.parameters;
  json["rs1"] = params.reading.rs1;
  json["rs2"] = params.reading.rs2;
  json["result"] = params.reading.result;
  json["tie"] = params.reading.tie;
  json["unsigned"] = params.reading.is_unsigned;
  if (netlist.is_approximate) json["approximate"] = true;
  json["yosys"] = stats.yosys_version;
  json["script"] = synthesis.script;
  json["cells"] = stats.cells;
  json["cells_by_type"] = cells_by_type;
  json["nets"] = stats.nets;
  json["depth"] = stats.depth;
  json["netlist_sha256"] = netlist.sha256;
  json["verilog_sha256"] = sha256_hex(bytes_of(synthesis.verilog));
  return json;
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
  QFI_TRY(const Synthesis synthesis, run_synthesis(params, folder.path()));
  QFI_TRY(const std::string written, read_file(folder.path() / "netlist.json"));
  QFI_TRY(Json document, self_contained(written, params, synthesis));
  const std::string name = "netlist of " + params.top;
  QFI_TRY(const Netlist mapped, parse_netlist(document.dump(), name));
  if (!mapped.is_approximate) QFI_CHECK(check_multiplies(mapped));
  add_origins(mapped, params, synthesis, folder.path(), document);
  const std::string json_text = text_of(document);
  QFI_TRY(const Netlist netlist, parse_netlist(json_text, name));

  SynthStats stats;
  QFI_TRY(stats.yosys_version, yosys_version(folder.path()));
  stats.cells = netlist.cells.size();
  stats.nets = static_cast<std::size_t>(std::count_if(netlist.nets.begin() + 2, netlist.nets.end(),
                                                      [](const Net& net) { return net.is_read; }));
  stats.depth = netlist.depth;
  stats.widths = operand_widths(netlist);
  stats.fits = operand_fits(netlist);
  if (netlist.is_approximate) stats.errors = product_errors(Simulator(netlist, common_grid(netlist)));
  const std::string base = params.output.string();
  QFI_CHECK(write_file(base + ".json", json_text));
  QFI_CHECK(write_file(base + ".v", synthesis.verilog));
  QFI_CHECK(write_file(base + ".manifest.json",
                       manifest(params, synthesis, netlist, stats)
                               .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                           "\n"));
  return stats;
}

}  // namespace qfi

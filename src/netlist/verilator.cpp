// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/verilator.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/process.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/netlist/simulator.hpp"

namespace qfi {
namespace {

constexpr std::chrono::seconds k_build_limit{1800};
// Verilator 5.006 miscompiles forceable wires unless its data-flow graph optimizer is off (-fno-dfg).
// Small functions in small files compile three times as fast.
const std::vector<std::string> k_flags = {"--cc",
                                          "-fno-dfg",
                                          "-Wno-fatal",
                                          "-Wno-lint",
                                          "-Wno-style",
                                          "--output-split",
                                          "40000",
                                          "--output-split-cfuncs",
                                          "300",
                                          "--prefix",
                                          "Vunit",
                                          "--Mdir",
                                          "obj",
                                          "--exe",
                                          "--build",
                                          "-j",
                                          "2",
                                          "-CFLAGS",
                                          "-fPIC -O1 -w",
                                          "-LDFLAGS",
                                          "-shared",
                                          "-o",
                                          "libunit.so"};

// Constants come in through ports: Verilator drops the force of a wire whose value it knows.
constexpr const char* k_zero = "zero";
constexpr const char* k_one = "one";

std::string site_wire(const Site& site) {
  return site.kind == Site::Kind::net ? fmt::format("n{}", site.index)
                                      : fmt::format("p{}_{}", site.index, site.pin);
}

std::string net_wire(NetId net) {
  if (net <= k_net_one) return net == k_net_one ? k_one : k_zero;
  return fmt::format("n{}", net);
}

using InputNames = std::array<std::string, k_gate_inputs>;

// A truth table of `count` inputs, by cofactors of the last input that it depends on.
std::string table_expression(std::uint64_t table, std::size_t count, const InputNames& in) {
  const std::size_t size = std::size_t{1} << count;
  if (table == 0) return k_zero;
  if (table == ~std::uint64_t{0} >> (64 - size)) return k_one;
  const std::uint64_t low = table & ~std::uint64_t{0} >> (64 - size / 2);
  const std::uint64_t high = table >> size / 2;
  const std::string at_0 = table_expression(low, count - 1, in);
  if (low == high) return at_0;
  return "(" + in[count - 1] + " ? " + table_expression(high, count - 1, in) + " : " + at_0 + ")";
}

std::string expression(const Gate& gate, const InputNames& in) {
  const auto& [a, b, c, d, e, f] = in;
  switch (gate.op) {
    case GateOp::table: return table_expression(gate.table, k_gate_inputs, in);
    case GateOp::buffer: return a;
    case GateOp::inverter: return "~" + a;
    case GateOp::and2: return a + " & " + b;
    case GateOp::nand2: return "~(" + a + " & " + b + ")";
    case GateOp::or2: return a + " | " + b;
    case GateOp::nor2: return "~(" + a + " | " + b + ")";
    case GateOp::xor2: return a + " ^ " + b;
    case GateOp::xnor2: return "~(" + a + " ^ " + b + ")";
    case GateOp::and_not: return a + " & ~" + b;
    case GateOp::or_not: return a + " | ~" + b;
    case GateOp::mux: return c + " ? " + b + " : " + a;
    case GateOp::inverting_mux: return "~(" + c + " ? " + b + " : " + a + ")";
    case GateOp::aoi3: return "~((" + a + " & " + b + ") | " + c + ")";
    case GateOp::oai3: return "~((" + a + " | " + b + ") & " + c + ")";
    case GateOp::aoi4: return "~((" + a + " & " + b + ") | (" + c + " & " + d + "))";
    case GateOp::oai4: return "~((" + a + " | " + b + ") & (" + c + " | " + d + "))";
    case GateOp::xor3: return a + " ^ " + b + " ^ " + c;
    case GateOp::majority: return "(" + a + " & " + b + ") | (" + c + " & (" + a + " ^ " + b + "))";
  }
  return {};
}

// C++ around the generated class: forces by index, operands in, result out. The first eval()
// clears all force enables, so it happens before anyone can set one.
std::string wrapper_source(const Netlist& netlist, const FaultPlaces& places) {
  const std::vector<Site>& sites = places.sites;
  const auto mask = [](std::size_t bits) {
    return fmt::format("0x{:x}ULL", ~std::uint64_t{0} >> (64 - bits));
  };
  std::string text =
      "#include \"Vunit.h\"\n#include \"Vunit___024root.h\"\n"
      "struct Unit {\n  VerilatedContext context;\n  Vunit model{&context};\n"
      "  CData* enable[" +
      std::to_string(sites.size() + 1) + "];\n  CData* value[" + std::to_string(sites.size() + 1) +
      "];\n  CData* closed[" + std::to_string(places.bridges.size() + 1) +
      "];\n};\n"
      "extern \"C\" Unit* unit_new() {\n  Unit* u = new Unit;\n  u->model.zero = 0;\n  u->model.one = 1;\n  "
      "u->model.eval();\n  auto* r = u->model.rootp;\n";
  for (std::size_t i = 0; i < sites.size(); ++i)
    text += fmt::format(
        "  u->enable[{0}] = &r->unit__DOT__{1}__VforceEn; u->value[{0}] = &r->unit__DOT__{1}__VforceVal;\n",
        i, site_wire(sites[i]));
  for (std::size_t i = 0; i < places.bridges.size(); ++i)
    text += fmt::format("  u->closed[{0}] = &u->model.bridge{0};\n  *u->closed[{0}] = 0;\n", i);
  return text +
         "  return u;\n}\n"
         "extern \"C\" void unit_delete(Unit* u) { u->model.final(); delete u; }\n"
         "extern \"C\" void unit_force(Unit* u, unsigned site, int enable, int value) {\n"
         "  *u->value[site] = value;\n  *u->enable[site] = enable;\n}\n"
         "extern \"C\" void unit_bridge(Unit* u, unsigned bridge, int is_closed) { *u->closed[bridge] = "
         "is_closed; }\n"
         "extern \"C\" unsigned unit_multiply(Unit* u, unsigned long long a, unsigned long long b) {\n"
         "  u->model.rs1 = a & " +
         mask(netlist.rs1.size()) +
         ";\n"
         "  u->model.rs2 = b & " +
         mask(netlist.rs2.size()) +
         ";\n"
         "  u->model.eval();\n  return (unsigned)u->model.result;\n}\n";
}

bool is_private_file(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The cached library, if there is one and it is, byte for byte, what was built.
bool is_intact(const std::filesystem::path& library, const std::filesystem::path& hash_file) {
  if (!is_private_file(library) || !is_private_file(hash_file)) return false;
  const auto content = read_file(library);
  const auto hash = read_file(hash_file, 1024);
  return content && hash && *hash == sha256_hex(bytes_of(*content));
}

// What a model is compiled from, and where the cache has it.
struct Sources {
  std::string version;  ///< Verilator's
  std::string verilog;
  std::string wrapper;
  std::filesystem::path library;
  std::filesystem::path hash;
};

Result<void> build(const Sources& sources) {
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  QFI_CHECK(write_file(folder.path() / "unit.v", sources.verilog));
  QFI_CHECK(write_file(folder.path() / "wrapper.cpp", sources.wrapper));
  std::vector<std::string> command = {"verilator"};
  command.insert(command.end(), k_flags.begin(), k_flags.end());
  command.insert(command.end(), {"unit.v", "wrapper.cpp"});
  QFI_TRY(const ProcessOutcome outcome,
          run_process(command, folder.path(), k_build_limit, k_temporary_files_here));
  if (outcome.exit_code != 0) {
    const std::string& text = outcome.output;
    return failed("Verilator: {}", text.substr(text.size() > 600 ? text.size() - 600 : 0));
  }
  QFI_TRY(const std::string content, read_file(folder.path() / "obj" / "libunit.so"));
  for (const auto& [file, text] :
       {std::pair{&sources.library, content}, {&sources.hash, sha256_hex(bytes_of(content))}}) {
    QFI_CHECK(write_file(*file, text));
    ::chmod(file->c_str(), 0600);  // is_private_file wants it, whatever the umask
  }
  return {};
}

Result<void> make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return unavailable("{}: cannot create the cache: {}", folder.string(), error.message());
  if (is_new) ::chmod(folder.c_str(), 0700);
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || status.st_uid != ::geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return unavailable("{}: others can write to this cache folder; choose one of your own", folder.string());
  return {};
}

Result<void> check_model(VerilatorModel& model, const Netlist& netlist, const std::vector<Site>& sites) {
  const IntRange range{-128, 127};
  const Simulator simulator(netlist, {range, range, true});
  std::size_t index = 0;
  for (int a = range.first; a <= range.last; ++a) {
    QFI_CHECK(check_stop());
    for (int b = range.first; b <= range.last; ++b, ++index)
      if (model.multiply(a, b) != simulator.golden()[index])
        return failed("Verilator's model fails its self-check: fault-free {} * {} gives {} instead of {}", a,
                      b, model.multiply(a, b), simulator.golden()[index]);
  }
  constexpr int k_faults = 64;
  constexpr std::size_t k_pairs = 256;
  Simulator::Scratch scratch;
  std::vector<std::int32_t> products(simulator.grid().size());
  for (std::uint64_t i = 0; i < k_faults && !sites.empty(); ++i) {
    const StuckAt fault{sites[random_below(1, purpose::k_self_check_site, i, sites.size())], i % 2 == 1};
    simulator.simulate(fault, scratch, products);
    model.inject(fault);
    for (std::uint64_t k = 0; k < k_pairs; ++k) {
      const std::size_t pair = random_below(1, purpose::k_self_check_pair, i * k_pairs + k, products.size());
      const int a = range.first + static_cast<int>(pair / 256);
      const int b = range.first + static_cast<int>(pair % 256);
      if (const std::int32_t got = model.multiply(a, b); got != products[pair])
        return failed(
            "Verilator's model fails its self-check: {} stuck at {}, {} * {} gives {}, the simulator {}",
            site_name(netlist, fault.site), int{fault.value}, a, b, got, products[pair]);
    }
    model.clear();
  }
  return {};
}

// Builds the module text: a wire for every net and every pin that is a site.
class ForceableWriter {
 public:
  ForceableWriter(const Netlist& netlist, const FaultPlaces& places)
      : m_netlist(netlist),
        m_sites(places.sites.begin(), places.sites.end()),
        m_bridges(places.bridges),
        m_cell_is_wired(netlist.cells.size(), false) {}

  std::string write() {
    m_text = fmt::format(
        "module unit(input zero, input one{}, input [{}:0] rs1, input [{}:0] rs2, output [{}:0] result);\n",
        bridge_ports(), m_netlist.rs1.size() - 1, m_netlist.rs2.size() - 1, m_netlist.result.size() - 1);
    write_inputs();
    for (const Gate& gate : m_netlist.gates) write_gate(gate);
    for (std::uint32_t cell = 0; cell < m_netlist.cells.size(); ++cell)
      if (!m_cell_is_wired[cell]) input_wires(cell);  // nobody uses its outputs
    for (std::size_t bit = 0; bit < m_netlist.result.size(); ++bit)
      m_text += fmt::format("  assign result[{}] = {};\n", bit, net_wire(m_netlist.result[bit]));
    return m_text + "endmodule\n";
  }

 private:
  void wire(const std::string& name, bool is_site, const std::string& value) {
    m_text += fmt::format("  wire {}{};\n  assign {} = {};\n", name,
                          is_site ? " /*verilator forceable*/" : "", name, value);
  }
  std::string bridge_ports() const {
    std::string text;
    for (std::size_t i = 0; i < m_bridges.size(); ++i) text += fmt::format(", input bridge{}", i);
    return text;
  }

  static std::string driven_wire(NetId net) { return fmt::format("d{}", net); }

  // What the net holds while one of its bridges is closed, else what drives it.
  std::string bridged_value(NetId net) const {
    std::string value = driven_wire(net);
    for (std::size_t i = 0; i < m_bridges.size(); ++i) {
      const auto& [kind, first, second] = m_bridges[i];
      if (net != second && (net != first || kind == BridgeKind::dominant)) continue;
      const std::string together =
          kind == BridgeKind::dominant
              ? driven_wire(first)
              : fmt::format("({} {} {})", driven_wire(first), kind == BridgeKind::wired_and ? "&" : "|",
                            driven_wire(second));
      value = fmt::format("bridge{} ? {} : ({})", i, together, value);
    }
    return value;
  }

  void define(NetId net, const std::string& value) {
    const bool is_bridged = std::ranges::any_of(
        m_bridges, [&](const Bridge& bridge) { return bridge.first == net || bridge.second == net; });
    if (is_bridged) wire(driven_wire(net), false, value);
    wire(net_wire(net), m_sites.contains({Site::Kind::net, net, 0}), is_bridged ? bridged_value(net) : value);
  }

  // Operands, tied ports, and nets that nothing drives because nothing reads them.
  void write_inputs() {
    std::vector<bool> is_defined(m_netlist.nets.size(), false);
    const auto define_once = [&](NetId net, const std::string& value) {
      if (!is_defined[net]) define(net, value);
      is_defined[net] = true;
    };
    for (const Gate& gate : m_netlist.gates) is_defined[gate.output] = true;
    for (std::size_t bit = 0; bit < m_netlist.rs1.size(); ++bit)
      define_once(m_netlist.rs1[bit], fmt::format("rs1[{}]", bit));
    for (std::size_t bit = 0; bit < m_netlist.rs2.size(); ++bit)
      define_once(m_netlist.rs2[bit], fmt::format("rs2[{}]", bit));
    for (const NetId net : m_netlist.tied_to_one) define_once(net, k_one);
    for (NetId net = 2; net < m_netlist.nets.size(); ++net) define_once(net, k_zero);
  }

  // What the cell's inputs read: the net, or the pin's own wire. The wires are written once.
  InputNames input_wires(std::uint32_t cell) {
    InputNames names;
    const auto& pins = m_netlist.cells[cell].pins;
    for (std::uint32_t k = 0; k < pins.size() && !pins[k].is_output; ++k) {
      names[k] = net_wire(pins[k].net);
      const Site site{Site::Kind::pin, cell, k};
      if (!m_sites.contains(site)) continue;
      if (!m_cell_is_wired[cell]) wire(site_wire(site), true, names[k]);
      names[k] = site_wire(site);
    }
    m_cell_is_wired[cell] = true;
    return names;
  }

  void write_gate(const Gate& gate) {
    std::string value = expression(gate, input_wires(gate.cell));
    const auto& pins = m_netlist.cells[gate.cell].pins;
    for (std::uint32_t k = 0; k < pins.size(); ++k) {
      const Site site{Site::Kind::pin, gate.cell, k};
      if (!pins[k].is_output || pins[k].net != gate.output || !m_sites.contains(site)) continue;
      wire(site_wire(site), true, value);
      value = site_wire(site);
    }
    define(gate.output, value);
  }

  const Netlist& m_netlist;
  std::set<Site> m_sites;
  std::vector<Bridge> m_bridges;
  std::vector<bool> m_cell_is_wired;
  std::string m_text;
};

Result<Sources> sources_of(const Netlist& netlist, const FaultPlaces& places,
                           const std::filesystem::path& cache) {
  QFI_CHECK(make_private_folder(cache));
  QFI_TRY(const ProcessOutcome asked, run_process({"verilator", "--version"}, cache, k_build_limit));
  Sources sources;
  sources.version = asked.output.substr(0, asked.output.find('\n'));
  sources.verilog = forceable_verilog(netlist, places);
  sources.wrapper = wrapper_source(netlist, places);
  std::string identity = sources.version + "\n";
  for (const std::string& flag : k_flags) identity += flag + "\n";
  const std::string key = sha256_hex(bytes_of(identity + sources.verilog + sources.wrapper)).substr(0, 32);
  sources.library = cache / ("verilator-" + key + ".so");
  sources.hash = cache / ("verilator-" + key + ".sha256");
  return sources;
}

// Seconds that the compiler takes for a small file of the kind that Verilator writes.
Result<double> try_compiler() {
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  constexpr int k_statements = 1000;
  constexpr int k_of_function = 100;
  std::string text = "#include <string>\n#include <vector>\nunsigned char v[1001];\n";
  for (int i = 0; i < k_statements; ++i) {
    if (i % k_of_function == 0) text += fmt::format("{}void f{}() {{\n", i == 0 ? "" : "}\n", i);
    text += fmt::format("v[{}] = (v[{}] & ~v[{}]) | (v[{}] ^ 1);\n", i + 1, i, i * 7 % k_statements,
                        i * 13 % k_statements);
  }
  QFI_CHECK(write_file(folder.path() / "probe.cpp", text + "}\n"));
  const auto start = std::chrono::steady_clock::now();
  QFI_CHECK(run_process({"g++", "-c", "-O1", "-w", "probe.cpp"}, folder.path(), k_build_limit,
                        k_temporary_files_here));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Result<VerilatorTimes> VerilatorModel::expected_times(const Netlist& netlist, const FaultPlaces& places,
                                                      const std::filesystem::path& cache) {
  // In files like the one that is tried: what comes with every model, and each gate and site. They make 20 s
  // of mul_adders.json where the file takes 1.25 s.
  constexpr double k_of_runtime = 6.5;
  constexpr double k_of_gate = 0.0027;
  constexpr double k_seconds_of_gate = 4e-9;  // of one evaluation
  constexpr double k_checked_products = 256 * 256 + 64 * 256;
  QFI_TRY(const Sources sources, sources_of(netlist, places, cache));
  VerilatorTimes times;
  const auto gates = static_cast<double>(netlist.gates.size() + places.sites.size());
  if (!is_intact(sources.library, sources.hash)) {
    QFI_TRY(const double probe, try_compiler());
    times.compiling = probe * (k_of_runtime + k_of_gate * gates);
  }
  times.multiplying = k_seconds_of_gate * gates;
  times.checking = times.multiplying * k_checked_products;
  return times;
}

FaultPlaces places_of(std::span<const NetlistFault> faults) {
  std::set<Site> sites;
  std::set<Bridge> bridges;
  for (const NetlistFault& fault : faults) {
    for (const StuckAt& stuck : fault.stuck) sites.insert(stuck.site);
    if (fault.bridge) bridges.insert(*fault.bridge);
  }
  return {{sites.begin(), sites.end()}, {bridges.begin(), bridges.end()}};
}

std::string forceable_verilog(const Netlist& netlist, const FaultPlaces& places) {
  return ForceableWriter(netlist, places).write();
}

// The loaded library and the one unit made from it.
struct VerilatorModel::Library {
  void* handle = nullptr;
  void* unit = nullptr;
  void (*destroy)(void*) = nullptr;
  void (*force)(void*, unsigned, int, int) = nullptr;
  void (*close)(void*, unsigned, int) = nullptr;
  unsigned (*multiply)(void*, unsigned long long, unsigned long long) = nullptr;
  std::vector<unsigned> forced;
  std::vector<unsigned> closed;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (unit != nullptr) destroy(unit);
    if (handle != nullptr) ::dlclose(handle);
  }
};

VerilatorModel::VerilatorModel(std::shared_ptr<Library> library, const FaultPlaces& places,
                               unsigned result_bits, bool is_unsigned, std::string version)
    : m_library(std::move(library)),
      m_result_bits(result_bits),
      m_is_unsigned(is_unsigned),
      m_version(std::move(version)) {
  for (unsigned i = 0; i < places.sites.size(); ++i) m_index_of_site.emplace(places.sites[i], i);
  for (unsigned i = 0; i < places.bridges.size(); ++i) m_index_of_bridge.emplace(places.bridges[i], i);
}

Result<VerilatorModel> VerilatorModel::open(const Netlist& netlist, const FaultPlaces& places,
                                            const std::filesystem::path& cache) {
  QFI_TRY(const Sources sources, sources_of(netlist, places, cache));
  if (!is_intact(sources.library, sources.hash)) QFI_CHECK(build(sources));
  const std::filesystem::path& library_file = sources.library;

  auto library = std::make_shared<Library>();
  library->handle = ::dlopen(library_file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) return failed("Verilator's model cannot be loaded: {}", ::dlerror());
  const auto symbol = [&](const char* name) { return ::dlsym(library->handle, name); };
  const auto create = reinterpret_cast<void* (*)()>(symbol("unit_new"));
  library->destroy = reinterpret_cast<void (*)(void*)>(symbol("unit_delete"));
  library->force = reinterpret_cast<decltype(library->force)>(symbol("unit_force"));
  library->close = reinterpret_cast<decltype(library->close)>(symbol("unit_bridge"));
  library->multiply = reinterpret_cast<decltype(library->multiply)>(symbol("unit_multiply"));
  if (create == nullptr || library->destroy == nullptr || library->force == nullptr ||
      library->close == nullptr || library->multiply == nullptr)
    return failed("{}: not a model built by qfi", library_file.string());
  library->unit = create();

  const auto result_bits = static_cast<unsigned>(std::min<std::size_t>(netlist.result.size(), 32));
  VerilatorModel model(std::move(library), places, result_bits, netlist.is_unsigned, sources.version);
  QFI_CHECK(check_model(model, netlist, places.sites));
  return model;
}

void VerilatorModel::inject(const NetlistFault& fault) {
  for (const StuckAt& stuck : fault.stuck) {
    m_library->forced.push_back(m_index_of_site.at(stuck.site));
    m_library->force(m_library->unit, m_library->forced.back(), 1, stuck.value ? 1 : 0);
  }
  if (!fault.bridge) return;
  m_library->closed.push_back(m_index_of_bridge.at(*fault.bridge));
  m_library->close(m_library->unit, m_library->closed.back(), 1);
}

void VerilatorModel::clear() {
  for (const unsigned index : m_library->forced) m_library->force(m_library->unit, index, 0, 0);
  m_library->forced.clear();
  for (const unsigned index : m_library->closed) m_library->close(m_library->unit, index, 0);
  m_library->closed.clear();
}

std::int32_t VerilatorModel::multiply(std::int64_t rs1, std::int64_t rs2) {
  const unsigned bits = m_library->multiply(m_library->unit, static_cast<unsigned long long>(rs1),
                                            static_cast<unsigned long long>(rs2));
  const unsigned unused = 32 - m_result_bits;
  if (m_is_unsigned) return static_cast<std::int32_t>(bits << unused >> unused);
  return static_cast<std::int32_t>(bits << unused) >> unused;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/netlist.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "cell_library.hpp"
#include "gate_function.hpp"
#include "kept_netlist.hpp"
#include "levelize.hpp"
#include "netlist_json.hpp"
#include "port_list.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_max_file_bytes = std::uint64_t{256} << 20;
constexpr std::size_t k_max_port_bits = 64;
constexpr std::size_t k_max_nets = 100'000;  // the simulator keeps 1 KB for each in every thread

// A net's place in the file where it is unconnected or undefined ('x', 'z').
constexpr NetId k_no_net = ~NetId{0};

// A table of any inputs, as Yosys reads it from BLIF.
constexpr const char* k_lut = "$lut";

// Everything that is known while the file is turned into a Netlist.
class Reader {
 public:
  Reader(const json& module, const NetlistReading& reading, const CellLibrary& library)
      : m_module(module), m_reading(reading), m_library(library) {
    m_netlist.nets.resize(2);
    m_netlist.nets[k_net_zero].name = "0";
    m_netlist.nets[k_net_one].name = "1";
    m_has_driver = {true, true};
  }

  Result<Netlist> read(const std::string& module_name) {
    m_netlist.module_name = module_name;
    m_netlist.is_unsigned = m_reading.is_unsigned || attribute("qfi_unsigned").has_value();
    m_netlist.is_approximate = m_reading.is_approximate || attribute("qfi_approximate").has_value();
    QFI_CHECK(check_cell_types());  // first: a flip-flop explains a clock port that has no role
    QFI_CHECK(read_ports());
    QFI_CHECK(read_cells());
    QFI_CHECK(check_untied());
    QFI_CHECK(read_names());
    QFI_CHECK(check_drivers());
    QFI_CHECK(levelize(m_netlist));
    return std::move(m_netlist);
  }

 private:
  Result<NetId> net_of(const json& bit, const std::string& where) {
    if (bit.is_string()) {
      const auto& text = bit.get_ref<const std::string&>();
      if (text == "0") return k_net_zero;
      if (text == "1") return k_net_one;
      if (text == "x" || text == "z") return k_no_net;
      return bad_input("{} is connected to the constant '{}'; only 0 and 1 have a meaning here", where, text);
    }
    if (!bit.is_number_integer())
      return bad_input("{} is connected to neither a net number nor a constant", where);
    const auto number = bit.get<std::int64_t>();
    const auto [entry, is_new] =
        m_net_of_number.try_emplace(number, static_cast<NetId>(m_netlist.nets.size()));
    if (is_new) {
      if (m_netlist.nets.size() >= k_max_nets) return bad_input("more than {} nets", k_max_nets);
      m_netlist.nets.emplace_back();
      m_has_driver.push_back(false);
    }
    return entry->second;
  }

  Result<std::vector<NetId>> nets_of(const json& bits, const std::string& where) {
    std::vector<NetId> nets;
    for (const json& bit : bits) {
      QFI_TRY(const NetId net, net_of(bit, where));
      nets.push_back(net);
    }
    return nets;
  }

  Result<std::vector<NetId>> bits_of(const json& owner, const std::string& key, const std::string& where) {
    const json* bits = find_member(owner, key);
    if (bits == nullptr || !bits->is_array()) return bad_input("{} has no list of bits", where);
    return nets_of(*bits, where);
  }

  // What reads a net needs a value there.
  Result<void> read_by(NetId net, const std::string& reader) {
    if (net == k_no_net)
      return bad_input("{} reads a net that is undefined ('x') or unconnected ('z')", reader);
    m_netlist.nets[net].is_read = true;
    return {};
  }

  Result<void> drive(NetId net, const std::string& driver) {
    if (net == k_no_net) return {};
    if (net <= k_net_one) return bad_input("{} drives a constant", driver);
    if (m_has_driver[net]) return bad_input("{} drives a net that has another driver", driver);
    m_has_driver[net] = true;
    return {};
  }

  // A module attribute that `qfi synth` wrote. Yosys pads strings that look like bits with a space.
  std::optional<std::string> attribute(const std::string& name) const {
    const json* attributes = find_member(m_module, "attributes");
    const json* value = attributes == nullptr ? nullptr : find_member(*attributes, name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    std::string text = value->get<std::string>();
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

  Result<std::string> role(const std::string& given, const char* name) const {
    if (!given.empty()) return given;
    if (auto from_file = attribute(std::string("qfi_") + name)) return *from_file;
    return bad_input(
        "the file does not say which port is {}; say it in the config as {{file: .., rs1: .., rs2: .., "
        "result: ..}}, or with --rs1, --rs2, --result",
        name);
  }

  std::optional<std::uint64_t> tie_value(const std::string& port) {
    if (const auto given = m_reading.tie.find(port); given != m_reading.tie.end()) return given->second;
    std::uint64_t value = 0;
    if (const auto text = attribute("qfi_tie_" + port); text && parse_number(*text, value)) return value;
    return std::nullopt;
  }

  // A value of the port, or of each of its bits, or of a supply by its name; nullopt: there is none.
  Result<std::optional<std::vector<bool>>> tied_bits(const Port& port) {
    const std::size_t width = port.bits.size();
    if (const auto value = tie_value(port.name)) {
      if (width < 64 && *value >> width != 0)
        return bad_input("the tie value {} does not fit the {} bits of port '{}'", *value, width, port.name);
      std::vector<bool> bits(width);
      for (std::size_t bit = 0; bit < width && bit < 64; ++bit) bits[bit] = (*value >> bit & 1) != 0;
      return bits;
    }
    std::vector<bool> bits;
    for (const std::string& label : port.labels)
      if (const auto value = tie_value(label)) bits.push_back(*value != 0);
    if (!bits.empty() && bits.size() == width) return bits;
    if (const auto level = power_level(port.name)) return std::vector<bool>(width, *level);
    return std::nullopt;
  }

  // A port that is no operand, and no output. What has no value must not be read; see check_untied().
  Result<void> tie(const Port& port, const std::vector<NetId>& nets) {
    QFI_TRY(const auto bits, tied_bits(port));
    const bool is_driven = bits || port.direction == Port::Direction::input;
    for (const NetId net : nets)
      if (is_driven) QFI_CHECK(drive(net, "port '" + port.name + "'"));
    for (std::size_t bit = 0; bits && bit < nets.size(); ++bit)
      if ((*bits)[bit] && nets[bit] > k_net_one && nets[bit] != k_no_net)
        m_netlist.tied_to_one.push_back(nets[bit]);
    if (!bits) m_untied.emplace_back(port.name, nets);
    return {};
  }

  Result<void> check_untied() const {
    for (const auto& [port, nets] : m_untied)
      for (const NetId net : nets)
        if (net != k_no_net && m_netlist.nets[net].is_read && net > k_net_one)
          return bad_input("input port '{}' is neither operand nor tied to a value", port);
    return {};
  }

  Result<void> read_role(const Port& port, std::vector<NetId> nets, bool is_input,
                         std::vector<NetId>& place) {
    const std::string where = "port '" + port.name + "'";
    if (nets.empty() || nets.size() > k_max_port_bits)
      return bad_input("{} has {} bits; 1 to {} are possible", where, nets.size(), k_max_port_bits);
    for (const NetId net : nets)
      if (is_input) QFI_CHECK(drive(net, where));
      else QFI_CHECK(read_by(net, where));
    place = std::move(nets);
    return {};
  }

  // The ports that a role or a tie may name.
  static std::vector<std::string> ports_of(const std::vector<Port>& ports, bool are_inputs) {
    std::vector<std::string> names;
    for (const Port& port : ports)
      if ((port.direction == Port::Direction::input) == are_inputs) names.push_back(port.name);
    return names;
  }

  static Result<void> check_port(const char* key, const std::string& port, const char* direction,
                                 const std::vector<std::string>& ports) {
    if (std::ranges::find(ports, port) != ports.end()) return {};
    return selects_nothing(key, port, fmt::format("there is no {} port '{}'", direction, port),
                           {fmt::format("{} ports", direction), ports});
  }

  Result<void> check_roles(const std::vector<Port>& ports, const std::string& rs1, const std::string& rs2,
                           const std::string& result) const {
    QFI_CHECK(check_port("rs1", rs1, "input", ports_of(ports, true)));
    QFI_CHECK(check_port("rs2", rs2, "input", ports_of(ports, true)));
    QFI_CHECK(check_port("result", result, "output", ports_of(ports, false)));
    if (rs1 == rs2) return bad_input("rs1 and rs2 are one port, '{}'", rs1);
    std::vector<std::string> free;
    std::set<std::string> bits;  // a tie may name one of them
    for (const Port& port : ports) {
      if (port.name == rs1 || port.name == rs2 || port.direction == Port::Direction::output) continue;
      free.push_back(port.name);
      bits.insert(port.labels.begin(), port.labels.end());
    }
    for (const auto& [port, value] : m_reading.tie)
      if (!bits.contains(port)) QFI_CHECK(check_port("tie", port, "free input", free));
    return {};
  }

  Result<void> read_ports() {
    QFI_TRY(const std::string rs1, role(m_reading.rs1, "rs1"));
    QFI_TRY(const std::string rs2, role(m_reading.rs2, "rs2"));
    QFI_TRY(const std::string result, role(m_reading.result, "result"));
    QFI_TRY(const std::vector<Port> ports, list_ports(m_module));
    QFI_CHECK(check_roles(ports, rs1, rs2, result));
    for (const Port& port : ports) {
      QFI_TRY(std::vector<NetId> nets, nets_of(port.bits, "port '" + port.name + "'"));
      add_names(port.labels, nets);
      if (port.name == rs1) QFI_CHECK(read_role(port, std::move(nets), true, m_netlist.rs1));
      else if (port.name == rs2) QFI_CHECK(read_role(port, std::move(nets), true, m_netlist.rs2));
      else if (port.name == result) QFI_CHECK(read_role(port, std::move(nets), false, m_netlist.result));
      else if (port.direction != Port::Direction::output) QFI_CHECK(tie(port, nets));
      else
        for (const NetId net : nets)
          if (net != k_no_net) QFI_CHECK(read_by(net, "port '" + port.name + "'"));
    }
    return {};
  }

  Result<void> check_cell_types() const {
    const json* cells = find_member(m_module, "cells");
    if (cells == nullptr || !cells->is_object()) return bad_input("the module has no cells");
    for (const auto& [name, cell] : cells->items()) {
      const json* type = find_member(cell, "type");
      if (type == nullptr || !type->is_string()) return bad_input("cell '{}' has no type", name);
      if (!is_left_out(type->get_ref<const std::string&>(), cell))
        QFI_CHECK(check_cell_type(name, type->get_ref<const std::string&>()));
    }
    return {};
  }

  // What computes nothing.
  bool is_left_out(const std::string& type, const json& cell) const {
    const CellType* known = m_library.find(type);
    return is_note(type) || ((known == nullptr || !known->refusal.empty()) && is_physical(cell));
  }

  Result<void> check_cell_type(const std::string& name, const std::string& type) const {
    if (type == k_lut) return {};
    const CellType* known = m_library.find(type);
    if (known == nullptr && type.starts_with('$') && !type.starts_with("$_"))
      return bad_input(
          "cell '{}' is an operator ({}), no gate: this is RTL, which `qfi synth` makes a netlist of", name,
          type);
    if (known == nullptr)
      return bad_input(
          "cell '{}': type {} is not known; generic gates without state ($_AND_, ..) and QFI_FA, QFI_HA "
          "are, and others if --library, or library: beside file:, names a file of their functions",
          name, type);
    if (!known->refusal.empty())
      return bad_input("cell '{}': a {} cannot be used: {}", name, known->name, known->refusal);
    return {};
  }

  Result<void> read_cells() {
    const json* cells = find_member(m_module, "cells");
    for (const auto& [name, cell] : cells->items()) {
      const auto& type = cell["type"].get_ref<const std::string&>();
      if (is_left_out(type, cell)) continue;
      const json* connections = find_member(cell, "connections");
      if (connections == nullptr || !connections->is_object())
        return bad_input("cell '{}': no connections", name);
      const auto added = type == k_lut ? add_lut(name, cell, *connections)
                                       : add_cell(name, *m_library.find(type), cell, *connections);
      if (!added) return at("cell '" + name + "'", added.error());
      m_netlist.cells.back().sources = sources_of(cell);
      m_netlist.cells.back().instance = instance_of(name, cell);
    }
    return {};
  }

  Result<void> add_lut(const std::string& name, const json& cell, const json& connections) {
    QFI_TRY(const std::vector<NetId> inputs, bits_of(connections, "A", "pin A"));
    QFI_TRY(const NetId output, pin_net(connections, "Y"));
    if (inputs.size() > k_gate_inputs)
      return bad_input("a table of {} inputs, more than {}", inputs.size(), k_gate_inputs);
    Gate gate{GateOp::table, {}, output, static_cast<std::uint32_t>(m_netlist.cells.size()), 0};
    QFI_TRY(gate.table, lut_table(cell, inputs.size()));
    gate.op = op_of_table(gate.table, inputs.size());
    Cell added{name, k_lut, {}, {}, ""};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string pin = fmt::format("A[{}]", i);
      QFI_CHECK(read_by(inputs[i], "pin " + pin));
      gate.inputs[i] = inputs[i];
      added.pins.push_back({pin, inputs[i], false});
    }
    if (output != k_no_net) {
      QFI_CHECK(drive(output, "pin Y"));
      m_netlist.gates.push_back(gate);
      added.pins.push_back({"Y", output, true});
    }
    m_netlist.cells.push_back(std::move(added));
    return {};
  }

  Result<void> add_cell(const std::string& name, const CellType& type, const json& cell,
                        const json& connections) {
    if (const json* parameters = find_member(cell, "parameters");
        parameters != nullptr && !parameters->empty())
      return bad_input("its parameters change what a {} computes; a cell has none", type.name);
    const auto index = static_cast<std::uint32_t>(m_netlist.cells.size());
    Cell added{name, type.name, {}, {}, "", type.area};
    Gate gate;
    gate.cell = index;
    for (std::size_t i = 0; i < type.inputs.size(); ++i) {
      QFI_TRY(const NetId net, pin_net(connections, type.inputs[i]));
      QFI_CHECK(read_by(net, "pin " + type.inputs[i]));
      gate.inputs[i] = net;
      added.pins.push_back({type.inputs[i], net, false});
    }
    for (const CellOutput& output : type.outputs) {
      const json* bits = find_member(connections, output.pin);
      if (bits == nullptr || (bits->is_array() && bits->empty())) continue;  // an unused output
      QFI_TRY(const NetId net, pin_net(connections, output.pin));
      if (net == k_no_net) continue;
      QFI_CHECK(drive(net, "pin " + output.pin));
      gate.op = output.op == GateOp::table ? op_of_table(output.table, type.inputs.size()) : output.op;
      gate.table = gate.op == GateOp::table ? output.table : 0;
      gate.output = net;
      m_netlist.gates.push_back(gate);
      added.pins.push_back({output.pin, net, true});
    }
    for (const auto& [pin, bits] : connections.items()) {
      const bool is_output = std::ranges::find(type.outputs, pin, &CellOutput::pin) != type.outputs.end();
      if (!is_output && !power_level(pin) && std::ranges::find(type.inputs, pin) == type.inputs.end() &&
          std::ranges::find(type.supplies, pin) == type.supplies.end())
        return bad_input("a {} has no pin '{}'", type.name, pin);
    }
    m_netlist.cells.push_back(std::move(added));
    return {};
  }

  Result<NetId> pin_net(const json& connections, const std::string& pin) {
    QFI_TRY(const std::vector<NetId> nets, bits_of(connections, pin, "pin " + pin));
    if (nets.size() != 1) return bad_input("pin {} is {} bits wide instead of 1", pin, nets.size());
    return nets[0];
  }

  void add_names(const std::vector<std::string>& labels, const std::vector<NetId>& nets) {
    for (std::size_t i = 0; i < nets.size(); ++i)
      if (nets[i] > k_net_one && nets[i] != k_no_net) m_netlist.nets[nets[i]].aliases.push_back(labels[i]);
  }

  Result<void> read_names() {
    const json* names = find_member(m_module, "netnames");
    if (names != nullptr && names->is_object()) {
      for (const auto& [name, entry] : names->items()) {
        QFI_TRY(const std::vector<NetId> nets, bits_of(entry, "bits", "net name '" + name + "'"));
        QFI_TRY(const std::vector<std::string> labels, bit_labels(name, entry, nets.size()));
        add_names(labels, nets);
        const std::vector<std::string> lines = sources_of(entry);
        for (const NetId net : nets)
          if (net > k_net_one && net != k_no_net && m_netlist.nets[net].sources.empty())
            m_netlist.nets[net].sources = lines;
      }
    }
    for (NetId net = 2; net < m_netlist.nets.size(); ++net) {
      auto& [name, aliases, is_read, sources] = m_netlist.nets[net];
      if (aliases.empty()) aliases.push_back("net" + std::to_string(net));
      std::ranges::sort(aliases, {}, [](const std::string& alias) {
        return std::tuple(rank_of(alias), alias.size(), std::string_view(alias));
      });
      aliases.erase(std::unique(aliases.begin(), aliases.end()), aliases.end());
      name = aliases.front();
    }
    return {};
  }

  // Names of the RTL before those that `qfi synth` and Yosys make up.
  static int rank_of(std::string_view name) {
    if (name.starts_with('$')) return 2;
    const bool is_numbered = name.size() > 1 && name[0] == 'n' &&
                             name.find_first_not_of("0123456789[]", 1) == std::string_view::npos;
    return is_numbered ? 1 : 0;
  }

  Result<void> check_drivers() const {
    for (NetId net = 0; net < m_netlist.nets.size(); ++net)
      if (m_netlist.nets[net].is_read && !m_has_driver[net])
        return bad_input("net '{}' is used but nothing drives it", m_netlist.nets[net].name);
    return {};
  }

  const json& m_module;
  const NetlistReading& m_reading;
  const CellLibrary& m_library;
  Netlist m_netlist;
  std::unordered_map<std::int64_t, NetId> m_net_of_number;
  std::vector<bool> m_has_driver;
  std::vector<std::pair<std::string, std::vector<NetId>>> m_untied;  ///< ports without a value
};

Result<std::string> top_module(const json& modules, const std::string& asked) {
  if (!modules.is_object() || modules.empty()) return bad_input("no module in the file");
  if (!asked.empty()) {
    if (modules.contains(asked)) return asked;
    std::vector<std::string> names;
    for (const auto& [name, module] : modules.items()) names.push_back(name);
    return selects_nothing("top", asked, fmt::format("there is no module '{}'", asked), {"modules", names});
  }
  if (modules.size() == 1) return modules.begin().key();
  for (const auto& [name, module] : modules.items()) {
    const json* attributes = find_member(module, "attributes");
    if (attributes != nullptr && attributes->contains("top")) return name;
  }
  return bad_input("{} modules and none is marked as top; name it with --top, or top: beside file:",
                   modules.size());
}

// The cells of the libraries that the reading names, and those that the module tells of itself.
Result<CellLibrary> library_of(const json& module, const NetlistReading& reading) {
  CellLibrary library;
  for (const std::filesystem::path& path : reading.libraries) QFI_CHECK(read_library(path, library));
  const json* attributes = find_member(module, "attributes");
  if (attributes == nullptr || !attributes->is_object()) return library;
  for (const auto& [name, text] : attributes->items()) {
    if (!name.starts_with(k_cell_attribute) || !text.is_string()) continue;
    const std::string cell = name.substr(std::string_view(k_cell_attribute).size());
    if (library.find(cell) != nullptr) continue;  // what the user says comes first
    QFI_TRY(CellType type, parse_cell(printable(cell), text.get<std::string>()));
    library.add(std::move(type));
  }
  return library;
}

}  // namespace

Result<Netlist> parse_netlist(const std::string& text, const std::string& name,
                              const NetlistReading& reading) {
  constexpr std::size_t k_most_members = 10'000'000;  // cells, names
  if (const auto checked = check_json(text, k_most_members); !checked) return at(name, checked.error());
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    return bad_input("{}: not JSON: {}", name, error.what());
  }
  const json* modules = find_member(document, "modules");
  if (modules == nullptr) return bad_input("{}: not a netlist written by Yosys' write_json", name);
  const auto top = top_module(*modules, reading.top);
  if (!top) return at(name, top.error());
  const json& module = (*modules)[*top];
  const auto library = library_of(module, reading);
  if (!library) return at(name, library.error());
  auto netlist = Reader(module, reading, *library).read(*top);
  if (!netlist) return at(name, netlist.error());
  netlist->sha256 = sha256_hex(bytes_of(text));
  return netlist;
}

Result<Netlist> read_netlist(const std::filesystem::path& path, const NetlistReading& reading) {
  QFI_TRY(const std::string text, read_file(path, k_max_file_bytes));
  if (!is_yosys_source(path)) return parse_netlist(text, path.string(), reading);
  const auto json_text = kept_netlist(path, reading);
  if (!json_text) return at(path.string(), json_text.error());
  QFI_TRY(Netlist netlist, parse_netlist(*json_text, path.string(), reading));
  netlist.sha256 = sha256_hex(bytes_of(text));
  return netlist;
}

}  // namespace qfi

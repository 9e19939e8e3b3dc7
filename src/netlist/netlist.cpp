// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/netlist.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "cell_library.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_max_file_bytes = std::uint64_t{256} << 20;
constexpr std::size_t k_max_port_bits = 64;
constexpr std::size_t k_max_nets = 100'000;  // the simulator keeps 8 to 32 KB for each

const json* find(const json& object, const std::string& key) {
  const auto found = object.find(key);
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

// Everything that is known while the file is turned into a Netlist.
class Reader {
 public:
  Reader(const json& module, const PortRoles& roles) : m_module(module), m_roles(roles) {
    m_netlist.nets.resize(2);
    m_netlist.nets[k_net_zero].name = "0";
    m_netlist.nets[k_net_one].name = "1";
    m_has_driver = {true, true};
  }

  Result<Netlist> read(const std::string& module_name) {
    m_netlist.module_name = module_name;
    m_netlist.is_unsigned = m_roles.is_unsigned || attribute("qfi_unsigned").has_value();
    QFI_CHECK(check_cell_types());  // first: a flip-flop explains a clock port that has no role
    QFI_CHECK(read_ports());
    QFI_CHECK(read_cells());
    QFI_CHECK(read_names());
    QFI_CHECK(check_drivers());
    QFI_CHECK(levelize());
    return std::move(m_netlist);
  }

 private:
  Result<NetId> net_of(const json& bit, const std::string& where) {
    if (bit.is_string()) {
      const auto& text = bit.get_ref<const std::string&>();
      if (text == "0") return k_net_zero;
      if (text == "1") return k_net_one;
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

  Result<std::vector<NetId>> bits_of(const json& owner, const std::string& key, const std::string& where) {
    const json* bits = find(owner, key);
    if (bits == nullptr || !bits->is_array()) return bad_input("{} has no list of bits", where);
    std::vector<NetId> nets;
    for (const json& bit : *bits) {
      QFI_TRY(const NetId net, net_of(bit, where));
      nets.push_back(net);
    }
    return nets;
  }

  Result<void> drive(NetId net, const std::string& driver) {
    if (net <= k_net_one) return bad_input("{} drives a constant", driver);
    if (m_has_driver[net]) return bad_input("{} drives a net that has another driver", driver);
    m_has_driver[net] = true;
    return {};
  }

  // A module attribute that `qfi synth` wrote. Yosys pads strings that look like bits with a space.
  std::optional<std::string> attribute(const std::string& name) const {
    const json* attributes = find(m_module, "attributes");
    const json* value = attributes == nullptr ? nullptr : find(*attributes, name);
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

  Result<std::uint64_t> tie_value(const std::string& port) const {
    if (const auto given = m_roles.tie.find(port); given != m_roles.tie.end()) return given->second;
    if (const auto text = attribute("qfi_tie_" + port)) {
      std::uint64_t value = 0;
      const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
      if (parsed.ec == std::errc() && parsed.ptr == text->data() + text->size()) return value;
    }
    return bad_input("input port '{}' is neither operand nor tied to a value", port);
  }

  Result<void> tie(const std::string& port, const std::vector<NetId>& nets) {
    QFI_TRY(const std::uint64_t value, tie_value(port));
    if (nets.size() < 64 && value >> nets.size() != 0)
      return bad_input("the tie value {} does not fit the {} bits of port '{}'", value, nets.size(), port);
    for (std::size_t bit = 0; bit < nets.size(); ++bit)
      if (bit < 64 && (value >> bit & 1) != 0) m_netlist.tied_to_one.push_back(nets[bit]);
    return {};
  }

  // The ports of one direction.
  std::vector<std::string> ports_of(const json& ports, const char* direction) const {
    std::vector<std::string> names;
    for (const auto& [name, port] : ports.items())
      if (const json* found = find(port, "direction"); found != nullptr && *found == direction)
        names.push_back(name);
    return names;
  }

  static Result<void> check_port(const char* key, const std::string& port, const char* direction,
                                 const std::vector<std::string>& ports) {
    if (std::ranges::find(ports, port) != ports.end()) return {};
    return selects_nothing(key, port, fmt::format("there is no {} port '{}'", direction, port),
                           {fmt::format("{} ports", direction), ports});
  }

  Result<void> check_roles(const json& ports, const std::string& rs1, const std::string& rs2,
                           const std::string& result) const {
    std::vector<std::string> inputs = ports_of(ports, "input");
    QFI_CHECK(check_port("rs1", rs1, "input", inputs));
    QFI_CHECK(check_port("rs2", rs2, "input", inputs));
    QFI_CHECK(check_port("result", result, "output", ports_of(ports, "output")));
    if (rs1 == rs2) return bad_input("rs1 and rs2 are one port, '{}'", rs1);
    std::erase_if(inputs, [&](const std::string& port) { return port == rs1 || port == rs2; });
    for (const auto& [port, value] : m_roles.tie) QFI_CHECK(check_port("tie", port, "free input", inputs));
    return {};
  }

  Result<void> read_ports() {
    QFI_TRY(const std::string rs1, role(m_roles.rs1, "rs1"));
    QFI_TRY(const std::string rs2, role(m_roles.rs2, "rs2"));
    QFI_TRY(const std::string result, role(m_roles.result, "result"));
    const json* ports = find(m_module, "ports");
    if (ports == nullptr || !ports->is_object()) return bad_input("the module has no ports");
    QFI_CHECK(check_roles(*ports, rs1, rs2, result));
    for (const auto& [name, port] : ports->items()) {
      const std::string where = "port '" + name + "'";
      QFI_TRY(std::vector<NetId> nets, bits_of(port, "bits", where));
      const json* direction = find(port, "direction");
      const bool is_input = direction != nullptr && *direction == "input";
      if (!is_input && (direction == nullptr || *direction != "output"))
        return bad_input("{} is neither input nor output", where);
      const bool is_role = name == rs1 || name == rs2 || name == result;
      if (is_role && (nets.empty() || nets.size() > k_max_port_bits))
        return bad_input("{} has {} bits; 1 to {} are possible", where, nets.size(), k_max_port_bits);
      if (is_input)
        for (const NetId net : nets) QFI_CHECK(drive(net, where));
      QFI_CHECK(add_names(name, port, nets));
      if (name == rs1) m_netlist.rs1 = std::move(nets);
      else if (name == rs2) m_netlist.rs2 = std::move(nets);
      else if (name == result) m_netlist.result = std::move(nets);
      else if (is_input) QFI_CHECK(tie(name, nets));
      else
        for (const NetId net : nets) m_netlist.nets[net].is_read = true;
    }
    for (const NetId net : m_netlist.result) m_netlist.nets[net].is_read = true;
    return {};
  }

  Result<void> check_cell_types() const {
    const json* cells = find(m_module, "cells");
    if (cells == nullptr || !cells->is_object()) return bad_input("the module has no cells");
    for (const auto& [name, cell] : cells->items()) {
      const json* type = find(cell, "type");
      if (type == nullptr || !type->is_string()) return bad_input("cell '{}' has no type", name);
      if (find_cell_type(type->get_ref<const std::string&>()) == nullptr)
        return bad_input(
            "cell '{}': type {} is not known; only combinational generic gates ($_AND_, ..) and QFI_FA, "
            "QFI_HA are",
            name, type->get_ref<const std::string&>());
    }
    return {};
  }

  Result<void> read_cells() {
    const json* cells = find(m_module, "cells");
    for (const auto& [name, cell] : cells->items()) {
      if (auto added = add_cell(name, cell); !added) return at("cell '" + name + "'", added.error());
    }
    return {};
  }

  Result<void> add_cell(const std::string& name, const json& cell) {
    const CellType* type = find_cell_type(cell["type"].get_ref<const std::string&>());
    const json* connections = find(cell, "connections");
    if (connections == nullptr || !connections->is_object()) return bad_input("no connections");
    const auto index = static_cast<std::uint32_t>(m_netlist.cells.size());
    Cell added{name, type->name, {}};
    Gate gate;
    gate.cell = index;
    for (std::size_t i = 0; i < type->inputs.size(); ++i) {
      QFI_TRY(const NetId net, pin_net(*connections, type->inputs[i]));
      gate.inputs[i] = net;
      m_netlist.nets[net].is_read = true;
      added.pins.push_back({type->inputs[i], net, false});
    }
    for (const CellOutput& output : type->outputs) {
      const json* bits = find(*connections, output.pin);
      if (bits == nullptr || (bits->is_array() && bits->empty())) continue;  // an unused output
      QFI_TRY(const NetId net, pin_net(*connections, output.pin));
      QFI_CHECK(drive(net, "pin " + output.pin));
      gate.op = output.op;
      gate.output = net;
      m_netlist.gates.push_back(gate);
      added.pins.push_back({output.pin, net, true});
    }
    for (const auto& [pin, bits] : connections->items()) {
      const bool is_output = std::ranges::find(type->outputs, pin, &CellOutput::pin) != type->outputs.end();
      if (!is_output && std::ranges::find(type->inputs, pin) == type->inputs.end())
        return bad_input("a {} has no pin '{}'", type->name, pin);
    }
    m_netlist.cells.push_back(std::move(added));
    return {};
  }

  Result<NetId> pin_net(const json& connections, const std::string& pin) {
    QFI_TRY(const std::vector<NetId> nets, bits_of(connections, pin, "pin " + pin));
    if (nets.size() != 1) return bad_input("pin {} is {} bits wide instead of 1", pin, nets.size());
    return nets[0];
  }

  Result<void> add_names(const std::string& name, const json& entry, const std::vector<NetId>& nets) {
    QFI_TRY(const std::vector<std::string> labels, bit_labels(name, entry, nets.size()));
    for (std::size_t i = 0; i < nets.size(); ++i)
      if (nets[i] > k_net_one) m_netlist.nets[nets[i]].aliases.push_back(labels[i]);
    return {};
  }

  Result<void> read_names() {
    const json* names = find(m_module, "netnames");
    if (names != nullptr && names->is_object()) {
      for (const auto& [name, entry] : names->items()) {
        QFI_TRY(const std::vector<NetId> nets, bits_of(entry, "bits", "net name '" + name + "'"));
        QFI_CHECK(add_names(name, entry, nets));
      }
    }
    for (NetId net = 2; net < m_netlist.nets.size(); ++net) {
      auto& [name, aliases, is_read] = m_netlist.nets[net];
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

  // "name" for one bit, else "name[index]", counted as the RTL declared it (offset, upto).
  static Result<std::vector<std::string>> bit_labels(const std::string& name, const json& entry,
                                                     std::size_t width) {
    const auto number = [&](const char* key) {
      const json* value = find(entry, key);
      return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
    };
    const std::int64_t offset = number("offset");
    if (offset < -1'000'000 || offset > 1'000'000) return bad_input("net name '{}' has an odd offset", name);
    const bool upto = number("upto") != 0;
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t place = upto ? width - 1 - i : i;
      labels.push_back(width == 1 ? name
                                  : fmt::format("{}[{}]", name, offset + static_cast<std::int64_t>(place)));
    }
    return labels;
  }

  Result<void> check_drivers() const {
    for (NetId net = 0; net < m_netlist.nets.size(); ++net)
      if (m_netlist.nets[net].is_read && !m_has_driver[net])
        return bad_input("net '{}' is used but nothing drives it", m_netlist.nets[net].name);
    return {};
  }

  // Kahn's order; what is left over lies on or behind a loop.
  Result<void> levelize() {
    std::vector<std::vector<std::uint32_t>> readers(m_netlist.nets.size());
    std::vector<int> waiting(m_netlist.gates.size(), 0);
    std::vector<bool> is_gate_output(m_netlist.nets.size(), false);
    for (const Gate& gate : m_netlist.gates) is_gate_output[gate.output] = true;
    std::vector<std::uint32_t> ready;
    for (std::uint32_t i = 0; i < m_netlist.gates.size(); ++i) {
      for (const NetId net : m_netlist.gates[i].inputs) {
        if (!is_gate_output[net]) continue;
        readers[net].push_back(i);
        ++waiting[i];
      }
      if (waiting[i] == 0) ready.push_back(i);
    }
    std::vector<int> level(m_netlist.nets.size(), 0);
    std::vector<Gate> ordered;
    for (std::size_t next = 0; next < ready.size(); ++next) {
      const Gate& gate = m_netlist.gates[ready[next]];
      for (const NetId net : gate.inputs) level[gate.output] = std::max(level[gate.output], level[net] + 1);
      m_netlist.depth = std::max(m_netlist.depth, level[gate.output]);
      ordered.push_back(gate);
      for (const std::uint32_t reader : readers[gate.output])
        if (--waiting[reader] == 0) ready.push_back(reader);
    }
    if (ordered.size() != m_netlist.gates.size()) {
      const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](int n) { return n > 0; });
      const Gate& gate = m_netlist.gates[static_cast<std::size_t>(stuck - waiting.begin())];
      return bad_input("combinational loop through or before net '{}'", m_netlist.nets[gate.output].name);
    }
    m_netlist.gates = std::move(ordered);
    return {};
  }

  const json& m_module;
  const PortRoles& m_roles;
  Netlist m_netlist;
  std::unordered_map<std::int64_t, NetId> m_net_of_number;
  std::vector<bool> m_has_driver;
};

Result<std::string> top_module(const json& modules) {
  if (!modules.is_object() || modules.empty()) return bad_input("no module in the file");
  if (modules.size() == 1) return modules.begin().key();
  for (const auto& [name, module] : modules.items()) {
    const json* attributes = find(module, "attributes");
    if (attributes != nullptr && attributes->contains("top")) return name;
  }
  return bad_input("{} modules and none is marked as top; flatten the design", modules.size());
}

}  // namespace

Result<Netlist> parse_netlist(const std::string& text, const std::string& name, const PortRoles& roles) {
  constexpr std::size_t k_most_members = 10'000'000;  // cells, names
  if (const auto checked = check_json(text, k_most_members); !checked) return at(name, checked.error());
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    return bad_input("{}: not JSON: {}", name, error.what());
  }
  const json* modules = find(document, "modules");
  if (modules == nullptr) return bad_input("{}: not a netlist written by Yosys' write_json", name);
  const auto top = top_module(*modules);
  if (!top) return at(name, top.error());
  auto netlist = Reader((*modules)[*top], roles).read(*top);
  if (!netlist) return at(name, netlist.error());
  netlist->sha256 = sha256_hex(bytes_of(text));
  return netlist;
}

Result<Netlist> read_netlist(const std::filesystem::path& path, const PortRoles& roles) {
  QFI_TRY(const std::string text, read_file(path, k_max_file_bytes));
  return parse_netlist(text, path.string(), roles);
}

std::string site_name(const Netlist& netlist, const Site& site) {
  if (site.kind == Site::Kind::net) return netlist.nets[site.index].name;
  const Cell& cell = netlist.cells[site.index];
  return cell.name + "/" + cell.pins[site.pin].name;
}

}  // namespace qfi

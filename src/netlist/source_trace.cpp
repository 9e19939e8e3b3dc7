// SPDX-License-Identifier: Apache-2.0
#include "source_trace.hpp"

#include <array>
#include <bitset>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "gate_function.hpp"
#include "netlist_json.hpp"
#include "port_list.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using nlohmann::json;
constexpr const char* k_expressions = "expressions.json";
constexpr const char* k_gates = "expressions_as_gates.json";
constexpr std::size_t k_most_operand_bits = 128;
constexpr std::size_t k_words = 64;
using Signature = std::array<std::uint64_t, k_words>;  // a net's values, a bit for each pattern

// There is one for every net; those of operand bit i are the same in all netlists.
std::vector<Signature> signatures_of(const Netlist& netlist) {
  std::vector<Signature> values(netlist.nets.size(), Signature{});
  values[k_net_one].fill(~std::uint64_t{0});
  for (const NetId net : netlist.tied_to_one) values[net].fill(~std::uint64_t{0});
  std::uint64_t next = 0;
  for (const auto* port : {&netlist.rs1, &netlist.rs2})
    for (const NetId net : *port)
      for (std::uint64_t& word : values[net]) word = random_bits(1, purpose::k_source_trace, next++);
  for (const Gate& gate : netlist.gates)
    for (std::size_t word = 0; word < k_words; ++word) {
      std::array<std::uint64_t, k_gate_inputs> in{};
      for (std::size_t k = 0; k < k_gate_inputs; ++k) in[k] = values[gate.inputs[k]][word];
      values[gate.output][word] = evaluate(gate.op, gate.table, in);
    }
  return values;
}

// A function and its complement have the same signature. One that is 0 on all patterns tells nothing.
Signature without_polarity(Signature signature) {
  if ((signature[0] & 1) != 0)
    for (std::uint64_t& word : signature) word = ~word;
  return signature;
}

using OperandBits = std::bitset<k_most_operand_bits>;

// The operand bits that a path leads from to each net.
std::vector<OperandBits> operand_bits_of(const Netlist& netlist) {
  std::vector<OperandBits> bits(netlist.nets.size());
  std::size_t next = 0;
  for (const auto* port : {&netlist.rs1, &netlist.rs2})
    for (const NetId net : *port) bits[net].set(next++);
  for (const Gate& gate : netlist.gates)
    for (const NetId input : gate.inputs) bits[gate.output] |= bits[input];
  return bits;
}

// An operator of the elaborated RTL, and the nets that it drives.
struct Expression {
  Origin origin;
  std::vector<std::string> outputs;  ///< by name
  OperandBits operand_bits;
};

// Operators have no names: "$flatten\\u1.u2.$mul$rtl/a.sv:12$3", or "u1.$add$..".
std::string instance_of_operator(std::string name) {
  constexpr std::string_view k_flattened = "$flatten\\";
  if (name.starts_with(k_flattened)) name = name.substr(k_flattened.size());
  const std::size_t end = name.find(".$");
  return end == std::string::npos ? "" : name.substr(0, end);
}

// The line in that name, else the first that the operator's attribute tells; there are those of instances,
// too.
std::string line_of_operator(const std::string& name, const json& cell) {
  const std::string front = name.substr(0, name.rfind('$'));
  std::vector<std::string> lines = source_lines(front.substr(front.rfind('$') + 1));
  if (lines.empty()) lines = sources_of(cell);
  return lines.empty() ? "" : lines.front();
}

// Bits are known by the names that gates keep.
Result<std::unordered_map<std::int64_t, std::string>> names_of_bits(const json& module) {
  std::unordered_map<std::int64_t, std::string> names;
  const json* netnames = find_member(module, "netnames");
  if (netnames == nullptr || !netnames->is_object()) return names;
  for (const auto& [name, entry] : netnames->items()) {
    const json* bits = find_member(entry, "bits");
    if (bits == nullptr || !bits->is_array()) continue;
    QFI_TRY(const std::vector<std::string> labels, bit_labels(name, entry, bits->size()));
    for (std::size_t i = 0; i < labels.size(); ++i)
      if ((*bits)[i].is_number_integer()) names.try_emplace((*bits)[i].get<std::int64_t>(), labels[i]);
  }
  return names;
}

Result<json> read_module(const std::filesystem::path& file, const std::string& top) {
  QFI_TRY(const std::string text, read_file(file));
  QFI_TRY(json document, parse_json<json>(text, 10'000'000));
  const json* modules = find_member(document, "modules");
  const json* module = modules == nullptr ? nullptr : find_member(*modules, top);
  if (module == nullptr) return failed("Yosys has written no module '{}'", top);
  return *module;
}

std::map<std::string, std::string> lines_of_ports(const json& module) {
  std::map<std::string, std::string> lines;
  const json* ports = find_member(module, "ports");
  const json* netnames = find_member(module, "netnames");
  if (ports == nullptr || !ports->is_object() || netnames == nullptr) return lines;
  for (const auto& [name, port] : ports->items())
    if (const json* net = find_member(*netnames, name); net != nullptr)
      if (const std::vector<std::string> sources = sources_of(*net); !sources.empty())
        lines[name] = sources.front();
  return lines;
}

Result<std::vector<Expression>> expressions_of(const json& module) {
  const json* cells = find_member(module, "cells");
  if (cells == nullptr || !cells->is_object()) return failed("Yosys has written a module without cells");
  QFI_TRY(const auto names, names_of_bits(module));
  std::vector<Expression> expressions;
  for (const auto& [name, cell] : cells->items()) {
    const std::string line = line_of_operator(name, cell);
    const json* output = find_member(cell, "connections");
    if (output != nullptr) output = find_member(*output, "Y");
    if (line.empty() || output == nullptr) continue;
    Expression& expression = expressions.emplace_back();
    expression.origin = {line, instance_of_operator(name)};
    for (const json& bit : *output)
      if (bit.is_number_integer())
        if (const auto found = names.find(bit.get<std::int64_t>()); found != names.end())
          expression.outputs.push_back(found->second);
  }
  return expressions;
}

// The expressions of a netlist, by function and by operand bits.
class Expressions {
 public:
  Expressions(std::vector<Expression> expressions, const Netlist& gates)
      : m_expressions(std::move(expressions)) {
    std::unordered_map<std::string, NetId> net_of_name;
    for (NetId net = 2; net < gates.nets.size(); ++net)
      for (const std::string& alias : gates.nets[net].aliases) net_of_name.try_emplace(alias, net);
    const std::vector<Signature> values = signatures_of(gates);
    const std::vector<OperandBits> bits = operand_bits_of(gates);
    for (Expression& expression : m_expressions)
      for (const std::string& output : expression.outputs) {
        const auto net = net_of_name.find(output);
        if (net == net_of_name.end()) continue;
        if (const Signature function = without_polarity(values[net->second]); function != Signature{})
          m_of_function.try_emplace(function, &expression);
        expression.operand_bits |= bits[net->second];
      }
  }

  const Expression* of_function(const Signature& values) const {
    const auto found = m_of_function.find(without_polarity(values));
    return found == m_of_function.end() ? nullptr : found->second;
  }
  const Expression* smallest_with(const OperandBits& bits) const {
    const Expression* smallest = nullptr;
    for (const Expression& expression : m_expressions)
      if ((bits & ~expression.operand_bits).none() &&
          (smallest == nullptr || expression.operand_bits.count() < smallest->operand_bits.count()))
        smallest = &expression;
    return smallest;
  }

 private:
  std::vector<Expression> m_expressions;
  std::map<Signature, const Expression*> m_of_function;
};

}  // namespace

const char* const k_origin_commands =
    "proc\nflatten\nwrite_json expressions.json\ntechmap\nsimplemap\nwrite_json expressions_as_gates.json\n";

Result<Origins> trace_origins(const std::filesystem::path& folder, const NetlistReading& reading,
                              const Netlist& mapped) {
  QFI_TRY(const json module, read_module(folder / k_expressions, mapped.module_name));
  Origins origins{std::vector<Origin>(mapped.cells.size()), lines_of_ports(module)};
  if (mapped.rs1.size() + mapped.rs2.size() > k_most_operand_bits) return origins;
  QFI_TRY(std::vector<Expression> found, expressions_of(module));
  QFI_TRY(const Netlist gates, read_netlist(folder / k_gates, reading));
  const Expressions expressions(std::move(found), gates);
  const std::vector<Signature> values = signatures_of(mapped);
  const std::vector<OperandBits> bits = operand_bits_of(mapped);
  std::vector<OperandBits> bits_of_cell(mapped.cells.size());
  std::vector<const Expression*> expression_of(mapped.cells.size(), nullptr);
  for (const Gate& gate : mapped.gates) {
    bits_of_cell[gate.cell] |= bits[gate.output];
    if (expression_of[gate.cell] == nullptr)
      expression_of[gate.cell] = expressions.of_function(values[gate.output]);
  }
  for (std::size_t cell = 0; cell < origins.cells.size(); ++cell) {
    const Expression* expression = expression_of[cell];
    if (expression == nullptr) expression = expressions.smallest_with(bits_of_cell[cell]);
    if (expression != nullptr) origins.cells[cell] = expression->origin;
  }
  return origins;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// The entries of `faults`.
#include <limits>

#include "config_reader.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t k_most = std::numeric_limits<std::uint64_t>::max();
const std::vector<std::string> k_common = {"kind",   "name",      "weight", "raw_rate",
                                           "sample", "operators", "layers"};

std::vector<std::string> with_common(std::vector<std::string> keys) {
  keys.insert(keys.begin(), k_common.begin(), k_common.end());
  return keys;
}

// Operator numbers and output tensor names; empty: all.
Result<std::vector<std::string>> read_names(const YamlNode& entry, const std::string& key) {
  const auto node = entry.find(key);
  if (!node) return std::vector<std::string>{};
  if (node->is_scalar()) {
    QFI_TRY(const std::string text, node->text());
    if (text == "all") return std::vector<std::string>{};
  }
  if (!node->is_list() || node->items().empty())
    return node->error("'{}' is 'all' or a list of numbers and names", key);
  std::vector<std::string> names;
  for (const YamlNode& item : node->items()) {
    QFI_TRY(names.emplace_back(), item.text());
  }
  return names;
}

template <class T>
Result<std::vector<T>> read_list(const YamlNode& entry, const std::string& key, T smallest, T largest) {
  std::vector<T> numbers;
  const auto node = entry.find(key);
  if (!node) return numbers;
  if (!node->is_list() || node->items().empty()) return node->error("'{}' must be a list of numbers", key);
  for (const YamlNode& item : node->items()) {
    QFI_TRY(numbers.emplace_back(), item.number(smallest, largest));
  }
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

Result<void> read_netlist_config(const ConfigReader& reader, const YamlNode& node, StuckAtConfig& faults) {
  if (!node.is_map()) {
    QFI_TRY(faults.netlist, reader.path(node));
    return {};
  }
  QFI_CHECK(node.check_keys({"file", "rs1", "rs2", "result", "tie", "unsigned"}));
  QFI_TRY(const YamlNode file, node.at("file"));
  QFI_TRY(faults.netlist, reader.path(file));
  for (const auto& [key, port] :
       {std::pair{"rs1", &faults.roles.rs1}, {"rs2", &faults.roles.rs2}, {"result", &faults.roles.result}})
    if (const auto name = node.find(key)) {
      QFI_TRY(*port, name->text());
    }
  QFI_CHECK(
      read_choice<bool>(node, "unsigned", {{"false", false}, {"true", true}}, faults.roles.is_unsigned));
  if (const auto tie = node.find("tie")) {
    if (!tie->is_map()) return tie->error("'tie' must be a map of ports and values");
    for (const auto& [port, value] : tie->entries()) {
      QFI_TRY(faults.roles.tie[port], value.number(std::uint64_t{0}, k_most));
    }
  }
  return {};
}

Result<StuckAtConfig> read_stuck_at(const ConfigReader& reader, const YamlNode& entry) {
  QFI_CHECK(entry.check_keys(with_common({"netlist", "operands", "rs1", "sites", "padding"})));
  StuckAtConfig faults;
  QFI_TRY(const YamlNode netlist, entry.at("netlist"));
  QFI_CHECK(read_netlist_config(reader, netlist, faults));
  QFI_CHECK(read_choices(entry, "operators", k_weighted, faults.operators));
  QFI_TRY(faults.layers, read_names(entry, "layers"));
  QFI_CHECK(read_choice(entry, "operands", k_encodings, faults.unit.operands));
  QFI_CHECK(read_choice(entry, "rs1", k_rs1, faults.unit.rs1));
  QFI_CHECK(read_choice(entry, "sites", k_sites, faults.sites));
  QFI_CHECK(read_choice(entry, "padding", k_padding, faults.padding));
  return faults;
}

Result<TableConfig> read_table(const ConfigReader& reader, const YamlNode& entry) {
  QFI_CHECK(entry.check_keys(
      {"kind", "name", "weight", "file", "order", "rows", "operators", "layers", "padding"}));
  TableConfig table;
  QFI_TRY(const YamlNode file, entry.at("file"));
  QFI_TRY(table.file, reader.path(file));
  QFI_CHECK(read_choice(entry, "order", k_orders, table.order));
  QFI_CHECK(read_choice(entry, "rows", k_rs1, table.rows));
  QFI_CHECK(read_choices(entry, "operators", k_weighted, table.operators));
  QFI_TRY(table.layers, read_names(entry, "layers"));
  QFI_CHECK(read_choice(entry, "padding", k_padding, table.padding));
  return table;
}

Result<StorageConfig> read_storage_entry(const ConfigReader& reader, const YamlNode& node) {
  QFI_CHECK(node.check_keys(
      {"layers", "width", "protection", "top_bits", "unprotected_bits", "neurons", "threshold"}));
  StorageConfig storage;
  QFI_TRY(storage.layers, read_names(node, "layers"));
  if (const auto width = node.find("width")) {
    QFI_TRY(storage.width, width->number(3, 8));
  }
  QFI_CHECK(read_choice(node, "protection", k_protections, storage.protection));
  QFI_CHECK(read_number(node, "top_bits", 1, 32, storage.top_bits));
  QFI_CHECK(read_number(node, "unprotected_bits", 0, 31, storage.unprotected_bits));
  const CodecKind& kind = codec_kind(storage.protection);
  if (node.find("top_bits") && !kind.has_top_bits)
    return node.error("'top_bits' belongs to the protections triplicated and vandor");
  if (node.find("unprotected_bits") && !kind.has_unprotected_bits)
    return node.error("'unprotected_bits' belongs to the protection vandor");
  if (const auto neurons = node.find("neurons")) {
    QFI_TRY(storage.neurons, reader.path(*neurons));
  } else if (const auto threshold = node.find("threshold")) {
    return threshold->error("'threshold' belongs to 'neurons'");
  }
  QFI_CHECK(read_number(node, "threshold", 0.0, 1.0, storage.threshold));
  return storage;
}

Result<std::vector<StorageConfig>> read_storage(const ConfigReader& reader, const YamlNode& entry) {
  std::vector<StorageConfig> storage;
  const auto node = entry.find("storage");
  if (!node) return storage;
  for (const YamlNode& item : node->is_list() ? node->items() : std::vector{*node}) {
    QFI_TRY(storage.emplace_back(), read_storage_entry(reader, item));
  }
  return storage;
}

Result<void> read_data_target(const YamlNode& entry, BitFaultConfig& faults) {
  if (faults.target != FaultTarget::data) {
    if (const auto stage = entry.find("stage")) return stage->error("'stage' belongs to the target data");
    return {};
  }
  faults.duration = Duration::transient;
  const auto stage = entry.find("stage");
  if (stage && stage->is_scalar()) {
    faults.stages.resize(1);
    return read_choice(entry, "stage", k_stages, faults.stages[0]);
  }
  return read_choices(entry, "stage", k_stages, faults.stages);
}

Result<BitFaultConfig> read_bit_faults(const ConfigReader& reader, const YamlNode& entry, bool is_stuck) {
  std::vector<std::string> keys = {"target",   "stage",        "tensors", "channels", "bits",
                                   "duration", "simultaneous", "storage", "compare",  "mask"};
  if (is_stuck) keys.emplace_back("polarity");
  QFI_CHECK(entry.check_keys(with_common(keys)));
  BitFaultConfig faults;
  QFI_TRY(const YamlNode target, entry.at("target"));
  QFI_TRY(faults.target, target.choice(k_targets));
  if (is_stuck) {
    faults.models = {BitFaultModel::stuck_at_0, BitFaultModel::stuck_at_1};
    QFI_CHECK(read_choices(entry, "polarity", k_polarities, faults.models));
  }
  QFI_CHECK(read_data_target(entry, faults));
  QFI_CHECK(read_choices(entry, "operators", operator_kind_names(), faults.operators));
  QFI_TRY(faults.layers, read_names(entry, "layers"));
  QFI_TRY(faults.tensors, read_names(entry, "tensors"));
  QFI_TRY(faults.channels, read_list(entry, "channels", std::uint64_t{0}, k_most));
  QFI_TRY(faults.bits, read_list(entry, "bits", 0, 31));
  QFI_CHECK(read_choice(entry, "duration", k_durations, faults.duration));
  QFI_CHECK(
      read_number(entry, "simultaneous", std::uint64_t{1}, std::uint64_t{1'000'000}, faults.simultaneous));
  QFI_TRY(faults.storage, read_storage(reader, entry));
  QFI_CHECK(read_choice<bool>(entry, "compare", {{"stored_bits", false}, {"unprotected", true}},
                              faults.compares_protection));
  const bool chooses_neurons =
      std::ranges::any_of(faults.storage, [](const StorageConfig& s) { return s.neurons.has_value(); });
  if (chooses_neurons && (faults.target != FaultTarget::data || !faults.compares_protection))
    return entry.error("'neurons' of a storage belongs to the target data with 'compare: unprotected'");
  if (const auto mask = entry.find("mask")) {
    if (faults.target == FaultTarget::data) return mask->error("'mask' belongs to weights and biases");
    QFI_TRY(const std::string text, mask->text());
    faults.masks_zeros = text == "zeros";
    const bool is_narrow =
        std::ranges::any_of(faults.storage, [](const auto& s) { return s.width.value_or(8) < 8; });
    if (faults.masks_zeros && is_narrow)
      return mask->error("'mask: zeros' of narrowed weights would take small ones as pruned; give a file");
    if (!faults.masks_zeros) {
      QFI_TRY(faults.mask, reader.path(*mask));
    }
  }
  return faults;
}

Json storage_json(const StorageConfig& storage) {
  Json json = {{"protection", name_in(k_protections, storage.protection)}};
  if (!storage.layers.empty()) json["layers"] = storage.layers;
  if (storage.width) json["width"] = *storage.width;
  if (codec_kind(storage.protection).has_top_bits) json["top_bits"] = storage.top_bits;
  if (codec_kind(storage.protection).has_unprotected_bits)
    json["unprotected_bits"] = storage.unprotected_bits;
  if (storage.neurons) {
    json["neurons"] = storage.neurons->text;
    json["threshold"] = storage.threshold;
  }
  return json;
}

Json names_json(const std::vector<std::string>& names) { return names.empty() ? Json("all") : Json(names); }

template <class T>
Json choices_json(const Names<T>& names, const std::vector<T>& values) {
  Json json = Json::array();
  for (const T value : values) json.push_back(name_in(names, value));
  return json;
}

Json model_json(const StuckAtConfig& faults) {
  Json netlist = faults.netlist.text;
  if (!faults.roles.rs1.empty() || !faults.roles.rs2.empty() || !faults.roles.result.empty() ||
      !faults.roles.tie.empty() || faults.roles.is_unsigned)
    netlist = {{"file", faults.netlist.text}, {"rs1", faults.roles.rs1},
               {"rs2", faults.roles.rs2},     {"result", faults.roles.result},
               {"tie", faults.roles.tie},     {"unsigned", faults.roles.is_unsigned}};
  return {{"kind", "stuck_at"},
          {"netlist", netlist},
          {"operators", choices_json(k_weighted, faults.operators)},
          {"layers", names_json(faults.layers)},
          {"operands", name_in(k_encodings, faults.unit.operands)},
          {"rs1", name_in(k_rs1, faults.unit.rs1)},
          {"sites", name_in(k_sites, faults.sites)},
          {"padding", name_in(k_padding, faults.padding)}};
}

Json model_json(const TableConfig& table) {
  return {{"kind", "product_table"},
          {"file", table.file.text},
          {"order", name_in(k_orders, table.order)},
          {"rows", name_in(k_rs1, table.rows)},
          {"operators", choices_json(k_weighted, table.operators)},
          {"layers", names_json(table.layers)},
          {"padding", name_in(k_padding, table.padding)}};
}

Json model_json(const BitFaultConfig& faults) {
  const bool is_stuck = faults.models.front() != BitFaultModel::flip;
  Json json = {{"kind", is_stuck ? "stuck_at" : "bit_flip"},
               {"target", name_in(k_targets, faults.target)},
               {"layers", names_json(faults.layers)},
               {"tensors", names_json(faults.tensors)},
               {"duration", name_in(k_durations, faults.duration)},
               {"simultaneous", faults.simultaneous},
               {"storage", Json::array()},
               {"compare", faults.compares_protection ? "unprotected" : "stored_bits"}};
  if (is_stuck) json["polarity"] = choices_json(k_polarities, faults.models);
  if (faults.target == FaultTarget::data) json["stage"] = choices_json(k_stages, faults.stages);
  if (!faults.operators.empty()) json["operators"] = choices_json(operator_kind_names(), faults.operators);
  if (!faults.channels.empty()) json["channels"] = faults.channels;
  if (!faults.bits.empty()) json["bits"] = faults.bits;
  if (faults.mask) json["mask"] = faults.mask->text;
  if (faults.masks_zeros) json["mask"] = "zeros";
  for (const StorageConfig& storage : faults.storage) json["storage"].push_back(storage_json(storage));
  return json;
}

}  // namespace

Result<FaultsConfig> read_faults(const ConfigReader& reader, const YamlNode& entry) {
  QFI_TRY(const YamlNode kind, entry.at("kind"));
  enum class Kind : std::uint8_t { stuck_at, bit_flip, product_table };
  QFI_TRY(const Kind chosen, kind.choice<Kind>({{"stuck_at", Kind::stuck_at},
                                                {"bit_flip", Kind::bit_flip},
                                                {"product_table", Kind::product_table}}));
  FaultsConfig faults;
  if (chosen == Kind::product_table) {
    QFI_TRY(faults.model, read_table(reader, entry));
  } else if (chosen == Kind::stuck_at && !entry.find("target")) {
    QFI_TRY(faults.model, read_stuck_at(reader, entry));
  } else {
    QFI_TRY(faults.model, read_bit_faults(reader, entry, chosen == Kind::stuck_at));
  }
  if (const auto name = entry.find("name")) {
    QFI_TRY(faults.name, name->text());
    if (faults.name.empty()) return name->error("'name' is empty");
  }
  if (const auto weight = entry.find("weight")) {
    QFI_TRY(faults.weight, weight->number(0.0, 1e12));
  }
  if (const auto rate = entry.find("raw_rate")) {
    const char* key = std::holds_alternative<StuckAtConfig>(faults.model) ? "fit_per_gate" : "fit_per_mbit";
    QFI_CHECK(rate->check_keys({key}));
    QFI_TRY(const YamlNode number, rate->at(key));
    QFI_TRY(faults.raw_rate, number.number(0.0, 1e12));
  }
  return faults;
}

nlohmann::json faults_json(const FaultsConfig& faults) {
  Json json = std::visit([](const auto& model) { return model_json(model); }, faults.model);
  json["name"] = faults.name;
  json["sample"] = sample_json(faults.sample);
  if (faults.weight) json["weight"] = *faults.weight;
  if (faults.raw_rate) {
    const bool is_netlist = std::holds_alternative<StuckAtConfig>(faults.model);
    json["raw_rate"] = {{is_netlist ? "fit_per_gate" : "fit_per_mbit", *faults.raw_rate}};
  }
  return json;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// The entries of `faults`.
#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

constexpr double k_largest_rate = 1e12;
constexpr std::uint64_t k_most_inferences = 1'000'000'000'000;

Value rate_value(std::optional<double>& rate) {
  return maybe(rate, [](double& fit) { return number(fit, 0.0, k_largest_rate); });
}

Key inferences_key(RawRate& rate) {
  return {.name = "inferences",
          .value = number(rate.inferences, std::uint64_t{1}, k_most_inferences),
          .sentence =
              "A fault stays for so many inferences, until it is scrubbed or found; "
              "a fault fails if one of them changes its class.",
          .example = "1000"};
}

Value rates_of_cells(std::map<std::string, double>& rates) {
  return {.read = [&rates](const ConfigReader&, const YamlNode& node) -> Result<void> {
            if (!node.is_map() || node.entries().empty())
              return node.error("'fit_by_cell' must be a map of cell types and rates");
            for (const auto& [type, value] : node.entries()) {
              QFI_TRY(rates[type], value.number(0.0, k_largest_rate));
            }
            return {};
          },
          .json = [&rates] { return rates.empty() ? Json() : Json(rates); },
          .describe = describe_as("map of cell types and numbers", {},
                                  {{{"type", "object"}, {"additionalProperties", {{"type", "number"}}}}})};
}

// Stored values have one kind of rate; a table of products has none.
KeyTable bit_rate_keys(RawRate& rate) {
  return {{.name = "fit_per_mbit",
           .value = rate_value(rate.fit),
           .is_required = true,
           .unit = "FIT per 10^6 stored bits",
           .sentence = "The hardware has this rate of raw faults.",
           .example = "100"},
          inferences_key(rate)};
}

KeyTable netlist_rate_keys(RawRate& rate) {
  return {{.name = "fit_per_gate",
           .value = rate_value(rate.fit),
           .unit = "FIT per cell",
           .default_text = "one of the three is given",
           .sentence = "Every cell has this rate of raw faults.",
           .example = "100"},
          {.name = "fit_per_um2",
           .value = rate_value(rate.fit_per_um2),
           .unit = "FIT per square micrometre",
           .default_text = "one of the three is given",
           .sentence =
               "Every cell has this rate of raw faults for its area, which the netlist or its library tells.",
           .example = "0.5"},
          {.name = "fit_by_cell",
           .value = rates_of_cells(rate.fit_by_cell),
           .unit = "FIT",
           .default_text = "one of the three is given",
           .sentence = "A cell of each type has this rate of raw faults.",
           .example = "{FA_X1: 2, AND2_X1: 0.5}",
           .selects = true},
          inferences_key(rate)};
}

// Keys: (RawRate&) -> KeyTable.
template <class Keys>
Key raw_rate_key(std::optional<RawRate>& raw_rate, const Keys& keys, const std::string& example) {
  return {.name = "raw_rate",
          .value = maybe(raw_rate, [keys](RawRate& rate) { return map(keys(rate)); }),
          .sentence = "From this rate of raw faults the results derive the rate of failures.",
          .example = example};
}

Key sample_key(SampleConfig& sample) {
  Value value = sample_value(sample);
  value.describe = [](KeyDoc& doc) {
    doc.type = "as the key `sample` of the config";
    doc.schema = {{{"$ref", "#/properties/sample"}}};
  };
  return {.name = "sample",
          .value = std::move(value),
          .default_text = "the config's",
          .sentence = "Faults of this entry are drawn like this.",
          .example = "{count: 1000}"};
}

KeyTable own_keys(const StuckAtConfig&, FaultsConfig& faults) {
  return {raw_rate_key(faults.raw_rate, netlist_rate_keys, "{fit_per_gate: 100}"), sample_key(faults.sample)};
}

KeyTable own_keys(const BitFaultConfig&, FaultsConfig& faults) {
  return {raw_rate_key(faults.raw_rate, bit_rate_keys, "{fit_per_mbit: 100}"), sample_key(faults.sample)};
}

KeyTable own_keys(const TableConfig&, FaultsConfig& faults) {
  return {recorded_constant("sample", sample_value(faults.sample),
                            "a product table is one fault; leave 'sample' out")};
}

Key kind_key(Value kind) {
  KeyDoc doc;
  kind.describe(doc);
  return {.name = "kind",
          .value = std::move(kind),
          .is_required = true,
          .sentence =
              "`stuck_at` with `netlist` is a stuck wire of a multiplier, `bridge` two of its wires "
              "connected, `bit_flip` or `stuck_at` with `target` a bit of stored values, "
              "`product_table` with `file` a table of products.",
          .example = doc.allowed.front()};
}

// It has been read with the entry's model.
Value kind_value(StuckAtConfig& faults) {
  Value value = fixed_word("stuck_at");
  value.json = [&faults] { return Json(faults.bridges.empty() ? "stuck_at" : "bridge"); };
  value.describe = describe_words({"stuck_at", "bridge"});
  return value;
}

Value kind_value(TableConfig&) { return fixed_word("product_table"); }

// The kind of stored bits has been read with the entry's model.
Value kind_value(BitFaultConfig& faults) {
  Value value = fixed_word("bit_flip");
  value.json = [&faults] { return Json(is_stuck(faults) ? "stuck_at" : "bit_flip"); };
  value.describe = describe_words({"bit_flip", "stuck_at"});
  return value;
}

KeyTable common_keys(Value kind, FaultsConfig& faults) {
  return {kind_key(std::move(kind)),
          {.name = "name",
           .value = text(faults.name),
           .default_text = "what is hit, and a number",
           .sentence = "Results call the set by this name; no two sets have the same.",
           .example = "weights"},
          {.name = "weight",
           .value = maybe(faults.weight, [](double& weight) { return number(weight, 0.0, k_largest_rate); }),
           .sentence = "The set has this weight in the combined estimates; all sets have one, or none has.",
           .example = "0.5"}};
}

enum class Kind : std::uint8_t { stuck_at, bridge, bit_flip, product_table };
const Names<Kind> k_kinds = {{"stuck_at", Kind::stuck_at},
                             {"bridge", Kind::bridge},
                             {"bit_flip", Kind::bit_flip},
                             {"product_table", Kind::product_table}};

Result<void> choose_model(const YamlNode& entry, FaultsConfig& faults) {
  QFI_TRY(const YamlNode kind, entry.at("kind"));
  QFI_TRY(const Kind chosen, kind.choice(k_kinds));
  if (chosen == Kind::product_table) {
    faults.model = TableConfig{};
  } else if (chosen == Kind::bridge) {
    StuckAtConfig bridges;
    for (const auto& [name, kind_of_bridge] : k_bridges) bridges.bridges.push_back(kind_of_bridge);
    faults.model = std::move(bridges);
  } else if (chosen == Kind::bit_flip || entry.find("target")) {
    BitFaultConfig bits;
    if (chosen == Kind::stuck_at) bits.models = {BitFaultModel::stuck_at_0, BitFaultModel::stuck_at_1};
    faults.model = std::move(bits);
  } else {
    faults.model = StuckAtConfig{};
  }
  return {};
}

Result<void> read_entry(const ConfigReader& reader, const YamlNode& entry, FaultsConfig& faults) {
  if (!entry.is_map()) return entry.error("an entry of 'faults' must be a map of keys and values");
  QFI_CHECK(choose_model(entry, faults));
  QFI_CHECK(read_keys(reader, entry, keys_of(faults)));
  if (const auto* bits = std::get_if<BitFaultConfig>(&faults.model)) QFI_CHECK(check_together(entry, *bits));
  const auto name = entry.find("name");
  if (name && faults.name.empty()) return name->error("'name' is empty");
  return {};
}

Result<void> read_list(const ConfigReader& reader, const YamlNode& list, std::vector<FaultsConfig>& faults) {
  if (!list.is_list() || list.items().empty())
    return list.error("'faults' must be a list of at least one entry");
  for (const YamlNode& entry : list.items()) QFI_CHECK(read_entry(reader, entry, faults.emplace_back()));
  return {};
}

template <class Model>
void describe_entry(KeyDoc& doc, const std::string& telling_key) {
  FaultsConfig faults;
  faults.model = Model{};
  describe_form(doc, telling_key, keys_of(faults));
}

}  // namespace

Key layers_key(std::vector<std::string>& layers) {
  return {.name = "layers",
          .value = names_or_all(layers),
          .sentence = "Operators with these numbers or names of output tensors are concerned.",
          .example = "[0, 2]",
          .selects = true};
}

KeyTable keys_of(FaultsConfig& faults) {
  return std::visit(
      [&](auto& model) {
        return joined({common_keys(kind_value(model), faults), own_keys(model, faults), keys_of(model)});
      },
      faults.model);
}

Value faults_value(std::vector<FaultsConfig>& faults) {
  return {.read = [&faults](const ConfigReader& reader,
                            const YamlNode& list) { return read_list(reader, list, faults); },
          .json =
              [&faults] {
                Json json = Json::array();
                for (FaultsConfig& entry : faults) json.push_back(json_of(keys_of(entry)));
                return json;
              },
          .describe =
              [](KeyDoc& doc) {
                doc.type = "list of maps";
                doc.may_be_list = true;
                doc.may_be_map = false;
                describe_entry<StuckAtConfig>(doc, "netlist");
                describe_entry<BitFaultConfig>(doc, "target");
                describe_entry<TableConfig>(doc, "file");
              }};
}

}  // namespace qfi

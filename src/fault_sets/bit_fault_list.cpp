// SPDX-License-Identifier: Apache-2.0

#include <set>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/fault_sets/bit_set.hpp"

namespace qfi {
namespace {

class ListReader {
 public:
  ListReader(const Model& model, const BitPopulation& values, const std::vector<BitFaultModel>& models)
      : m_model(model), m_values(values), m_models(models) {}

  /// `file`: what errors begin with.
  Result<std::vector<BitFault>> read(std::string_view text, const std::string& file) {
    CsvReader reader(text, file);
    const auto in_line = [&](const Result<void>& done) -> Result<void> {
      return done ? done : at(fmt::format("{}: line {}", file, reader.line()), done.error());
    };
    for (bool is_header = true;; is_header = false) {
      QFI_TRY(const bool is_there, reader.next());
      if (!is_there) break;
      QFI_CHECK(in_line(is_header ? read_header(reader.fields()) : read_line(reader.fields())));
    }
    if (m_faults.empty()) return bad_input("{}: no fault in it", file);
    return std::move(m_faults);
  }

 private:
  using Fields = std::span<const std::string_view>;

  Result<void> read_header(Fields fields) {
    const std::vector<std::string_view> known = {"fault", "layer", "element", "stored_bit", "stage", "model"};
    for (const std::string_view name : fields) {
      if (std::ranges::find(known, name) == known.end())
        return bad_input("unknown column '{}'; possible: {}", name, fmt::join(known, ", "));
      if (std::ranges::find(m_columns, name) != m_columns.end()) return bad_input("column '{}' twice", name);
      m_columns.emplace_back(name);
    }
    for (std::size_t i = 0; i < 4; ++i)
      if (std::ranges::find(m_columns, known[i]) == m_columns.end())
        return bad_input("the header lacks the column '{}'", known[i]);
    return {};
  }

  std::string_view field(Fields fields, std::string_view column) const {
    const auto found = std::ranges::find(m_columns, column);
    return found == m_columns.end() ? "" : fields[static_cast<std::size_t>(found - m_columns.begin())];
  }

  Result<void> read_line(Fields fields) {
    if (fields.size() != m_columns.size())
      return bad_input("{} fields under {} columns", fields.size(), m_columns.size());
    std::uint64_t fault = 0;
    BitSite site;
    if (!parse_number(field(fields, "fault"), fault) ||
        !parse_number(field(fields, "element"), site.element) ||
        !parse_number(field(fields, "stored_bit"), site.stored_bit))
      return bad_input("fault, element and stored_bit must be whole numbers");
    QFI_TRY(site.values, find_values(field(fields, "layer"), field(fields, "stage")));
    const StoredValues& values = m_values.stored[site.values];
    const Tensor& tensor = m_model.tensors[static_cast<std::size_t>(m_values.places[site.values].tensor)];
    if (site.element >= tensor.elements())
      return selects_nothing("element", "", fmt::format("there is no element {}", site.element),
                             {"elements", number_names_below(tensor.elements())});
    if (site.stored_bit < 0 || site.stored_bit >= values.storage.stored_bits())
      return selects_nothing(
          "stored_bit", "", fmt::format("there is no stored bit {}", site.stored_bit),
          {"stored bits", number_names_below(static_cast<std::uint64_t>(values.storage.stored_bits()))});
    if (const std::uint64_t owner = values.storage.owner_of(site.element, site.stored_bit);
        owner != site.element)
      return bad_input("stored_bit {} is one of element {}, not of {}", site.stored_bit, owner, site.element);
    QFI_TRY(const BitFaultModel model, find_model(field(fields, "model")));
    if (m_faults.empty() || fault != m_last) {
      if (!m_faults.empty() && fault < m_last) return bad_input("fault {} after fault {}", fault, m_last);
      m_faults.emplace_back();
      m_sites.clear();
    }
    m_last = fault;
    if (!m_sites.insert(site).second) return bad_input("the same bit twice in fault {}", fault);
    m_faults.back().sites.push_back(site);
    m_faults.back().models.push_back(model);
    return {};
  }

  Result<std::size_t> find_values(std::string_view layer, std::string_view stage) const {
    std::optional<std::size_t> found;
    Selectable layers{"layers of chosen values", {}};
    Selectable stages{"stages of this layer", {}};
    for (std::size_t i = 0; i < m_values.places.size(); ++i) {
      const ValuePlace& place = m_values.places[i];
      layers.names.push_back(std::to_string(place.operator_index));
      if (!is_named(place, layer)) continue;
      stages.names.push_back(name_in(k_stages, place.stage));
      if (!stage.empty() && stage != stages.names.back()) continue;
      if (found)
        return stage.empty()
                   ? bad_input("layer '{}' has values in several stages ({}); add the column 'stage'", layer,
                               name_list(stages.names))
                   : bad_input("layer '{}' has several values of stage '{}'; name the tensor as the layer",
                               layer, stage);
      found = i;
    }
    if (found) return *found;
    if (!stages.names.empty())
      return selects_nothing("stage", stage, fmt::format("layer '{}' has no '{}'", layer, stage), stages);
    return selects_nothing("layer", layer, fmt::format("no chosen values belong to layer '{}'", layer),
                           layers);
  }

  // By any operator that reads the values, or tensor that they are in.
  bool is_named(const ValuePlace& place, std::string_view layer) const {
    return layer == std::to_string(place.operator_index) ||
           std::ranges::any_of(place.operators, [&](auto index) { return layer == std::to_string(index); }) ||
           std::ranges::any_of(place.tensors, [&](int tensor) {
             return layer == m_model.tensors[static_cast<std::size_t>(tensor)].name;
           });
  }

  Result<BitFaultModel> find_model(std::string_view name) const {
    if (name.empty() && m_models.size() > 1)
      return bad_input("add the column 'model': stuck_at_0 or stuck_at_1");
    if (name.empty()) return m_models.front();
    return parse_bit_fault_model(name);
  }

  const Model& m_model;
  const BitPopulation& m_values;
  const std::vector<BitFaultModel>& m_models;
  std::vector<std::string> m_columns;
  std::vector<BitFault> m_faults;
  std::set<BitSite> m_sites;  ///< of the last fault
  std::uint64_t m_last = 0;
};

}  // namespace

Result<std::vector<BitFault>> read_bit_fault_list(const std::filesystem::path& path, const Model& model,
                                                  const BitPopulation& values,
                                                  const std::vector<BitFaultModel>& models) {
  constexpr std::uint64_t k_most_bytes = std::uint64_t{1} << 30;
  QFI_TRY(const std::string text, read_file(path, k_most_bytes));
  return ListReader(model, values, models).read(text, path.string());
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "bit_selection.hpp"

#include <algorithm>

#include "operator_names.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/engine/stored_parameters.hpp"

namespace qfi {
namespace {

bool is_of_network(const ValuePlace& place) {
  return place.target == FaultTarget::data && place.stage == Stage::network_input;
}

std::string label_of_input(const Model& model, int input) {
  if (model.inputs.size() == 1) return "network input";
  return fmt::format("network input '{}'", model.tensors[static_cast<std::size_t>(input)].name);
}

bool is_same(const ValuePlace& a, const ValuePlace& b) {
  if (a.target != FaultTarget::data)
    return std::ranges::find(a.tensors, b.tensor) != a.tensors.end();  // one memory
  return a.tensor == b.tensor && a.stage == b.stage && a.operator_index == b.operator_index;
}

}  // namespace

bool BitSelection::Selector::selects(const std::string& value, const ValuePlace& place) const {
  const std::vector<std::string> known = names(place);
  return std::ranges::find(known, value) != known.end();
}

bool BitSelection::Selector::keeps(const ValuePlace& place) const {
  return values.empty() || names(place).empty() ||
         std::ranges::any_of(values, [&](const std::string& value) { return selects(value, place); });
}

BitSelection::BitSelection(const Program& program, const BitFaultConfig& faults)
    : m_program(&program), m_model(&program.model()), m_faults(&faults), m_offered(all_offered()) {}

Result<BitSelection> BitSelection::make(const Program& program, const BitFaultConfig& faults) {
  BitSelection selection(program, faults);
  QFI_CHECK(selection.check_stages());
  QFI_CHECK(selection.select());
  return selection;
}

std::vector<ValuePlace> BitSelection::places() const {
  std::vector<ValuePlace> once;
  for (const ValuePlace& place : m_selected) {
    const auto known =
        std::ranges::find_if(once, [&](const ValuePlace& other) { return is_same(other, place); });
    if (known == once.end()) {
      once.push_back(place);
      continue;
    }
    known->operators.push_back(place.operator_index);
    known->label = fmt::format("{} of operators {}", values(), fmt::join(known->operators, ", "));
  }
  return once;
}

std::uint64_t BitSelection::left_out() const {
  std::uint64_t values = 0;
  for (const OtherConstant& constant : other_constants(*m_program)) {
    ValuePlace reader;
    reader.operator_index = constant.operator_index;
    if (operators().keeps(reader) && layers("layers", m_faults->layers).keeps(reader))
      values += m_model->tensors[static_cast<std::size_t>(constant.tensor)].elements();
  }
  return values;
}

// Each key sees what those before it have left, so that what it could select goes with the others.
Result<void> BitSelection::select() {
  m_selected = m_offered;
  for (const Selector& selector : {operators(), layers("layers", m_faults->layers), tensors()}) {
    QFI_CHECK(check(selector, m_selected));
    std::erase_if(m_selected, [&](const ValuePlace& place) { return !selector.keeps(place); });
  }
  QFI_CHECK(check_accumulators());
  return check_left(m_selected);
}

Result<void> BitSelection::check_left(std::span<const ValuePlace> kept) const {
  std::vector<ValuePlace> left;
  std::ranges::copy_if(m_selected, std::back_inserter(left), [&](const ValuePlace& place) {
    return std::ranges::any_of(kept, [&](const ValuePlace& other) { return is_same(other, place); });
  });
  for (const Selector& selector : {operators(), layers("layers", m_faults->layers), tensors()})
    QFI_CHECK(check(selector, left));
  return {};
}

Result<void> BitSelection::check_layers(const std::string& key, const std::vector<std::string>& listed,
                                        std::span<const ValuePlace> places) const {
  return check(layers(key, listed), places);
}

Result<void> BitSelection::check(const Selector& selector, std::span<const ValuePlace> places) const {
  for (const std::string& value : selector.values) {
    Selectable selectable{fmt::format("{} with {}", selector.what, values()), {}};
    bool is_selected = false;
    for (const ValuePlace& place : places) {
      const std::vector<std::string> names = selector.names(place);
      if (!names.empty()) selectable.names.push_back(names.front());
      is_selected = is_selected || selector.selects(value, place);
    }
    if (is_selected) continue;
    if (selectable.names.empty())
      return selects_nothing(selector.key, "", "the network's input belongs to no operator",
                             {"stages of operators", {"operator_input", "accumulator", "output"}});
    return selects_nothing(selector.key, value, reason(selector, value), selectable);
  }
  return {};
}

std::string BitSelection::reason(const Selector& selector, const std::string& value) const {
  const bool is_offered =
      std::ranges::any_of(m_offered, [&](const ValuePlace& place) { return selector.selects(value, place); });
  return is_offered ? fmt::format("the other keys leave nothing of '{}'", value)
                    : selector.why_nothing(value);
}

// The words of targets or stages of which the model has values. Set: makes an entry ask for one of them.
template <class T, class Set>
std::vector<std::string> BitSelection::words_with_values(const Names<T>& words, const Set& set) const {
  std::vector<std::string> found;
  for (const auto& [word, value] : words) {
    BitFaultConfig other;
    set(other, value);
    if (!BitSelection(*m_program, other).m_offered.empty()) found.push_back(word);
  }
  return found;
}

Result<void> BitSelection::check_stages() const {
  if (m_faults->target != FaultTarget::data) {
    if (!m_offered.empty()) return {};
    const auto set = [](BitFaultConfig& other, FaultTarget target) { other.target = target; };
    return selects_nothing("target", "", "the model has no " + values(),
                           {"targets with values", words_with_values(k_targets, set)});
  }
  for (const Stage stage : m_faults->stages) {
    if (std::ranges::find(m_offered, stage, &ValuePlace::stage) != m_offered.end()) continue;
    const auto set = [](BitFaultConfig& other, Stage possible) {
      other.target = FaultTarget::data;
      other.stages = {possible};
    };
    return selects_nothing("stage", "",
                           fmt::format("nothing has values at the stage {}", name_in(k_stages, stage)),
                           {"stages with values", words_with_values(k_stages, set)});
  }
  return {};
}

// A listed layer is hit at the accumulators too, if they are asked for beside other stages.
Result<void> BitSelection::check_accumulators() const {
  const std::vector<Stage>& stages = m_faults->stages;
  if (m_faults->target != FaultTarget::data || std::ranges::find(stages, Stage::accumulator) == stages.end())
    return {};
  BitFaultConfig only;
  only.target = FaultTarget::data;
  only.stages = {Stage::accumulator};
  const BitSelection accumulators(*m_program, only);
  return accumulators.check(accumulators.layers("layers", m_faults->layers), accumulators.m_offered);
}

std::vector<ValuePlace> BitSelection::all_offered() const {
  if (m_faults->target != FaultTarget::data) return parameters();
  std::vector<ValuePlace> places;
  for (const Stage stage : m_faults->stages)
    if (stage == Stage::network_input)
      for (const int input : m_model->inputs)
        places.push_back(place_of_data(stage, 0, input, label_of_input(*m_model, input)));
  for (std::size_t i = 0; i < m_model->operators.size(); ++i)
    for (const Stage stage : m_faults->stages)
      if (!m_program->is_folded(i)) offer_data(stage, i, places);
  return places;
}

std::vector<ValuePlace> BitSelection::parameters() const {
  const bool is_bias = m_faults->target == FaultTarget::biases;
  std::vector<ValuePlace> places;
  for (const StoredParameters& memory :
       stored_parameters(*m_program, is_bias ? ParameterKind::biases : ParameterKind::weights))
    for (const std::size_t index : memory.operators)
      places.push_back({m_faults->target,
                        Stage::output,
                        index,
                        memory.tensors.front(),
                        {index},
                        memory.tensors,
                        memory.channels,
                        memory.channel_stride,
                        fmt::format("{} of operator {}", is_bias ? "biases" : "weights", index)});
  std::ranges::stable_sort(places, {}, &ValuePlace::operator_index);
  return places;
}

void BitSelection::offer_data(Stage stage, std::size_t index, std::vector<ValuePlace>& places) const {
  const Operator& op = m_model->operators[index];
  if (stage == Stage::accumulator && m_program->has_accumulators(index))
    places.push_back(
        place_of_data(stage, index, op.outputs[0], fmt::format("accumulators of operator {}", index)));
  if (stage == Stage::output)
    for (const int tensor : op.outputs)
      places.push_back(place_of_data(stage, index, tensor, fmt::format("output of operator {}", index)));
  if (stage != Stage::operator_input) return;
  for (std::size_t k = 0; k < op.inputs.size(); ++k) {
    const int tensor = op.inputs[k];
    const auto here = op.inputs.begin() + static_cast<std::ptrdiff_t>(k);
    const bool is_repeated = std::find(op.inputs.begin(), here, tensor) != here;
    if (tensor == k_no_tensor || is_repeated ||
        m_model->tensors[static_cast<std::size_t>(tensor)].is_constant)
      continue;
    places.push_back(place_of_data(stage, index, tensor, fmt::format("input {} of operator {}", k, index)));
  }
}

// The channel of data is its last dimension.
ValuePlace BitSelection::place_of_data(Stage stage, std::size_t index, int tensor, std::string label) const {
  const std::vector<int>& shape = m_model->tensors[static_cast<std::size_t>(tensor)].shape;
  const auto channels = static_cast<std::size_t>(shape.empty() ? 1 : shape.back());
  return {FaultTarget::data, stage, index, tensor, {}, {tensor}, channels, 1, std::move(label)};
}

BitSelection::Selector BitSelection::operators() const {
  Selector selector;
  selector.key = "operators";
  for (const OperatorKind kind : m_faults->operators)
    selector.values.push_back(name_in(operator_kind_names(), kind));
  selector.what = "kinds of operators";
  selector.names = [this](const ValuePlace& place) -> std::vector<std::string> {
    if (is_of_network(place)) return {};
    return {name_in(operator_kind_names(), m_model->operators[place.operator_index].kind)};
  };
  selector.why_nothing = [this](const std::string& kind) {
    return fmt::format("no {} of the model has {}", kind, values());
  };
  return selector;
}

BitSelection::Selector BitSelection::layers(std::string key, std::vector<std::string> values) const {
  Selector selector;
  selector.key = std::move(key);
  selector.values = std::move(values);
  selector.what = "operators";
  selector.names = [this](const ValuePlace& place) -> std::vector<std::string> {
    if (is_of_network(place)) return {};
    return names_of_operator(*m_model, place.operator_index);
  };
  selector.why_nothing = [this](const std::string& layer) {
    return why_no_layer(*m_model, layer, [this](std::size_t index) {
      return m_program->is_folded(index) ? "is computed once, whatever the image"
                                         : "has no " + this->values();
    });
  };
  return selector;
}

BitSelection::Selector BitSelection::tensors() const {
  Selector selector;
  selector.key = "tensors";
  selector.values = m_faults->tensors;
  selector.what = "tensors";
  selector.names = [this](const ValuePlace& place) -> std::vector<std::string> {
    std::vector<std::string> names;
    for (const int tensor : place.tensors) {
      names.push_back(m_model->tensors[static_cast<std::size_t>(tensor)].name);
      names.push_back(std::to_string(tensor));
    }
    return names;
  };
  selector.why_nothing = [this](const std::string& tensor) {
    return find_tensor(*m_model, tensor) ? fmt::format("tensor '{}' holds no {}", tensor, values())
                                         : fmt::format("the model has no tensor '{}'", tensor);
  };
  return selector;
}

std::string BitSelection::values() const {
  if (m_faults->target != FaultTarget::data) return name_in(k_targets, m_faults->target);
  std::vector<std::string> names;
  for (const Stage stage : m_faults->stages) names.push_back(name_in(k_stages, stage));
  return fmt::format("values at the stage {}", fmt::join(names, ", "));
}

}  // namespace qfi

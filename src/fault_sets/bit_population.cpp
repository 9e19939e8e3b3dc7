// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/bit_population.hpp"

#include <algorithm>
#include <map>

#include "qfi/base/npy.hpp"
#include "qfi/faults/narrow_weights.hpp"
#include "qfi/faults/neuron_list.hpp"
#include "qfi/model/stored_value.hpp"

namespace qfi {
namespace {

bool names_operator(const Model& model, std::size_t index, const std::string& layer) {
  return layer == std::to_string(index) ||
         std::ranges::any_of(model.operators[index].outputs, [&](int output) {
           return model.tensors[static_cast<std::size_t>(output)].name == layer;
         });
}

bool is_listed(const Model& model, std::size_t index, const std::vector<std::string>& layers) {
  return layers.empty() ||
         std::ranges::any_of(layers, [&](const auto& layer) { return names_operator(model, index, layer); });
}

// The last entry that counts for the layer; nothing: plain storage.
const StorageConfig* storage_of(const Model& model, std::size_t index, const BitFaultConfig& faults) {
  const StorageConfig* found = nullptr;
  for (const StorageConfig& storage : faults.storage)
    if (is_listed(model, index, storage.layers)) found = &storage;
  return found;
}

class Finder {
 public:
  Finder(const Program& program, const BitFaultConfig& faults, SampleScheme scheme)
      : m_program(program), m_model(program.model()), m_faults(faults), m_scheme(scheme) {}

  Result<BitPopulation> find() {
    QFI_CHECK(check_names());
    for (const Stage stage : m_faults.stages)
      if (m_faults.target == FaultTarget::data && stage == Stage::network_input)
        for (const int input : m_model.inputs)
          QFI_CHECK(add({FaultTarget::data, stage, 0, input, 1, true, label_of_input(input)}));
    for (std::size_t i = 0; i < m_model.operators.size(); ++i) {
      if (m_program.is_folded(i) || !is_chosen(i)) continue;
      if (m_faults.target == FaultTarget::data) QFI_CHECK(add_data(i));
      else QFI_CHECK(add_parameters(i));
    }
    if (m_result.stored.empty()) return bad_input("the model has no such values");
    return std::move(m_result);
  }

 private:
  std::string label_of_input(int input) const {
    if (m_model.inputs.size() == 1) return "network input";
    return fmt::format("network input '{}'", m_model.tensors[static_cast<std::size_t>(input)].name);
  }
  bool is_chosen(std::size_t index) const {
    const auto& kinds = m_faults.operators;
    return (kinds.empty() || std::ranges::find(kinds, m_model.operators[index].kind) != kinds.end()) &&
           is_listed(m_model, index, m_faults.layers);
  }

  Result<void> check_names() const {
    const auto check_layers = [&](const std::vector<std::string>& layers) -> Result<void> {
      for (const std::string& layer : layers) {
        bool is_known = false;
        for (std::size_t i = 0; i < m_model.operators.size(); ++i)
          is_known = is_known || names_operator(m_model, i, layer);
        if (!is_known) return bad_input("no operator is number '{}' or writes a tensor of that name", layer);
      }
      return {};
    };
    QFI_CHECK(check_layers(m_faults.layers));
    for (const StorageConfig& storage : m_faults.storage) QFI_CHECK(check_layers(storage.layers));
    for (const std::string& tensor : m_faults.tensors)
      if (const auto found = find_tensor(m_model, tensor); !found) return tl::unexpected(found.error());
    return {};
  }

  bool is_chosen_tensor(int tensor) const {
    const std::string& name = m_model.tensors[static_cast<std::size_t>(tensor)].name;
    return m_faults.tensors.empty() || std::ranges::any_of(m_faults.tensors, [&](const std::string& chosen) {
             return chosen == name || chosen == std::to_string(tensor);
           });
  }

  Result<void> add_parameters(std::size_t index) {
    const Operator& op = m_model.operators[index];
    const auto inputs = layer_inputs(op.kind);
    if (!inputs) return {};
    const bool is_bias = m_faults.target == FaultTarget::biases;
    const std::size_t k = is_bias ? inputs->bias : inputs->weights;
    if (k >= op.inputs.size() || op.inputs[k] == k_no_tensor) return {};
    const int tensor = op.inputs[k];
    const auto is_known =
        std::ranges::any_of(m_result.places, [&](const ValuePlace& place) { return place.tensor == tensor; });
    if (is_known || !m_model.tensors[static_cast<std::size_t>(tensor)].is_constant) return {};
    const std::vector<int>& shape = m_model.tensors[static_cast<std::size_t>(tensor)].shape;
    const bool is_last = is_bias || op.kind == OperatorKind::depthwise_conv_2d;
    const int channels = shape.empty() ? 1 : is_last ? shape.back() : shape.front();
    return add({m_faults.target, Stage::output, index, tensor, static_cast<std::size_t>(channels), is_last,
                fmt::format("{} of operator {}", is_bias ? "biases" : "weights", index)});
  }

  Result<void> add_data(std::size_t index) {
    const Operator& op = m_model.operators[index];
    for (const Stage stage : m_faults.stages) {
      if (stage == Stage::accumulator && m_program.has_accumulators(index))
        QFI_CHECK(add({FaultTarget::data, stage, index, op.outputs[0], 1, true,
                       fmt::format("accumulators of operator {}", index)}));
      if (stage == Stage::accumulator && !m_program.has_accumulators(index) && !m_faults.layers.empty())
        return bad_input("{} has no accumulators of 32 bits", operator_label(m_model, index));
      if (stage == Stage::output)
        for (const int tensor : op.outputs)
          QFI_CHECK(add({FaultTarget::data, stage, index, tensor, 1, true,
                         fmt::format("output of operator {}", index)}));
      if (stage == Stage::operator_input)
        for (std::size_t k = 0; k < op.inputs.size(); ++k) {
          const int tensor = op.inputs[k];
          const bool is_repeated =
              std::find(op.inputs.begin(), op.inputs.begin() + static_cast<std::ptrdiff_t>(k), tensor) !=
              op.inputs.begin() + static_cast<std::ptrdiff_t>(k);
          if (tensor == k_no_tensor || is_repeated || !is_computed_here(tensor)) continue;
          QFI_CHECK(add({FaultTarget::data, stage, index, tensor, 1, true,
                         fmt::format("input {} of operator {}", k, index)}));
        }
    }
    return {};
  }

  bool is_computed_here(int tensor) const {
    return !m_model.tensors[static_cast<std::size_t>(tensor)].is_constant;
  }

  Result<void> add(ValuePlace place) {
    if (!is_chosen_tensor(place.tensor)) return {};
    const Tensor& tensor = m_model.tensors[static_cast<std::size_t>(place.tensor)];
    if (place.target == FaultTarget::data && !tensor.shape.empty())
      place.channels = static_cast<std::size_t>(tensor.shape.back());
    const bool is_accumulator = place.target == FaultTarget::data && place.stage == Stage::accumulator;
    const std::size_t bits = is_accumulator ? 32 : 8 * size_of(tensor.type);
    if (bits > 32) return bad_input("{}: values of {} bits; 32 are supported", place.label, bits);
    const StorageConfig* config = storage_of(m_model, place.operator_index, m_faults);
    StorageParams params;
    params.width = static_cast<int>(bits);
    if (config != nullptr) {
      if (config->width && (place.target != FaultTarget::weights || bits != 8))
        return bad_input("{}: 'width' is for 8-bit weights", place.label);
      params = {config->width.value_or(params.width), config->protection, config->top_bits,
                config->unprotected_bits};
      const CodecKind& kind = codec_kind(config->protection);
      if (kind.is_for_non_negative && !m_faults.compares_protection)
        return bad_input("{}: {} needs 'compare: unprotected'", place.label, kind.name);
      if (kind.is_for_non_negative) {
        QFI_TRY(params.zero, code_of_nothing(place, tensor, kind));
      }
    }
    auto storage = Storage::make(params);
    if (!storage) return at(place.label, storage.error());
    StoredValues values{place.operator_index, tensor.elements(), *storage, {}, {}};
    if (m_faults.compares_protection) {
      m_result.protected_storage.push_back(*storage);
      QFI_TRY(m_result.protected_elements.emplace_back(), protected_elements(place, tensor, config));
      values.storage = *Storage::make({params.width, Protection::plain});
    }
    if (m_scheme == SampleScheme::data_aware) values.distances = place_values(params.width);
    if (m_scheme == SampleScheme::data_aware_weights)
      values.distances = mean_flip_distances(tensor, params.width);
    QFI_CHECK(choose_elements(place, tensor, values));
    if (values.count == 0) {
      if (m_faults.compares_protection) {
        m_result.protected_storage.pop_back();
        m_result.protected_elements.pop_back();
      }
      return {};
    }
    m_result.stored.push_back(std::move(values));
    m_result.places.push_back(std::move(place));
    return {};
  }

  // The bits of the smallest value, which is zero.
  static Result<std::uint32_t> code_of_nothing(const ValuePlace& place, const Tensor& tensor,
                                               const CodecKind& kind) {
    const bool is_8_bit = tensor.type == TensorType::int8 || tensor.type == TensorType::uint8;
    const std::int32_t smallest = tensor.type == TensorType::int8 ? -128 : 0;
    if (place.target != FaultTarget::data || place.stage != Stage::output || !is_8_bit ||
        tensor.quantization.zero_points.empty() || tensor.quantization.zero_points[0] != smallest)
      return bad_input("{}: {} is for 8-bit outputs that are never negative (zero point {})", place.label,
                       kind.name, smallest);
    return static_cast<std::uint32_t>(smallest) & 0xFFU;
  }

  static Result<std::optional<std::vector<std::uint64_t>>> protected_elements(const ValuePlace& place,
                                                                              const Tensor& tensor,
                                                                              const StorageConfig* config) {
    std::optional<std::vector<std::uint64_t>> elements;
    if (config == nullptr || !config->neurons) return elements;
    const std::filesystem::path& file = config->neurons->path;
    if (place.stage != Stage::output) return bad_input("{}: neurons are outputs of layers", place.label);
    QFI_TRY(const std::vector<Neuron> neurons, read_critical_neurons(file, config->threshold));
    elements.emplace();
    for (const Neuron& neuron : neurons)
      if (neuron.operator_index == place.operator_index) elements->push_back(neuron.element);
    if (!elements->empty() && elements->back() >= tensor.elements())
      return bad_input("{}: element {} of layer {}, which has {}", file.string(), elements->back(),
                       place.operator_index, tensor.elements());
    return elements;
  }

  // Of chosen channels, and not pruned.
  Result<void> choose_elements(const ValuePlace& place, const Tensor& tensor, StoredValues& values) const {
    if (m_faults.channels.empty() && !m_faults.mask && !m_faults.masks_zeros) return {};
    for (const std::uint64_t channel : m_faults.channels)
      if (channel >= place.channels)
        return bad_input("{} has {} channels, not a number {}", place.label, place.channels, channel);
    std::vector<bool> is_kept(tensor.elements(), true);
    if (m_faults.mask) QFI_CHECK(read_mask(place, tensor, is_kept));
    for (std::uint64_t i = 0; m_faults.masks_zeros && i < is_kept.size(); ++i)
      is_kept[i] = !is_zero(tensor, i);
    for (std::uint64_t element = 0; element < is_kept.size(); ++element) {
      const bool is_of_channel =
          m_faults.channels.empty() ||
          std::ranges::binary_search(m_faults.channels, place.channel_of(element, tensor.elements()));
      if (is_kept[element] && is_of_channel) values.elements.push_back(element);
    }
    values.count = values.elements.size();
    return {};
  }

  // Of a constant of at most 32 bits.
  static bool is_zero(const Tensor& tensor, std::uint64_t element) {
    return magnitude_of(tensor, false, read_bits(tensor, element)) == 0;
  }

  Result<void> read_mask(const ValuePlace& place, const Tensor& tensor, std::vector<bool>& is_kept) const {
    auto mask = read_npz(m_faults.mask->path, tensor.name);
    if (!mask) {
      auto numbered = read_npz(m_faults.mask->path, std::to_string(place.tensor));
      if (!numbered) return tl::unexpected(mask.error());
      mask = std::move(numbered);
    }
    if (mask->elements() != tensor.elements())
      return bad_input("{}: the mask of '{}' has {} values, the tensor {}", m_faults.mask->path.string(),
                       tensor.name, mask->elements(), tensor.elements());
    const std::size_t bytes = mask->data.size() / tensor.elements();
    for (std::size_t i = 0; i < is_kept.size(); ++i) {
      const auto value = std::string_view(mask->data).substr(i * bytes, bytes);
      is_kept[i] = value.find_first_not_of('\0') != std::string_view::npos;
    }
    return {};
  }

  const Program& m_program;
  const Model& m_model;
  const BitFaultConfig& m_faults;
  SampleScheme m_scheme;
  BitPopulation m_result;
};

}  // namespace

Result<BitPopulation> find_population(const Program& program, const BitFaultConfig& faults,
                                      SampleScheme scheme) {
  return Finder(program, faults, scheme).find();
}

Result<void> narrow_stored_weights(Model& model, const std::vector<FaultsConfig>& faults) {
  std::map<std::size_t, int> width_of;
  for (const FaultsConfig& entry : faults) {
    const auto* bits = std::get_if<BitFaultConfig>(&entry.model);
    if (bits == nullptr || bits->target != FaultTarget::weights) continue;
    for (std::size_t i = 0; i < model.operators.size(); ++i) {
      const auto& kinds = bits->operators;
      const bool is_chosen =
          is_listed(model, i, bits->layers) && layer_inputs(model.operators[i].kind).has_value() &&
          (kinds.empty() || std::ranges::find(kinds, model.operators[i].kind) != kinds.end());
      const StorageConfig* storage = is_chosen ? storage_of(model, i, *bits) : nullptr;
      const int width = storage == nullptr ? 8 : storage->width.value_or(8);
      if (!is_chosen) continue;
      const auto [known, is_new] = width_of.try_emplace(i, width);
      if (!is_new && known->second != width)
        return bad_input("{} has weights of {} and of {} bits", operator_label(model, i), known->second,
                         width);
    }
  }
  for (const auto& [index, width] : width_of)
    if (width < 8) QFI_CHECK(narrow_weights(model, index, width));
  return {};
}

}  // namespace qfi

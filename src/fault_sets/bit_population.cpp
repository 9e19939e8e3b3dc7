// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/bit_population.hpp"

#include <algorithm>
#include <map>

#include "qfi/base/npy.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/engine/stored_parameters.hpp"
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
        QFI_CHECK(add_stage(stage, 0, m_model.inputs[0], "network input"));
    for (std::size_t i = 0; i < m_model.operators.size() && m_faults.target == FaultTarget::data; ++i)
      if (!m_program.is_folded(i) && is_chosen(i)) QFI_CHECK(add_data(i));
    if (m_faults.target != FaultTarget::data) QFI_CHECK(add_parameters());
    if (m_result.stored.empty()) return bad_input("the model has no such values");
    return std::move(m_result);
  }

 private:
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

  bool is_chosen_tensor(const ValuePlace& place) const {
    const auto is_named = [&](const std::string& chosen) {
      return std::ranges::any_of(place.tensors, [&](int tensor) {
        return chosen == m_model.tensors[static_cast<std::size_t>(tensor)].name ||
               chosen == std::to_string(tensor);
      });
    };
    return m_faults.tensors.empty() || std::ranges::any_of(m_faults.tensors, is_named);
  }

  // Every memory is named by the first of the chosen operators that read it.
  Result<void> add_parameters() {
    const bool is_bias = m_faults.target == FaultTarget::biases;
    std::vector<ValuePlace> places;
    for (StoredParameters& memory :
         stored_parameters(m_program, is_bias ? ParameterKind::biases : ParameterKind::weights)) {
      std::erase_if(memory.operators, [&](std::size_t index) { return !is_chosen(index); });
      if (memory.operators.empty()) continue;
      ValuePlace& place = places.emplace_back();
      place.target = m_faults.target;
      place.operator_index = memory.operators.front();
      place.tensor = memory.tensors.front();
      place.channels = memory.channels;
      place.channel_stride = memory.channel_stride;
      place.label = fmt::format("{} of operator{} {}", is_bias ? "biases" : "weights",
                                memory.operators.size() > 1 ? "s" : "", fmt::join(memory.operators, ", "));
      place.operators = std::move(memory.operators);
      place.tensors = std::move(memory.tensors);
    }
    std::ranges::stable_sort(places, {}, &ValuePlace::operator_index);
    for (ValuePlace& place : places) {
      QFI_CHECK(check_readers(place));
      QFI_CHECK(add(std::move(place)));
    }
    for (const OtherConstant& constant : other_constants(m_program))
      if (!is_bias && is_chosen(constant.operator_index))
        m_result.left_out += m_model.tensors[static_cast<std::size_t>(constant.tensor)].elements();
    return {};
  }

  // Tensors of one memory have one width and are stored in one way.
  Result<void> check_readers(const ValuePlace& place) const {
    const auto size = [&](int tensor) {
      return size_of(m_model.tensors[static_cast<std::size_t>(tensor)].type);
    };
    for (const int tensor : place.tensors)
      if (size(tensor) != size(place.tensor))
        return bad_input("{}: '{}' and '{}' lie in one memory with values of different widths", place.label,
                         m_model.tensors[static_cast<std::size_t>(place.tensor)].name,
                         m_model.tensors[static_cast<std::size_t>(tensor)].name);
    for (const std::size_t index : place.operators)
      if (storage_of(m_model, index, m_faults) != storage_of(m_model, place.operator_index, m_faults))
        return bad_input("storage: operators {} and {} read the same {}, which can be stored in one way only",
                         place.operator_index, index, name_in(k_targets, place.target));
    return {};
  }

  Result<void> add_data(std::size_t index) {
    const Operator& op = m_model.operators[index];
    for (const Stage stage : m_faults.stages) {
      if (stage == Stage::accumulator && m_program.has_accumulators(index))
        QFI_CHECK(add_stage(stage, index, op.outputs[0], fmt::format("accumulators of operator {}", index)));
      if (stage == Stage::accumulator && !m_program.has_accumulators(index) && !m_faults.layers.empty())
        return bad_input("{} has no accumulators of 32 bits", operator_label(m_model, index));
      if (stage == Stage::output)
        for (const int tensor : op.outputs)
          QFI_CHECK(add_stage(stage, index, tensor, fmt::format("output of operator {}", index)));
      if (stage == Stage::operator_input)
        for (std::size_t k = 0; k < op.inputs.size(); ++k) {
          const int tensor = op.inputs[k];
          const bool is_repeated =
              std::find(op.inputs.begin(), op.inputs.begin() + static_cast<std::ptrdiff_t>(k), tensor) !=
              op.inputs.begin() + static_cast<std::ptrdiff_t>(k);
          if (tensor == k_no_tensor || is_repeated || !is_computed_here(tensor)) continue;
          QFI_CHECK(add_stage(stage, index, tensor, fmt::format("input {} of operator {}", k, index)));
        }
    }
    return {};
  }

  bool is_computed_here(int tensor) const {
    return !m_model.tensors[static_cast<std::size_t>(tensor)].is_constant;
  }

  // Data of every operator have their channels last.
  Result<void> add_stage(Stage stage, std::size_t index, int tensor, std::string label) {
    const std::vector<int>& shape = m_model.tensors[static_cast<std::size_t>(tensor)].shape;
    const auto channels = static_cast<std::size_t>(shape.empty() ? 1 : shape.back());
    return add({FaultTarget::data, stage, index, tensor, {}, {tensor}, channels, 1, std::move(label)});
  }

  Result<void> add(ValuePlace place) {
    if (!is_chosen_tensor(place)) return {};
    const Tensor& tensor = m_model.tensors[static_cast<std::size_t>(place.tensor)];
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
    StoredValues values{place.operator_index,         tensor.elements(), *storage, {}, {},
                        static_cast<int>(place.stage)};
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
      const bool is_of_channel = m_faults.channels.empty() ||
                                 std::ranges::binary_search(m_faults.channels, place.channel_of(element));
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
    for (std::size_t k = 0; k < place.tensors.size() && !mask; ++k) {
      const auto index = static_cast<std::size_t>(place.tensors[k]);
      for (const std::string& name : {m_model.tensors[index].name, std::to_string(index)})
        if (auto other = read_npz(m_faults.mask->path, name); other && !mask) mask = std::move(other);
    }
    if (!mask) return tl::unexpected(mask.error());
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

// A constant that was narrowed, and the memory that it lay in before.
struct Narrowed {
  const std::byte* memory = nullptr;
  int tensor = 0;
};

// What lay in one memory and is the same after it was narrowed stays in one memory.
void share_again(Model& model, const std::vector<Narrowed>& narrowed) {
  for (std::size_t i = 0; i < narrowed.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) {
      Tensor& tensor = model.tensors[static_cast<std::size_t>(narrowed[i].tensor)];
      const Tensor& earlier = model.tensors[static_cast<std::size_t>(narrowed[k].tensor)];
      if (narrowed[i].memory == narrowed[k].memory && std::ranges::equal(tensor.data, earlier.data))
        tensor.data = earlier.data;
    }
}

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
  const std::vector<Tensor> before = model.tensors;
  std::vector<Narrowed> narrowed;
  for (const auto& [index, width] : width_of) {
    if (width == 8) continue;
    const std::vector<int> inputs = model.operators[index].inputs;
    QFI_CHECK(narrow_weights(model, index, width));
    for (std::size_t k = 0; k < inputs.size(); ++k)
      if (k != layer_inputs(model.operators[index].kind)->data && inputs[k] != k_no_tensor)
        narrowed.push_back(
            {before[static_cast<std::size_t>(inputs[k])].data.data(), model.operators[index].inputs[k]});
  }
  share_again(model, narrowed);
  return {};
}

}  // namespace qfi

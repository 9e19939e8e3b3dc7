// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/bit_population.hpp"

#include <algorithm>
#include <map>

#include "bit_selection.hpp"
#include "operator_names.hpp"
#include "prune_mask.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/faults/narrow_weights.hpp"
#include "qfi/faults/neuron_list.hpp"

namespace qfi {
namespace {

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
      : m_program(program),
        m_model(program.model()),
        m_faults(faults),
        m_scheme(scheme),
        m_mask(m_model, faults) {}

  Result<BitPopulation> find() {
    QFI_TRY(const BitSelection selection, BitSelection::make(m_program, m_faults));
    QFI_CHECK(read_neurons());
    const std::vector<ValuePlace> places = selection.places();
    for (const ValuePlace& place : places) QFI_CHECK(add(place));
    if (m_faults.target == FaultTarget::weights) m_result.left_out = selection.left_out();
    QFI_CHECK(m_mask.check(places, m_result.places, m_prunes));
    QFI_CHECK(selection.check_left(m_result.places));
    QFI_CHECK(check_channels());
    QFI_CHECK(check_bits());
    for (const StorageConfig& storage : m_faults.storage) QFI_CHECK(check_storage(storage, selection));
    return std::move(m_result);
  }

 private:
  const Tensor& tensor_of(const ValuePlace& place) const {
    return m_model.tensors[static_cast<std::size_t>(place.tensor)];
  }

  // The neurons of every entry of `storage` that has a file of them.
  Result<void> read_neurons() {
    for (const StorageConfig& storage : m_faults.storage) {
      if (!storage.neurons) continue;
      QFI_TRY(m_neurons[&storage], read_critical_neurons(storage.neurons->path, storage.threshold));
    }
    return {};
  }

  Result<void> add(const ValuePlace& place) {
    const Tensor& tensor = tensor_of(place);
    QFI_CHECK(check_readers(place));
    const bool is_accumulator = place.target == FaultTarget::data && place.stage == Stage::accumulator;
    const std::size_t bits = is_accumulator ? 32 : 8 * size_of(tensor.type);
    if (bits > 32) return bad_input("{}: values of {} bits; 32 are supported", place.label, bits);
    const StorageConfig* config = storage_of(m_model, place.operator_index, m_faults);
    StorageParams params;
    params.width = static_cast<int>(bits);
    if (config != nullptr) {
      if (config->width && (place.target != FaultTarget::weights || bits != 8 || !are_narrowed(place)))
        return bad_input("{}: 'width' is for 8-bit weights of convolutions and fully connected layers",
                         place.label);
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
    if (m_faults.compares_protection) values.storage = *Storage::make({params.width, Protection::plain});
    if (m_scheme == SampleScheme::data_aware) values.distances = place_values(params.width);
    if (m_scheme == SampleScheme::data_aware_weights)
      values.distances = mean_flip_distances(tensor, params.width);
    QFI_CHECK(choose_elements(place, tensor, values));
    if (values.count == 0) return {};
    if (m_faults.compares_protection) {
      m_result.protected_storage.push_back(*storage);
      QFI_TRY(m_result.protected_elements.emplace_back(), protected_elements(place, config));
    }
    m_result.stored.push_back(std::move(values));
    m_result.places.push_back(place);
    return {};
  }

  // Weights of other operators than layers are never narrowed.
  bool are_narrowed(const ValuePlace& place) const {
    return std::ranges::all_of(place.operators, [&](std::size_t index) {
      return layer_inputs(m_model.operators[index].kind).has_value();
    });
  }

  // Tensors of one memory have one width and are stored in one way.
  Result<void> check_readers(const ValuePlace& place) const {
    const Tensor& tensor = tensor_of(place);
    for (const int other : place.tensors)
      if (const Tensor& read = m_model.tensors[static_cast<std::size_t>(other)];
          size_of(read.type) != size_of(tensor.type))
        return bad_input("{}: '{}' and '{}' lie in one memory with values of different widths", place.label,
                         tensor.name, read.name);
    for (const std::size_t index : place.operators)
      if (storage_of(m_model, index, m_faults) != storage_of(m_model, place.operator_index, m_faults))
        return bad_input("storage: operators {} and {} read the same {}, which are stored in one way only",
                         place.operator_index, index, name_in(k_targets, place.target));
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

  Result<std::optional<std::vector<std::uint64_t>>> protected_elements(const ValuePlace& place,
                                                                       const StorageConfig* config) const {
    std::optional<std::vector<std::uint64_t>> elements;
    if (config == nullptr || !config->neurons) return elements;
    if (place.stage != Stage::output) return bad_input("{}: neurons are outputs of layers", place.label);
    elements.emplace();
    for (const Neuron& neuron : m_neurons.at(config).critical)
      if (neuron.operator_index == place.operator_index) elements->push_back(neuron.element);
    return elements;
  }

  // Of chosen channels, and not pruned.
  Result<void> choose_elements(const ValuePlace& place, const Tensor& tensor, StoredValues& values) {
    if (m_faults.channels.empty() && !m_mask.is_given()) return {};
    for (const std::uint64_t channel : m_faults.channels)
      if (channel >= place.channels)
        return selects_nothing("channels", "", fmt::format("{} have no channel {}", place.label, channel),
                               {"channels", number_names_below(place.channels)});
    std::vector<bool> is_kept(tensor.elements(), true);
    if (m_mask.is_given()) {
      QFI_TRY(is_kept, m_mask.kept(place));
    }
    for (std::uint64_t element = 0; element < is_kept.size(); ++element) {
      const bool is_of_channel = m_faults.channels.empty() ||
                                 std::ranges::binary_search(m_faults.channels, place.channel_of(element));
      m_prunes = m_prunes || (is_of_channel && !is_kept[element]);
      if (is_kept[element] && is_of_channel) values.elements.push_back(element);
    }
    values.count = values.elements.size();
    return {};
  }

  // A mask may prune all of a channel.
  Result<void> check_channels() const {
    if (m_faults.channels.empty() || !m_mask.is_given()) return {};
    std::vector<std::uint64_t> left;
    for (std::size_t k = 0; k < m_result.places.size(); ++k)
      for (const std::uint64_t element : m_result.stored[k].elements)
        left.push_back(m_result.places[k].channel_of(element));
    for (const std::uint64_t channel : m_faults.channels)
      if (std::ranges::find(left, channel) == left.end())
        return selects_nothing("channels", "", fmt::format("the mask leaves nothing of channel {}", channel),
                               {"channels with values left", number_names(left)});
    return {};
  }

  Result<void> check_bits() const {
    int widest = 0;
    for (const StoredValues& values : m_result.stored)
      widest = std::max(widest, values.storage.params().width);
    for (const int bit : m_faults.bits)
      if (bit >= widest)
        return selects_nothing("bits", "", fmt::format("no chosen value has a bit {}", bit),
                               {"bits", number_names_below(static_cast<std::uint64_t>(widest))});
    return {};
  }

  // Each layer of an entry of `storage` is one of the set, and the entry counts for some of its layers.
  Result<void> check_storage(const StorageConfig& storage, const BitSelection& selection) const {
    QFI_CHECK(selection.check_layers("storage.layers", storage.layers, m_result.places));
    Selectable layers{"layers that an entry could be for", {}};
    bool counts = false, has_neurons = false;
    for (std::size_t k = 0; k < m_result.places.size(); ++k) {
      const std::size_t layer = m_result.places[k].operator_index;
      layers.names.push_back(std::to_string(layer));
      if (storage_of(m_model, layer, m_faults) != &storage) continue;
      counts = true;
      has_neurons = has_neurons || (storage.neurons && !m_result.protected_elements[k]->empty());
    }
    if (!counts)
      return selects_nothing("storage", "",
                             fmt::format("entry {} counts for no layer, as later ones do for all of its",
                                         &storage - m_faults.storage.data()),
                             layers);
    if (storage.neurons) QFI_CHECK(check_neurons(storage, has_neurons));
    return {};
  }

  // A file of another network names neurons that this one has not.
  Result<void> check_neurons(const StorageConfig& storage, bool has_some) const {
    const std::string file = storage.neurons->path.string();
    const NeuronList& list = m_neurons.at(&storage);
    Selectable layers{"layers of its vulnerable neurons", {}};
    for (const Neuron& neuron : list.critical) {
      QFI_CHECK(check_neuron(neuron, file));
      layers.names.push_back(std::to_string(neuron.operator_index));
    }
    // A threshold that no neuron reaches ends many a row of campaigns.
    if (list.critical.empty())
      log(LogLevel::warning,
          selection_text("storage.threshold",
                         fmt::format("no neuron of {} is as vulnerable as {}", file, storage.threshold),
                         {"the highest NVF", {fmt::format("{}", list.highest_nvf)}}));
    else if (!has_some)
      return selects_nothing("storage.neurons", "",
                             fmt::format("{} has no vulnerable neuron of the layers of this entry", file),
                             layers);
    return {};
  }

  Result<void> check_neuron(const Neuron& neuron, const std::string& file) const {
    const std::size_t layer = neuron.operator_index;
    const std::string which = fmt::format("{} is of another network: it has", file);
    if (layer >= m_model.operators.size())
      return selects_nothing("storage.neurons", "", fmt::format("{} a layer {}", which, layer),
                             {"operators", number_names_below(m_model.operators.size())});
    const int output = m_model.operators[layer].outputs[0];
    const std::size_t elements = m_model.tensors[static_cast<std::size_t>(output)].elements();
    if (neuron.element < elements) return {};
    return selects_nothing("storage.neurons", "",
                           fmt::format("{} an element {} of layer {}", which, neuron.element, layer),
                           {"its elements", number_names_below(elements)});
  }

  const Program& m_program;
  const Model& m_model;
  const BitFaultConfig& m_faults;
  SampleScheme m_scheme;
  PruneMask m_mask;
  bool m_prunes = false;  ///< whether the mask takes a value away
  std::map<const StorageConfig*, NeuronList> m_neurons;
  BitPopulation m_result;
};

// Whether one of `tensors`, names or numbers, is of the memory that tensor `weights` lies in.
bool is_memory_listed(const Model& model, int weights, const std::vector<std::string>& tensors) {
  const std::byte* memory = model.tensors[static_cast<std::size_t>(weights)].data.data();
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.data.empty() || tensor.data.data() != memory) continue;
    if (std::ranges::find(tensors, tensor.name) != tensors.end() ||
        std::ranges::find(tensors, std::to_string(i)) != tensors.end())
      return true;
  }
  return false;
}

// Whether the entry hits the weights of operator `index`.
bool are_weights_chosen(const Model& model, std::size_t index, const BitFaultConfig& bits) {
  const Operator& op = model.operators[index];
  const std::optional<LayerInputs> inputs = layer_inputs(op.kind);
  if (!inputs || !is_listed(model, index, bits.layers)) return false;
  if (!bits.operators.empty() && std::ranges::find(bits.operators, op.kind) == bits.operators.end())
    return false;
  return bits.tensors.empty() || is_memory_listed(model, op.inputs[inputs->weights], bits.tensors);
}

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
      if (!are_weights_chosen(model, i, *bits)) continue;
      const StorageConfig* storage = storage_of(model, i, *bits);
      const int width = storage == nullptr ? 8 : storage->width.value_or(8);
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

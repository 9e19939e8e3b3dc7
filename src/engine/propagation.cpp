// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/propagation.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "incremental_layer.hpp"
#include "kernel.hpp"

namespace qfi {

/// By operator index.
class LayerFaultsOfOperators : public std::map<std::size_t, LayerFaults> {};

namespace {

// So many changed weights are cheaper to run as a layer of their own.
constexpr std::size_t k_most_changes = 64;

std::int32_t code_in(const Tensor& tensor, std::uint32_t bits) {
  switch (tensor.type) {
    case TensorType::int8: return static_cast<std::int8_t>(bits);
    case TensorType::uint8: return static_cast<std::uint8_t>(bits);
    default: return static_cast<std::int32_t>(bits);
  }
}

std::uint32_t bits_at(std::span<const std::byte> values, std::uint64_t element, std::size_t bytes) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, values.data() + element * bytes, bytes);
  return bits;
}

LayerFaults::Channel& channel_of(LayerFaults& faults, std::size_t channel) {
  for (LayerFaults::Channel& known : faults.channels)
    if (known.channel == channel) return known;
  faults.channels.push_back({channel, 0, {}});
  return faults.channels.back();
}

void add_constant(const Model& model, std::size_t index, const ConstantFault& fault,
                  const ConvolutionShape& s, LayerFaults& faults) {
  const Operator& op = model.operators[index];
  const LayerInputs inputs = *layer_inputs(op.kind);
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(fault.tensor)];
  const auto old_bits = bits_at(tensor.data, fault.element, size_of(tensor.type));
  if (inputs.bias < op.inputs.size() && op.inputs[inputs.bias] == fault.tensor) {
    channel_of(faults, fault.element).bias_delta += fault.bits - old_bits;
    return;
  }
  // In the file: [out_c][tap][in channel of the group]; DEPTHWISE_CONV_2D: [tap][out_c].
  const std::size_t group_in = static_cast<std::size_t>(s.group_in_c());
  const std::int32_t delta = code_in(tensor, fault.bits) - code_in(tensor, old_bits);
  if (op.kind == OperatorKind::depthwise_conv_2d) {
    const auto out_c = static_cast<std::size_t>(s.out_c);
    channel_of(faults, fault.element % out_c).weights.push_back({fault.element / out_c, 0, delta});
  } else {
    const std::size_t in_filter = fault.element % s.taps();
    channel_of(faults, fault.element / s.taps())
        .weights.push_back({in_filter / group_in, in_filter % group_in, delta});
  }
}

std::uint64_t word_at(std::span<const std::byte> values, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, values.data() + at, sizeof(word));
  return word;
}

// Places where two tensors of one image differ. First in large pieces, then in small ones.
void find_differences(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t bytes,
                      Elements& places, std::size_t begin, std::size_t end, std::size_t piece) {
  for (std::size_t at = begin; at < end; at += piece) {
    const std::size_t size = std::min(piece, end - at);
    const bool is_word = size == sizeof(std::uint64_t);
    if (is_word ? word_at(a, at) == word_at(b, at) : std::memcmp(a.data() + at, b.data() + at, size) == 0)
      continue;
    constexpr std::size_t k_small = 8;
    if (piece > k_small) {
      find_differences(a, b, bytes, places, at, at + size, piece > 128 ? 128 : k_small);
      continue;
    }
    for (std::size_t i = at; i < at + size; i += bytes)
      if (std::memcmp(a.data() + i, b.data() + i, bytes) != 0)
        places.push_back(static_cast<std::uint32_t>(i / bytes));
  }
}

}  // namespace

PreparedConstants::PreparedConstants() : m_layers(std::make_unique<LayerFaultsOfOperators>()) {}
PreparedConstants::PreparedConstants(PreparedConstants&&) noexcept = default;
PreparedConstants& PreparedConstants::operator=(PreparedConstants&&) noexcept = default;
PreparedConstants::~PreparedConstants() = default;

Propagation::~Propagation() = default;

Propagation::Propagation(const Program& program) : m_program(program) {
  const Model& model = program.model();
  std::size_t channels = 0;  // with thresholds
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    const MultiplyAccumulate* op =
        program.multiplies_weights(i) ? program.kernel(i).multiply_accumulate() : nullptr;
    m_layers.push_back(nullptr);
    if (op == nullptr) continue;
    constexpr std::size_t k_most_channels = 1 << 16;
    const bool knows_slacks = channels + static_cast<std::size_t>(op->shape.out_c) <= k_most_channels;
    if (knows_slacks) channels += static_cast<std::size_t>(op->shape.out_c);
    m_layers.back() = std::make_unique<IncrementalLayer>(*op, knows_slacks);
  }
  m_last_use.assign(model.tensors.size(), 0);
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    for (const int tensor : model.operators[i].inputs)
      if (tensor != k_no_tensor) m_last_use[static_cast<std::size_t>(tensor)] = i;
  for (const auto* kept : {&model.outputs, &program.params().kept_tensors})
    for (const int tensor : *kept) m_last_use[static_cast<std::size_t>(tensor)] = model.operators.size();
}

Result<PreparedConstants> Propagation::prepare(std::span<const ConstantFault> faults) const {
  PreparedConstants result;
  bool needs_operators = faults.size() > k_most_changes;
  const Model& model = m_program.model();
  for (std::size_t i = 0; i < model.operators.size() && !needs_operators; ++i)
    for (const ConstantFault& fault : faults) {
      if (std::ranges::find(model.operators[i].inputs, fault.tensor) == model.operators[i].inputs.end())
        continue;
      const Operator& op = model.operators[i];
      const auto inputs = layer_inputs(op.kind);
      const auto reads_as = [&](std::size_t k) {
        return k < op.inputs.size() && op.inputs[k] == fault.tensor;
      };
      const bool is_parameter = inputs && (reads_as(inputs->weights) != reads_as(inputs->bias)) &&
                                std::ranges::count(op.inputs, fault.tensor) == 1;
      if (m_layers[i] == nullptr || !is_parameter) needs_operators = true;
      else add_constant(model, i, fault, m_layers[i]->op().shape, (*result.m_layers)[i]);
    }
  if (!needs_operators) return result;
  result.m_layers->clear();
  QFI_TRY(result.m_operators, m_program.with_constants(faults));
  return result;
}

struct Propagator::State {
  explicit State(const Propagation& made_ready)
      : propagation(made_ready), program(made_ready.program()), model(program.model()) {
    tensors.resize(model.tensors.size());
  }

  // How a tensor differs from the golden one: either by values at places, or as a whole, with places.
  struct TensorState {
    ChangedValues changed;  ///< `values` only where not `is_whole`, which 8-bit types may be
    std::vector<std::byte> memory;
    bool is_whole = false;
    bool differs() const { return !changed.places.empty(); }
  };

  const Propagation& propagation;
  const Program& program;
  const Model& model;
  std::vector<TensorState> tensors;
  std::vector<int> touched;  ///< tensors whose state may not be golden
  std::vector<std::byte> scratch;
  IncrementalLayer::Scratch layer_scratch;
  std::vector<std::int32_t> sums;
  ChangedValues ignored;
  std::vector<std::uint8_t> input_values;
  // The run at hand:
  const GoldenActivations* golden = nullptr;
  std::size_t image = 0;
  const PreparedConstants* constants = nullptr;
  std::span<const DataFault> data;
  std::vector<bool> has_fault;  ///< by operator
  // What the operator at hand reads instead of its inputs.
  struct FaultyInput {
    int tensor = k_no_tensor;
    std::vector<std::byte> values;
    Elements places;
  };
  std::vector<FaultyInput> own_inputs;

  std::size_t element_bytes(int tensor) const {
    return size_of(model.tensors[static_cast<std::size_t>(tensor)].type);
  }
  TensorState& state(int tensor) { return tensors[static_cast<std::size_t>(tensor)]; }
  std::span<std::byte> memory(int tensor) {
    auto& memory = state(tensor).memory;
    if (memory.empty()) memory.resize(model.tensors[static_cast<std::size_t>(tensor)].bytes());
    return memory;
  }
  // All values of a tensor; writes them down where only changes are known.
  std::span<const std::byte> values(int tensor) {
    TensorState& now = state(tensor);
    if (!now.differs() && !now.is_whole) return golden->tensor(tensor, image);
    return writable(tensor);
  }
  std::span<std::byte> writable(int tensor) {
    TensorState& now = state(tensor);
    const auto whole = memory(tensor);
    if (now.is_whole) return whole;
    const auto from = golden->tensor(tensor, image);
    std::memcpy(whole.data(), from.data(), from.size());
    for (std::size_t i = 0; i < now.changed.places.size(); ++i)
      whole[now.changed.places[i]] = static_cast<std::byte>(now.changed.values[i]);
    now.is_whole = true;
    touched.push_back(tensor);
    return whole;
  }

  void reset() {
    for (const int tensor : touched) {
      state(tensor).changed.places.clear();
      state(tensor).changed.values.clear();
      state(tensor).is_whole = false;
    }
    touched.clear();
  }

  // Reads a value faultily, in memory that holds the tensor, and keeps the list of places right.
  void fault_value(const DataFault& fault, std::span<std::byte> whole, Elements& places) const {
    const std::size_t bytes = element_bytes(fault.tensor);
    const std::uint32_t bits = fault.read(bits_at(whole, fault.element, bytes));
    std::memcpy(whole.data() + fault.element * bytes, &bits, bytes);
    const bool differs =
        std::memcmp(whole.data() + fault.element * bytes,
                    golden->tensor(fault.tensor, image).data() + fault.element * bytes, bytes) != 0;
    const auto known = std::ranges::find(places, static_cast<std::uint32_t>(fault.element));
    if (differs && known == places.end()) places.push_back(static_cast<std::uint32_t>(fault.element));
    if (!differs && known != places.end()) places.erase(known);
  }
  void fault_stored(const DataFault& fault) {
    const auto whole = writable(fault.tensor);
    fault_value(fault, whole, state(fault.tensor).changed.places);
  }

  template <class Use>
  void for_faults(Stage stage, std::size_t index, const Use& use) const {
    for (const DataFault& fault : data)
      if (fault.stage == stage && fault.operator_index == index) use(fault);
  }

  void find_faults() {
    has_fault.assign(model.operators.size(), false);
    for (const auto& [index, faults] : *constants->m_layers) has_fault[index] = true;
    for (std::size_t i = 0; i < model.operators.size(); ++i)
      if (constants->m_operators.find(i) != nullptr) has_fault[i] = true;
    for (const DataFault& fault : data)
      if (fault.stage != Stage::network_input) has_fault[fault.operator_index] = true;
  }

  bool has_changed_input(const Operator& op) {
    return std::ranges::any_of(op.inputs,
                               [&](int tensor) { return tensor != k_no_tensor && state(tensor).differs(); });
  }
  bool is_golden_after(std::size_t index) {
    return std::ranges::none_of(touched, [&](int tensor) {
      return state(tensor).differs() && propagation.m_last_use[static_cast<std::size_t>(tensor)] > index;
    });
  }

  // Faults at what operator `index` alone reads.
  void read_own_inputs(std::size_t index) {
    own_inputs.clear();
    for_faults(Stage::operator_input, index, [&](const DataFault& fault) {
      FaultyInput* own = find_own(fault.tensor);
      if (own == nullptr) {
        const auto now = values(fault.tensor);
        own = &own_inputs.emplace_back(
            FaultyInput{fault.tensor, {now.begin(), now.end()}, state(fault.tensor).changed.places});
      }
      fault_value(fault, own->values, own->places);
    });
  }
  FaultyInput* find_own(int tensor) {
    const auto found = std::ranges::find(own_inputs, tensor, &FaultyInput::tensor);
    return found == own_inputs.end() ? nullptr : &*found;
  }
  std::span<const std::byte> input(int tensor) {
    const FaultyInput* own = find_own(tensor);
    return own == nullptr ? values(tensor) : std::span<const std::byte>(own->values);
  }
  // Places where an 8-bit input differs, and the values there.
  std::pair<std::span<const std::uint32_t>, std::span<const std::uint8_t>> changed_in(int tensor) {
    const FaultyInput* own = find_own(tensor);
    const TensorState& now = state(tensor);
    if (own == nullptr && !now.is_whole) return {now.changed.places, now.changed.values};
    const Elements& places = own == nullptr ? now.changed.places : own->places;
    const auto whole = input(tensor);
    input_values.clear();
    for (const std::uint32_t place : places) input_values.push_back(static_cast<std::uint8_t>(whole[place]));
    return {places, input_values};
  }

  KernelCall call_of(std::size_t index) {
    KernelCall call = make_call(
        model, index, 1, [&](int tensor) { return input(tensor).data(); },
        [&](int tensor) { return memory(tensor).data(); }, &constants->m_operators);
    call.scratch = &scratch;
    return call;
  }

  static const std::uint8_t* bytes(std::span<const std::byte> values) {
    return reinterpret_cast<const std::uint8_t*>(values.data());
  }

  void run_layer(std::size_t index, const IncrementalLayer& layer) {
    const Operator& op = model.operators[index];
    const int in = op.inputs[layer.op().data_input];
    const int out = op.outputs[0];
    LayerFaults faults;
    if (const auto found = constants->m_layers->find(index); found != constants->m_layers->end())
      faults = found->second;
    for_faults(Stage::accumulator, index, [&](const DataFault& fault) {
      faults.accumulators.push_back({static_cast<std::size_t>(fault.element), &fault.read});
    });
    const auto [places, new_values] = changed_in(in);
    if (layer.pays(places.size())) {
      const IncrementalLayer::Golden from{bytes(golden->tensor(in, image)),
                                          golden->accumulators(index, image),
                                          bytes(golden->tensor(out, image)), golden->slacks(index, image)};
      const std::uint8_t* whole = faults.channels.empty() ? nullptr : bytes(input(in));
      touched.push_back(out);
      layer.update(faults, from, whole, places, new_values, state(out).changed, layer_scratch);
      return;
    }
    KernelCall call = call_of(index);
    if (!faults.empty()) {
      sums.resize(std::max(sums.size(), model.tensors[static_cast<std::size_t>(out)].elements()));
      call.accumulators = sums.data();
    }
    program.kernel(index).run(call);
    if (!faults.empty()) {
      const std::uint8_t* whole = bytes(input(in));
      ignored.places.clear();
      ignored.values.clear();
      layer.update(faults, {whole, sums.data(), call.out<std::uint8_t>(0), nullptr}, whole, {}, {}, ignored,
                   layer_scratch);
      for (std::size_t i = 0; i < ignored.places.size(); ++i)
        call.out<std::uint8_t>(0)[ignored.places[i]] = ignored.values[i];
    }
    compare(op);
  }

  // Runs an operator whose outputs each depend on inputs at the same place, only where those differ.
  // False: that is not so, or they are many.
  bool run_places(std::size_t index) {
    const Operator& op = model.operators[index];
    const int out = op.outputs[0];
    const Kernel& kernel = program.kernel(index);
    if (has_fault[index] || !kernel.is_elementwise() || element_bytes(out) != 1) return false;
    std::size_t number = 0;
    for (const int tensor : op.inputs)
      if (!model.tensors[static_cast<std::size_t>(tensor)].is_constant)
        number += state(tensor).changed.places.size();
    constexpr std::size_t k_many = 4;
    if (number * k_many > model.tensors[static_cast<std::size_t>(out)].elements()) return false;
    const KernelCall call = call_of(index);
    const auto now = memory(out);
    const auto before = golden->tensor(out, image);
    touched.push_back(out);
    ChangedValues& changed = state(out).changed;
    for (std::size_t k = 0; k < op.inputs.size(); ++k) {
      if (model.tensors[static_cast<std::size_t>(op.inputs[k])].is_constant) continue;
      const Elements& places = state(op.inputs[k]).changed.places;
      kernel.run_elements(call, places);
      for (const std::uint32_t place : places)
        if (now[place] != before[place] && !(k == 1 && differs_at(op.inputs[0], place)))
          changed.add(place, static_cast<std::uint8_t>(now[place]));
    }
    return true;
  }
  // Precondition: the tensor is written down as a whole, or golden.
  bool differs_at(int tensor, std::uint32_t place) {
    const std::size_t bytes = element_bytes(tensor);
    if (model.tensors[static_cast<std::size_t>(tensor)].is_constant) return false;
    return std::memcmp(values(tensor).data() + place * bytes,
                       golden->tensor(tensor, image).data() + place * bytes, bytes) != 0;
  }

  void run_whole(std::size_t index) {
    const Kernel* changed = constants->m_operators.find(index);
    const Kernel& kernel = changed != nullptr ? *changed : program.kernel(index);
    const KernelCall call = call_of(index);
    kernel.run(call);
    for_faults(Stage::accumulator, index, [&](const DataFault& fault) {
      kernel.store_accumulator(call, fault.element, fault.read(kernel.accumulator(call, fault.element)));
    });
    compare(model.operators[index]);
  }

  void compare(const Operator& op) {
    for (const int tensor : op.outputs) {
      touched.push_back(tensor);
      state(tensor).is_whole = true;
      constexpr std::size_t k_piece = 1024;
      const auto whole = memory(tensor);
      find_differences(whole, golden->tensor(tensor, image), element_bytes(tensor),
                       state(tensor).changed.places, 0, whole.size(), k_piece);
    }
  }

  void step(std::size_t index) {
    read_own_inputs(index);
    const IncrementalLayer* layer = propagation.m_layers[index].get();
    if (layer != nullptr && constants->m_operators.find(index) == nullptr) run_layer(index, *layer);
    else if (!run_places(index)) run_whole(index);
    for_faults(Stage::output, index, [&](const DataFault& fault) { fault_stored(fault); });
  }
};

Propagator::Propagator(const Propagation& propagation) : m_state(std::make_unique<State>(propagation)) {}
Propagator::~Propagator() = default;

PropagationOutcome Propagator::run(const GoldenActivations& golden, std::size_t image,
                                   const PreparedConstants& constants, std::span<const DataFault> data,
                                   bool stop_when_equal) {
  State& state = *m_state;
  state.reset();
  state.golden = &golden;
  state.image = image;
  state.constants = &constants;
  state.data = data;
  PropagationOutcome outcome;
  state.find_faults();
  for (const DataFault& fault : data)
    if (fault.stage == Stage::network_input) state.fault_stored(fault);
  const bool is_input_golden =
      std::ranges::none_of(state.touched, [&](int tensor) { return state.state(tensor).differs(); });
  if (is_input_golden) outcome.equal_after = -1;
  const auto last = std::find(state.has_fault.rbegin(), state.has_fault.rend(), true);
  const auto behind_faults = static_cast<std::size_t>(state.has_fault.rend() - last);
  bool has_begun = !state.touched.empty();
  for (std::size_t i = 0; i < state.model.operators.size(); ++i) {
    if (state.program.is_folded(i)) continue;
    const bool is_reached = state.has_changed_input(state.model.operators[i]) || state.has_fault[i];
    has_begun = has_begun || is_reached;
    if (is_reached || (has_begun && !stop_when_equal)) state.step(i);
    if (is_reached) {
      outcome.equal_after.reset();
      if (state.is_golden_after(i)) outcome.equal_after = static_cast<int>(i);
    }
    if (stop_when_equal && outcome.equal_after && i + 1 >= behind_faults) break;
  }
  return outcome;
}

void run_with_faults(const Program& program, Batch& batch, std::size_t first,
                     const ChangedOperators& operators, std::span<const DataFault> data) {
  const Model& model = program.model();
  const auto for_values = [&](Stage stage, std::size_t index, const auto& use) {
    for (const DataFault& fault : data)
      if (fault.stage == stage && (stage == Stage::network_input || fault.operator_index == index))
        for (std::size_t image = 0; image < batch.images(); ++image) use(fault, image);
  };
  const auto value_of = [&](const DataFault& fault, std::size_t image) {
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(fault.tensor)];
    const std::size_t bytes = size_of(tensor.type);
    return batch.tensor(fault.tensor).subspan(image * tensor.bytes() + fault.element * bytes, bytes);
  };
  const auto read_faultily = [&](const DataFault& fault, std::size_t image) {
    const auto value = value_of(fault, image);
    const std::uint32_t bits = fault.read(bits_at(value, 0, value.size()));
    std::memcpy(value.data(), &bits, value.size());
  };
  if (first == 0) for_values(Stage::network_input, 0, read_faultily);
  for (std::size_t i = first; i < model.operators.size(); ++i) {
    std::vector<std::pair<std::span<std::byte>, std::uint32_t>> right;  // what other operators read
    for_values(Stage::operator_input, i, [&](const DataFault& fault, std::size_t image) {
      const auto value = value_of(fault, image);
      right.emplace_back(value, bits_at(value, 0, value.size()));
      read_faultily(fault, image);
    });
    program.run(batch, i, i + 1, nullptr, &operators);
    for_values(Stage::accumulator, i, [&](const DataFault& fault, std::size_t image) {
      program.fault_accumulator(batch, image, i, fault.element, fault.read, &operators);
    });
    for_values(Stage::output, i, read_faultily);
    for (auto value = right.rbegin(); value != right.rend(); ++value)
      std::memcpy(value->first.data(), &value->second, value->first.size());
  }
}

std::span<const std::byte> Propagator::tensor(int index) { return m_state->values(index); }

}  // namespace qfi

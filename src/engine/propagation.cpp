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

// Places where two tensors of one image differ.
void find_differences(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t bytes,
                      Elements& places) {
  constexpr std::size_t k_chunk = 64;
  for (std::size_t at = 0; at < a.size(); at += k_chunk) {
    const std::size_t size = std::min(k_chunk, a.size() - at);
    if (std::memcmp(a.data() + at, b.data() + at, size) == 0) continue;
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

Propagation::Propagation(Propagation&&) noexcept = default;
Propagation::~Propagation() = default;

Propagation::Propagation(const Program& program) : m_program(program) {
  const Model& model = program.model();
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    m_layers.push_back(program.multiplies_weights(i)
                           ? std::make_unique<IncrementalLayer>(*program.kernel(i).multiply_accumulate())
                           : nullptr);
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
      if (m_program.is_folded(i)) continue;
      if (m_layers[i] == nullptr) needs_operators = true;
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
    buffers.resize(model.tensors.size());
    changed.resize(model.tensors.size());
  }

  const Propagation& propagation;
  const Program& program;
  const Model& model;
  std::vector<std::vector<std::byte>> buffers;  ///< of tensors that differ
  std::vector<Elements> changed;                ///< of each tensor; empty: golden
  std::vector<int> touched;                     ///< tensors whose `changed` may not be empty
  std::vector<std::byte> scratch;
  IncrementalLayer::Scratch layer_scratch;
  std::vector<std::int32_t> sums;
  // Of the run at hand:
  const GoldenActivations* golden = nullptr;
  std::size_t image = 0;
  const PreparedConstants* constants = nullptr;
  std::span<const DataFault> data;
  std::vector<bool> has_fault;  ///< by operator
  // What the operator at hand reads instead of its inputs.
  struct FaultyInput {
    int tensor = k_no_tensor;
    std::vector<std::byte> values;
    Elements changed;
  };
  std::vector<FaultyInput> own_inputs;

  std::size_t element_bytes(int tensor) const {
    return size_of(model.tensors[static_cast<std::size_t>(tensor)].type);
  }
  Elements& places(int tensor) { return changed[static_cast<std::size_t>(tensor)]; }
  std::span<std::byte> buffer(int tensor) {
    auto& memory = buffers[static_cast<std::size_t>(tensor)];
    if (memory.empty()) memory.resize(model.tensors[static_cast<std::size_t>(tensor)].bytes());
    return memory;
  }
  std::span<const std::byte> values(int tensor) const {
    const auto t = static_cast<std::size_t>(tensor);
    return changed[t].empty() ? golden->tensor(tensor, image) : std::span<const std::byte>(buffers[t]);
  }
  // The tensor's buffer, golden where it did not differ yet.
  std::span<std::byte> writable(int tensor) {
    const auto memory = buffer(tensor);
    if (places(tensor).empty()) {
      const auto from = golden->tensor(tensor, image);
      std::memcpy(memory.data(), from.data(), from.size());
      touched.push_back(tensor);
    }
    return memory;
  }

  void reset() {
    for (const int tensor : touched) places(tensor).clear();
    touched.clear();
  }

  // Reads a value faultily, in memory that holds the tensor, and keeps the list of places right.
  void fault_value(const DataFault& fault, std::span<std::byte> memory, Elements& list) const {
    const std::size_t bytes = element_bytes(fault.tensor);
    const std::uint32_t bits = fault.read(bits_at(memory, fault.element, bytes));
    std::memcpy(memory.data() + fault.element * bytes, &bits, bytes);
    const bool differs =
        std::memcmp(memory.data() + fault.element * bytes,
                    golden->tensor(fault.tensor, image).data() + fault.element * bytes, bytes) != 0;
    const auto known = std::ranges::find(list, static_cast<std::uint32_t>(fault.element));
    if (differs && known == list.end()) list.push_back(static_cast<std::uint32_t>(fault.element));
    if (!differs && known != list.end()) list.erase(known);
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
                               [&](int tensor) { return tensor != k_no_tensor && !places(tensor).empty(); });
  }
  bool is_golden_after(std::size_t index) {
    return std::ranges::none_of(touched, [&](int tensor) {
      return !places(tensor).empty() && propagation.m_last_use[static_cast<std::size_t>(tensor)] > index;
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
            FaultyInput{fault.tensor, {now.begin(), now.end()}, places(fault.tensor)});
      }
      fault_value(fault, own->values, own->changed);
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
  const Elements& changed_in(int tensor) {
    const FaultyInput* own = find_own(tensor);
    return own == nullptr ? places(tensor) : own->changed;
  }

  KernelCall call_of(std::size_t index) {
    KernelCall call = make_call(
        model, index, 1, [&](int tensor) { return input(tensor).data(); },
        [&](int tensor) { return buffer(tensor).data(); });
    call.scratch = &scratch;
    return call;
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
    const auto* x = reinterpret_cast<const std::uint8_t*>(input(in).data());
    const Elements& changed_inputs = changed_in(in);
    if (layer.pays(changed_inputs.size())) {
      const IncrementalLayer::Golden from{
          reinterpret_cast<const std::uint8_t*>(golden->tensor(in, image).data()),
          golden->accumulators(index, image)};
      auto* y = reinterpret_cast<std::uint8_t*>(writable(out).data());
      layer.update(faults, from, x, changed_inputs, y, places(out), layer_scratch);
      return;
    }
    KernelCall call = call_of(index);
    if (!faults.empty()) {
      sums.resize(std::max(sums.size(), model.tensors[static_cast<std::size_t>(out)].elements()));
      call.accumulators = sums.data();
    }
    program.kernel(index).run(call);
    if (!faults.empty()) {
      Elements ignored;  // compared with the golden output below
      layer.update(faults, {x, sums.data()}, x, {}, call.out<std::uint8_t>(0), ignored, layer_scratch);
    }
    compare(op);
  }

  void run_whole(std::size_t index) {
    const Kernel* faulty = constants->m_operators.find(index);
    const Kernel& kernel = faulty != nullptr ? *faulty : program.kernel(index);
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
      find_differences(buffer(tensor), golden->tensor(tensor, image), element_bytes(tensor), places(tensor));
    }
  }

  void step(std::size_t index) {
    read_own_inputs(index);
    const IncrementalLayer* layer = propagation.m_layers[index].get();
    if (layer != nullptr && constants->m_operators.find(index) == nullptr) run_layer(index, *layer);
    else run_whole(index);
    for_faults(Stage::output, index, [&](const DataFault& fault) {
      fault_value(fault, writable(fault.tensor), places(fault.tensor));
    });
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
    if (fault.stage == Stage::network_input)
      state.fault_value(fault, state.writable(fault.tensor), state.places(fault.tensor));
  const bool is_input_golden =
      std::ranges::all_of(state.touched, [&](int tensor) { return state.places(tensor).empty(); });
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
                     const FaultyOperators& operators, std::span<const DataFault> data) {
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

std::span<const std::byte> Propagator::tensor(int index) const { return m_state->values(index); }
bool Propagator::differs(int index) const {
  return !m_state->changed[static_cast<std::size_t>(index)].empty();
}

}  // namespace qfi

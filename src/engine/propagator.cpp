// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "block_tensors.hpp"
#include "kernel.hpp"
#include "layer_faults.hpp"
#include "qfi/engine/propagation.hpp"

namespace qfi {

struct Propagator::State {
  explicit State(const Propagation& made_ready)
      : propagation(made_ready), program(made_ready.program()), model(program.model()), tensors(model) {
    faulty.resize(model.operators.size());
    changed.resize(model.operators.size());
  }

  const Propagation& propagation;
  const Program& program;
  const Model& model;
  BlockTensors tensors;
  std::vector<std::byte> scratch;
  ChangedLayer::Scratch layer_scratch;
  std::vector<std::int32_t> sums;
  std::vector<std::uint64_t> reached;
  KernelCall call;
  std::vector<BlockTensors::SavedPixel> own_inputs;  ///< what the operator at hand alone reads faultily
  // The run at hand:
  std::span<const PropagatedFault> faults;
  std::size_t images = 0;              ///< of each fault
  std::vector<InferenceMask> faulty;   ///< by operator: those with a fault in it or in what it reads
  std::vector<InferenceMask> changed;  ///< by operator: those with changed constants
  std::vector<std::size_t> faulty_operators;
  std::vector<std::optional<int>> equal_after;

  const PropagatedFault& fault_of(std::size_t k) const { return faults[k / images]; }
  InferenceMask inferences_of(std::size_t fault) const { return first_bits(images) << (fault * images); }
  const Tensor& tensor_of(int tensor) const { return model.tensors[static_cast<std::size_t>(tensor)]; }

  // The operator's kernel where its constants are changed in such a way that it has one of its own.
  const Kernel* own_kernel(std::size_t index, std::size_t k) const {
    return has_bit(changed[index], k) ? fault_of(k).constants.m_operators.find(index) : nullptr;
  }
  const LayerFaults* layer_faults(std::size_t index, std::size_t k) const {
    if (!has_bit(changed[index], k)) return nullptr;
    const auto& layers = *fault_of(k).constants.m_layers;
    const auto found = layers.find(index);
    return found == layers.end() ? nullptr : &found->second;
  }

  const std::int32_t* accumulators(std::size_t index, std::size_t k) const {
    return tensors.golden().accumulators(index, tensors.golden_image(k));
  }

  // A call of the operator on inferences side by side, which have its constants in common, in memory that is
  // used again and again.
  const KernelCall& call_on(std::size_t index, std::size_t first, std::size_t count) {
    const Operator& op = model.operators[index];
    const bool is_own = own_kernel(index, first) != nullptr;
    call.images = count;
    call.inputs.clear();
    call.input_strides.clear();
    call.outputs.clear();
    call.output_strides.clear();
    for (const int input : op.inputs) {
      const bool is_missing = input == k_no_tensor;
      const bool is_constant = is_missing || tensor_of(input).is_constant;
      const std::byte* faulty_constant =
          is_own && !is_missing ? fault_of(first).constants.m_operators.constant(input) : nullptr;
      call.inputs.push_back(faulty_constant != nullptr ? faulty_constant
                            : is_missing               ? nullptr
                            : is_constant              ? tensor_of(input).data.data()
                                                       : tensors.values(input, first, count));
      call.input_strides.push_back(is_constant ? 0 : tensors.bytes(input));
    }
    for (const int output : op.outputs) {
      call.outputs.push_back(tensors.whole_image(output, first));
      call.output_strides.push_back(tensors.bytes(output));
    }
    call.accumulators = nullptr;
    call.scratch = &scratch;
    return call;
  }

  // use(fault of the data, inference, image of the fault)
  template <class Use>
  void for_data(Stage stage, std::size_t index, const Use& use) const {
    if (stage != Stage::network_input && faulty[index] == 0) return;
    for (std::size_t f = 0; f < faults.size(); ++f)
      for (const DataFault& fault : faults[f].data) {
        if (fault.stage != stage || (stage != Stage::network_input && fault.operator_index != index))
          continue;
        for (std::size_t image = 0; image < images; ++image) use(fault, f * images + image, image);
      }
  }

  void find_faults() {
    for (const std::size_t index : faulty_operators) faulty[index] = changed[index] = 0;
    faulty_operators.clear();
    const auto add = [&](std::size_t index, InferenceMask mask) {
      faulty[index] |= mask;
      faulty_operators.push_back(index);
    };
    for (std::size_t f = 0; f < faults.size(); ++f) {
      const InferenceMask mask = inferences_of(f);
      const auto add_changed = [&](std::size_t index) {
        changed[index] |= mask;
        add(index, mask);
      };
      for (const auto& [index, layer] : *faults[f].constants.m_layers) add_changed(index);
      for (const auto& [index, kernel] : faults[f].constants.m_operators.kernels()) add_changed(index);
      for (const DataFault& fault : faults[f].data)
        if (fault.stage != Stage::network_input) add(fault.operator_index, mask);
    }
  }

  // Inferences of which an input of the operator differs.
  InferenceMask changed_inputs(const Operator& op) const {
    InferenceMask result = 0;
    for (const int tensor : op.inputs)
      if (tensor != k_no_tensor) result |= tensors.differs(tensor);
    return result;
  }
  // Inferences of which something differs that an operator behind `index` reads.
  InferenceMask alive_after(std::size_t index) const {
    InferenceMask result = 0;
    for (const int tensor : tensors.touched())
      if (propagation.m_last_use[static_cast<std::size_t>(tensor)] > index) result |= tensors.differs(tensor);
    return result;
  }

  void fault_value(const DataFault& fault, std::size_t k, std::size_t image) {
    const PixelGrid& grid = tensors.grid(fault.tensor);
    const std::size_t pixel = fault.element / grid.channels;
    const std::size_t channel = fault.element % grid.channels;
    const std::size_t bytes = grid.pixel_bytes / grid.channels;
    std::byte* value = tensors.writable_pixel(fault.tensor, k, pixel) + channel * bytes;
    std::uint32_t bits = 0;
    std::memcpy(&bits, value, bytes);
    bits = fault.read(bits, image);
    std::memcpy(value, &bits, bytes);
    tensors.end_pixel(fault.tensor, k, pixel, channel);
  }

  // What changed weights and biases add to one accumulator.
  std::uint32_t added_by_faults(std::size_t index, std::size_t k, std::size_t element,
                                const std::byte* input) {
    const LayerFaults* layer_faults = this->layer_faults(index, k);
    if (layer_faults == nullptr) return 0;
    const ChangedLayer& layer = *propagation.m_layers[index];
    const auto out_c = static_cast<std::size_t>(layer.op().shape.out_c);
    const std::size_t pixels = layer.op().shape.out_pixels();
    for (const LayerFaults::Channel& channel : layer_faults->channels) {
      if (channel.channel != element % out_c) continue;
      layer.add_channel(channel, reinterpret_cast<const std::uint8_t*>(input), element / out_c / pixels,
                        layer_scratch.added);
      return layer_scratch.added[element / out_c % pixels];
    }
    return 0;
  }

  void fault_accumulator(std::size_t index, const DataFault& fault, std::size_t k, std::size_t image) {
    const Operator& op = model.operators[index];
    const int out = op.outputs[0];
    const PixelGrid& grid = tensors.grid(out);
    const auto element = static_cast<std::size_t>(fault.element);
    tensors.writable_pixel(out, k, element / grid.channels);
    const KernelCall& on_image = call_on(index, k, 1);
    const ChangedLayer* layer = propagation.m_layers[index].get();
    const Kernel* own = own_kernel(index, k);
    const Kernel& kernel = own != nullptr ? *own : program.kernel(index);
    std::uint32_t bits = 0;
    if (layer == nullptr || own != nullptr) {
      bits = kernel.accumulator(on_image, element);
    } else {
      const int in = op.inputs[layer->op().data_input];
      bits = tensors.differs(in, k) ? kernel.accumulator(on_image, element)
                                    : static_cast<std::uint32_t>(accumulators(index, k)[element]);
      bits += added_by_faults(index, k, element, on_image.inputs[layer->op().data_input]);
    }
    kernel.store_accumulator(on_image, element, fault.read(bits, image));
    tensors.end_pixel(out, k, element / grid.channels, element % grid.channels);
  }

  // Inferences side by side, which have the operator's constants in common.
  void run_stretch(std::size_t index, const Kernel& kernel, std::size_t first, std::size_t count) {
    kernel.run(call_on(index, first, count));
    for (const int tensor : model.operators[index].outputs)
      for (std::size_t k = first; k < first + count; ++k) tensors.end_whole_image(tensor, k);
  }

  // Precondition: none of them has an own kernel of the operator.
  void run_whole(std::size_t index, InferenceMask mask) {
    for_each_stretch(mask, [&](std::size_t first, std::size_t count) {
      run_stretch(index, program.kernel(index), first, count);
    });
  }

  void run_own_kernels(std::size_t index, InferenceMask mask) {
    for (std::size_t f = 0; f < faults.size(); ++f)
      for_each_stretch(mask & inferences_of(f), [&](std::size_t first, std::size_t count) {
        run_stretch(index, *own_kernel(index, first), first, count);
      });
  }

  // A layer with changed constants, on an input that differs too.
  void run_faulty_image(std::size_t index, const LayerFaults& layer_faults, std::size_t k) {
    const ChangedLayer& layer = *propagation.m_layers[index];
    const ConvolutionShape& s = layer.op().shape;
    const auto out_c = static_cast<std::size_t>(s.out_c);
    const int out = model.operators[index].outputs[0];
    call_on(index, k, 1);
    sums.resize(std::max(sums.size(), tensor_of(out).elements()));
    call.accumulators = sums.data();
    program.kernel(index).run(call);
    const auto* input = reinterpret_cast<const std::uint8_t*>(call.inputs[layer.op().data_input]);
    std::byte* output = tensors.whole_image(out, k);
    for (const LayerFaults::Channel& channel : layer_faults.channels)
      for (std::size_t plane = 0; plane < static_cast<std::size_t>(s.planes); ++plane) {
        layer.add_channel(channel, input, plane, layer_scratch.added);
        for (std::size_t i = 0; i < s.out_pixels(); ++i) {
          const std::size_t element = plane * s.out_plane() + i * out_c + channel.channel;
          const auto sum = static_cast<std::uint32_t>(sums[element]) + layer_scratch.added[i];
          output[element] =
              static_cast<std::byte>(layer.op().requantizer(static_cast<std::int32_t>(sum), channel.channel));
        }
      }
    tensors.end_whole_image(out, k);
  }

  // A layer with changed constants.
  void run_layer_faults(std::size_t index, const ChangedLayer& layer, InferenceMask mask) {
    const Operator& op = model.operators[index];
    const int in = op.inputs[layer.op().data_input];
    const int out = op.outputs[0];
    for_each_inference(mask, [&](std::size_t k) {
      const LayerFaults& layer_faults = *this->layer_faults(index, k);
      if (tensors.differs(in, k)) return run_faulty_image(index, layer_faults, k);
      const auto* input = reinterpret_cast<const std::uint8_t*>(tensors.golden_values(in, k));
      layer.run_faults(layer_faults, input, accumulators(index, k), tensors.begin_image(out, k),
                       layer_scratch);
      tensors.end_image(out, k);
    });
  }

  // A layer on changed inputs. Those in `apart` are computed already.
  void run_layer(std::size_t index, const ChangedLayer& layer, InferenceMask mask, InferenceMask apart) {
    const Operator& op = model.operators[index];
    const int in = op.inputs[layer.op().data_input];
    const int out = op.outputs[0];
    LayerPlan& plan = layer_scratch.plan;
    layer.begin_plan(tensors.inferences(), layer_scratch);
    for_each_inference(apart, [&](std::size_t k) { plan.inferences[k].is_apart = true; });
    for_each_inference(mask,
                       [&](std::size_t k) { layer.plan(k, tensors.changed_image(in, k), layer_scratch); });
    plan.choose_ways(layer.prices());
    InferenceMask whole = 0;
    InferenceMask begun = 0;
    for (std::size_t k = 0; k < tensors.inferences(); ++k) {
      const LayerPlan::Way way = plan.inferences[k].way;
      if (way == LayerPlan::Way::whole) whole |= bit_of(k);
      if (way != LayerPlan::Way::changes && way != LayerPlan::Way::listed) continue;
      tensors.begin_image(out, k);
      begun |= bit_of(k);
    }
    if (begun != 0) {
      const ChangedLayer::Images images_of_layer{[&](std::size_t k) { return tensors.changed_image(in, k); },
                                                 [&](std::size_t k) { return tensors.changed_image(out, k); },
                                                 [&](std::size_t k) { return accumulators(index, k); }};
      layer.run_changes(images_of_layer, layer_scratch);
      layer.run_listed(images_of_layer, layer_scratch);
      for_each_inference(begun, [&](std::size_t k) { tensors.end_image(out, k); });
    }
    run_whole(index, whole);
  }

  // Outputs that each depend on inputs at the same place, only where those differ. False: they do not.
  bool run_places(std::size_t index, InferenceMask mask) {
    const Operator& op = model.operators[index];
    const Kernel& kernel = program.kernel(index);
    if (!kernel.is_elementwise()) return false;
    const int out = op.outputs[0];
    const PixelGrid& grid = tensors.grid(out);
    for (const int input : op.inputs) {
      const PixelGrid& of_input = tensors.grid(input);
      if (!tensor_of(input).is_constant && (of_input.rows != grid.rows || of_input.columns != grid.columns ||
                                            of_input.channels != grid.channels))
        return false;
    }
    for_each_inference(mask, [&](std::size_t k) {
      ChannelRange channels;
      reached.assign(grid.map_words(), 0);
      for (const int input : op.inputs) {
        if (tensor_of(input).is_constant || !tensors.differs(input, k)) continue;
        const ChangedImage changed_input = tensors.changed_image(input, k);
        for (std::size_t i = 0; i < reached.size(); ++i) reached[i] |= changed_input.bits[i];
        channels.add(changed_input.channels->first, changed_input.channels->end);
      }
      const ChangedImage output = tensors.begin_image(out, k);
      call_on(index, k, 1);
      for (std::size_t row = 0; row < grid.rows; ++row)
        run_row(kernel, grid, row, std::span(reached).subspan(row * grid.row_words, grid.row_words), output,
                channels);
      tensors.end_image(out, k);
    });
    return true;
  }

  // From the first to the last of a row's pixels: the one channel that differs, or all of them.
  void run_row(const Kernel& kernel, const PixelGrid& grid, std::size_t row, ConstPixelBits bits,
               const ChangedImage& output, const ChannelRange& channels) {
    std::size_t first = grid.columns;
    std::size_t end = 0;
    for (std::size_t word = 0; word < bits.size(); ++word) {
      if (bits[word] == 0) continue;
      first = std::min(first, word * 64 + static_cast<std::size_t>(std::countr_zero(bits[word])));
      end = word * 64 + 64 - static_cast<std::size_t>(std::countl_zero(bits[word]));
    }
    if (first >= end) return;
    const std::size_t place = row * grid.columns + first;
    const std::size_t of_channel = grid.pixel_bytes / grid.channels;
    std::byte* now = output.now + place * grid.pixel_bytes;
    const std::byte* golden = output.golden + place * grid.pixel_bytes;
    const bool is_one = channels.end - channels.first == 1 && grid.channels > 1;
    if (is_one) {
      std::memcpy(now, golden, (end - first) * grid.pixel_bytes);
      kernel.run_range(call, place * grid.channels + channels.first, end - first, grid.channels);
    } else {
      kernel.run_range(call, place * grid.channels, (end - first) * grid.channels, 1);
    }
    const std::size_t skipped = is_one ? channels.first * of_channel : 0;
    const std::size_t bytes = is_one ? of_channel : grid.pixel_bytes;
    bool differs = false;
    for (std::size_t column = first; column < end;
         ++column, now += grid.pixel_bytes, golden += grid.pixel_bytes) {
      if (std::memcmp(now + skipped, golden + skipped, bytes) == 0) continue;
      set_pixel(grid, output.bits, row, column);
      differs = true;
    }
    if (differs) output.channels->add(channels.first, channels.end);
  }

  // Outputs of windows, only where those meet what differs. False: there are none.
  bool run_windows(std::size_t index, InferenceMask mask) {
    const WindowReach* window = propagation.m_windows[index].get();
    if (window == nullptr) return false;
    const int in = model.operators[index].inputs[0];
    const int out = model.operators[index].outputs[0];
    const PixelGrid& grid = tensors.grid(out);
    const Kernel& kernel = program.kernel(index);
    for_each_inference(mask, [&](std::size_t k) {
      const ChangedImage input = tensors.changed_image(in, k);
      reached.assign(grid.map_words(), 0);
      window->add(tensors.grid(in), input.bits, reached);
      const ChannelRange channels = *input.channels;
      const ChangedImage output = tensors.begin_image(out, k);
      call_on(index, k, 1);
      run_pixels(grid, output, channels, [&](std::size_t row, std::size_t column) {
        kernel.run_pixel(call, row, column, channels.first, channels.end);
      });
      tensors.end_image(out, k);
    });
    return true;
  }

  // `run` writes these channels of a pixel that is golden so far.
  template <class Run>
  void run_pixels(const PixelGrid& grid, const ChangedImage& output, const ChannelRange& channels,
                  const Run& run) {
    const std::size_t of_channel = grid.pixel_bytes / grid.channels;
    const std::size_t first = channels.first * of_channel;
    const std::size_t bytes = (channels.end - channels.first) * of_channel;
    for_each_pixel(grid, reached, [&](std::size_t row, std::size_t column) {
      const std::size_t place = (row * grid.columns + column) * grid.pixel_bytes;
      if (bytes < grid.pixel_bytes) std::memcpy(output.now + place, output.golden + place, grid.pixel_bytes);
      run(row, column);
      if (std::memcmp(output.now + place + first, output.golden + place + first, bytes) == 0) return;
      set_pixel(grid, output.bits, row, column);
      output.channels->add(channels.first, channels.end);
    });
  }

  void fault_own_inputs(std::size_t index) {
    own_inputs.clear();
    for_data(Stage::operator_input, index, [&](const DataFault& fault, std::size_t k, std::size_t image) {
      const std::size_t pixel = fault.element / tensors.grid(fault.tensor).channels;
      own_inputs.push_back(tensors.save_pixel(fault.tensor, k, pixel));
      fault_value(fault, k, image);
    });
  }
  void undo_own_inputs() {
    for (auto own = own_inputs.rbegin(); own != own_inputs.rend(); ++own) tensors.restore_pixel(*own);
  }

  void step(std::size_t index) {
    fault_own_inputs(index);
    const InferenceMask differing = changed_inputs(model.operators[index]);
    InferenceMask own = 0;
    for_each_inference(changed[index], [&](std::size_t k) {
      if (own_kernel(index, k) != nullptr) own |= bit_of(k);
    });
    run_own_kernels(index, own);
    if (const ChangedLayer* layer = propagation.m_layers[index].get()) {
      run_layer_faults(index, *layer, changed[index] & ~own);
      run_layer(index, *layer, differing & ~changed[index], changed[index]);
    } else if (!run_places(index, differing & ~own) && !run_windows(index, differing & ~own)) {
      run_whole(index, differing & ~own);
    }
    for_data(Stage::accumulator, index, [&](const DataFault& fault, std::size_t k, std::size_t image) {
      fault_accumulator(index, fault, k, image);
    });
    undo_own_inputs();
    for_data(Stage::output, index,
             [&](const DataFault& fault, std::size_t k, std::size_t image) { fault_value(fault, k, image); });
  }

  void run(bool stop_when_equal) {
    find_faults();
    InferenceMask has_begun = 0;
    for_data(Stage::network_input, 0, [&](const DataFault& fault, std::size_t k, std::size_t image) {
      fault_value(fault, k, image);
      has_begun |= bit_of(k);
    });
    InferenceMask alive = 0;
    for (const int tensor : tensors.touched()) alive |= tensors.differs(tensor);
    equal_after.assign(tensors.inferences(), -1);
    for_each_inference(alive, [&](std::size_t k) { equal_after[k].reset(); });
    std::size_t behind_faults = 0;
    for (const std::size_t index : faulty_operators) behind_faults = std::max(behind_faults, index + 1);
    for (std::size_t i = 0; i < model.operators.size(); ++i) {
      if (stop_when_equal && alive == 0 && i >= behind_faults) break;
      if (program.is_folded(i)) continue;
      const InferenceMask is_reached = faulty[i] | changed_inputs(model.operators[i]);
      has_begun |= is_reached;
      if (is_reached != 0) step(i);
      if (!stop_when_equal) run_whole(i, has_begun & ~is_reached);
      if (is_reached == 0) continue;
      alive = alive_after(i);
      for_each_inference(is_reached, [&](std::size_t k) {
        equal_after[k] = has_bit(alive, k) ? std::nullopt : std::optional(static_cast<int>(i));
      });
    }
  }
};

Propagator::Propagator(const Propagation& propagation) : m_state(std::make_unique<State>(propagation)) {}
Propagator::~Propagator() = default;

void Propagator::run(const GoldenActivations& golden, std::size_t first, std::size_t count,
                     std::span<const PropagatedFault> faults, bool stop_when_equal) {
  assert(count > 0 && faults.size() * count <= k_most_inferences);
  m_state->tensors.begin(golden, first, count, faults.size() * count);
  m_state->faults = faults;
  m_state->images = count;
  m_state->run(stop_when_equal);
}

std::optional<int> Propagator::equal_after(std::size_t k) const { return m_state->equal_after[k]; }

std::span<const std::byte> Propagator::tensor(int index, std::size_t k) {
  return {m_state->tensors.values(index, k), m_state->tensors.bytes(index)};
}

}  // namespace qfi

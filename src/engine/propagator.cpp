// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>

#include "changed_layer.hpp"
#include "kernel.hpp"
#include "layer_faults.hpp"
#include "qfi/engine/propagation.hpp"

namespace qfi {
namespace {

/// Images of a block, a bit for each.
using ImageMask = std::uint64_t;

ImageMask first_images(std::size_t count) {
  return count == 64 ? ~ImageMask{0} : (ImageMask{1} << count) - 1;
}

template <class Use>
void for_each_image(ImageMask images, const Use& use) {
  for (; images != 0; images &= images - 1) use(static_cast<std::size_t>(std::countr_zero(images)));
}

/// use(first, count) for images that stand side by side.
template <class Use>
void for_each_stretch(ImageMask images, const Use& use) {
  while (images != 0) {
    const auto first = static_cast<std::size_t>(std::countr_zero(images));
    const auto count = static_cast<std::size_t>(std::countr_one(images >> first));
    use(first, count);
    images &= ~(first_images(count) << first);
  }
}

}  // namespace

struct Propagator::State {
  // The images of a tensor as they are now. One that does not differ is the golden one, whatever stands here.
  struct BlockTensor {
    explicit BlockTensor(const Tensor& tensor) : grid(tensor), bytes(tensor.bytes()) {}
    PixelGrid grid;
    std::size_t bytes;  ///< of an image
    std::vector<std::byte> now;
    std::vector<std::uint64_t> bits;  ///< pixels that are not golden in `now`
    std::vector<ChannelRange> channels;
    ImageMask differs = 0;      ///< in the run at hand
    ImageMask is_stale = 0;     ///< bits are those of an earlier run
    ImageMask is_complete = 0;  ///< pixels without a bit are golden in `now`; else they mean nothing
    bool is_used = false;       ///< in this block
  };

  explicit State(const Propagation& made_ready)
      : propagation(made_ready), program(made_ready.program()), model(program.model()) {
    for (const Tensor& tensor : model.tensors) tensors.emplace_back(tensor);
    has_fault.resize(model.operators.size());
  }

  const Propagation& propagation;
  const Program& program;
  const Model& model;
  std::vector<BlockTensor> tensors;
  std::vector<int> used;     ///< tensors with memory of this block
  std::vector<int> touched;  ///< tensors that differ in some image of the run
  std::vector<std::byte> scratch;
  ChangedLayer::Scratch layer_scratch;
  std::vector<std::int32_t> sums;
  std::vector<std::uint64_t> reached;
  KernelCall call;
  std::vector<char> has_fault;  ///< by operator
  std::vector<std::size_t> faulty_operators;
  std::vector<std::optional<int>> equal_after;
  // The run at hand:
  const GoldenActivations* golden = nullptr;
  std::uint64_t golden_version = 0;  ///< 0: of none
  std::size_t first_image = 0;
  std::size_t images = 0;
  const PreparedConstants* constants = nullptr;
  std::span<const DataFault> data;

  BlockTensor& at(int tensor) { return tensors[static_cast<std::size_t>(tensor)]; }
  const Tensor& tensor_of(int tensor) const { return model.tensors[static_cast<std::size_t>(tensor)]; }
  static bool is_in(ImageMask mask, std::size_t k) { return (mask >> k & 1U) != 0; }

  const std::byte* golden_values(int tensor, std::size_t k) const {
    return golden->tensor(tensor, first_image + k).data();
  }
  static PixelBits bits_of(BlockTensor& tensor, std::size_t k) {
    return std::span(tensor.bits).subspan(k * tensor.grid.map_words(), tensor.grid.map_words());
  }
  static std::byte* now_of(BlockTensor& tensor, std::size_t k) {
    return tensor.now.data() + k * tensor.bytes;
  }

  void begin(const GoldenActivations& from, std::size_t first, std::size_t count) {
    const bool is_same_block = golden_version == from.version() && first_image == first && images == count;
    for (const int tensor : touched) {
      at(tensor).is_stale |= at(tensor).differs;
      at(tensor).differs = 0;
    }
    touched.clear();
    golden = &from;
    if (is_same_block) return;
    for (const int tensor : used) {
      BlockTensor& now = at(tensor);
      std::ranges::fill(now.bits, 0);
      now.is_stale = now.is_complete = 0;
      now.is_used = false;
    }
    used.clear();
    golden_version = from.version();
    first_image = first;
    images = count;
  }

  BlockTensor& prepared(int tensor) {
    BlockTensor& now = at(tensor);
    if (now.channels.size() < images) {
      now.now.resize(images * now.bytes);
      now.bits.resize(images * now.grid.map_words());
      now.channels.resize(images);
    }
    if (!now.is_used) used.push_back(tensor);
    now.is_used = true;
    return now;
  }

  ChangedImage changed_image(int tensor, std::size_t k) {
    BlockTensor& now = at(tensor);
    return {golden_values(tensor, k), now_of(now, k), bits_of(now, k), &now.channels[k]};
  }

  void copy_pixels(int tensor, std::size_t k, bool that_differ) {
    BlockTensor& now = at(tensor);
    const std::byte* from = golden_values(tensor, k);
    std::byte* to = now_of(now, k);
    const PixelBits bits = bits_of(now, k);
    const auto copy = [&](std::size_t row, std::size_t column) {
      const std::size_t place = (row * now.grid.columns + column) * now.grid.pixel_bytes;
      std::memcpy(to + place, from + place, now.grid.pixel_bytes);
    };
    if (that_differ) return for_each_pixel(now.grid, bits, copy);
    for (std::size_t row = 0; row < now.grid.rows; ++row)
      for (std::size_t column = 0; column < now.grid.columns; ++column)
        if (!has_pixel(now.grid, bits, row, column)) copy(row, column);
  }

  // Forgets what an earlier run left.
  void clean(int tensor, std::size_t k) {
    BlockTensor& now = at(tensor);
    if (!is_in(now.is_stale, k)) return;
    if (is_in(now.is_complete, k)) copy_pixels(tensor, k, true);
    std::ranges::fill(bits_of(now, k), 0);
    now.is_stale &= ~(ImageMask{1} << k);
  }

  // An image that is about to be written, and golden so far.
  ChangedImage begin_output(int tensor, std::size_t k) {
    prepared(tensor);
    clean(tensor, k);
    at(tensor).channels[k] = {};
    return changed_image(tensor, k);
  }
  void end_output(int tensor, std::size_t k) {
    BlockTensor& now = at(tensor);
    const ConstPixelBits bits = bits_of(now, k);
    const bool differs = std::ranges::any_of(bits, [](std::uint64_t word) { return word != 0; });
    if (differs && now.differs == 0 && std::ranges::find(touched, tensor) == touched.end())
      touched.push_back(tensor);
    now.differs &= ~(ImageMask{1} << k);
    if (differs) now.differs |= ImageMask{1} << k;
  }

  // Makes all of `now` valid.
  void complete(int tensor, std::size_t k) {
    BlockTensor& now = prepared(tensor);
    clean(tensor, k);
    if (is_in(now.is_complete, k)) return;
    if (is_in(now.differs, k)) copy_pixels(tensor, k, false);
    else std::memcpy(now_of(now, k), golden_values(tensor, k), now.bytes);
    now.is_complete |= ImageMask{1} << k;
  }

  // All values of an image, which hold until it is written.
  const std::byte* values(int tensor, std::size_t k) {
    if (!is_in(at(tensor).differs, k)) return golden_values(tensor, k);
    complete(tensor, k);
    return now_of(at(tensor), k);
  }
  // Those of images side by side.
  const std::byte* values(int tensor, std::size_t first, std::size_t count) {
    if ((at(tensor).differs >> first & first_images(count)) == 0) return golden_values(tensor, first);
    for (std::size_t k = first; k < first + count; ++k) complete(tensor, k);
    return now_of(at(tensor), first);
  }

  // A call of the operator on such images, in memory that is used again and again.
  const KernelCall& call_on(std::size_t index, std::size_t first, std::size_t count) {
    const Operator& op = model.operators[index];
    call.images = count;
    call.inputs.clear();
    call.input_strides.clear();
    call.outputs.clear();
    call.output_strides.clear();
    for (const int input : op.inputs) {
      const std::byte* faulty = input == k_no_tensor ? nullptr : constants->m_operators.constant(input);
      const bool is_constant = input == k_no_tensor || tensor_of(input).is_constant;
      call.inputs.push_back(faulty != nullptr      ? faulty
                            : input == k_no_tensor ? nullptr
                            : is_constant          ? tensor_of(input).data.data()
                                                   : values(input, first, count));
      call.input_strides.push_back(is_constant ? 0 : at(input).bytes);
    }
    for (const int output : op.outputs) {
      call.outputs.push_back(now_of(prepared(output), first));
      call.output_strides.push_back(at(output).bytes);
    }
    call.accumulators = nullptr;
    call.scratch = &scratch;
    return call;
  }

  const Kernel& kernel_of(std::size_t index) const {
    const Kernel* changed = constants->m_operators.find(index);
    return changed != nullptr ? *changed : program.kernel(index);
  }

  template <class Use>
  void for_faults(Stage stage, std::size_t index, const Use& use) const {
    for (const DataFault& fault : data)
      if (fault.stage == stage && fault.operator_index == index) use(fault);
  }

  void find_faults() {
    for (const std::size_t index : faulty_operators) has_fault[index] = 0;
    faulty_operators.clear();
    const auto add = [&](std::size_t index) {
      has_fault[index] = 1;
      faulty_operators.push_back(index);
    };
    for (const auto& [index, faults] : *constants->m_layers) add(index);
    for (const auto& [index, kernel] : constants->m_operators.kernels()) add(index);
    for (const DataFault& fault : data)
      if (fault.stage != Stage::network_input) add(fault.operator_index);
  }

  // Images of which an input of the operator differs.
  ImageMask changed_inputs(const Operator& op) {
    ImageMask result = 0;
    for (const int tensor : op.inputs)
      if (tensor != k_no_tensor) result |= at(tensor).differs;
    return result;
  }
  // Images of which something differs that an operator behind `index` reads.
  ImageMask alive_after(std::size_t index) {
    ImageMask result = 0;
    for (const int tensor : touched)
      if (propagation.m_last_use[static_cast<std::size_t>(tensor)] > index) result |= at(tensor).differs;
    return result;
  }

  // Makes one pixel of an image ready to be written.
  std::byte* writable_pixel(int tensor, std::size_t k, std::size_t pixel) {
    BlockTensor& now = at(tensor);
    if (!is_in(now.differs, k)) begin_output(tensor, k);
    std::byte* place = now_of(now, k) + pixel * now.grid.pixel_bytes;
    if (!has_pixel(now.grid, bits_of(now, k), pixel / now.grid.columns, pixel % now.grid.columns))
      std::memcpy(place, golden_values(tensor, k) + pixel * now.grid.pixel_bytes, now.grid.pixel_bytes);
    return place;
  }
  // Sees whether a pixel that was written differs.
  void note_pixel(int tensor, std::size_t k, std::size_t pixel, std::size_t channel) {
    BlockTensor& now = at(tensor);
    const PixelBits bits = bits_of(now, k);
    const std::size_t row = pixel / now.grid.columns;
    const std::size_t column = pixel % now.grid.columns;
    const std::size_t place = pixel * now.grid.pixel_bytes;
    bits[row * now.grid.row_words + column / 64] &= ~(std::uint64_t{1} << (column % 64));
    if (std::memcmp(now_of(now, k) + place, golden_values(tensor, k) + place, now.grid.pixel_bytes) != 0) {
      set_pixel(now.grid, bits, row, column);
      now.channels[k].add(channel, channel + 1);
    }
    end_output(tensor, k);
  }

  void fault_value(const DataFault& fault, std::size_t k) {
    const PixelGrid& grid = at(fault.tensor).grid;
    const std::size_t pixel = fault.element / grid.channels;
    const std::size_t channel = fault.element % grid.channels;
    const std::size_t bytes = grid.pixel_bytes / grid.channels;
    prepared(fault.tensor);
    std::byte* value = writable_pixel(fault.tensor, k, pixel) + channel * bytes;
    std::uint32_t bits = 0;
    std::memcpy(&bits, value, bytes);
    bits = fault.read(bits, k);
    std::memcpy(value, &bits, bytes);
    note_pixel(fault.tensor, k, pixel, channel);
  }

  // What changed weights and biases add to one accumulator.
  std::uint32_t added_by_faults(std::size_t index, std::size_t element, const std::byte* input) {
    const auto found = constants->m_layers->find(index);
    if (found == constants->m_layers->end()) return 0;
    const ChangedLayer& layer = *propagation.m_layers[index];
    const auto out_c = static_cast<std::size_t>(layer.op().shape.out_c);
    const std::size_t pixels = layer.op().shape.out_pixels();
    for (const LayerFaults::Channel& channel : found->second.channels) {
      if (channel.channel != element % out_c) continue;
      layer.add_channel(channel, reinterpret_cast<const std::uint8_t*>(input), element / out_c / pixels,
                        layer_scratch.added);
      return layer_scratch.added[element / out_c % pixels];
    }
    return 0;
  }

  void fault_accumulator(std::size_t index, const DataFault& fault, std::size_t k) {
    const Operator& op = model.operators[index];
    const int out = op.outputs[0];
    const PixelGrid& grid = at(out).grid;
    const auto element = static_cast<std::size_t>(fault.element);
    prepared(out);
    writable_pixel(out, k, element / grid.channels);
    const KernelCall& on_image = call_on(index, k, 1);
    const ChangedLayer* layer = propagation.m_layers[index].get();
    std::uint32_t bits = 0;
    if (layer == nullptr || constants->m_operators.find(index) != nullptr) {
      bits = kernel_of(index).accumulator(on_image, element);
    } else {
      const int in = op.inputs[layer->op().data_input];
      bits = is_in(at(in).differs, k)
                 ? program.kernel(index).accumulator(on_image, element)
                 : static_cast<std::uint32_t>(golden->accumulators(index, first_image + k)[element]);
      bits += added_by_faults(index, element, on_image.inputs[layer->op().data_input]);
    }
    kernel_of(index).store_accumulator(on_image, element, fault.read(bits, k));
    note_pixel(out, k, element / grid.channels, element % grid.channels);
  }

  // The outputs of such images were written as a whole.
  void compare(const Operator& op, std::size_t first, std::size_t count) {
    for (const int tensor : op.outputs)
      for (std::size_t k = first; k < first + count; ++k) {
        BlockTensor& now = at(tensor);
        std::ranges::fill(bits_of(now, k), 0);
        now.is_stale &= ~(ImageMask{1} << k);
        now.is_complete |= ImageMask{1} << k;
        now.channels[k] = {0, now.grid.channels};
        find_different_pixels(now.grid, now_of(now, k), golden_values(tensor, k), bits_of(now, k));
        end_output(tensor, k);
      }
  }

  void run_whole(std::size_t index, ImageMask mask) {
    for_each_stretch(mask, [&](std::size_t first, std::size_t count) {
      kernel_of(index).run(call_on(index, first, count));
      compare(model.operators[index], first, count);
    });
  }

  // A layer with changed constants, on an input that differs too.
  void run_faulty_image(std::size_t index, const LayerFaults& faults, std::size_t k) {
    const ChangedLayer& layer = *propagation.m_layers[index];
    const ConvolutionShape& s = layer.op().shape;
    const auto out_c = static_cast<std::size_t>(s.out_c);
    const int out = model.operators[index].outputs[0];
    call_on(index, k, 1);
    sums.resize(std::max(sums.size(), tensor_of(out).elements()));
    call.accumulators = sums.data();
    program.kernel(index).run(call);
    const auto* input = reinterpret_cast<const std::uint8_t*>(call.inputs[layer.op().data_input]);
    for (const LayerFaults::Channel& channel : faults.channels)
      for (std::size_t plane = 0; plane < static_cast<std::size_t>(s.planes); ++plane) {
        layer.add_channel(channel, input, plane, layer_scratch.added);
        for (std::size_t i = 0; i < s.out_pixels(); ++i) {
          const std::size_t element = plane * s.out_plane() + i * out_c + channel.channel;
          const auto sum = static_cast<std::uint32_t>(sums[element]) + layer_scratch.added[i];
          now_of(at(out), k)[element] =
              static_cast<std::byte>(layer.op().requantizer(static_cast<std::int32_t>(sum), channel.channel));
        }
      }
    compare(model.operators[index], k, 1);
  }

  void run_layer(std::size_t index, const ChangedLayer& layer, ImageMask mask) {
    const Operator& op = model.operators[index];
    const int in = op.inputs[layer.op().data_input];
    const int out = op.outputs[0];
    const auto found = constants->m_layers->find(index);
    const LayerFaults* faults = found == constants->m_layers->end() ? nullptr : &found->second;
    ImageMask listed = 0;
    ImageMask whole = 0;
    layer_scratch.places.clear();
    for_each_image(mask, [&](std::size_t k) {
      const bool has_changed = is_in(at(in).differs, k);
      if (faults != nullptr && has_changed) return run_faulty_image(index, *faults, k);
      if (faults == nullptr && !has_changed) return;
      const ChangedImage output = begin_output(out, k);
      const std::int32_t* accumulators = golden->accumulators(index, first_image + k);
      if (faults != nullptr) {
        layer.run_faults(*faults, reinterpret_cast<const std::uint8_t*>(golden_values(in, k)), accumulators,
                         output, layer_scratch);
        return end_output(out, k);
      }
      switch (layer.run_changes(changed_image(in, k), accumulators, output, static_cast<std::uint32_t>(k),
                                layer_scratch)) {
        case ChangedLayer::Way::done: return end_output(out, k);
        case ChangedLayer::Way::listed: listed |= ImageMask{1} << k; return;
        case ChangedLayer::Way::whole: whole |= ImageMask{1} << k; return;
      }
    });
    if (listed != 0) {
      layer.run_listed([&](std::uint32_t k) { return changed_image(in, k); },
                       [&](std::uint32_t k) { return changed_image(out, k); }, layer_scratch);
      for_each_image(listed, [&](std::size_t k) { end_output(out, k); });
    }
    run_whole(index, whole);
  }

  // Outputs that each depend on inputs at the same place, only where those differ. False: they do not.
  bool run_places(std::size_t index, ImageMask mask) {
    const Operator& op = model.operators[index];
    const Kernel& kernel = program.kernel(index);
    if (!kernel.is_elementwise() || constants->m_operators.find(index) != nullptr) return false;
    const int out = op.outputs[0];
    const PixelGrid& grid = at(out).grid;
    for (const int input : op.inputs)
      if (!tensor_of(input).is_constant &&
          (at(input).grid.rows != grid.rows || at(input).grid.columns != grid.columns ||
           at(input).grid.channels != grid.channels))
        return false;
    for_each_image(mask, [&](std::size_t k) {
      ChannelRange channels;
      reached.assign(grid.map_words(), 0);
      for (const int input : op.inputs) {
        if (tensor_of(input).is_constant || !is_in(at(input).differs, k)) continue;
        const ConstPixelBits bits = bits_of(at(input), k);
        for (std::size_t i = 0; i < reached.size(); ++i) reached[i] |= bits[i];
        channels.add(at(input).channels[k].first, at(input).channels[k].end);
      }
      const ChangedImage output = begin_output(out, k);
      call_on(index, k, 1);
      for (std::size_t row = 0; row < grid.rows; ++row)
        run_row(kernel, grid, row, std::span(reached).subspan(row * grid.row_words, grid.row_words), output,
                channels);
      end_output(out, k);
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
  bool run_windows(std::size_t index, ImageMask mask) {
    const WindowReach* window = propagation.m_windows[index].get();
    if (window == nullptr) return false;
    const int in = model.operators[index].inputs[0];
    const int out = model.operators[index].outputs[0];
    const PixelGrid& grid = at(out).grid;
    const Kernel& kernel = program.kernel(index);
    for_each_image(mask & at(in).differs, [&](std::size_t k) {
      reached.assign(grid.map_words(), 0);
      window->add(at(in).grid, bits_of(at(in), k), reached);
      const ChannelRange channels = at(in).channels[k];
      const ChangedImage output = begin_output(out, k);
      call_on(index, k, 1);
      run_pixels(grid, output, channels, [&](std::size_t row, std::size_t column) {
        kernel.run_pixel(call, row, column, channels.first, channels.end);
      });
      end_output(out, k);
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

  // What the operator at hand alone reads, and what there was before.
  struct OwnInput {
    int tensor = 0;
    std::size_t image = 0;
    std::size_t pixel = 0;
    std::vector<std::byte> values;
    std::vector<std::uint64_t> bits;
    ChannelRange channels;
  };
  std::vector<OwnInput> own_inputs;

  void fault_own_inputs(std::size_t index) {
    own_inputs.clear();
    for_faults(Stage::operator_input, index, [&](const DataFault& fault) {
      BlockTensor& now = prepared(fault.tensor);
      for (std::size_t k = 0; k < images; ++k) {
        const std::size_t pixel = fault.element / now.grid.channels;
        const std::byte* value = writable_pixel(fault.tensor, k, pixel);
        const PixelBits bits = bits_of(now, k);
        own_inputs.push_back({fault.tensor,
                              k,
                              pixel,
                              {value, value + now.grid.pixel_bytes},
                              {bits.begin(), bits.end()},
                              now.channels[k]});
        fault_value(fault, k);
      }
    });
  }
  void undo_own_inputs() {
    for (auto own = own_inputs.rbegin(); own != own_inputs.rend(); ++own) {
      BlockTensor& now = at(own->tensor);
      std::ranges::copy(own->values, now_of(now, own->image) + own->pixel * now.grid.pixel_bytes);
      std::ranges::copy(own->bits, bits_of(now, own->image).begin());
      now.channels[own->image] = own->channels;
      end_output(own->tensor, own->image);
    }
  }

  void step(std::size_t index, ImageMask mask) {
    fault_own_inputs(index);
    const ChangedLayer* layer = propagation.m_layers[index].get();
    if (layer != nullptr && constants->m_operators.find(index) == nullptr) run_layer(index, *layer, mask);
    else if (!run_places(index, mask) && !run_windows(index, mask)) run_whole(index, mask);
    for_faults(Stage::accumulator, index, [&](const DataFault& fault) {
      for (std::size_t k = 0; k < images; ++k) fault_accumulator(index, fault, k);
    });
    undo_own_inputs();
    for_faults(Stage::output, index, [&](const DataFault& fault) {
      for (std::size_t k = 0; k < images; ++k) fault_value(fault, k);
    });
  }

  void run(bool stop_when_equal) {
    find_faults();
    for (const DataFault& fault : data)
      if (fault.stage == Stage::network_input)
        for (std::size_t k = 0; k < images; ++k) fault_value(fault, k);
    const ImageMask all = first_images(images);
    ImageMask alive = 0;
    for (const int tensor : touched) alive |= at(tensor).differs;
    equal_after.assign(images, -1);
    for_each_image(alive, [&](std::size_t k) { equal_after[k].reset(); });
    bool has_begun = !touched.empty();
    std::size_t behind_faults = 0;
    for (const std::size_t index : faulty_operators) behind_faults = std::max(behind_faults, index + 1);
    for (std::size_t i = 0; i < model.operators.size(); ++i) {
      if (stop_when_equal && alive == 0 && i >= behind_faults) break;
      if (program.is_folded(i)) continue;
      const ImageMask is_reached = has_fault[i] != 0 ? all : changed_inputs(model.operators[i]);
      has_begun = has_begun || is_reached != 0;
      if (is_reached != 0) step(i, is_reached);
      if (has_begun && !stop_when_equal) run_whole(i, all & ~is_reached);
      if (is_reached == 0) continue;
      alive = alive_after(i);
      for_each_image(is_reached, [&](std::size_t k) {
        equal_after[k] = is_in(alive, k) ? std::nullopt : std::optional(static_cast<int>(i));
      });
    }
  }
};

Propagator::Propagator(const Propagation& propagation) : m_state(std::make_unique<State>(propagation)) {}
Propagator::~Propagator() = default;

void Propagator::run(const GoldenActivations& golden, std::size_t first, std::size_t count,
                     const PreparedConstants& constants, std::span<const DataFault> data,
                     bool stop_when_equal) {
  m_state->begin(golden, first, count);
  m_state->constants = &constants;
  m_state->data = data;
  m_state->run(stop_when_equal);
}

std::optional<int> Propagator::equal_after(std::size_t k) const { return m_state->equal_after[k]; }

std::span<const std::byte> Propagator::tensor(int index, std::size_t k) {
  return {m_state->values(index, k), m_state->at(index).bytes};
}

}  // namespace qfi

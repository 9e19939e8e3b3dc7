// SPDX-License-Identifier: Apache-2.0
// Owns one 8-bit layer on images of which little differs from the golden run. Golden accumulators and what
// changed go in; the outputs that differ come out. It is exact, as accumulators are sums modulo 2^32.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "fast_layer.hpp"
#include "layer_plan.hpp"
#include "pixel_map.hpp"

namespace qfi {

/// Changed weights and biases of a layer.
struct LayerFaults {
  struct Weight {
    std::size_t tap = 0;         ///< ky * filter_w + kx
    std::size_t in_channel = 0;  ///< of the group
    std::int32_t delta = 0;      ///< what its code is larger by
  };
  struct Channel {
    std::size_t channel = 0;  ///< no two of the same
    std::uint32_t bias_delta = 0;
    std::vector<Weight> weights;
  };
  std::vector<Channel> channels;
};

/// Channels first .. end-1; nothing outside of them differs.
struct ChannelRange {
  std::size_t first = 0;
  std::size_t end = 0;
  void add(std::size_t from, std::size_t to) {
    if (first == end) first = from, end = to;
    else first = std::min(first, from), end = std::max(end, to);
  }
};

/// The golden image of a tensor, the image as it is now, where it differs, and by which channels.
struct ChangedImage {
  const std::byte* golden = nullptr;
  std::byte* now = nullptr;  ///< means something at the pixels that differ only
  PixelBits bits;
  ChannelRange* channels = nullptr;

  const std::byte* pixel(const PixelGrid& grid, std::size_t row, std::size_t column) const {
    return (has_pixel(grid, bits, row, column) ? now : golden) +
           (row * grid.columns + column) * grid.pixel_bytes;
  }
};

/// Writes all channels of a pixel, if they differ from the golden ones. Precondition: the pixel does not
/// differ yet.
void store_pixel(const PixelGrid& grid, const ChangedImage& image, std::size_t row, std::size_t column,
                 const void* values);

/// Immutable; shared by threads, each with its own Scratch.
class ChangedLayer {
 public:
  ChangedLayer(const MultiplyAccumulate& op, const Tensor& input, const Tensor& output);

  /// Measures what each way costs. `run` runs the layer as a whole on so many images, k_many_images at most.
  LayerPrices measured(const std::function<void(std::size_t images)>& run) const;
  static constexpr std::size_t k_many_images = 8;
  void set_prices(const LayerPrices& prices) { m_prices = prices; }
  const LayerPrices& prices() const { return m_prices; }

  const MultiplyAccumulate& op() const { return m_op; }

  /// A pixel of the outputs of one inference.
  struct Place {
    std::uint32_t inference = 0;
    std::uint32_t row = 0;
    std::uint32_t column = 0;
  };
  struct Scratch {
    std::vector<std::uint32_t> added;  ///< what a channel's faults add, by pixel
    LayerPlan plan;
    std::vector<std::uint64_t> reached;     ///< outputs that each inference's changes reach, as bits
    std::vector<InputPair> pairs;           ///< changes of the input, of all inferences
    std::vector<std::uint32_t> begin, end;  ///< of each inference, those of each changed pixel of the input
    std::vector<InputPair> of_pixel;        ///< those that one output meets
    std::vector<ChannelTaps::Tap> taps;
    std::vector<std::int32_t> sums;
    std::vector<std::uint8_t> bytes, rows;
    std::vector<std::byte> listed;
    std::vector<Place> places;
    ConvolutionShape shape;
    Finish finish;
  };

  /// Faulty constants on an input that is golden.
  void run_faults(const LayerFaults& faults, const std::uint8_t* input, const std::int32_t* accumulators,
                  const ChangedImage& output, Scratch& scratch) const;
  /// What the faults of a channel add to its accumulators: one of each output pixel.
  void add_channel(const LayerFaults::Channel& channel, const std::uint8_t* input, std::size_t plane,
                   std::vector<std::uint32_t>& added) const;

  /// Begins a plan of so many inferences, of which none is reached yet.
  void begin_plan(std::size_t inferences, Scratch& scratch) const;
  /// Finds what the ways of inference k cost, whose input differs, for scratch.plan.
  void plan(std::size_t k, const ChangedImage& input, Scratch& scratch) const;
  /// These give for inference k its input, its output, which was begun, and the golden accumulators of its
  /// output.
  struct Images {
    std::function<ChangedImage(std::size_t k)> input, output;
    std::function<const std::int32_t*(std::size_t k)> accumulators;
  };
  /// Computes the outputs that changes reach, of all inferences for which the plan chose one of these ways.
  void run_changes(const Images& images, Scratch& scratch) const;
  void run_listed(const Images& images, Scratch& scratch) const;

 private:
  struct ChannelFinish {
    explicit ChannelFinish(const Requantizer& layer, std::size_t channel);
    Requantizer requantizer;  ///< the channel's, many times
    ChannelFactors factors;
  };
  void collect_pixel(const std::uint8_t* golden, const std::uint8_t* now, const ChannelRange& range,
                     std::vector<InputPair>& pairs) const;
  bool collect_pairs(std::size_t k, const ChangedImage& input, double most, Scratch& scratch) const;
  std::span<std::uint64_t> reached_of(std::size_t k, Scratch& scratch) const {
    return std::span(scratch.reached).subspan(k * m_out.map_words(), m_out.map_words());
  }
  bool sums_pairs() const { return !m_is_depthwise && !(m_weights.empty() && m_byte_weights.empty()); }
  void append_pairs(const ChangedImage& input, const Place& place, Scratch& scratch) const;
  struct PixelSums {
    std::size_t first_pair = 0;  ///< of the pairs that the pixel meets
    std::size_t end_pair = 0;
    const std::int32_t* from = nullptr;
  };
  void add_pairs(std::span<const PixelSums> pixels, std::span<const InputPair> pairs,
                 std::int32_t* sums) const;
  void sum_taps(const ChangedImage& input, const Place& place, Scratch& scratch, std::int32_t* sums) const;
  struct Factors {
    const Requantizer& requantizer;
    const ChannelFactors& factors;
  };
  void finish(std::size_t pixels, std::size_t channels, const Factors& factors, Scratch& scratch) const;
  void finish_pixels(std::size_t pixels, Scratch& scratch) const;
  void finish_channel(std::size_t channel, Scratch& scratch) const;
  template <class Compute>
  void run_places(LayerPlan::Way way, std::size_t together, const Images& images, Scratch& scratch,
                  const Compute& compute) const;
  void gather(const ChangedImage& input, const Place& place, std::uint8_t* to) const;
  void measure_sums(LayerPrices& prices) const;
  double listed_seconds() const;

  const MultiplyAccumulate& m_op;
  PixelGrid m_in, m_out;
  bool m_has_pixels = false;    ///< the tensors' pixels are those of the layer
  bool m_is_depthwise = false;  ///< every output channel has an input channel of its own
  WindowReach m_reach;
  std::size_t m_lanes = 0;  ///< output channels, rounded up
  std::size_t m_block = 0;  ///< lanes that are summed together, of weights that stand together
  /// Less the zero point: [block][tap][pair of input channels][lanes of a block][2]; depthwise
  /// [tap][channel]. Empty: neither.
  std::vector<std::int16_t> m_weights;
  std::vector<std::int8_t> m_byte_weights;  ///< in the place of m_weights where they are many and fit
  std::vector<ChannelFinish> m_channels;    ///< empty where there are few pixels
  ChannelFactors m_factors;
  BorderBias m_no_bias;
  std::optional<MultiplyAccumulate> m_listed_op;  ///< its inputs are those at all taps
  std::unique_ptr<FastLayer> m_listed;            ///< nullptr: not possible
  LayerPrices m_prices;
};

}  // namespace qfi

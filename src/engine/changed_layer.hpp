// SPDX-License-Identifier: Apache-2.0
// Owns one 8-bit layer on images of which little differs from the golden run. Golden accumulators and what
// changed go in; the outputs that differ come out. It is exact, as accumulators are sums modulo 2^32.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "fast_layer.hpp"
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

  /// Seconds of each way. The smallest sum is chosen; results do not depend on it.
  struct Prices {
    double image = 0;   ///< as a whole
    double pixel = 0;   ///< of the outputs: its golden sums, requantized
    double pair = 0;    ///< of changed inputs, added to a pixel's sums
    double listed = 0;  ///< a pixel of the outputs from all its taps
  };
  /// `run_two_images` runs the layer as a whole on two images.
  Prices measured(const std::function<void()>& run_two_images) const;
  void set_prices(const Prices& prices) { m_prices = prices; }

  const MultiplyAccumulate& op() const { return m_op; }

  /// A pixel of the outputs of one image.
  struct Place {
    std::uint32_t image = 0;
    std::uint32_t row = 0;
    std::uint32_t column = 0;
  };
  struct Scratch {
    std::vector<std::uint32_t> added;        ///< what a channel's faults add, by pixel
    std::vector<std::uint64_t> reached;      ///< outputs that the input's changes reach, as bits
    std::vector<InputPair> pairs, of_pixel;  ///< changes of the input; those that one output meets
    std::vector<std::uint32_t> begin, end;   ///< those of each changed pixel of the input
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

  enum class Way : std::uint8_t { done, listed, whole };
  /// Computes the outputs that a changed input reaches, where that pays; else says what does: `listed`, they
  /// were appended to scratch.places, or the whole image.
  Way run_changes(const ChangedImage& input, const std::int32_t* accumulators, const ChangedImage& output,
                  std::uint32_t image, Scratch& scratch) const;
  /// Computes the outputs of scratch.places, of any images.
  void run_listed(const std::function<ChangedImage(std::uint32_t)>& input,
                  const std::function<ChangedImage(std::uint32_t)>& output, Scratch& scratch) const;

 private:
  struct ChannelFinish {
    explicit ChannelFinish(const Requantizer& layer, std::size_t channel);
    Requantizer requantizer;  ///< the channel's, many times
    ChannelFactors factors;
  };
  void collect_pixel(const std::uint8_t* golden, const std::uint8_t* now, const ChannelRange& range,
                     std::vector<InputPair>& pairs) const;
  bool collect_pairs(const ChangedImage& input, double most, Scratch& scratch) const;
  bool sums_pairs() const { return !m_is_depthwise && !(m_weights.empty() && m_byte_weights.empty()); }
  void add_pairs(std::span<const InputPair> pairs, const std::int32_t* from, std::int32_t* sums) const;
  void sum_pairs(const ChangedImage& input, const std::int32_t* accumulators, const Place& place,
                 Scratch& scratch, std::int32_t* sums) const;
  void sum_taps(const ChangedImage& input, const Place& place, Scratch& scratch, std::int32_t* sums) const;
  struct Factors {
    const Requantizer& requantizer;
    const ChannelFactors& factors;
  };
  void finish(std::size_t pixels, std::size_t channels, const Factors& factors, Scratch& scratch) const;
  void finish_pixels(std::size_t pixels, Scratch& scratch) const;
  void finish_channel(std::size_t channel, Scratch& scratch) const;
  template <class SumPixel>
  void run_pixels(const ChangedImage& output, Scratch& scratch, const SumPixel& sum_pixel) const;
  void gather(const ChangedImage& input, const Place& place, std::uint8_t* to) const;
  void measure_sums(Prices& prices) const;
  double listed_seconds() const;

  const MultiplyAccumulate& m_op;
  PixelGrid m_in, m_out;
  bool m_has_pixels = false;    ///< the tensors' pixels are those of the layer
  bool m_is_depthwise = false;  ///< every output channel has an input channel of its own
  WindowReach m_reach;
  std::size_t m_lanes = 0;  ///< output channels, rounded up
  /// Less the zero point: [tap][pair of input channels][lanes][2]; depthwise [tap][channel]. Empty: neither.
  std::vector<std::int16_t> m_weights;
  std::vector<std::int8_t> m_byte_weights;  ///< in the place of m_weights where they are many and fit
  std::vector<ChannelFinish> m_channels;    ///< empty where there are few pixels
  ChannelFactors m_factors;
  BorderBias m_no_bias;
  std::optional<MultiplyAccumulate> m_listed_op;  ///< its inputs are those at all taps
  std::unique_ptr<FastLayer> m_listed;            ///< nullptr: not possible
  Prices m_prices;
};

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// One output at a time.
#include "portable.hpp"

namespace qfi {

void finish_portable(const Finish& finish) {
  const ConvolutionShape& s = *finish.shape;
  const auto out_h = static_cast<std::size_t>(s.out_h);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  std::size_t pixel = 0;
  for (std::size_t plane = 0; plane < finish.planes; ++plane)
    for (std::size_t oy = 0; oy < out_h; ++oy) {
      const std::int32_t* row_bias = finish.bias->of_row(oy, out_c);
      for (std::size_t ox = 0; ox < out_w; ++ox, ++pixel) {
        const std::int32_t* bias = row_bias + finish.bias->column_class[ox] * out_c;
        std::uint32_t of_pixel = 0;
        for (const Finish::Sums& term : finish.pixel_sums)
          of_pixel += static_cast<std::uint32_t>(term.factor) * static_cast<std::uint32_t>(term.sums[pixel]);
        for (std::size_t c = 0; c < out_c; ++c) {
          const std::size_t element = pixel * out_c + c;
          std::uint32_t sum = of_pixel + static_cast<std::uint32_t>(bias[c]);
          for (const Finish::Sums& term : finish.sums)
            sum += static_cast<std::uint32_t>(term.factor) * static_cast<std::uint32_t>(term.sums[element]);
          for (const Finish::Counts& term : finish.counts) {
            const std::size_t place = plane * term.plane_stride + element - plane * s.out_plane();
            const unsigned high = term.high == nullptr ? 0U : term.high[place];
            sum += static_cast<std::uint32_t>(term.factor) * (high << 8U | term.low[place]);
          }
          const auto accumulator = static_cast<std::int32_t>(sum);
          if (finish.accumulators != nullptr) finish.accumulators[element] = accumulator;
          finish.output[element] = static_cast<std::uint8_t>((*finish.requantizer)(accumulator, c));
        }
      }
    }
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "finish.hpp"

#include <algorithm>
#include <map>

namespace qfi {
namespace {

// Which taps of each output row or column lie inside, as a class number; and the taps of each class.
struct Classes {
  std::vector<std::uint16_t> of_place;
  std::vector<std::vector<bool>> taps;
};

template <class Inside>
Classes classify(int places, int filter, const Inside& is_inside) {
  Classes classes;
  std::map<std::vector<bool>, std::uint16_t> known;
  for (int place = 0; place < places; ++place) {
    std::vector<bool> taps(static_cast<std::size_t>(filter));
    for (int k = 0; k < filter; ++k) taps[static_cast<std::size_t>(k)] = is_inside(place, k);
    const auto [entry, is_new] = known.try_emplace(taps, static_cast<std::uint16_t>(classes.taps.size()));
    if (is_new) classes.taps.push_back(taps);
    classes.of_place.push_back(entry->second);
  }
  return classes;
}

}  // namespace

BorderBias make_border_bias(const ConvolutionShape& s, std::span<const std::int32_t> bias,
                            const TapBias& taps) {
  const Classes rows = classify(s.out_h, s.filter_h, [&](int o, int k) {
    return input_place(o, k, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed) >= 0;
  });
  const Classes columns = classify(s.out_w, s.filter_w, [&](int o, int k) {
    return input_place(o, k, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed) >= 0;
  });
  BorderBias result{rows.of_place, columns.of_place, columns.taps.size(), {}};
  const auto channels = static_cast<std::size_t>(s.out_c);
  const std::size_t filter_h = rows.taps[0].size();
  const std::size_t filter_w = columns.taps[0].size();
  result.values.reserve(rows.taps.size() * columns.taps.size() * channels);
  for (const std::vector<bool>& row : rows.taps)
    for (const std::vector<bool>& column : columns.taps)
      for (std::size_t channel = 0; channel < channels; ++channel) {
        auto sum = static_cast<std::uint32_t>(bias[channel]);
        for (std::size_t ky = 0; ky < filter_h; ++ky)
          for (std::size_t kx = 0; kx < filter_w; ++kx) {
            const std::size_t tap = (channel * filter_h + ky) * filter_w + kx;
            if (row[ky] && column[kx]) sum += taps.inside[tap];
            else if (!taps.outside.empty()) sum += taps.outside[tap];
          }
        result.values.push_back(static_cast<std::int32_t>(sum));
      }
  return result;
}

ChannelFactors::ChannelFactors(const Requantizer& requantizer) {
  for (const QuantizedMultiplier& factor : requantizer.fixed_point) {
    multiplier.push_back(factor.multiplier);
    left.push_back(std::max(factor.shift, 0));
    right.push_back(std::max(-factor.shift, 0));
    shifts_left = shifts_left || factor.shift > 0;
  }
  for (auto* values : {&multiplier, &left, &right}) values->resize(values->size() + 16, 0);
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// RESIZE_BILINEAR: INT8 and INT16 in fixed point, UINT8 in float, as the runtime does.
#include <cmath>

#include "../kernel.hpp"

namespace qfi {
namespace {

using Type = TensorType;

// Where an output row or column lies between two of the input, for each of them.
template <class Real>
struct Neighbours {
  int low = 0;
  int high = 0;
  Real from_low = 0;  ///< distance from `low`: below 1, or below k_one in fixed point
};

constexpr std::int32_t k_one = 1 << 10;

template <class Real>
using NeighbourTable = std::vector<Neighbours<Real>>;

NeighbourTable<std::int32_t> fixed_point_neighbours(int in, int out, const ResizeOptions& options) {
  const bool aligned = options.align_corners && out > 1;
  const int steps_in = aligned ? in - 1 : in;
  const int steps_out = aligned ? out - 1 : out;
  const std::int32_t scale = (k_one * steps_in + steps_out / 2) / steps_out;
  NeighbourTable<std::int32_t> table;
  for (int o = 0; o < out; ++o) {
    const std::int32_t place = o * scale + (options.half_pixel_centers ? scale / 2 - k_one / 2 : 0);
    // The rounded scale may lead beyond the last pixel; there low equals high.
    const int low = std::clamp(place / k_one, 0, in - 1);
    table.push_back({low, std::min((place + k_one - 1) / k_one, in - 1), place - k_one * low});
  }
  return table;
}

NeighbourTable<float> float_neighbours(int in, int out, const ResizeOptions& options) {
  const bool aligned = options.align_corners && out > 1;
  const float scale = aligned ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                              : static_cast<float>(in) / static_cast<float>(out);
  NeighbourTable<float> table;
  for (int o = 0; o < out; ++o) {
    const auto index = static_cast<float>(o);
    const float place = options.half_pixel_centers ? (index + 0.5F) * scale - 0.5F : index * scale;
    const int low = std::clamp(static_cast<int>(std::floor(place)), 0, in - 1);
    table.push_back(
        {low, std::min(static_cast<int>(std::ceil(place)), in - 1), place - static_cast<float>(low)});
  }
  return table;
}

// Between four neighbours, y before x: low low, high low, low high, high high.
template <class T>
T interpolated(const T* const (&at)[4], std::size_t c, std::int32_t y, std::int32_t x) {
  const std::int64_t sum = std::int64_t{at[0][c]} * (k_one - y) * (k_one - x) +
                           std::int64_t{at[1][c]} * y * (k_one - x) +
                           std::int64_t{at[2][c]} * (k_one - y) * x + std::int64_t{at[3][c]} * y * x;
  constexpr std::int64_t k_half = 1 << 19;
  return static_cast<T>((sum + (sum > 0 ? k_half : -k_half)) / (1 << 20));
}
template <class T>
T interpolated(const T* const (&at)[4], std::size_t c, float y, float x) {
  const float sum = static_cast<float>(at[0][c]) * (1 - y) * (1 - x) +
                    static_cast<float>(at[1][c]) * y * (1 - x) + static_cast<float>(at[2][c]) * (1 - y) * x +
                    static_cast<float>(at[3][c]) * y * x;
  return static_cast<T>(sum + 0.5F);  // as the runtime rounds: NOLINT(bugprone-incorrect-roundings)
}

template <class T, class Real>
class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(const std::vector<int>& shape, NeighbourTable<Real> rows, NeighbourTable<Real> columns)
      : m_planes(shape[0]),
        m_in_h(static_cast<std::size_t>(shape[1])),
        m_in_w(static_cast<std::size_t>(shape[2])),
        m_channels(static_cast<std::size_t>(shape[3])),
        m_rows(std::move(rows)),
        m_columns(std::move(columns)) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      const T* in = call.input<T>(0, image);
      T* out = call.out<T>(image);
      for (int plane = 0; plane < m_planes; ++plane, in += m_in_h * m_in_w * m_channels)
        for (const Neighbours<Real>& y : m_rows)
          for (const Neighbours<Real>& x : m_columns) {
            const T* const at[4] = {pixel(in, y.low, x.low), pixel(in, y.high, x.low),
                                    pixel(in, y.low, x.high), pixel(in, y.high, x.high)};
            for (std::size_t c = 0; c < m_channels; ++c) *out++ = interpolated(at, c, y.from_low, x.from_low);
          }
    }
  }

  std::size_t bytes() const override { return (m_rows.size() + m_columns.size()) * sizeof(Neighbours<Real>); }

 private:
  const T* pixel(const T* plane, int y, int x) const {
    return plane + (static_cast<std::size_t>(y) * m_in_w + static_cast<std::size_t>(x)) * m_channels;
  }

  int m_planes;
  std::size_t m_in_h, m_in_w, m_channels;
  NeighbourTable<Real> m_rows;
  NeighbourTable<Real> m_columns;
};

}  // namespace

PreparedKernel prepare_resize_bilinear(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16}));
  QFI_CHECK(view.set_resized_shape(1));
  const std::vector<int>& in = view.input(0).shape;
  const std::vector<int>& out = view.output().shape;
  constexpr int k_most = 1 << 19;  // keeps the fixed-point places inside 32 bits
  for (const int size : {in[1], in[2], out[1], out[2]})
    if (size > k_most) return bad_input("a size of {} is too large", size);
  const auto& options = view.options<ResizeOptions>();
  if (view.output().type == Type::uint8)
    return std::make_unique<ResizeKernel<std::uint8_t, float>>(in, float_neighbours(in[1], out[1], options),
                                                               float_neighbours(in[2], out[2], options));
  auto rows = fixed_point_neighbours(in[1], out[1], options);
  auto columns = fixed_point_neighbours(in[2], out[2], options);
  if (view.output().type == Type::int8)
    return std::make_unique<ResizeKernel<std::int8_t, std::int32_t>>(in, std::move(rows), std::move(columns));
  return std::make_unique<ResizeKernel<std::int16_t, std::int32_t>>(in, std::move(rows), std::move(columns));
}

}  // namespace qfi

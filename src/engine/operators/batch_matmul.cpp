// SPDX-License-Identifier: Apache-2.0
// BATCH_MATMUL of two quantized tensors; the outer dimensions broadcast.
#include <array>

#include "../kernel.hpp"
#include "../strided_loop.hpp"

namespace qfi {
namespace {

// out[i][j] = sum over k of a[i][k] * b[k][j], for each place of the outer dimensions.
struct MatMulShape {
  std::int64_t rows = 1, columns = 1, depth = 1;
  std::int64_t a_row = 0, a_step = 0;  ///< strides of i and k in a
  std::int64_t b_step = 0, b_column = 0;
  Loop<2> outer;  ///< offsets in a and b
};

struct MatMulScaling {
  std::int32_t zero_a, zero_b, zero_out;
  QuantizedMultiplier factor;
};

template <class T, class Accumulator>
class BatchMatMulKernel final : public Kernel {
 public:
  BatchMatMulKernel(MatMulShape shape, const MatMulScaling& scaling)
      : m_shape(std::move(shape)), m_scaling(scaling) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      T* out = call.out<T>(image);
      const auto inner = m_shape.outer.back();
      for_each_row(m_shape.outer, [&](const std::array<std::int64_t, 2>& offsets) {
        for (std::int64_t i = 0; i < inner.size; ++i)
          out = multiply(call.input<T>(0, image) + offsets[0] + i * inner.strides[0],
                         call.input<T>(1, image) + offsets[1] + i * inner.strides[1], out);
      });
    }
  }

  std::uint64_t multiplications() const override {
    std::uint64_t count = 1;
    for (const auto& dimension : m_shape.outer) count *= static_cast<std::uint64_t>(dimension.size);
    return count * static_cast<std::uint64_t>(m_shape.rows * m_shape.columns * m_shape.depth);
  }

 private:
  T* multiply(const T* a, const T* b, T* out) const {
    const MatMulShape& s = m_shape;
    for (std::int64_t i = 0; i < s.rows; ++i)
      for (std::int64_t j = 0; j < s.columns; ++j) {
        Accumulator sum = 0;
        for (std::int64_t k = 0; k < s.depth; ++k)
          sum += static_cast<Accumulator>(a[i * s.a_row + k * s.a_step] - m_scaling.zero_a) *
                 static_cast<Accumulator>(b[k * s.b_step + j * s.b_column] - m_scaling.zero_b);
        const std::int32_t scaled = multiply_by_quantized_multiplier(sum, m_scaling.factor);
        *out++ = saturated<T>(wrapping_add(scaled, m_scaling.zero_out));
      }
    return out;
  }

  MatMulShape m_shape;
  MatMulScaling m_scaling;
};

Result<MatMulShape> matmul_shape(const OperatorView& view) {
  const std::vector<int>& a = view.input(0).shape;
  const std::vector<int>& b = view.input(1).shape;
  const auto& options = view.options<BatchMatMulOptions>();
  if (a.size() < 2 || b.size() < 2) return bad_input("the dimensions of inputs and output do not fit");
  const auto last_two = [](const std::vector<int>& shape, bool is_transposed) {
    std::array<int, 2> result{shape[shape.size() - 2], shape[shape.size() - 1]};
    if (is_transposed) std::swap(result[0], result[1]);
    return result;
  };
  const auto [rows, depth] = last_two(a, options.transpose_a);
  const auto [b_depth, columns] = last_two(b, options.transpose_b);
  if (depth != b_depth)
    return bad_input("matrices of {}x{} and {}x{} cannot be multiplied", rows, depth, b_depth, columns);
  std::vector<int> product = broadcast_shape(a, b, 2);
  product.insert(product.end(), {rows, columns});
  QFI_CHECK(view.set_output_shape(product));
  const std::vector<int>& out = view.output().shape;
  MatMulShape shape{rows, columns, depth, depth, 1, columns, 1, {}};
  if (options.transpose_a) std::tie(shape.a_row, shape.a_step) = std::pair{1, rows};
  if (options.transpose_b) std::tie(shape.b_step, shape.b_column) = std::pair{1, depth};
  for (std::size_t d = 0; d + 2 < out.size(); ++d) shape.outer.push_back({out[d], {}});
  QFI_CHECK(add_broadcast_strides(a, b, 2, shape.outer));
  shape.outer = joined(shape.outer);
  return shape;
}

}  // namespace

PreparedKernel prepare_batch_matmul(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  for (std::size_t k = 0; k < 2; ++k) QFI_CHECK(view.check_types(k, {TensorType::int8, TensorType::int16}));
  QFI_TRY(MatMulShape shape, matmul_shape(view));
  if (shape.depth > 1 << 15) return bad_input("the sum of {} products may overflow", shape.depth);
  const Quantization& a = view.input(0).quantization;
  const Quantization& b = view.input(1).quantization;
  const Quantization& out = view.output().quantization;
  MatMulScaling scaling{a.zero_points[0], b.zero_points[0], out.zero_points[0], {}};
  // The runtime multiplies the scales as floats.
  QFI_TRY(scaling.factor, factor_of(double{a.scales[0] * b.scales[0]} / double{out.scales[0]}));
  if (view.output().type == TensorType::int8)
    return std::make_unique<BatchMatMulKernel<std::int8_t, std::int32_t>>(std::move(shape), scaling);
  if (scaling.factor.shift > 7) return bad_input("its scales give a factor that is too large");
  return std::make_unique<BatchMatMulKernel<std::int16_t, std::int64_t>>(std::move(shape), scaling);
}

}  // namespace qfi

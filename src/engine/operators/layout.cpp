// SPDX-License-Identifier: Apache-2.0
// RESHAPE, PAD: values move, none changes.
#include <cstring>

#include "../kernel.hpp"

namespace qfi {
namespace {

class CopyKernel final : public Kernel {
 public:
  explicit CopyKernel(std::size_t bytes) : m_bytes(bytes) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      std::memcpy(call.out<std::byte>(image), call.input<std::byte>(0, image), m_bytes);
  }

 private:
  std::size_t m_bytes;
};

// 8-bit elements: the output filled with the zero point, then each row of the input copied.
class PadKernel final : public Kernel {
 public:
  PadKernel(std::uint8_t fill, std::size_t out_bytes, std::size_t row_bytes,
            std::vector<std::size_t> row_starts)
      : m_fill(fill), m_out_bytes(out_bytes), m_row_bytes(row_bytes), m_row_starts(std::move(row_starts)) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      auto* out = call.out<std::byte>(image);
      const auto* in = call.input<std::byte>(0, image);
      std::memset(out, m_fill, m_out_bytes);
      for (const std::size_t start : m_row_starts) {
        std::memcpy(out + start, in, m_row_bytes);
        in += m_row_bytes;
      }
    }
  }

 private:
  std::uint8_t m_fill;
  std::size_t m_out_bytes;
  std::size_t m_row_bytes;
  std::vector<std::size_t> m_row_starts;  ///< where each row of the input goes, in the output
};

}  // namespace

PreparedKernel prepare_reshape(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 2));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  if (input.type != output.type || input.elements() != output.elements())
    return bad_input("input '{}' and output differ in type or size", input.name);
  return std::make_unique<CopyKernel>(output.bytes());
}

PreparedKernel prepare_pad(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(view.check_8_bit(0));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  QFI_TRY(const std::vector<std::int64_t> paddings, view.constant_integers(1));
  const std::size_t dimensions = input.shape.size();
  if (dimensions == 0 || output.shape.size() != dimensions || paddings.size() != 2 * dimensions)
    return bad_input("paddings do not match the dimensions");
  for (std::size_t k = 0; k < dimensions; ++k) {
    const std::int64_t before = paddings[2 * k];
    const std::int64_t after = paddings[2 * k + 1];
    constexpr std::int64_t k_most = 1 << 30;
    if (before < 0 || after < 0 || before > k_most || after > k_most ||
        before + input.shape[k] + after != output.shape[k])
      return bad_input("paddings of dimension {} do not give the output's size", k);
  }
  std::vector<std::size_t> starts{0};
  std::size_t stride = output.elements();
  for (std::size_t k = 0; k < dimensions; ++k) {
    stride /= static_cast<std::size_t>(output.shape[k]);
    const bool is_last = k + 1 == dimensions;
    std::vector<std::size_t> next;
    for (const std::size_t start : starts)
      for (int i = 0; i < (is_last ? 1 : input.shape[k]); ++i)
        next.push_back(start +
                       (static_cast<std::size_t>(i) + static_cast<std::size_t>(paddings[2 * k])) * stride);
    starts = std::move(next);
  }
  const auto fill = static_cast<std::uint8_t>(output.quantization.zero_points[0]);
  return std::make_unique<PadKernel>(fill, output.bytes(), static_cast<std::size_t>(input.shape.back()),
                                     std::move(starts));
}

}  // namespace qfi

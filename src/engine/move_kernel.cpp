// SPDX-License-Identifier: Apache-2.0
#include "move_kernel.hpp"

namespace qfi {
namespace {

class MoveKernel final : public Kernel {
 public:
  MoveKernel(std::vector<Box> boxes, std::size_t element_bytes, Element fill)
      : m_boxes(std::move(boxes)), m_element_bytes(element_bytes), m_fill(fill) {
    for (Box& box : m_boxes) m_contiguous.push_back(split_contiguous(box));
  }

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t k = 0; k < m_boxes.size(); ++k) {
        const Box& box = m_boxes[k];
        move(box, 0, call.input<std::byte>(box.input, image) + bytes_of(box.in_start),
             call.out<std::byte>(image, box.output) + bytes_of(box.out_start),
             static_cast<std::size_t>(bytes_of(m_contiguous[k])));
      }
  }

  std::size_t bytes() const override {
    std::size_t sum = sizeof(*this);
    for (const Box& box : m_boxes) {
      sum += sizeof(Box);
      for (const BoxDimension& dimension : box.dimensions)
        sum += sizeof(dimension) + dimension.table.size() * 8;
    }
    return sum;
  }

  bool rises() const override { return true; }

 private:
  // Steps may go backwards.
  std::ptrdiff_t bytes_of(std::int64_t elements) const {
    return elements * static_cast<std::ptrdiff_t>(m_element_bytes);
  }

  // Takes off the inner dimensions that are one run of memory in both; returns the run's elements.
  static std::int64_t split_contiguous(Box& box) {
    std::int64_t run = 1;
    while (!box.dimensions.empty()) {
      const BoxDimension& inner = box.dimensions.back();
      const bool is_run = inner.table.empty() && inner.step == run && inner.out_stride == run;
      if (!is_run && !(inner.table.empty() && inner.count == 1)) break;
      run *= inner.count;
      box.dimensions.pop_back();
    }
    return run;
  }

  void fill(std::byte* out, std::size_t bytes) const {
    if (m_element_bytes == 1) {
      std::memset(out, std::to_integer<int>(m_fill[0]), bytes);
      return;
    }
    for (std::size_t i = 0; i < bytes; i += m_element_bytes)
      std::memcpy(out + i, m_fill.data(), m_element_bytes);
  }

  // The innermost dimension, whose runs follow on each other in the output: as few copies as possible.
  void move_row(const BoxDimension& dimension, const std::byte* in, std::byte* out, std::size_t run) const {
    const auto outside = [&](std::int64_t i) { return in == nullptr || dimension.in_offset(i) == k_fill; };
    for (std::int64_t i = 0; i < dimension.count;) {
      const bool fills = outside(i);
      std::int64_t end = i + 1;
      while (end < dimension.count && outside(end) == fills &&
             (fills || bytes_of(dimension.in_offset(end) - dimension.in_offset(end - 1)) ==
                           static_cast<std::ptrdiff_t>(run)))
        ++end;
      const std::size_t bytes = static_cast<std::size_t>(end - i) * run;
      if (fills) fill(out, bytes);
      else std::memcpy(out, in + bytes_of(dimension.in_offset(i)), bytes);
      out += bytes;
      i = end;
    }
  }

  // in == nullptr: fill.
  void move(const Box& box, std::size_t d, const std::byte* in, std::byte* out, std::size_t run) const {
    if (d == box.dimensions.size()) {
      if (in != nullptr) std::memcpy(out, in, run);
      else fill(out, run);
      return;
    }
    const BoxDimension& dimension = box.dimensions[d];
    const std::ptrdiff_t step = bytes_of(dimension.out_stride);
    if (d + 1 == box.dimensions.size() && step == static_cast<std::ptrdiff_t>(run))
      return move_row(dimension, in, out, run);
    for (std::int64_t i = 0; i < dimension.count; ++i) {
      const std::int64_t offset = dimension.in_offset(i);
      const bool is_outside = in == nullptr || offset == k_fill;
      move(box, d + 1, is_outside ? nullptr : in + bytes_of(offset), out, run);
      out += step;
    }
  }

  std::vector<Box> m_boxes;
  std::vector<std::int64_t> m_contiguous;  ///< elements that each innermost step copies
  std::size_t m_element_bytes;
  Element m_fill;
};

}  // namespace

std::unique_ptr<Kernel> make_move_kernel(std::vector<Box> boxes, std::size_t element_bytes, Element fill) {
  return std::make_unique<MoveKernel>(std::move(boxes), element_bytes, fill);
}

}  // namespace qfi

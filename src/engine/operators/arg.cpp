// SPDX-License-Identifier: Apache-2.0
// ARG_MAX, ARG_MIN over one dimension; of equals the first.
#include "../kernel.hpp"

namespace qfi {
namespace {

template <class T, class Index, bool is_max>
class ArgKernel final : public Kernel {
 public:
  ArgKernel(std::size_t outer, std::size_t size, std::size_t inner)
      : m_outer(outer), m_size(size), m_inner(inner) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t outer = 0; outer < m_outer; ++outer)
        for (std::size_t inner = 0; inner < m_inner; ++inner) {
          const T* in = call.input<T>(0, image) + outer * m_size * m_inner + inner;
          std::size_t best = 0;
          for (std::size_t i = 1; i < m_size; ++i)
            if (is_max ? in[i * m_inner] > in[best * m_inner] : in[i * m_inner] < in[best * m_inner])
              best = i;
          call.out<Index>(image)[outer * m_inner + inner] = static_cast<Index>(best);
        }
  }

 private:
  std::size_t m_outer, m_size, m_inner;
};

}  // namespace

PreparedKernel prepare_arg(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  if (input.type != TensorType::int8 && input.type != TensorType::uint8)
    return bad_input("input '{}' is {}; INT8 and UINT8 are supported here", input.name, name_of(input.type));
  if (output.type != TensorType::int32 && output.type != TensorType::int64)
    return bad_input("output '{}' is {} instead of INT32 or INT64", output.name, name_of(output.type));
  QFI_TRY(const std::size_t axis, view.constant_axis(1, input.shape.size()));
  std::size_t outer = 1;
  std::size_t inner = 1;
  for (std::size_t d = 0; d < input.shape.size(); ++d)
    if (d != axis) (d < axis ? outer : inner) *= static_cast<std::size_t>(input.shape[d]);
  if (output.elements() != outer * inner) {
    std::vector<int> others = input.shape;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(axis));
    QFI_CHECK(view.set_output_shape(others));
  }
  const auto size = static_cast<std::size_t>(input.shape[axis]);
  return with_integer(input.type, [&]<class T>() -> PreparedKernel {
    const bool is_max = view.op().kind == OperatorKind::arg_max;
    if (output.type == TensorType::int32) {
      if (is_max) return std::make_unique<ArgKernel<T, std::int32_t, true>>(outer, size, inner);
      return std::make_unique<ArgKernel<T, std::int32_t, false>>(outer, size, inner);
    }
    if (is_max) return std::make_unique<ArgKernel<T, std::int64_t, true>>(outer, size, inner);
    return std::make_unique<ArgKernel<T, std::int64_t, false>>(outer, size, inner);
  });
}

}  // namespace qfi

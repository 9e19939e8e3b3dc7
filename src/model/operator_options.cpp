// SPDX-License-Identifier: Apache-2.0
#include "operator_options.hpp"

#include <cmath>

namespace qfi {
namespace {

namespace fb = qfi::tflite;

using Options = Result<OperatorOptions>;

constexpr int k_int32 = 2;             // of the format's TensorType
constexpr int k_max_window = 1 << 20;  // strides, dilations, filter sizes

Result<Activation> activation(int code) {
  switch (code) {
    case 0: return Activation::none;
    case 1: return Activation::relu;
    case 2: return Activation::relu_n1_to_1;
    case 3: return Activation::relu6;
    default: return bad_input("fused activation {} is not supported", code);
  }
}

Options activation_options(int code, bool power_of_two_scales = false, int bias_type = 0) {
  QFI_TRY(const Activation fused, activation(code));
  return ActivationOptions{fused, power_of_two_scales, bias_type == k_int32};
}

struct Window {
  int dilation_h = 1, dilation_w = 1;
  int filter_h = 1, filter_w = 1;
  int bias_type = 0;  // of the format's TensorType
};

template <class Table>
Options window_options(const Table& table, const Window& more) {
  if (table.padding() != 0 && table.padding() != 1)
    return bad_input("padding {} is not supported", int{table.padding()});
  WindowOptions window;
  window.padding = table.padding() == 0 ? Padding::same : Padding::valid;
  QFI_TRY(window.activation, activation(table.activation()));
  for (const int value :
       {table.stride_h(), table.stride_w(), more.dilation_h, more.dilation_w, more.filter_h, more.filter_w})
    if (value < 1 || value > k_max_window)
      return bad_input("stride, dilation or filter size {} is out of range", value);
  window.stride_h = table.stride_h();
  window.stride_w = table.stride_w();
  window.dilation_h = more.dilation_h;
  window.dilation_w = more.dilation_w;
  window.filter_h = more.filter_h;
  window.filter_w = more.filter_w;
  window.accumulates_in_32_bits = more.bias_type == k_int32;
  return window;
}

template <class Table>
Options resize_options(const Table& table) {
  if (table.align_corners() && table.half_pixel_centers())
    return bad_input("align_corners and half_pixel_centers exclude each other");
  return ResizeOptions{table.align_corners(), table.half_pixel_centers()};
}

Options read(const fb::Conv2DOptions& o) {
  return window_options(o, {o.dilation_h(), o.dilation_w(), 1, 1, o.quantized_bias_type()});
}

Options read(const fb::DepthwiseConv2DOptions& o) {
  return window_options(o, {o.dilation_h(), o.dilation_w(), 1, 1, 0});
}

Options read(const fb::TransposeConvOptions& o) {
  return window_options(o, {1, 1, 1, 1, o.quantized_bias_type()});
}

Options read(const fb::Pool2DOptions& o) { return window_options(o, {1, 1, o.filter_h(), o.filter_w(), 0}); }

Options read(const fb::AddOptions& o) { return activation_options(o.activation(), o.pot_scale_int16()); }

Options read(const fb::MulOptions& o) { return activation_options(o.activation()); }

Options read(const fb::FullyConnectedOptions& o) {
  if (o.weights_format() != 0) return bad_input("shuffled weights are not supported");
  return activation_options(o.activation(), false, o.quantized_bias_type());
}

Options read(const fb::SoftmaxOptions& o) {
  if (!std::isfinite(o.beta()) || o.beta() <= 0.0F)
    return bad_input("beta {} is not a positive number", o.beta());
  return SoftmaxOptions{o.beta()};
}

Options read(const fb::ConcatenationOptions& o) {
  if (o.activation() != 0) return bad_input("a fused activation is not supported here");
  return AxisOptions{o.axis()};
}

Options read(const fb::PackOptions& o) { return AxisOptions{o.axis()}; }

Options read(const fb::GatherOptions& o) {
  if (o.batch_dims() != 0) return bad_input("batch_dims {} is not supported", o.batch_dims());
  return AxisOptions{o.axis()};
}

Options read(const fb::StridedSliceOptions& o) {
  if (o.offset()) return bad_input("ends given as offsets are not supported");
  return StridedSliceOptions{o.begin_mask(), o.end_mask(), o.ellipsis_mask(), o.new_axis_mask(),
                             o.shrink_axis_mask()};
}

Options read(const fb::ResizeBilinearOptions& o) { return resize_options(o); }

Options read(const fb::ResizeNearestNeighborOptions& o) { return resize_options(o); }

Options read(const fb::LeakyReluOptions& o) {
  if (!std::isfinite(o.alpha())) return bad_input("alpha {} is not finite", o.alpha());
  return LeakyReluOptions{o.alpha()};
}

Options read(const fb::BatchMatMulOptions& o) { return BatchMatMulOptions{o.adj_x(), o.adj_y()}; }

Options read(const fb::GeluOptions& o) { return GeluOptions{o.approximate()}; }

Options read(const fb::MirrorPadOptions& o) {
  if (o.mode() != 0 && o.mode() != 1) return bad_input("mode {} is not supported", int{o.mode()});
  return MirrorPadOptions{o.mode() == 1};
}

Options read(const fb::SpaceToDepthOptions& o) {
  if (o.block_size() < 1 || o.block_size() > k_max_window)
    return bad_input("block size {} is out of range", o.block_size());
  return SpaceToDepthOptions{o.block_size()};
}

template <class Table>
Options verify_and_read(const fb::Operator& source, const OperatorInfo& known,
                        flatbuffers::Verifier& verifier) {
  if (source.options() == nullptr || source.options_type() == 0) return bad_input("its options are missing");
  if (source.options_type() != known.options_type)
    return bad_input("options of another operator (type {})", int{source.options_type()});
  const auto* table = reinterpret_cast<const Table*>(source.options());
  if (!verifier.VerifyTable(table)) return bad_input("damaged options");
  return read(*table);
}

}  // namespace

Result<OperatorOptions> read_operator_options(const fb::Operator& source, const OperatorInfo& known,
                                              flatbuffers::Verifier& verifier) {
  switch (known.kind) {
    case OperatorKind::conv_2d: return verify_and_read<fb::Conv2DOptions>(source, known, verifier);
    case OperatorKind::depthwise_conv_2d:
      return verify_and_read<fb::DepthwiseConv2DOptions>(source, known, verifier);
    case OperatorKind::transpose_conv:
      return verify_and_read<fb::TransposeConvOptions>(source, known, verifier);
    case OperatorKind::average_pool_2d:
    case OperatorKind::max_pool_2d: return verify_and_read<fb::Pool2DOptions>(source, known, verifier);
    case OperatorKind::add:
    case OperatorKind::sub: return verify_and_read<fb::AddOptions>(source, known, verifier);
    case OperatorKind::mul:
    case OperatorKind::l2_normalization: return verify_and_read<fb::MulOptions>(source, known, verifier);
    case OperatorKind::fully_connected:
      return verify_and_read<fb::FullyConnectedOptions>(source, known, verifier);
    case OperatorKind::softmax: return verify_and_read<fb::SoftmaxOptions>(source, known, verifier);
    case OperatorKind::concatenation:
      return verify_and_read<fb::ConcatenationOptions>(source, known, verifier);
    case OperatorKind::pack:
    case OperatorKind::unpack: return verify_and_read<fb::PackOptions>(source, known, verifier);
    case OperatorKind::gather: return verify_and_read<fb::GatherOptions>(source, known, verifier);
    case OperatorKind::strided_slice:
      return verify_and_read<fb::StridedSliceOptions>(source, known, verifier);
    case OperatorKind::resize_bilinear:
      return verify_and_read<fb::ResizeBilinearOptions>(source, known, verifier);
    case OperatorKind::resize_nearest_neighbor:
      return verify_and_read<fb::ResizeNearestNeighborOptions>(source, known, verifier);
    case OperatorKind::leaky_relu: return verify_and_read<fb::LeakyReluOptions>(source, known, verifier);
    case OperatorKind::batch_matmul: return verify_and_read<fb::BatchMatMulOptions>(source, known, verifier);
    case OperatorKind::gelu: return verify_and_read<fb::GeluOptions>(source, known, verifier);
    case OperatorKind::mirror_pad: return verify_and_read<fb::MirrorPadOptions>(source, known, verifier);
    case OperatorKind::space_to_depth:
      return verify_and_read<fb::SpaceToDepthOptions>(source, known, verifier);
    default: return OperatorOptions{};
  }
}

}  // namespace qfi

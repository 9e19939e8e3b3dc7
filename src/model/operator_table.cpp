// SPDX-License-Identifier: Apache-2.0
#include "operator_table.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace qfi {
namespace {

namespace fb = qfi::tflite;

using Options = Result<OperatorOptions>;

constexpr int k_max_window = 1 << 20;  // strides, dilations, filter sizes

// Numbers that the format does not name, or not yet, stay numbers.
template <class Enum>
std::string name_or_number(Enum value, const char* name) {
  return *name == '\0' ? std::to_string(static_cast<int>(value)) : name;
}

Result<Activation> activation(fb::Activation code) {
  switch (code) {
    case fb::Activation::NONE: return Activation::none;
    case fb::Activation::RELU: return Activation::relu;
    case fb::Activation::RELU_N1_TO_1: return Activation::relu_n1_to_1;
    case fb::Activation::RELU6: return Activation::relu6;
    default:
      return bad_input("fused activation {} is not supported",
                       name_or_number(code, fb::EnumNameActivation(code)));
  }
}

Options activation_options(fb::Activation code, bool power_of_two_scales = false) {
  QFI_TRY(const Activation fused, activation(code));
  return ActivationOptions{fused, power_of_two_scales};
}

struct Window {
  int dilation_h = 1, dilation_w = 1;
  int filter_h = 1, filter_w = 1;
  fb::TensorType bias_type = {};
};

template <class Table>
Options window_options(const Table& table, const Window& more) {
  if (table.padding() != fb::Padding::SAME && table.padding() != fb::Padding::VALID)
    return bad_input("padding {} is not supported", static_cast<int>(table.padding()));
  WindowOptions window;
  window.padding = table.padding() == fb::Padding::SAME ? Padding::same : Padding::valid;
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
  window.accumulates_in_32_bits = more.bias_type == fb::TensorType::INT32;
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
  return window_options(o, {o.dilation_h(), o.dilation_w(), 1, 1, {}});
}

Options read(const fb::TransposeConvOptions& o) {
  return window_options(o, {1, 1, 1, 1, o.quantized_bias_type()});
}

Options read(const fb::Pool2DOptions& o) { return window_options(o, {1, 1, o.filter_h(), o.filter_w(), {}}); }

Options read(const fb::AddOptions& o) { return activation_options(o.activation(), o.pot_scale_int16()); }

Options read(const fb::SubOptions& o) { return activation_options(o.activation(), o.pot_scale_int16()); }

Options read(const fb::MulOptions& o) { return activation_options(o.activation()); }

Options read(const fb::L2NormOptions& o) { return activation_options(o.activation()); }

Options read(const fb::FullyConnectedOptions& o) {
  if (o.weights_format() != fb::WeightsFormat::DEFAULT)
    return bad_input("shuffled weights are not supported");
  QFI_TRY(const Activation fused, activation(o.activation()));
  return ActivationOptions{fused, false, o.quantized_bias_type() == fb::TensorType::INT32, o.keep_num_dims()};
}

Options read(const fb::SoftmaxOptions& o) {
  if (!std::isfinite(o.beta()) || o.beta() <= 0.0F)
    return bad_input("beta {} is not a positive number", o.beta());
  return SoftmaxOptions{o.beta()};
}

Options read(const fb::ConcatenationOptions& o) {
  if (o.activation() != fb::Activation::NONE) return bad_input("a fused activation is not supported here");
  return AxisOptions{o.axis()};
}

Options read(const fb::PackOptions& o) { return AxisOptions{o.axis()}; }

Options read(const fb::UnpackOptions& o) { return AxisOptions{o.axis()}; }

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
  if (o.mode() != fb::MirrorPadMode::REFLECT && o.mode() != fb::MirrorPadMode::SYMMETRIC)
    return bad_input("mode {} is not supported", static_cast<int>(o.mode()));
  return MirrorPadOptions{o.mode() == fb::MirrorPadMode::SYMMETRIC};
}

Options block_options(int size) {
  if (size < 1 || size > k_max_window) return bad_input("block size {} is out of range", size);
  return BlockOptions{size};
}

Options read(const fb::SpaceToDepthOptions& o) { return block_options(o.block_size()); }

Options read(const fb::DepthToSpaceOptions& o) { return block_options(o.block_size()); }

Options read(const fb::ReducerOptions& o) { return ReductionOptions{o.keep_dims()}; }

Options read(const fb::UnidirectionalSequenceLSTMOptions& o) {
  if (o.activation() != fb::Activation::TANH)
    return bad_input("the activation {} is not supported, only TANH",
                     name_or_number(o.activation(), fb::EnumNameActivation(o.activation())));
  LstmOptions options;
  options.cell_clip = o.cell_clip();
  options.is_time_major = o.time_major();
  options.has_diagonal_weights = o.diagonal_recurrent_tensors();
  return options;
}

Result<std::vector<int>> dimensions(const flatbuffers::Vector<int>* list) {
  constexpr std::size_t k_most = 8;
  if (list == nullptr) return std::vector<int>();
  if (list->size() > k_most)
    return bad_input("{} dimensions, at most {} are supported", list->size(), k_most);
  return std::vector<int>(list->begin(), list->end());
}

Options read(const fb::ReshapeOptions& o) {
  QFI_TRY(std::vector<int> shape, dimensions(o.new_shape()));
  return ReshapeOptions{std::move(shape)};
}

Options read(const fb::SqueezeOptions& o) {
  QFI_TRY(std::vector<int> squeezed, dimensions(o.squeeze_dims()));
  return SqueezeOptions{std::move(squeezed)};
}

template <class Table>
Options read_as(const fb::Operator& source, flatbuffers::Verifier& verifier) {
  if (source.options() == nullptr || source.options_type() == 0) return bad_input("its options are missing");
  if (source.options_type() != static_cast<int>(fb::BuiltinOptionsTraits<Table>::enum_value))
    return bad_input("options of another operator (type {})", int{source.options_type()});
  const auto* table = reinterpret_cast<const Table*>(source.options());
  if (!verifier.VerifyTable(table)) return bad_input("damaged options");
  return read(*table);
}

// Options that a file may leave out: they are what they are without a word, then.
template <class Table, class Default>
Options read_if_there(const fb::Operator& source, flatbuffers::Verifier& verifier) {
  if (source.options() == nullptr || source.options_type() == 0) return Default{};
  return read_as<Table>(source, verifier);
}

constexpr auto read_reduction = read_if_there<fb::ReducerOptions, ReductionOptions>;

using Code = fb::BuiltinOperator;
constexpr OperatorInfo k_operators[] = {
    {OperatorKind::abs, Code::ABS},
    {OperatorKind::add, Code::ADD, read_as<fb::AddOptions>},
    {OperatorKind::arg_max, Code::ARG_MAX},
    {OperatorKind::arg_min, Code::ARG_MIN},
    {OperatorKind::average_pool_2d, Code::AVERAGE_POOL_2D, read_as<fb::Pool2DOptions>},
    {OperatorKind::batch_matmul, Code::BATCH_MATMUL, read_as<fb::BatchMatMulOptions>},
    {OperatorKind::batch_to_space_nd, Code::BATCH_TO_SPACE_ND},
    {OperatorKind::cast, Code::CAST},
    {OperatorKind::concatenation, Code::CONCATENATION, read_as<fb::ConcatenationOptions>},
    {OperatorKind::conv_2d, Code::CONV_2D, read_as<fb::Conv2DOptions>},
    {OperatorKind::depth_to_space, Code::DEPTH_TO_SPACE, read_as<fb::DepthToSpaceOptions>},
    {OperatorKind::depthwise_conv_2d, Code::DEPTHWISE_CONV_2D, read_as<fb::DepthwiseConv2DOptions>},
    {OperatorKind::dequantize, Code::DEQUANTIZE},
    {OperatorKind::exp, Code::EXP},
    {OperatorKind::expand_dims, Code::EXPAND_DIMS},
    {OperatorKind::fully_connected, Code::FULLY_CONNECTED, read_as<fb::FullyConnectedOptions>},
    {OperatorKind::gather, Code::GATHER, read_as<fb::GatherOptions>},
    {OperatorKind::gelu, Code::GELU, read_as<fb::GeluOptions>},
    {OperatorKind::hard_swish, Code::HARD_SWISH},
    {OperatorKind::l2_normalization, Code::L2_NORMALIZATION, read_as<fb::L2NormOptions>},
    {OperatorKind::leaky_relu, Code::LEAKY_RELU, read_as<fb::LeakyReluOptions>},
    {OperatorKind::logistic, Code::LOGISTIC},
    {OperatorKind::log_softmax, Code::LOG_SOFTMAX},
    {OperatorKind::maximum, Code::MAXIMUM},
    {OperatorKind::max_pool_2d, Code::MAX_POOL_2D, read_as<fb::Pool2DOptions>},
    {OperatorKind::mean, Code::MEAN, read_reduction},
    {OperatorKind::minimum, Code::MINIMUM},
    {OperatorKind::mirror_pad, Code::MIRROR_PAD, read_as<fb::MirrorPadOptions>},
    {OperatorKind::mul, Code::MUL, read_as<fb::MulOptions>},
    {OperatorKind::neg, Code::NEG},
    {OperatorKind::pack, Code::PACK, read_as<fb::PackOptions>},
    {OperatorKind::pad, Code::PAD},
    {OperatorKind::padv2, Code::PADV2},
    {OperatorKind::prelu, Code::PRELU},
    {OperatorKind::quantize, Code::QUANTIZE},
    {OperatorKind::reduce_max, Code::REDUCE_MAX, read_reduction},
    {OperatorKind::reduce_min, Code::REDUCE_MIN, read_reduction},
    {OperatorKind::reduce_prod, Code::REDUCE_PROD, read_reduction},
    {OperatorKind::relu, Code::RELU},
    {OperatorKind::relu6, Code::RELU6},
    {OperatorKind::relu_n1_to_1, Code::RELU_N1_TO_1},
    {OperatorKind::reshape, Code::RESHAPE, read_if_there<fb::ReshapeOptions, ReshapeOptions>},
    {OperatorKind::resize_bilinear, Code::RESIZE_BILINEAR, read_as<fb::ResizeBilinearOptions>},
    {OperatorKind::resize_nearest_neighbor, Code::RESIZE_NEAREST_NEIGHBOR,
     read_as<fb::ResizeNearestNeighborOptions>},
    {OperatorKind::rsqrt, Code::RSQRT},
    {OperatorKind::shape, Code::SHAPE},
    {OperatorKind::slice, Code::SLICE},
    {OperatorKind::softmax, Code::SOFTMAX, read_as<fb::SoftmaxOptions>},
    {OperatorKind::space_to_batch_nd, Code::SPACE_TO_BATCH_ND},
    {OperatorKind::space_to_depth, Code::SPACE_TO_DEPTH, read_as<fb::SpaceToDepthOptions>},
    {OperatorKind::split, Code::SPLIT},
    {OperatorKind::split_v, Code::SPLIT_V},
    {OperatorKind::squared_difference, Code::SQUARED_DIFFERENCE},
    {OperatorKind::squeeze, Code::SQUEEZE, read_if_there<fb::SqueezeOptions, SqueezeOptions>},
    {OperatorKind::strided_slice, Code::STRIDED_SLICE, read_as<fb::StridedSliceOptions>},
    {OperatorKind::sub, Code::SUB, read_as<fb::SubOptions>},
    {OperatorKind::sum, Code::SUM, read_reduction},
    {OperatorKind::tanh, Code::TANH},
    {OperatorKind::transpose, Code::TRANSPOSE},
    {OperatorKind::transpose_conv, Code::TRANSPOSE_CONV, read_as<fb::TransposeConvOptions>},
    {OperatorKind::unidirectional_sequence_lstm, Code::UNIDIRECTIONAL_SEQUENCE_LSTM,
     read_as<fb::UnidirectionalSequenceLSTMOptions>},
    {OperatorKind::unpack, Code::UNPACK, read_as<fb::UnpackOptions>},
};

}  // namespace

const OperatorInfo* find_operator(fb::BuiltinOperator code) {
  const auto* found = std::ranges::find(k_operators, code, &OperatorInfo::code);
  return found == std::end(k_operators) ? nullptr : found;
}

std::string operator_name(fb::BuiltinOperator code, const std::string& custom) {
  if (code == Code::CUSTOM) return "CUSTOM '" + custom + "'";
  const std::string name = fb::EnumNameBuiltinOperator(code);
  return name.empty() ? fmt::format("builtin operator {}", static_cast<int>(code)) : name;
}

Result<TensorType> read_tensor_type(fb::TensorType type) {
  switch (type) {
    case fb::TensorType::FLOAT32: return TensorType::float32;
    case fb::TensorType::INT32: return TensorType::int32;
    case fb::TensorType::UINT8: return TensorType::uint8;
    case fb::TensorType::INT64: return TensorType::int64;
    case fb::TensorType::BOOL: return TensorType::boolean;
    case fb::TensorType::INT16: return TensorType::int16;
    case fb::TensorType::INT8: return TensorType::int8;
    default:
      return bad_input("element type {} is not supported",
                       name_or_number(type, fb::EnumNameTensorType(type)));
  }
}

const char* name_of(OperatorKind kind) {
  return fb::EnumNameBuiltinOperator(std::ranges::find(k_operators, kind, &OperatorInfo::kind)->code);
}

}  // namespace qfi

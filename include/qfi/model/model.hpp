// SPDX-License-Identifier: Apache-2.0
// Owns Model, the immutable and checked content of a .tflite file. The file's bytes go into load_tflite or
// parse_tflite; a Model comes out, of which every index and size is inside its range, or one line that says
// what is wrong or not supported. It owns all that it points to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

enum class TensorType : std::uint8_t { float32, int8, uint8, int16, int32, int64, boolean };

std::size_t size_of(TensorType type);
const char* name_of(TensorType type);

/// real = scale * (stored - zero_point). A tensor without scales is not quantized; one scale holds for the
/// whole tensor, several for the indices of dimension `axis`.
struct Quantization {
  std::vector<float> scales;              ///< finite, > 0; of a constant also 0, as of a pruned channel
  std::vector<std::int32_t> zero_points;  ///< as many as scales, inside the type's range
  int axis = 0;
};

struct Tensor {
  std::string name;
  TensorType type = TensorType::float32;
  std::vector<int> shape;   ///< empty: a scalar; a dimension of 0 only in constants
  bool is_dynamic = false;  ///< the file says that its shape depends on the model's inputs
  Quantization quantization;
  bool is_constant = false;
  bool is_variable = false;         ///< a state that the file keeps from one run to the next
  std::span<const std::byte> data;  ///< of a constant: elements() * size_of(type) bytes

  std::size_t elements() const;
  std::size_t bytes() const { return elements() * size_of(type); }
};

enum class OperatorKind : std::uint8_t {
  abs,
  add,
  arg_max,
  arg_min,
  average_pool_2d,
  batch_matmul,
  batch_to_space_nd,
  cast,
  concatenation,
  conv_2d,
  depth_to_space,
  depthwise_conv_2d,
  dequantize,
  exp,
  expand_dims,
  fully_connected,
  gather,
  gelu,
  hard_swish,
  l2_normalization,
  leaky_relu,
  logistic,
  log_softmax,
  maximum,
  max_pool_2d,
  mean,
  minimum,
  mirror_pad,
  mul,
  neg,
  pack,
  pad,
  padv2,
  prelu,
  quantize,
  reduce_max,
  reduce_min,
  reduce_prod,
  relu,
  relu6,
  relu_n1_to_1,
  reshape,
  resize_bilinear,
  resize_nearest_neighbor,
  rsqrt,
  shape,
  slice,
  softmax,
  space_to_batch_nd,
  space_to_depth,
  split,
  split_v,
  squared_difference,
  squeeze,
  strided_slice,
  sub,
  sum,
  tanh,
  transpose,
  transpose_conv,
  unidirectional_sequence_lstm,
  unpack,
};

/// The format's own name: "CONV_2D".
const char* name_of(OperatorKind kind);

enum class Padding : std::uint8_t { same, valid };
enum class Activation : std::uint8_t { none, relu, relu_n1_to_1, relu6 };

/// The sliding window of a convolution (transposed ones too) or pooling; all numbers are 1 or more.
struct WindowOptions {
  Padding padding = Padding::valid;
  Activation activation = Activation::none;
  int stride_h = 1;
  int stride_w = 1;
  int dilation_h = 1;
  int dilation_w = 1;
  int filter_h = 1;  ///< pooling only
  int filter_w = 1;
  bool accumulates_in_32_bits = false;  ///< convolutions of INT16: with an INT32 bias, or none
};

/// The options of ADD, SUB, MUL, FULLY_CONNECTED and L2_NORMALIZATION.
struct ActivationOptions {
  Activation activation = Activation::none;
  bool power_of_two_scales = false;     ///< ADD, SUB of INT16: shifts instead of multipliers, if they fit
  bool accumulates_in_32_bits = false;  ///< FULLY_CONNECTED of INT16
  bool keeps_dimensions = false;        ///< FULLY_CONNECTED: only the last dimension of its input changes
};

struct SoftmaxOptions {
  float beta = 1.0F;
};

/// The options of CONCATENATION, PACK, UNPACK and GATHER. A negative axis counts from the end.
struct AxisOptions {
  int axis = 0;
};

/// The options of STRIDED_SLICE: bit i of a mask belongs to entry i of begin, end and strides.
struct StridedSliceOptions {
  unsigned begin_mask = 0;
  unsigned end_mask = 0;
  unsigned ellipsis_mask = 0;
  unsigned new_axis_mask = 0;
  unsigned shrink_axis_mask = 0;
};

/// The options of RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.
struct ResizeOptions {
  bool align_corners = false;
  bool half_pixel_centers = false;
};

struct LeakyReluOptions {
  float alpha = 0.0F;
};

struct BatchMatMulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};

struct GeluOptions {
  bool approximate = false;  ///< with tanh instead of the error function
};

struct MirrorPadOptions {
  bool repeats_border = false;  ///< the format's SYMMETRIC
};

/// The options of SPACE_TO_DEPTH and DEPTH_TO_SPACE.
struct BlockOptions {
  int block_size = 1;
};

/// The options of MEAN, SUM and the REDUCE_.. operators.
struct ReductionOptions {
  bool keeps_dimensions = false;  ///< with the size 1
};

struct ReshapeOptions {
  std::vector<int> shape;  ///< where no input says it; one of them may be -1
};

struct SqueezeOptions {
  std::vector<int> dimensions;  ///< that go; empty: all of size 1. Negative ones count from the end
};

/// The options of UNIDIRECTIONAL_SEQUENCE_LSTM, with what the file says of its state tensors, which are no
/// inputs here: the state starts anew with every image.
struct LstmOptions {
  float cell_clip = 0.0F;  ///< 0: none
  bool is_time_major = false;
  bool has_diagonal_weights = false;
  Quantization output_state;
  Quantization cell_state;
  Quantization hidden;  ///< of what comes before a projection
};

using OperatorOptions = std::variant<std::monostate, WindowOptions, ActivationOptions, SoftmaxOptions,
                                     AxisOptions, StridedSliceOptions, ResizeOptions, LeakyReluOptions,
                                     BatchMatMulOptions, GeluOptions, MirrorPadOptions, BlockOptions,
                                     ReductionOptions, ReshapeOptions, SqueezeOptions, LstmOptions>;

constexpr int k_no_tensor = -1;  ///< an optional input that is left out

struct Operator {
  OperatorKind kind = OperatorKind::add;
  std::vector<int> inputs;  ///< indices of Model::tensors, or k_no_tensor
  std::vector<int> outputs;
  OperatorOptions options;
};

/// Operators stand in the order of the file, which is an order of execution: every input is a
/// constant, a model input or the output of an earlier operator; nothing is written twice.
struct Model {
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::string sha256;                       ///< of the file
  std::vector<std::string> warnings;        ///< oddities that were read all the same
  std::shared_ptr<const std::string> file;  ///< what Tensor::data points into
  /// Constants made after loading, folded from others or re-quantized; their Tensor::data points into these.
  std::vector<std::shared_ptr<const std::vector<std::byte>>> folded;
};

struct LoadParams {
  std::uint64_t max_file_bytes = std::uint64_t{2} << 30;
  std::uint64_t max_tensor_bytes = std::uint64_t{64} << 20;  ///< of one activation tensor
  std::string signature;  ///< the one to read, by its name; empty: the file's first graph
};

/// How much memory a model may ask for by default, however small its file: once for one image's tensors with
/// scratch memory, once for prepared weights and tables. One activation tensor may take a sixteenth.
constexpr std::uint64_t k_model_memory = std::uint64_t{1} << 30;
inline LoadParams load_params(std::uint64_t model_memory, std::string signature = "") {
  return {.max_tensor_bytes = model_memory / 16, .signature = std::move(signature)};
}

/// Each error is one line: a damaged file, an index or size out of range, or anything that is not supported
/// (all operators that are missing are listed, then types, then quantization).
Result<Model> load_tflite(const std::filesystem::path& path, const LoadParams& params = {});

/// Reads the bytes of a file; `name` is used in errors.
Result<Model> parse_tflite(std::string content, const std::string& name, const LoadParams& params = {});

/// Which inputs of a layer are what; a bias may be left out.
struct LayerInputs {
  std::size_t data = 0;
  std::size_t weights = 1;
  std::size_t bias = 2;
};
/// nullopt: the operator is not CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or FULLY_CONNECTED.
std::optional<LayerInputs> layer_inputs(OperatorKind kind);

/// The first tensor of that name, else the one of that index. Error: none, with the most similar name.
Result<int> find_tensor(const Model& model, const std::string& name_or_index);

/// Whether the tensor is a model input or an operator's output.
bool is_computed(const Model& model, int tensor);

/// "CONV_2D (operator 3) -> 'tensor name'": how errors and reports name an operator.
std::string operator_label(const Model& model, std::size_t index);

}  // namespace qfi

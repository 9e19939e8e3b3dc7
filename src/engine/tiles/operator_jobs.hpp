// SPDX-License-Identifier: Apache-2.0
// Operators output by output, as plain values and the programs of one output; see product_job.hpp.
#pragma once

#include "../kernels/linear_pair.hpp"
#include "product_job.hpp"

namespace qfi::tiles {

constexpr int k_most_gather_inputs = 8;

/// An output of all images.
struct OutputPlace {
  std::int64_t image = 0;
  int y = 0;
  int x = 0;
  int channel = 0;
};
QFI_HOST_DEVICE inline OutputPlace output_place(const ConvolutionShape& s, std::int64_t element) {
  const std::int64_t pixel = quotient(element, s.out_c);
  OutputPlace place;
  place.channel = static_cast<int>(element - pixel * s.out_c);
  place.image = quotient(pixel, s.out_w * s.out_h);
  const int in_plane = static_cast<int>(pixel - place.image * (s.out_w * s.out_h));
  place.y = in_plane / s.out_w;
  place.x = in_plane - place.y * s.out_w;
  return place;
}

/// Sums of single products, exact or looked up: every shape and every table, output by output.
struct LookUpJob {
  ConvolutionShape shape;
  std::int64_t images = 0;  ///< the shape's own planes included
  const std::uint8_t* input = nullptr;
  const std::uint8_t* weights = nullptr;  ///< [out_c][filter_h][filter_w][group_in_c]
  const std::int32_t* bias = nullptr;     ///< [out_c]
  const std::int32_t* table = nullptr;    ///< [weight byte][input byte]; nullptr: exact
  bool is_signed = false;                 ///< the codes
  std::int32_t weight_zero_point = 0;
  std::int32_t input_zero_point = 0;
  bool multiplies_padding = false;
  Finish finish;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::int32_t code_of(std::uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(byte) : byte;
}

QFI_HOST_DEVICE inline std::int32_t product_at(const LookUpJob& job, std::uint8_t weight,
                                               std::uint8_t input) {
  if (job.table != nullptr) return job.table[weight * 256 + input];
  return (code_of(weight, job.is_signed) - job.weight_zero_point) *
         (code_of(input, job.is_signed) - job.input_zero_point);
}

/// Output `element` of all images.
QFI_HOST_DEVICE inline std::uint8_t look_up_output(const LookUpJob& job, std::int64_t element) {
  const ConvolutionShape& s = job.shape;
  const auto [image, oy, ox, out] = output_place(s, element);
  const int channels = s.group_in_c();
  const int first = out / s.group_out_c() * channels;
  const std::uint8_t* weights =
      job.weights + static_cast<std::int64_t>(out) * s.filter_h * s.filter_w * channels;
  const auto padded = static_cast<std::uint8_t>(job.input_zero_point);
  std::int32_t sum = job.bias[out];
  for (int ky = 0; ky < s.filter_h; ++ky) {
    const int iy = input_place(oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
    for (int kx = 0; kx < s.filter_w; ++kx, weights += channels) {
      const int ix = input_place(ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
      const bool is_inside = iy >= 0 && ix >= 0;
      if (!is_inside && (!job.multiplies_padding || job.table == nullptr || s.is_transposed)) continue;
      const std::uint8_t* input =
          is_inside ? job.input + ((image * s.in_h + iy) * s.in_w + ix) * s.in_c + first : nullptr;
      for (int c = 0; c < channels; ++c)
        sum = wrapping_add(sum, product_at(job, weights[c], is_inside ? input[c] : padded));
    }
  }
  return finish_output(job.finish, sum, out);
}

/// output[i] = table[x[i]], or table[x[i] * 256 + y[i]]; or the linear form of both, where there is no table.
struct ElementJob {
  const std::uint8_t* x = nullptr;
  const std::uint8_t* y = nullptr;      ///< nullptr: one input
  const std::uint8_t* table = nullptr;  ///< nullptr: the form
  LinearPair form;
  bool is_signed = false;
  std::int64_t count = 0;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t linear_output(const ElementJob& job, std::uint8_t x, std::uint8_t y) {
  const LinearPair& form = job.form;
  const std::int32_t sum =
      form.of_x * code_of(x, job.is_signed) + form.of_y * code_of(y, job.is_signed) + form.offset;
  return static_cast<std::uint8_t>(clamped(sum >> form.shift, form.min, form.max));
}

QFI_HOST_DEVICE inline std::uint8_t element_output(const ElementJob& job, const std::uint8_t* table,
                                                   std::int64_t i) {
  if (table == nullptr) return linear_output(job, job.x[i], job.y[i]);
  return job.y == nullptr ? table[job.x[i]] : table[job.x[i] * 256 + job.y[i]];
}

/// Moves units of bytes: a unit of an image's output is one of an input, or a constant.
struct GatherJob {
  struct Input {
    const std::uint8_t* bytes = nullptr;
    std::int64_t image_bytes = 0;
  };
  Input input[k_most_gather_inputs];
  const std::int64_t* sources = nullptr;  ///< input << 40 | place in bytes, or -1 - constant
  int unit = 1;                           ///< bytes: 1, or k_chunk, all places then being multiples of it
  std::int64_t outputs = 0;               ///< units of an image
  std::int64_t images = 0;
  std::uint8_t* output = nullptr;
};

/// nullptr: a constant, of `source` as the job's.
QFI_HOST_DEVICE inline const std::uint8_t* gathered(const GatherJob& job, std::int64_t image,
                                                    std::int64_t source) {
  if (source < 0) return nullptr;
  const GatherJob::Input& input = job.input[source >> 40];
  return input.bytes + image * input.image_bytes + (source & ((std::int64_t{1} << 40) - 1));
}

/// Pools: each output channel from a window of its own input channel.
struct PoolJob {
  ConvolutionShape shape;
  std::int64_t images = 0;  ///< the shape's own planes included
  bool is_average = false;
  bool is_signed = false;
  std::int32_t min = 0;
  std::int32_t max = 0;
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t pooled(const PoolJob& job, std::int64_t element) {
  const ConvolutionShape& s = job.shape;
  const auto [image, oy, ox, channel] = output_place(s, element);
  const int top = oy * s.stride_h - s.pad_h;
  const int left = ox * s.stride_w - s.pad_w;
  std::int32_t sum = 0;
  std::int32_t best = job.is_signed ? -128 : 0;
  int taps = 0;
  for (int y = larger(top, 0); y < smaller(top + s.filter_h, s.in_h); ++y)
    for (int x = larger(left, 0); x < smaller(left + s.filter_w, s.in_w); ++x) {
      const std::int32_t value =
          code_of(job.input[((image * s.in_h + y) * s.in_w + x) * s.in_c + channel], job.is_signed);
      sum += value;
      best = larger(best, value);
      ++taps;
    }
  const std::int32_t half = sum > 0 ? taps / 2 : -(taps / 2);
  const std::int32_t value = job.is_average ? (sum + half) / taps : best;
  return static_cast<std::uint8_t>(clamped(value, job.min, job.max));
}

/// Sums over the rows of [count][outputs], rescaled: MEAN of pixels.
struct SumJob {
  std::int64_t images = 0;
  int count = 1;
  int outputs = 1;
  bool is_signed = false;
  std::int32_t start = 0;
  std::int32_t multiplier = 0;
  std::int32_t shift = 0;
  std::int32_t zero_point = 0;
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t summed(const SumJob& job, std::int64_t element) {
  const std::int64_t image = element / job.outputs;
  const std::uint8_t* input = job.input + image * job.count * job.outputs + (element - image * job.outputs);
  std::int32_t sum = job.start;
  for (int i = 0; i < job.count; ++i, input += job.outputs)
    sum = wrapping_add(sum, code_of(*input, job.is_signed));
  const std::int32_t scaled = wrapping_add(
      multiply_by_quantized_multiplier(sum, QuantizedMultiplier{job.multiplier, job.shift}), job.zero_point);
  return static_cast<std::uint8_t>(job.is_signed ? clamped(scaled, -128, 127) : clamped(scaled, 0, 255));
}

}  // namespace qfi::tiles

// SPDX-License-Identifier: Apache-2.0
// The geometry of an operator that multiplies weights: plain numbers, for every compiler and device.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define QFI_HOST_DEVICE __host__ __device__
#else
#define QFI_HOST_DEVICE
#endif

namespace qfi {

/// A grouped 2-D convolution over NHWC. FULLY_CONNECTED: all sizes but the channels are 1.
/// DEPTHWISE_CONV_2D: as many groups as input channels. Tap (ky, kx) of output (oy, ox) is input
/// (oy * stride + ky * dilation - pad, ..); transposed, input (iy, ix) goes to output
/// (iy * stride + ky - pad, ..) instead.
struct ConvolutionShape {
  int planes = 1;  ///< the model's own batch (FULLY_CONNECTED: rows)
  int in_h = 1, in_w = 1, in_c = 1;
  int out_h = 1, out_w = 1, out_c = 1;
  int filter_h = 1, filter_w = 1;
  int stride_h = 1, stride_w = 1;
  int dilation_h = 1, dilation_w = 1;
  int pad_h = 0, pad_w = 0;
  int groups = 1;
  bool is_transposed = false;

  QFI_HOST_DEVICE int group_in_c() const { return in_c / groups; }
  QFI_HOST_DEVICE int group_out_c() const { return out_c / groups; }
  QFI_HOST_DEVICE std::size_t in_plane() const {
    return static_cast<std::size_t>(in_h) * static_cast<std::size_t>(in_w) * static_cast<std::size_t>(in_c);
  }
  QFI_HOST_DEVICE std::size_t out_pixels() const {
    return static_cast<std::size_t>(out_h) * static_cast<std::size_t>(out_w);
  }
  QFI_HOST_DEVICE std::size_t out_plane() const { return out_pixels() * static_cast<std::size_t>(out_c); }
  QFI_HOST_DEVICE std::size_t taps() const {
    return static_cast<std::size_t>(filter_h) * static_cast<std::size_t>(filter_w) *
           static_cast<std::size_t>(group_in_c());
  }
  /// The multiplications of one image, if all taps lay inside it.
  std::uint64_t multiplications() const {
    const std::uint64_t places = is_transposed ? in_plane() * static_cast<std::size_t>(group_out_c())
                                               : out_plane() * static_cast<std::size_t>(group_in_c());
    return static_cast<std::uint64_t>(planes) * places * static_cast<std::uint64_t>(filter_h) *
           static_cast<std::uint64_t>(filter_w);
  }
};

/// The row or column of the input that tap `k` of output `o` meets; -1: none.
QFI_HOST_DEVICE inline int input_place(int o, int k, int in_size, int stride, int dilation, int pad,
                                       bool is_transposed) {
  if (is_transposed) {
    const int distance = o + pad - k;
    return distance >= 0 && distance % stride == 0 && distance / stride < in_size ? distance / stride : -1;
  }
  const int place = o * stride + k * dilation - pad;
  return place >= 0 && place < in_size ? place : -1;
}

}  // namespace qfi

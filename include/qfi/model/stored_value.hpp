// SPDX-License-Identifier: Apache-2.0
// Stored values: the bytes of a tensor go in; the bits of an element, or the number that they stand for, come
// out. Scale and zero point are not applied but where it says so.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "qfi/model/model.hpp"

namespace qfi {

/// Elements of a C++ type.
template <class T>
std::vector<T> typed_values(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::ranges::copy(bytes.first(values.size() * sizeof(T)),
                    std::as_writable_bytes(std::span(values)).begin());
  return values;
}

/// Calls use(T()) for the C++ type T that elements of `type` have, and returns what it returns.
template <class Use>
auto with_type(TensorType type, const Use& use) {
  switch (type) {
    case TensorType::int8: return use(std::int8_t());
    case TensorType::uint8:
    case TensorType::boolean: return use(std::uint8_t());
    case TensorType::int16: return use(std::int16_t());
    case TensorType::int32: return use(std::int32_t());
    case TensorType::int64: return use(std::int64_t());
    case TensorType::float32: break;
  }
  return use(float());
}

/// The bits of an element of `size` bytes, at most 8; those above are clear.
inline std::uint64_t read_bits(std::span<const std::byte> values, std::uint64_t element, std::size_t size) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, values.data() + element * size, size);
  return bits;
}

/// Of a constant whose elements have at most 32 bits.
inline std::uint32_t read_bits(const Tensor& constant, std::uint64_t element) {
  return static_cast<std::uint32_t>(read_bits(constant.data, element, size_of(constant.type)));
}

/// What bits of the type stand for.
inline double number_of(TensorType type, std::uint64_t bits) {
  return with_type(type, [&](auto value) {
    std::memcpy(&value, &bits, sizeof(value));
    return static_cast<double>(value);
  });
}

/// Of all elements.
inline std::vector<double> numbers_of(TensorType type, std::span<const std::byte> bytes) {
  return with_type(type, [&](auto value) {
    std::vector<double> numbers(bytes.size() / sizeof(value));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
      numbers[i] = static_cast<double>(value);
    }
    return numbers;
  });
}

/// The type of what is stored: a tensor's elements, or the accumulators behind them.
inline TensorType stored_type(const Tensor& tensor, bool is_accumulator) {
  return is_accumulator && tensor.type != TensorType::float32 ? TensorType::int32 : tensor.type;
}

/// How far what the bits stand for is from zero, the tensor's zero point applied, which accumulators and
/// floats have none of. NaN is infinitely far.
inline double magnitude_of(const Tensor& tensor, bool is_accumulator, std::uint32_t bits) {
  const TensorType type = stored_type(tensor, is_accumulator);
  const bool has_zero_point =
      !is_accumulator && type != TensorType::float32 && !tensor.quantization.zero_points.empty();
  const double number = number_of(type, bits);
  const double zero = has_zero_point ? tensor.quantization.zero_points[0] : 0;
  return std::isnan(number) ? std::numeric_limits<double>::infinity() : std::abs(number - zero);
}

/// A signed code of `width` bits, 1 to 8, as a tensor of INT8 holds it.
inline std::uint32_t widened(std::uint32_t code, int width) {
  const std::uint32_t above = 0xFFU & ~((1U << width) - 1U);
  return (code >> (width - 1) & 1U) != 0 ? code | above : code;
}

}  // namespace qfi

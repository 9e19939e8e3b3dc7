// SPDX-License-Identifier: Apache-2.0
#include "input_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qfi {
namespace {

// One number for all channels, or one for each.
Result<void> check_numbers(const std::vector<double>& numbers, std::size_t channels, const char* name) {
  if (numbers.size() > 1 && numbers.size() != channels)
    return bad_input("input: {} numbers for '{}', the model's input has {} channels", numbers.size(), name,
                     channels);
  for (const double number : numbers)
    if (!std::isfinite(number)) return bad_input("input: {} is not finite", name);
  return {};
}

double number_of(const std::vector<double>& numbers, std::size_t channel, double otherwise) {
  if (numbers.empty()) return otherwise;
  return numbers.size() == 1 ? numbers[0] : numbers[channel];
}

}  // namespace

Result<InputWriter> InputWriter::create(const Tensor& input, const InputScaling& scaling,
                                        std::optional<TensorType> signed_type) {
  const bool is_8_bit = input.type == TensorType::int8 || input.type == TensorType::uint8;
  const bool is_quantized = is_8_bit || input.type == TensorType::int16;
  if (input.type != TensorType::float32 && (!is_quantized || input.quantization.scales.size() != 1))
    return bad_input("model input '{}' is {}; quantized INT8, UINT8, INT16 and FLOAT32 are supported",
                     input.name, name_of(input.type));
  InputWriter writer;
  writer.m_type = input.type;
  writer.m_scaling = scaling;
  if (input.shape.size() == 4) writer.m_channels = static_cast<std::size_t>(input.shape[3]);
  QFI_CHECK(check_numbers(scaling.scale, writer.m_channels, "scale"));
  QFI_CHECK(check_numbers(scaling.mean, writer.m_channels, "mean"));
  if (scaling.reverse_channels && writer.m_channels < 2)
    return bad_input("input: there are no channels to reverse in the model's input");
  if (is_quantized) {
    writer.m_step = input.quantization.scales[0];
    writer.m_zero = input.quantization.zero_points[0];
  }
  writer.m_smallest = input.type == TensorType::int8 ? -128 : 0;
  if (scaling.scales()) writer.m_rule = Rule::scaled;
  else if (!is_quantized) writer.m_rule = Rule::as_is;
  else if (signed_type == input.type) writer.m_rule = Rule::codes;
  else if (is_8_bit) writer.m_rule = Rule::nth_code;
  else return bad_input("model input '{}' is INT16: say in 'input' how to scale the images", input.name);
  return writer;
}

double InputWriter::code(double value, std::size_t channel) const {
  switch (m_rule) {
    case Rule::as_is:
    case Rule::codes: return value;
    case Rule::nth_code: return value + m_smallest;
    case Rule::scaled: break;
  }
  const double real =
      number_of(m_scaling.scale, channel, 1.0) * (value - number_of(m_scaling.mean, channel, 0.0));
  return m_type == TensorType::float32 ? real : std::round(real / m_step) + m_zero;
}

template <class T>
void InputWriter::append_as(const std::vector<float>& image, std::vector<std::byte>& bytes) const {
  for (std::size_t i = 0; i < image.size(); ++i) {
    const std::size_t channel = i % m_channels;
    const std::size_t source = m_scaling.reverse_channels ? i - channel + (m_channels - 1 - channel) : i;
    double stored = code(image[source], channel);
    if constexpr (std::numeric_limits<T>::is_integer)
      stored = std::clamp<double>(stored, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    const T value = static_cast<T>(stored);
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), raw, raw + sizeof(T));
  }
}

Result<void> InputWriter::append(const std::vector<float>& image, std::vector<std::byte>& bytes) const {
  for (const float value : image) {
    if (!std::isfinite(value) && m_type != TensorType::float32) return bad_input("holds {}", value);
    if (m_rule == Rule::nth_code && !is_byte(value))
      return bad_input("holds {}, not a whole number of 0..255: say in 'input' how to scale the images",
                       value);
  }
  switch (m_type) {
    case TensorType::int8: append_as<std::int8_t>(image, bytes); break;
    case TensorType::uint8: append_as<std::uint8_t>(image, bytes); break;
    case TensorType::int16: append_as<std::int16_t>(image, bytes); break;
    default: append_as<float>(image, bytes);
  }
  return {};
}

}  // namespace qfi

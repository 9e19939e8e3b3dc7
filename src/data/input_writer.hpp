// SPDX-License-Identifier: Apache-2.0
// Values of images -> stored values of an input tensor.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_config.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// A whole number of 0..255.
inline bool is_byte(float value) { return value >= 0 && value <= 255 && value == std::floor(value); }

class InputWriter {
 public:
  /// `signed_type`: see DataSource. Errors: a type that no data set can feed, a scaling that the
  /// type needs, numbers of channels that differ.
  static Result<InputWriter> create(const Tensor& input, const InputScaling& scaling,
                                    std::optional<TensorType> signed_type);

  /// Error: a value that is not finite, or not one of 0..255 where it must be.
  Result<void> append(const std::vector<float>& image, std::vector<std::byte>& bytes) const;

 private:
  enum class Rule : std::uint8_t { scaled, codes, nth_code, as_is };
  double code(double value, std::size_t channel) const;
  template <class T>
  void append_as(const std::vector<float>& image, std::vector<std::byte>& bytes) const;

  TensorType m_type = TensorType::float32;
  Rule m_rule = Rule::as_is;
  InputScaling m_scaling;
  std::size_t m_channels = 1;
  double m_step = 1.0;  ///< of the quantization
  double m_zero = 0.0;
  int m_smallest = 0;
};

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "factored_products.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "qfi/arith/fixed_point.hpp"

namespace qfi {
namespace {

using Row = std::vector<std::int32_t>;  // over the weights or inputs that occur

std::int32_t code(std::uint8_t byte, CodeType type) { return code_of_byte(byte, type); }

// Weights as oneDNN takes them: signed bytes; UINT8 ones less 128.
std::int8_t signed_weight(std::size_t byte, CodeType type) {
  return static_cast<std::int8_t>(type == CodeType::int8 ? byte : byte ^ 0x80U);
}
std::vector<std::size_t> those_set(const std::array<bool, 256>& flags) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < 256; ++i)
    if (flags[i]) result.push_back(i);
  return result;
}

// What the products differ from the exact ones, [weight][input], modulo 2^32.
using Errors = std::vector<Row>;

Errors transposed(const Errors& errors) {
  Errors result(errors.empty() ? 0 : errors[0].size(), Row(errors.size()));
  for (std::size_t i = 0; i < errors.size(); ++i)
    for (std::size_t k = 0; k < errors[i].size(); ++k) result[k][i] = errors[i][k];
  return result;
}

bool is_zero(const Row& row) {
  return std::ranges::all_of(row, [](std::int32_t value) { return value == 0; });
}

// One side's rows as: row i = shared + constant[i] + sum over terms of multiple[i] * values, exactly.
// `shared` and `values` run over the other side.
struct Split {
  Row shared;
  Row constant;
  struct Term {
    Row multiple;
    Row values;  ///< without a common divisor
  };
  std::vector<Term> terms;
};

// The row without its common divisor, and the divisor, negative where the first value that is not 0 is.
std::pair<Row, std::int32_t> without_divisor(const Row& row) {
  std::int64_t divisor = 0;
  for (const std::int32_t value : row)
    if (value != 0 && (divisor == 0 || value % divisor != 0))
      divisor = std::gcd(divisor, std::int64_t{value});
  const auto first = std::ranges::find_if(row, [](std::int32_t value) { return value != 0; });
  if (*first < 0) divisor = -divisor;
  Row result;
  for (const std::int32_t value : row) result.push_back(static_cast<std::int32_t>(value / divisor));
  return {std::move(result), static_cast<std::int32_t>(divisor)};
}

// Rows that differ from the shared one by a constant and a multiple of the same values need one term
// together.
std::optional<Split> split(const Errors& rows, const Row& shared, std::size_t most_terms) {
  Split result{shared, {}, {}};
  std::map<Row, std::size_t> term_of_values;
  std::map<Row, std::pair<std::size_t, std::int32_t>> multiple_of;  // of a term's values
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row rest(shared.size());
    const std::int32_t constant = wrapping_subtract(rows[i][0], shared[0]);
    for (std::size_t k = 0; k < rest.size(); ++k)
      rest[k] = wrapping_subtract(wrapping_subtract(rows[i][k], shared[k]), constant);
    result.constant.push_back(constant);
    if (is_zero(rest)) continue;
    const auto [known, is_unknown] = multiple_of.try_emplace(rest);
    if (is_unknown) {
      const auto [values, divisor] = without_divisor(rest);
      const auto [entry, is_new] = term_of_values.try_emplace(values, result.terms.size());
      if (is_new) {
        if (result.terms.size() == most_terms) return std::nullopt;
        result.terms.push_back({Row(rows.size(), 0), values});
      }
      known->second = {entry->second, divisor};
    }
    result.terms[known->second.first].multiple[i] = known->second.second;
  }
  return result;
}

// values = constant + sum of factor * byte, bytes in low .. low + 255.
struct Digits {
  std::int32_t constant = 0;
  struct Digit {
    std::int32_t factor = 1;
    Row bytes;
  };
  std::vector<Digit> digits;
};

Digits digits_of(const Row& values, std::int32_t low) {
  Digits result;
  const std::int64_t smallest = *std::ranges::min_element(values);
  std::vector<std::int64_t> left;
  std::int64_t divisor = 0;
  for (const std::int32_t value : values) {
    left.push_back(value - smallest);
    divisor = std::gcd(divisor, left.back());
  }
  std::uint32_t constant = static_cast<std::uint32_t>(smallest);
  if (divisor == 0) return {static_cast<std::int32_t>(constant), {}};
  for (std::int64_t& value : left) value /= divisor;
  auto factor = static_cast<std::uint32_t>(divisor);
  while (std::ranges::any_of(left, [](std::int64_t value) { return value != 0; })) {
    Digits::Digit digit{static_cast<std::int32_t>(factor), {}};
    for (std::int64_t& value : left) {
      digit.bytes.push_back(static_cast<std::int32_t>(value & 255) + low);
      value >>= 8;
    }
    const bool is_used =
        std::ranges::any_of(digit.bytes, [&](std::int32_t byte) { return byte != digit.bytes[0]; });
    if (is_used) {
      constant -= factor * static_cast<std::uint32_t>(low);
      result.digits.push_back(std::move(digit));
    } else {
      constant += factor * static_cast<std::uint32_t>(digit.bytes[0] - low);
    }
    factor <<= 8U;
  }
  result.constant = static_cast<std::int32_t>(constant);
  return result;
}

// values = sum of factor * byte, bytes in -128 .. 127; not all values 0.
std::vector<Digits::Digit> balanced_digits(const Row& values) {
  const auto [left_over, divisor] = without_divisor(values);
  std::vector<std::int64_t> left(left_over.begin(), left_over.end());
  std::vector<Digits::Digit> result;
  auto factor = static_cast<std::uint32_t>(divisor);
  while (factor != 0 && std::ranges::any_of(left, [](std::int64_t value) { return value != 0; })) {
    Digits::Digit digit{static_cast<std::int32_t>(factor), {}};
    for (std::int64_t& value : left) {
      digit.bytes.push_back(static_cast<std::int8_t>(value));
      value = (value - digit.bytes.back()) / 256;
    }
    if (!is_zero(digit.bytes)) result.push_back(std::move(digit));
    factor <<= 8U;
  }
  return result;
}

// Turns a split of either side into terms on top of the exact products.
class Builder {
 public:
  Builder(CodeType type, const OperandsInUse& in_use, const FactorParams& params)
      : m_params(params),
        m_weights(those_set(in_use.weights)),
        m_inputs(those_set(in_use.inputs)),
        m_input_low(smallest_code(params.input_type)),
        m_result(plain_products(type, params)) {}

  FactoredProducts by_weights(const Split& rows) {
    add_of_weight(rows.constant);
    add_input_values(rows.shared);
    for (const Split::Term& term : rows.terms) add_products(term.multiple, term.values);
    return m_result;
  }

  // Rows are inputs: their constants are values of the input, what they share of the weight.
  FactoredProducts by_inputs(const Split& rows) {
    add_of_weight(rows.shared);
    add_input_values(rows.constant);
    for (const Split::Term& term : rows.terms) add_products(term.values, term.multiple);
    return m_result;
  }

 private:
  void add_of_weight(const Row& values) {
    for (std::size_t i = 0; i < m_weights.size(); ++i) {
      std::int32_t& sum = m_result.of_weight[m_weights[i]];
      sum = wrapping_add(sum, values[i]);
    }
  }

  void add_constant(std::int32_t value) { add_of_weight(Row(m_weights.size(), value)); }

  std::array<std::uint8_t, 256> input_codes(const Row& bytes) const {
    std::array<std::uint8_t, 256> codes{};
    for (std::size_t i = 0; i < m_inputs.size(); ++i)
      codes[m_inputs[i]] = static_cast<std::uint8_t>(bytes[i]);
    return codes;
  }

  void add_input_values(const Row& values) {
    const Digits digits = digits_of(values, m_input_low);
    add_constant(digits.constant);
    for (const Digits::Digit& digit : digits.digits) {
      if (m_params.takes_input_terms)
        m_result.input_terms.push_back({digit.factor, input_codes(digit.bytes)});
      else add_term(Row(m_weights.size(), 1), digit.bytes, digit.factor);
    }
  }

  // of_weights(w) * of_inputs(x)
  void add_products(const Row& of_weights, const Row& of_inputs) {
    const Digits inputs = digits_of(of_inputs, m_input_low);
    for (const Digits::Digit& weight : balanced_digits(of_weights))
      add_row(weight.bytes, weight.factor, inputs);
  }

  // factor * weight byte * (constant + digits of the input)
  void add_row(const Row& weight_bytes, std::int32_t factor, const Digits& input) {
    Row of_weight;
    for (const std::int32_t byte : weight_bytes)
      of_weight.push_back(wrapping_multiply(wrapping_multiply(byte, factor), input.constant));
    add_of_weight(of_weight);
    for (const Digits::Digit& digit : input.digits)
      add_term(weight_bytes, digit.bytes, wrapping_multiply(factor, digit.factor));
  }

  void add_term(const Row& weight_bytes, const Row& input_bytes, std::int32_t factor) {
    if (moves_exact_weights(weight_bytes, input_bytes, factor)) return;
    if (moves_exact_inputs(weight_bytes, input_bytes, factor)) return;
    ProductTerm term;
    term.factor = factor;
    for (std::size_t i = 0; i < m_weights.size(); ++i)
      term.weight[m_weights[i]] = static_cast<std::int8_t>(weight_bytes[i]);
    term.input = input_codes(input_bytes);
    m_result.product_terms.push_back(term);
  }

  // bytes = slope * codes + start, for all of them.
  struct Line {
    std::int64_t slope = 0;
    std::int64_t start = 0;
  };
  static std::optional<Line> line(const Row& bytes, const Row& codes) {
    if (codes.size() < 2 || codes[1] == codes[0] || (bytes[1] - bytes[0]) % (codes[1] - codes[0]) != 0)
      return std::nullopt;
    Line result{(bytes[1] - bytes[0]) / (codes[1] - codes[0]), 0};
    result.start = bytes[0] - result.slope * codes[0];
    for (std::size_t i = 0; i < codes.size(); ++i)
      if (bytes[i] != result.start + result.slope * codes[i]) return std::nullopt;
    return result;
  }

  Row exact_weights() const {
    Row result;
    for (const std::size_t byte : m_weights) result.push_back(m_result.product_terms[0].weight[byte]);
    return result;
  }
  Row exact_inputs() const {
    Row result;
    for (const std::size_t byte : m_inputs)
      result.push_back(code(m_result.product_terms[0].input[byte], m_params.input_type));
    return result;
  }

  // Where the input bytes are slope * x + start, the term only moves the weights of the exact products:
  // w x + f u (slope x + start) = (w + f slope u) x + f start u.
  bool moves_exact_weights(const Row& u, const Row& v, std::int32_t factor) {
    const auto found = line(v, exact_inputs());
    if (!found) return false;
    const Row weights = exact_weights();
    Row moved, of_weight;
    for (std::size_t i = 0; i < u.size(); ++i) {
      const std::int64_t weight = weights[i] + factor * found->slope * u[i];
      if (weight < -128 || weight > 127) return false;
      moved.push_back(static_cast<std::int32_t>(weight));
      of_weight.push_back(static_cast<std::int32_t>(factor * found->start * u[i]));
    }
    for (std::size_t i = 0; i < u.size(); ++i)
      m_result.product_terms[0].weight[m_weights[i]] = static_cast<std::int8_t>(moved[i]);
    add_of_weight(of_weight);
    return true;
  }

  // In the same way w x + f (slope w + start) v = w (x + f slope v) + f start v, the inputs then shifted into
  // a byte.
  bool moves_exact_inputs(const Row& u, const Row& v, std::int32_t factor) {
    const auto found = line(u, exact_weights());
    if (!found || (found->start != 0 && !m_params.takes_input_terms)) return false;
    const Row inputs = exact_inputs();
    std::vector<std::int64_t> moved;
    for (std::size_t i = 0; i < v.size(); ++i) moved.push_back(inputs[i] + factor * found->slope * v[i]);
    const auto [low, high] = std::ranges::minmax(moved);
    if (high - low > 255) return false;
    const std::int64_t shift = low < m_input_low          ? m_input_low - low
                               : high > m_input_low + 255 ? m_input_low + 255 - high
                                                          : 0;
    Row bytes, rest, of_weight;
    for (std::size_t i = 0; i < v.size(); ++i) {
      bytes.push_back(static_cast<std::int32_t>(moved[i] + shift));
      rest.push_back(static_cast<std::int32_t>(factor * found->start * v[i]));
    }
    for (const std::int32_t weight : exact_weights())
      of_weight.push_back(static_cast<std::int32_t>(-shift * weight));
    m_result.product_terms[0].input = input_codes(bytes);
    add_of_weight(of_weight);
    if (!is_zero(rest)) add_input_values(rest);
    return true;
  }

  const FactorParams& m_params;
  std::vector<std::size_t> m_weights, m_inputs;
  std::int32_t m_input_low;
  FactoredProducts m_result;
};

// Candidates for what all rows share: nothing, and the row that occurs most often.
std::vector<Row> shared_rows(const Errors& rows) {
  std::map<Row, std::size_t> counts;
  for (const Row& row : rows) ++counts[row];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  std::vector<Row> result = {Row(rows[0].size(), 0)};
  if (!is_zero(most->first)) result.push_back(most->first);
  return result;
}

std::size_t cost(const FactoredProducts& products) {
  return 4 * products.product_terms.size() + products.input_terms.size();
}

}  // namespace

std::int32_t FactoredProducts::at(std::size_t weight, std::size_t input, CodeType type) const {
  std::int32_t sum = of_weight[weight];
  for (const InputTerm& term : input_terms)
    sum = wrapping_add(sum, wrapping_multiply(term.factor, code(term.input[input], type)));
  for (const ProductTerm& term : product_terms)
    sum = wrapping_add(sum,
                       wrapping_multiply(term.factor, term.weight[weight] * code(term.input[input], type)));
  return sum;
}

FactoredProducts plain_products(CodeType type, const FactorParams& params) {
  FactoredProducts result;
  ProductTerm& product = result.product_terms.emplace_back();
  const bool is_shifted = type != params.input_type;  // w x = w (x + 128) - 128 w
  for (std::size_t byte = 0; byte < 256; ++byte) {
    product.weight[byte] = signed_weight(byte, type);
    product.input[byte] = static_cast<std::uint8_t>(is_shifted ? byte ^ 0x80U : byte);
    if (is_shifted) result.of_weight[byte] = -128 * product.weight[byte];
  }
  return result;
}

std::optional<FactoredProducts> factor_products(const ErrorTable& table, const OperandsInUse& in_use,
                                                const FactorParams& params) {
  const std::vector<std::size_t> weights = those_set(in_use.weights);
  const std::vector<std::size_t> inputs = those_set(in_use.inputs);
  const FactoredProducts plain = plain_products(table.type, params);
  Errors errors;
  for (const std::size_t weight : weights) {
    Row& row = errors.emplace_back();
    for (const std::size_t input : inputs) row.push_back(table.at(weight, input));
  }
  if (inputs.empty() || std::ranges::all_of(errors, is_zero)) return plain;
  std::optional<FactoredProducts> best;
  const auto consider = [&](FactoredProducts found) {
    if (found.product_terms.size() + found.input_terms.size() > params.most_terms) return;
    if (!best || cost(found) < cost(*best)) best = std::move(found);
  };
  const auto try_rows = [&](const Errors& rows, auto build) {
    for (const Row& shared : shared_rows(rows))
      if (const auto found = split(rows, shared, params.most_terms))
        consider((Builder(table.type, in_use, params).*build)(*found));
  };
  try_rows(errors, &Builder::by_weights);
  try_rows(transposed(errors), &Builder::by_inputs);
  return best;
}

// (w - a)(x - b) - w x = a b - b w - a x, with a as the weights are: signed.
void add_zero_points(const OperandCodes& codes, const FactorParams& params, FactoredProducts& products) {
  const std::int32_t weight_zero = codes.weight_zero_point - (codes.type == CodeType::int8 ? 0 : 128);
  const std::int32_t input_zero = codes.input_zero_point;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::int32_t& sum = products.of_weight[byte];
    sum = wrapping_add(sum, input_zero * (weight_zero - signed_weight(byte, codes.type)));
  }
  if (weight_zero == 0) return;  // INT8; so that no input below is shifted
  const std::array<std::uint8_t, 256> same = plain_products(codes.type, params).product_terms[0].input;
  if (params.takes_input_terms) {
    products.input_terms.push_back({-weight_zero, same});
  } else {
    ProductTerm ones{-weight_zero, {}, same};
    ones.weight.fill(1);
    products.product_terms.push_back(ones);
  }
}

namespace {

// odd * inverse = 1 modulo 2^32.
std::uint32_t inverse(std::uint32_t odd) {
  std::uint32_t x = 1;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}

int twos(std::int32_t factor) {
  return factor == 0 ? 32 : std::countr_zero(static_cast<std::uint32_t>(factor));
}

// larger = ratio * smaller modulo 2^32, where `larger` has at least as many factors of two.
std::int32_t ratio(std::int32_t larger, std::int32_t smaller) {
  const auto whole = static_cast<std::uint32_t>(larger);
  const auto part = static_cast<std::uint32_t>(smaller);
  const int shift = twos(smaller);
  return static_cast<std::int32_t>((whole >> shift) * inverse(part >> shift));
}

}  // namespace

// Those with the most factors of two come first, so that each ratio is a whole number modulo 2^32.
ScaledTerms scaled_terms(const FactoredProducts& products) {
  std::vector<const ProductTerm*> terms;
  for (const ProductTerm& term : products.product_terms) terms.push_back(&term);
  std::ranges::stable_sort(terms, std::ranges::greater(), [](const ProductTerm* term) {
    return std::pair(twos(term->factor), term->factor != 1);
  });
  ScaledTerms scaled;
  for (const ProductTerm* term : terms) {
    if (term->factor == 0) continue;
    scaled.terms.push_back({term, ratio(scaled.last, term->factor)});  // of the first one: of nothing
    scaled.last = term->factor;
  }
  return scaled;
}

}  // namespace qfi

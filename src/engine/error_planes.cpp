// SPDX-License-Identifier: Apache-2.0
#include "error_planes.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "qfi/arith/fixed_point.hpp"

namespace qfi {
namespace {

using Values = std::array<std::uint32_t, 256>;  // of one weight, by input byte

// The errors of a weight over its smallest one.
struct Row {
  std::size_t weight = 0;
  std::int32_t smallest = 0;
  Values above{};
};

std::vector<Row> error_rows(const ErrorTable& table, const OperandsInUse& in_use) {
  std::vector<Row> rows;
  for (std::size_t w = 0; w < 256; ++w) {
    if (!in_use.weights[w]) continue;
    Row row;
    row.weight = w;
    row.smallest = std::numeric_limits<std::int32_t>::max();
    for (std::size_t x = 0; x < 256; ++x)
      if (in_use.inputs[x]) row.smallest = std::min(row.smallest, table.at(w, x));
    for (std::size_t x = 0; x < 256; ++x)
      if (in_use.inputs[x])
        row.above[x] = static_cast<std::uint32_t>(table.at(w, x)) - static_cast<std::uint32_t>(row.smallest);
    rows.push_back(row);
  }
  return rows;
}

// The plane of the inputs whose value has the property.
template <class Has>
ErrorPlane make_plane(const std::vector<Row>& rows, std::uint32_t factor, const Has& has) {
  ErrorPlane plane;
  plane.factor = static_cast<std::int32_t>(factor);
  plane.class_of_weight.fill(ErrorPlane::k_never);
  std::map<std::array<bool, 256>, std::uint16_t> known;
  for (const Row& row : rows) {
    std::array<bool, 256> pattern{};
    for (std::size_t x = 0; x < 256; ++x) pattern[x] = row.above[x] != 0 && has(row.above[x]);
    if (std::ranges::find(pattern, true) == pattern.end()) continue;
    const auto [entry, is_new] = known.try_emplace(pattern, static_cast<std::uint16_t>(known.size()));
    if (is_new) plane.patterns.push_back(pattern);
    plane.class_of_weight[row.weight] = entry->second;
  }
  return plane;
}

}  // namespace

std::int32_t ErrorPlanes::at(std::size_t weight, std::size_t input) const {
  std::int32_t sum = of_weight[weight];
  for (const ErrorPlane& plane : planes) {
    const std::uint16_t k = plane.class_of_weight[weight];
    if (k != ErrorPlane::k_never && plane.patterns[k][input]) sum = wrapping_add(sum, plane.factor);
  }
  return sum;
}

std::optional<ErrorPlanes> split_errors(const ErrorTable& table, const OperandsInUse& in_use,
                                        std::size_t most) {
  const std::vector<Row> rows = error_rows(table, in_use);
  ErrorPlanes result;
  std::set<std::uint32_t> values;
  for (const Row& row : rows) {
    result.of_weight[row.weight] = row.smallest;
    std::uint32_t last = 0;
    for (const std::uint32_t value : row.above)
      if (value != 0 && value != last && values.size() < 256) values.insert(last = value);
  }
  std::uint32_t divisor = 0;
  for (const std::uint32_t value : values) divisor = std::gcd(divisor, value);
  // One plane for each value, or for each bit of the values.
  const auto bits = static_cast<std::size_t>(values.empty() ? 0 : std::bit_width(*values.rbegin() / divisor));
  const bool has_all_values = values.size() < 256;
  if (std::min(has_all_values ? values.size() : bits, bits) > most) return std::nullopt;
  if (has_all_values && values.size() <= bits) {
    for (const std::uint32_t value : values)
      result.planes.push_back(make_plane(rows, value, [&](std::uint32_t above) { return above == value; }));
    return result;
  }
  if (!has_all_values) return std::nullopt;  // the divisor is not known
  for (std::size_t b = 0; b < bits; ++b)
    result.planes.push_back(make_plane(
        rows, divisor << b, [&](std::uint32_t above) { return (above / divisor >> b & 1U) != 0; }));
  std::erase_if(result.planes, [](const ErrorPlane& plane) { return plane.patterns.empty(); });
  return result;
}

}  // namespace qfi

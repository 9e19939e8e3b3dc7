// SPDX-License-Identifier: Apache-2.0
#include "qfi/tables/fault_tables.hpp"

#include <algorithm>
#include <limits>

#include "qfi/arith/requantize.hpp"
#include "qfi/netlist/operand_fit.hpp"

namespace qfi {
namespace {

OperandGrid covering_grid(const std::vector<TableUse>& uses, const UnitParams& params) {
  OperandGrid grid;
  grid.outer = grid.inner = {std::numeric_limits<int>::max(), std::numeric_limits<int>::min()};
  grid.outer_is_rs1 = params.rs1 == Rs1::weight;
  const auto widen = [&](IntRange& range, const OperandCodes& codes, int zero_point) {
    const int first =
        smallest_code(codes.type) - (params.operands == OperandEncoding::offset ? zero_point : 0);
    range.first = std::min(range.first, first);
    range.last = std::max(range.last, first + 255);
  };
  for (const TableUse& use : uses) {
    widen(grid.outer, use.codes, use.codes.weight_zero_point);
    widen(grid.inner, use.codes, use.codes.input_zero_point);
  }
  return grid;
}

// The codes of the set, in rising order.
std::vector<IntRange> ranges_of(const ByteSet& set, CodeType type) {
  std::vector<IntRange> ranges;
  const int first = smallest_code(type);
  for (int code = first; code < first + 256; ++code) {
    if (!set[byte_index(code)]) continue;
    if (!ranges.empty() && ranges.back().last == code - 1) ranges.back().last = code;
    else ranges.push_back({code, code});
  }
  return ranges;
}

// Sorted, overlapping and touching intervals joined.
std::vector<IntRange> merged(std::vector<IntRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const IntRange& a, const IntRange& b) { return a.first < b.first; });
  std::vector<IntRange> result;
  for (const IntRange& range : ranges) {
    if (!result.empty() && range.first <= result.back().last + 1)
      result.back().last = std::max(result.back().last, range.last);
    else result.push_back(range);
  }
  return result;
}

}  // namespace

FaultTables::FaultTables(const Netlist& netlist, std::vector<TableUse> uses, const UnitParams& params)
    : m_uses(std::move(uses)),
      m_params(params),
      m_simulator(netlist, covering_grid(m_uses, params)),
      m_missing(missing_width(netlist, m_simulator.grid())),
      m_is_approximate(netlist.is_approximate) {
  const OperandGrid& grid = m_simulator.grid();
  m_relevant.resize(static_cast<std::size_t>(grid.outer.size()));
  for (const TableUse& use : m_uses) {
    const int first = smallest_code(use.codes.type);
    const std::vector<IntRange> inputs = ranges_of(use.input_occurs, use.codes.type);
    for (int w = first; w < first + 256; ++w) {
      const int row = weight_operand(use.codes, w) - grid.outer.first;
      if (use.weight_occurs[byte_index(w)])
        for (const IntRange& range : inputs)
          m_relevant[static_cast<std::size_t>(row)].push_back(
              {input_operand(use.codes, range.first) - grid.inner.first,
               input_operand(use.codes, range.last) - grid.inner.first});
    }
  }
  for (auto& ranges : m_relevant) ranges = merged(std::move(ranges));
  for (std::size_t use = 0; use < m_uses.size(); ++use)
    if (!m_uses[use].golden_pairs.empty()) add_golden_pairs(use, m_uses[use].golden_pairs);
}

void FaultTables::add_golden_pairs(std::size_t use, std::span<const std::uint64_t> pairs) {
  m_golden_pairs.resize(m_simulator.grid().size(), 0);
  const OperandCodes& codes = m_uses[use].codes;
  const int first = smallest_code(codes.type);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x)
      m_golden_pairs[grid_index(weight_operand(codes, w), input_operand(codes, x))] +=
          pairs[byte_index(w) * 256 + byte_index(x)];
}

int FaultTables::weight_operand(const OperandCodes& codes, int code) const {
  return m_params.operands == OperandEncoding::offset ? code - codes.weight_zero_point : code;
}

int FaultTables::input_operand(const OperandCodes& codes, int code) const {
  return m_params.operands == OperandEncoding::offset ? code - codes.input_zero_point : code;
}

std::size_t FaultTables::grid_index(int weight_operand, int input_operand) const {
  const OperandGrid& grid = m_simulator.grid();
  return static_cast<std::size_t>(weight_operand - grid.outer.first) *
             static_cast<std::size_t>(grid.inner.size()) +
         static_cast<std::size_t>(input_operand - grid.inner.first);
}

template <class Visit>
void FaultTables::for_each_relevant_row(const Visit& visit) const {
  const auto width = static_cast<std::size_t>(m_simulator.grid().inner.size());
  for (std::size_t row = 0; row < m_relevant.size(); ++row)
    for (const IntRange& range : m_relevant[row])
      visit(row * width + static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.size()));
}

Result<void> FaultTables::check_fault_free() const {
  if (m_is_approximate) return {};
  const OperandGrid& grid = m_simulator.grid();
  for (int w = grid.outer.first; w <= grid.outer.last; ++w)
    for (int x = grid.inner.first; x <= grid.inner.last; ++x)
      if (const std::int32_t got = m_simulator.golden()[grid_index(w, x)]; got != w * x)
        return bad_input("the netlist is no multiplier of these operands: {} * {} gives {}{}", w, x, got,
                         m_missing.empty() ? "" : "; " + m_missing);
  return {};
}

FaultEffect FaultTables::examine(const NetlistFault& fault, Scratch& scratch) const {
  scratch.products.resize(m_simulator.grid().size());
  m_simulator.simulate(fault, scratch.simulator, scratch.products);
  return effect_of(scratch.products);
}

void FaultTables::examine_each(std::span<const NetlistFault> faults, Scratch& scratch,
                               const UseEffect& use) const {
  const std::size_t pairs = m_simulator.grid().size();
  for (std::size_t first = 0; first < faults.size(); first += k_together) {
    const auto some = faults.subspan(first, std::min(k_together, faults.size() - first));
    scratch.products.resize(some.size() * pairs);
    m_simulator.simulate_each(some, scratch.simulator, scratch.products);
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto products = std::span<const std::int32_t>(scratch.products).subspan(i * pairs, pairs);
      use(first + i, effect_of(products), products);
    }
  }
}

FaultEffect FaultTables::effect_of(std::span<const std::int32_t> products) const {
  const std::span<const std::int32_t> golden = m_simulator.golden();
  FaultEffect effect;
  effect.is_table_masked = true;
  DigestBuilder digest;
  for_each_relevant_row([&](std::size_t first, std::size_t count) {
    const auto row = products.subspan(first, count);
    digest.add(std::as_bytes(row));
    effect.is_table_masked = effect.is_table_masked && std::ranges::equal(row, golden.subspan(first, count));
  });
  effect.digest = digest.digest();
  for (std::size_t i = 0; i < m_golden_pairs.size(); ++i)
    if (products[i] != golden[i]) effect.golden_hits += m_golden_pairs[i];
  return effect;
}

ProductTable FaultTables::table(std::span<const std::int32_t> products, std::size_t use) const {
  const OperandCodes& codes = m_uses[use].codes;
  const int first = smallest_code(codes.type);
  const bool is_raw = m_params.operands == OperandEncoding::raw;
  ProductTable table;
  for (int w = first; w < first + 256; ++w) {
    const std::int32_t* row =
        products.data() + grid_index(weight_operand(codes, w), input_operand(codes, first));
    // Raw codes: the unit forms w * x; what the zero points add is exact and outside of it. It is
    // (w - weight_zero_point) * (x - input_zero_point) - w * x, here from one x to the next.
    std::uint32_t added =
        is_raw ? static_cast<std::uint32_t>((w - codes.weight_zero_point) * (first - codes.input_zero_point) -
                                            w * first)
               : 0;
    const auto step = is_raw ? static_cast<std::uint32_t>(-codes.weight_zero_point) : 0;
    // Bytes of codes are in order within each half of the codes.
    for (const int half : {0, 128}) {
      std::int32_t* to = &table.at(byte_index(w), byte_index(first + half));
      for (int x = 0; x < 128; ++x)
        to[x] = static_cast<std::int32_t>(static_cast<std::uint32_t>(row[half + x]) + added +
                                          step * static_cast<std::uint32_t>(half + x));
    }
  }
  return table;
}

std::vector<std::int32_t> FaultTables::unit_products(std::span<const std::int32_t> products,
                                                     std::size_t use) const {
  const OperandCodes& codes = m_uses[use].codes;
  const int first = smallest_code(codes.type);
  std::vector<std::int32_t> result;
  result.reserve(k_code_pairs);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x)
      result.push_back(products[grid_index(weight_operand(codes, w), input_operand(codes, x))]);
  return result;
}

}  // namespace qfi

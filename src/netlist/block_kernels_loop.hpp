// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, inside its target region and after its `Vector`, of 64-bit lanes,
// and `Rows`, as many bytes in 32-bit lanes.

namespace qfi {
namespace {

constexpr std::size_t k_vectors_of_word = sizeof(Simulator::Word) / sizeof(Vector);
constexpr std::size_t k_vectors = Simulator::k_words * k_vectors_of_word;
constexpr std::size_t k_row_lanes = sizeof(Rows) / sizeof(std::uint32_t);

// 32 bit planes to 32-bit numbers: a 32 x 32 bit transposition in each lane (recursive block swap; Warren,
// Hacker's Delight, section 7-3).
inline void transpose(Rows (&rows)[32]) {
  std::uint32_t mask = 0x0000ffff;
  for (unsigned distance = 16; distance != 0; distance >>= 1, mask ^= mask << distance) {
    for (unsigned k = 0; k < 32; k = (k + distance + 1) & ~distance) {
      const Rows swap = ((rows[k] >> distance) ^ rows[k + distance]) & mask;
      rows[k + distance] ^= swap;
      rows[k] ^= swap << distance;
    }
  }
}

// Function: (old value of y[i], i) -> new one.
template <class Function>
__attribute__((always_inline)) inline void update(Vector* y, const Function& function) {
  for (std::size_t i = 0; i < k_vectors; ++i) y[i] = function(y[i], i);
}

// A truth table of `count` inputs, by cofactors of the last input that it depends on; one that is constant,
// or the complement of the other, takes a single operation.
inline void table_values(std::uint64_t table, std::size_t count, const Vector* const* inputs, Vector* y) {
  const std::size_t size = std::size_t{1} << count;
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - size);
  if (table == 0) return update(y, [](Vector, std::size_t) { return Vector{}; });
  if (table == ones) return update(y, [](Vector, std::size_t) { return ~Vector{}; });
  const std::uint64_t half = ~std::uint64_t{0} >> (64 - size / 2);
  const std::uint64_t low = table & half;
  const std::uint64_t high = table >> size / 2;
  const Vector* x = inputs[count - 1];
  if (low == 0 && high == half) return update(y, [x](Vector, std::size_t i) { return x[i]; });
  if (low == half && high == 0) return update(y, [x](Vector, std::size_t i) { return ~x[i]; });
  table_values(low == 0 || low == half ? high : low, count - 1, inputs, y);
  if (low == high) return;
  if (low == 0) return update(y, [x](Vector at_1, std::size_t i) { return at_1 & x[i]; });
  if (low == half) return update(y, [x](Vector at_1, std::size_t i) { return at_1 | ~x[i]; });
  if (high == 0) return update(y, [x](Vector at_0, std::size_t i) { return at_0 & ~x[i]; });
  if (high == half) return update(y, [x](Vector at_0, std::size_t i) { return at_0 | x[i]; });
  if (high == (low ^ half)) return update(y, [x](Vector at_0, std::size_t i) { return at_0 ^ x[i]; });
  Vector at_1[k_vectors];
  table_values(high, count - 1, inputs, at_1);
  update(y, [x, &at_1](Vector at_0, std::size_t i) { return (at_0 & ~x[i]) | (at_1[i] & x[i]); });
}

inline const Vector* value_of(const BlockValues& values, std::size_t number) {
  return reinterpret_cast<const Vector*>(number < values.count
                                             ? values.good + number * Simulator::k_words
                                             : values.more + (number - values.count) * Simulator::k_words);
}

inline void evaluate_gate(const Simulator::NumberedGate& gate, const BlockValues& values, Vector* y) {
  const Vector* inputs[k_gate_inputs];
  for (std::size_t k = 0; k < k_gate_inputs; ++k) inputs[k] = value_of(values, gate.sources[k]);
  const Vector* const a = inputs[0];
  const Vector* const b = inputs[1];
  const Vector* const c = inputs[2];
  const Vector* const d = inputs[3];
  const auto each = [y](const auto& function) __attribute__((always_inline)) {
    for (std::size_t i = 0; i < k_vectors; ++i) y[i] = function(i);
  };
#define QFI_CASE(name, expression) \
  case GateOp::name: return each([=](std::size_t i) __attribute__((always_inline)) { return expression; })
  switch (gate.op) {
    QFI_CASE(buffer, a[i]);
    QFI_CASE(inverter, ~a[i]);
    QFI_CASE(and2, a[i] & b[i]);
    QFI_CASE(nand2, ~(a[i] & b[i]));
    QFI_CASE(or2, a[i] | b[i]);
    QFI_CASE(nor2, ~(a[i] | b[i]));
    QFI_CASE(xor2, a[i] ^ b[i]);
    QFI_CASE(xnor2, ~(a[i] ^ b[i]));
    QFI_CASE(and_not, a[i] & ~b[i]);
    QFI_CASE(or_not, a[i] | ~b[i]);
    QFI_CASE(mux, (a[i] & ~c[i]) | (b[i] & c[i]));
    QFI_CASE(inverting_mux, ~((a[i] & ~c[i]) | (b[i] & c[i])));
    QFI_CASE(aoi3, ~((a[i] & b[i]) | c[i]));
    QFI_CASE(oai3, ~((a[i] | b[i]) & c[i]));
    QFI_CASE(aoi4, ~((a[i] & b[i]) | (c[i] & d[i])));
    QFI_CASE(oai4, ~((a[i] | b[i]) & (c[i] | d[i])));
    QFI_CASE(xor3, a[i] ^ b[i] ^ c[i]);
    QFI_CASE(majority, (a[i] & b[i]) | (c[i] & (a[i] ^ b[i])));
    case GateOp::table: return table_values(gate.table, k_gate_inputs, inputs, y);
  }
#undef QFI_CASE
}

void evaluate(std::span<const Simulator::NumberedGate> gates, const Simulator::Word* good, std::size_t count,
              Simulator::Word* more) {
  const BlockValues values{good, count, more};
  for (std::size_t i = 0; i < gates.size(); ++i)
    evaluate_gate(gates[i], values, reinterpret_cast<Vector*>(more + i * Simulator::k_words));
}

void change_products(const BlockValues& values, std::span<const Simulator::ResultBit> result,
                     std::span<std::int32_t> products) {
  for (std::size_t i = 0; i < k_vectors; ++i) {
    const std::size_t first =
        i / k_vectors_of_word * Simulator::k_word_patterns + i % k_vectors_of_word * k_row_lanes;
    if (first >= products.size()) return;
    Rows rows[32] = {};
    Vector any{};
    for (const Simulator::ResultBit& bit : result) {
      const Vector differs = value_of(values, bit.faulty)[i] ^ value_of(values, bit.fault_free)[i];
      rows[bit.bit] = reinterpret_cast<const Rows&>(differs);
      any |= differs;
    }
    std::uint64_t any_bit = 0;
    for (std::size_t lane = 0; lane < sizeof(Vector) / sizeof(std::uint64_t); ++lane) any_bit |= any[lane];
    if (any_bit == 0) continue;
    transpose(rows);
    constexpr std::size_t k_step = sizeof(Simulator::Word) / sizeof(std::uint32_t);
    for (std::size_t row = 0; row < 32 && first + row * k_step < products.size(); ++row) {
      std::int32_t* to = products.data() + first + row * k_step;
      const std::size_t lanes = std::min(k_row_lanes, products.size() - first - row * k_step);
      for (std::size_t lane = 0; lane < lanes; ++lane) to[lane] ^= static_cast<std::int32_t>(rows[row][lane]);
    }
  }
}

}  // namespace
}  // namespace qfi

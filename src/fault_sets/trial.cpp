// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/trial.hpp"

#include <algorithm>
#include <limits>

namespace qfi {
namespace {

// Numbers, most of them 0, 1 or 2. Four stand together: a byte with two bits of each, the first one's lowest,
// then those of 3 or more, less 3, with 7 bits in a byte, the lowest first; a top bit says that more follow.
// What is missing from the last four are zeros.
class Encoder {
 public:
  void add(std::uint64_t value) {
    if (m_count % k_together == 0) m_code_at = m_bytes.size(), m_bytes.push_back('\0');
    const std::uint64_t code = std::min<std::uint64_t>(value, k_larger);
    m_bytes[m_code_at] = static_cast<char>(static_cast<unsigned char>(m_bytes[m_code_at]) |
                                           code << (2 * (m_count % k_together)));
    ++m_count;
    if (code < k_larger) return;
    for (value -= k_larger; value >= 128; value >>= 7U)
      m_bytes.push_back(static_cast<char>((value & 127U) | 128U));
    m_bytes.push_back(static_cast<char>(value));
  }
  std::string take() { return std::move(m_bytes); }

  static constexpr std::size_t k_together = 4;
  static constexpr std::uint64_t k_larger = 3;

 private:
  std::string m_bytes;
  std::size_t m_count = 0;
  std::size_t m_code_at = 0;
};

// After a number that is not there all others are 0, and is_good() is false.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : m_bytes(bytes) {}
  std::uint64_t next(std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    if (m_codes == 0 && !take_codes()) return 0;
    const std::uint64_t code = m_code & 3U;
    m_code >>= 2U;
    --m_codes;
    const std::uint64_t value = code < Encoder::k_larger ? code : next_larger();
    m_is_good = m_is_good && value <= most;
    return m_is_good ? value : 0;
  }
  void fail() { m_is_good = false; }
  bool is_good() const { return m_is_good; }
  bool is_at_end() const { return m_is_good && m_bytes.empty() && m_code == 0; }
  /// The most numbers that may still come.
  std::size_t left() const { return m_codes + Encoder::k_together * m_bytes.size(); }

 private:
  bool take_codes() {
    m_is_good = m_is_good && !m_bytes.empty();
    if (!m_is_good) return false;
    m_code = static_cast<unsigned char>(m_bytes.front());
    m_codes = Encoder::k_together;
    m_bytes.remove_prefix(1);
    return true;
  }
  std::uint64_t next_larger() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; m_is_good && shift < 64 && !m_bytes.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(m_bytes.front());
      m_bytes.remove_prefix(1);
      value |= std::uint64_t{byte & 127U} << shift;
      if (byte < 128) return value + Encoder::k_larger;
    }
    m_is_good = false;
    return 0;
  }

  std::string_view m_bytes;
  unsigned m_code = 0;
  std::size_t m_codes = 0;  ///< of m_code that are left
  bool m_is_good = true;
};

constexpr std::uint64_t k_most_32 = std::numeric_limits<std::uint32_t>::max();

void encode(const ConfusionMatrix& matrix, Encoder& to) {
  to.add(matrix.classes());
  for (std::size_t truth = 0; truth < matrix.classes(); ++truth) {
    for (std::size_t predicted = 0; predicted < matrix.classes(); ++predicted)
      to.add(matrix.at(truth, predicted));
    to.add(matrix.without_prediction(truth));
  }
}

ConfusionMatrix decode_matrix(Decoder& from) {
  const std::uint64_t classes = from.next(ConfusionMatrix::k_max_classes);
  if (classes * (classes + 1) > from.left()) {
    from.fail();
    return ConfusionMatrix(0);
  }
  ConfusionMatrix matrix(classes);
  for (std::size_t truth = 0; truth < classes; ++truth) {
    for (std::size_t predicted = 0; predicted < classes; ++predicted)
      matrix.add(static_cast<int>(truth), static_cast<int>(predicted), from.next());
    matrix.add(static_cast<int>(truth), -1, from.next());
  }
  return matrix;
}

bool has_bits(const BitOutcome& outcome) {
  BitOutcome counts_alone;
  counts_alone.counts = outcome.counts;
  return !(outcome == counts_alone);
}

void encode(const TrialSums& sums, Encoder& to) {
  for (const std::uint64_t value : {sums.trials, sums.changed, sums.units}) to.add(value);
}

void decode(Decoder& from, TrialSums& sums) {
  for (std::uint64_t* value : {&sums.trials, &sums.changed, &sums.units}) *value = from.next();
}

void encode(const BitOutcome& outcome, Encoder& to) {
  encode(outcome.counts.confusion, to);
  to.add(has_bits(outcome) ? 1 : 0);
  if (!has_bits(outcome)) return;
  for (const TrialSums& sums : outcome.of_direction) encode(sums, to);
  for (const TrialSums& sums : outcome.of_magnitude) encode(sums, to);
  for (const std::uint64_t value :
       {outcome.reads, outcome.detected, outcome.corrected, outcome.missed, outcome.cured})
    to.add(value);
  to.add((outcome.value ? 1U : 0U) | (outcome.has_mixed_values ? 2U : 0U));
  if (outcome.value) to.add(outcome.value->first), to.add(outcome.value->second);
  to.add(outcome.equal_after.size());
  for (const auto& [index, images] : outcome.equal_after)
    to.add(static_cast<std::uint64_t>(index + 1)), to.add(images);
}

void decode(Decoder& from, BitOutcome& outcome) {
  outcome.counts.confusion = decode_matrix(from);
  if (from.next(1) == 0) return;
  for (TrialSums& sums : outcome.of_direction) decode(from, sums);
  for (TrialSums& sums : outcome.of_magnitude) decode(from, sums);
  for (std::uint64_t* value :
       {&outcome.reads, &outcome.detected, &outcome.corrected, &outcome.missed, &outcome.cured})
    *value = from.next();
  const std::uint64_t flags = from.next(3);
  outcome.has_mixed_values = (flags & 2U) != 0;
  if ((flags & 1U) != 0) {
    const auto golden = static_cast<std::uint32_t>(from.next(k_most_32));
    outcome.value = {golden, static_cast<std::uint32_t>(from.next(k_most_32))};
  }
  const std::uint64_t places = from.next(from.left());
  for (std::uint64_t i = 0; i < places && from.is_good(); ++i) {
    const auto index = static_cast<int>(from.next(std::numeric_limits<int>::max())) - 1;
    outcome.equal_after.emplace_back(index, static_cast<std::uint32_t>(from.next(k_most_32)));
  }
}

void encode_counts(const FaultCounts& counts, Encoder& to) {
  for (const CountField& field : k_count_fields) to.add(counts.*field.value);
}

void decode_counts(Decoder& from, FaultCounts& counts) {
  for (const CountField& field : k_count_fields) counts.*field.value = from.next();
}

}  // namespace

BitOutcome OutcomeStore::operator[](std::size_t fault) const {
  BitOutcome outcome;
  if (m_outcome_of[fault] == k_nothing) return outcome;
  Decoder from(*m_kept[m_outcome_of[fault]].packed);
  decode_counts(from, outcome.counts);
  decode(from, outcome);
  return outcome;
}

FaultCounts OutcomeStore::counts(std::size_t fault) const {
  FaultCounts counts;
  if (m_outcome_of[fault] == k_nothing) return counts;
  Decoder from(*m_kept[m_outcome_of[fault]].packed);
  decode_counts(from, counts);
  counts.confusion = decode_matrix(from);
  return counts;
}

void OutcomeStore::add(std::size_t fault, const BitOutcome& outcome) {
  BitOutcome sum = (*this)[fault];
  sum += outcome;
  Encoder to;
  encode_counts(sum.counts, to);
  encode(sum, to);
  const std::uint32_t before = m_outcome_of[fault];
  m_outcome_of[fault] = place_of(to.take());
  if (before != k_nothing) forget(before);
}

std::uint32_t OutcomeStore::place_of(std::string packed) {
  const auto [known, is_new] = m_places.try_emplace(std::move(packed), 0);
  if (is_new) {
    if (m_free.empty()) {
      m_free.push_back(static_cast<std::uint32_t>(m_kept.size()));
      m_kept.emplace_back();
    }
    known->second = m_free.back();
    m_free.pop_back();
    m_kept[known->second].packed = &known->first;
  }
  ++m_kept[known->second].faults;
  return known->second;
}

void OutcomeStore::forget(std::uint32_t place) {
  if (--m_kept[place].faults > 0) return;
  m_places.erase(m_places.find(*m_kept[place].packed));
  m_kept[place].packed = nullptr;
  m_free.push_back(place);
}

BitOutcome& BitOutcome::operator+=(const BitOutcome& other) {
  const auto add = [](TrialSums& sums, const TrialSums& more) {
    sums.trials += more.trials;
    sums.changed += more.changed;
    sums.units += more.units;
  };
  const bool is_first = reads == 0;
  counts += other.counts;
  for (std::size_t i = 0; i < of_direction.size(); ++i) add(of_direction[i], other.of_direction[i]);
  for (std::size_t i = 0; i < of_magnitude.size(); ++i) add(of_magnitude[i], other.of_magnitude[i]);
  reads += other.reads;
  detected += other.detected;
  corrected += other.corrected;
  missed += other.missed;
  cured += other.cured;
  if (is_first) value = other.value;
  has_mixed_values = has_mixed_values || other.has_mixed_values || (!is_first && value != other.value);
  if (has_mixed_values) value.reset();
  for (const auto& [index, images] : other.equal_after) add_equal(index, images);
  return *this;
}

void BitOutcome::add_equal(int index, std::uint32_t images) {
  const auto place = std::ranges::lower_bound(equal_after, index, {}, &std::pair<int, std::uint32_t>::first);
  if (place != equal_after.end() && place->first == index) place->second += images;
  else equal_after.emplace(place, index, images);
}

std::vector<std::string> count_columns() {
  std::vector<std::string> names;
  for (const CountField& field : k_count_fields)
    if (!field.is_of_images) names.emplace_back(field.name);
  return names;
}

std::vector<std::uint64_t> count_numbers(const FaultCounts& counts) {
  std::vector<std::uint64_t> numbers;
  for (const CountField& field : k_count_fields)
    if (!field.is_of_images) numbers.push_back(counts.*field.value);
  return numbers;
}

FaultCounts counts_of_numbers(std::span<const std::uint64_t> numbers, const FaultCounts& golden) {
  FaultCounts counts;
  std::size_t next = 0;
  for (const CountField& field : k_count_fields)
    counts.*field.value = field.is_of_images ? golden.*field.value : numbers[next++];
  return counts;
}

std::string encode_details(const Trial& trial, std::span<const ImageEvents> golden) {
  Encoder to;
  encode(trial.outcome, to);
  to.add(trial.with_protection ? 1 : 0);
  if (trial.with_protection) {
    encode_counts(trial.with_protection->counts, to);
    encode(*trial.with_protection, to);
  }
  std::size_t last = 0;
  for (std::size_t i = 0; i < trial.events.size(); ++i) {
    const ImageEvents& events = trial.events[i];
    if (events == golden[i]) continue;
    for (const std::uint64_t value : {i - last + 1, std::uint64_t{events.changed},
                                      std::uint64_t{events.correct}, std::uint64_t{events.top5}})
      to.add(value);
    last = i;
  }
  to.add(0);
  return to.take();
}

std::optional<Trial> decode_details(std::string_view details, const FaultCounts& counts,
                                    std::span<const ImageEvents> golden) {
  Trial trial;
  Decoder from(details);
  trial.outcome.counts = counts;
  decode(from, trial.outcome);
  if (from.next(1) == 1) {
    trial.with_protection.emplace();
    decode_counts(from, trial.with_protection->counts);
    decode(from, *trial.with_protection);
  }
  trial.events.assign(golden.begin(), golden.end());
  std::size_t place = 0;
  while (const std::uint64_t step = from.next(golden.size())) {
    place += step - 1;
    if (place >= golden.size()) return std::nullopt;
    for (std::uint32_t* value :
         {&trial.events[place].changed, &trial.events[place].correct, &trial.events[place].top5})
      *value = static_cast<std::uint32_t>(from.next(k_most_32));
  }
  if (!from.is_at_end()) return std::nullopt;
  return trial;
}

}  // namespace qfi

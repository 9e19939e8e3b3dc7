// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/storage.hpp"

namespace qfi {
namespace {

constexpr int k_least_width = 3;
constexpr int k_most_width = 32;

void apply(const StoredBitFault& fault, StoredWord& stored) {
  switch (fault.model) {
    case BitFaultModel::flip: stored.flip(fault.index); break;
    case BitFaultModel::stuck_at_0: stored.set(fault.index, false); break;
    case BitFaultModel::stuck_at_1: stored.set(fault.index, true); break;
  }
}

constexpr std::pair<BitFaultModel, const char*> k_models[] = {{BitFaultModel::flip, "flip"},
                                                              {BitFaultModel::stuck_at_0, "stuck_at_0"},
                                                              {BitFaultModel::stuck_at_1, "stuck_at_1"}};

}  // namespace

const char* name_of(BitFaultModel model) {
  return std::ranges::find(k_models, model, &std::pair<BitFaultModel, const char*>::first)->second;
}

Result<BitFaultModel> parse_bit_fault_model(std::string_view name) {
  for (const auto& [model, known] : k_models)
    if (name == known) return model;
  return bad_input("model '{}'; possible: flip, stuck_at_0, stuck_at_1", name);
}

StorageCodec::StorageCodec(GroupLayout layout) : m_layout(std::move(layout)) {
  assert(m_layout.values >= 1 && m_layout.values <= k_most_values);
  assert(m_layout.width >= 1 && m_layout.width <= k_most_width);
  assert(m_layout.stored_bits.size() <= StoredWord::k_capacity);
}

Result<Storage> Storage::make(const StorageParams& params) {
  if (params.width < k_least_width || params.width > k_most_width)
    return bad_input("a width of {} bits; storage keeps {} to {}", params.width, k_least_width, k_most_width);
  QFI_TRY(auto codec, codec_kind(params.protection).make(params));
  return Storage(params, std::move(codec));
}

Storage::Storage(const StorageParams& params, std::shared_ptr<const StorageCodec> codec)
    : m_params(params),
      m_codec(std::move(codec)),
      m_bits_of_value(static_cast<std::size_t>(m_codec->layout().values)) {
  m_params.width = m_codec->layout().width;
  for (int index = 0; index < stored_bits(); ++index) {
    const auto& kept = value_bit(index);
    (kept ? m_bits_of_value[static_cast<std::size_t>(kept->value)] : m_check_bits).push_back(index);
  }
  const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << m_params.width) - 1);
  std::uint32_t once = 0;
  for (const int index : bits_of_value(0)) {
    const std::uint32_t bit = std::uint32_t{1} << *bit_of(index);
    m_guarded_bits |= once & bit;
    once |= bit;
  }
  if (!m_check_bits.empty()) m_guarded_bits = all;
  const auto keeps_as_the_first = [&](const std::vector<int>& bits) {
    return std::ranges::equal(
        bits, m_bits_of_value.front(), {}, [&](int index) { return bit_of(index); },
        [&](int index) { return bit_of(index); });
  };
  assert(std::ranges::all_of(m_bits_of_value, keeps_as_the_first));
  static_cast<void>(keeps_as_the_first);
}

std::uint64_t Storage::owner_of(std::uint64_t element, int index) const {
  const auto& kept = value_bit(index);
  return element - static_cast<std::uint64_t>(place_of(element)) +
         static_cast<std::uint64_t>(kept ? kept->value : 0);
}

int Storage::index_in(int value, int index) const {
  if (value == 0) return index;
  const std::vector<int>& first = m_bits_of_value.front();
  return bits_of_value(value)[static_cast<std::size_t>(std::ranges::find(first, index) - first.begin())];
}

int Storage::index_of(const ValueBit& bit) const {
  const auto& stored = m_codec->layout().stored_bits;
  return static_cast<int>(std::ranges::find(stored, std::optional(bit)) - stored.begin());
}

// The codes with their bits above the width cleared, and zeros behind them where the group is incomplete.
std::span<std::uint32_t> Storage::whole_group(std::span<const std::uint32_t> codes, Codes& memory) const {
  const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << m_params.width) - 1);
  const std::span group = std::span(memory).first(static_cast<std::size_t>(values()));
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = i < codes.size() ? codes[i] & all : 0;
  return group;
}

Reading Storage::read(std::span<std::uint32_t> codes, std::span<const StoredBitFault> faults) const {
  Codes memory;
  const std::span<std::uint32_t> group = whole_group(codes, memory);
  std::ranges::copy(group.first(codes.size()), codes.begin());
  StoredWord stored = m_codec->encode(group);
  for (const StoredBitFault& fault : faults) apply(fault, stored);
  Reading reading;
  reading.is_detected = m_codec->decode(stored, group);
  std::uint32_t wrong = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) wrong |= codes[i] ^ group[i];
  reading.is_wrong = wrong != 0;
  reading.is_guard_broken = (wrong & m_guarded_bits) != 0;
  reading.code = group[0];
  std::ranges::copy(group.first(codes.size()), codes.begin());
  return reading;
}

bool Storage::is_set(std::span<const std::uint32_t> codes, int index) const {
  Codes memory;
  return m_codec->encode(whole_group(codes, memory)).bit(index);
}

}  // namespace qfi

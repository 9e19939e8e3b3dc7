// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/storage.hpp"

#include <bit>
#include <cassert>

namespace qfi {
namespace {

constexpr int k_least_width = 3;
constexpr int k_most_width = 32;

std::uint32_t lowest(int bits) { return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1); }

void apply(BitFaultModel model, std::uint32_t bit, std::uint32_t& word) {
  switch (model) {
    case BitFaultModel::flip: word ^= bit; break;
    case BitFaultModel::stuck_at_0: word &= ~bit; break;
    case BitFaultModel::stuck_at_1: word |= bit; break;
  }
}

}  // namespace

Result<Storage> Storage::make(const StorageParams& params) {
  if (params.width < k_least_width || params.width > k_most_width)
    return bad_input("a width of {} bits; storage keeps {} to {}", params.width, k_least_width, k_most_width);
  const bool has_top =
      params.protection == Protection::triplicated || params.protection == Protection::vandor;
  if (has_top && (params.top_bits < 1 || params.top_bits > params.width))
    return bad_input("{} top bits of a value of {} bits", params.top_bits, params.width);
  if (params.protection == Protection::vandor &&
      (params.unprotected_bits < 0 || params.unprotected_bits > params.width - params.top_bits))
    return bad_input("{} unprotected bits beside {} top bits of a value of {} bits", params.unprotected_bits,
                     params.top_bits, params.width);
  return Storage(params);
}

Storage::Storage(const StorageParams& params) : m_params(params) {
  const std::uint32_t all = lowest(params.width);
  const auto top = [&] { return all & ~lowest(params.width - params.top_bits); };
  switch (params.protection) {
    case Protection::plain: m_kept = {all, 0, 0}; break;
    case Protection::triplicated: m_kept = {all, top(), top()}; break;
    case Protection::tmr: m_kept = {all, all, all}; break;
    case Protection::vandor: m_kept = {all, all & ~lowest(params.unprotected_bits), top()}; break;
    case Protection::split_lcu: m_kept = {all, all, 0}; break;
  }
}

int Storage::stored_bits() const {
  int sum = 0;
  for (const std::uint32_t kept : m_kept) sum += std::popcount(kept);
  return sum;
}

// The bits that a copy keeps reach up to the top, without gaps.
Storage::Cell Storage::cell(int index) const {
  assert(index >= 0 && index < stored_bits());
  int copy = 0;
  for (; index >= std::popcount(m_kept[static_cast<std::size_t>(copy)]); ++copy)
    index -= std::popcount(m_kept[static_cast<std::size_t>(copy)]);
  return {copy, std::countr_zero(m_kept[static_cast<std::size_t>(copy)]) + index};
}

int Storage::bit_of(int index) const { return cell(index).bit; }

std::uint32_t Storage::vote(const std::array<std::uint32_t, 3>& copies) const {
  const auto [a, b, c] = copies;
  const std::uint32_t thrice = m_kept[2];
  const std::uint32_t twice = m_kept[1] & ~thrice;
  const std::uint32_t once = m_kept[0] & ~m_kept[1];
  const std::uint32_t code = (thrice & ((a & b) | (a & c) | (b & c))) | (once & a);
  const bool is_negative = (code >> (m_params.width - 1) & 1U) != 0;  // a top bit is never twice
  return code | (twice & (is_negative ? a | b : a & b));
}

Reading Storage::read(std::uint32_t code, std::span<const StoredBitFault> faults) const {
  const bool is_split = m_params.protection == Protection::split_lcu;
  const std::uint32_t written = code & m_kept[0];
  const std::uint32_t value = written ^ m_params.zero;
  const std::uint32_t stored = is_split ? value >> 1U : written;
  std::array<std::uint32_t, 3> copies{stored, stored & m_kept[1], stored & m_kept[2]};
  for (const StoredBitFault& fault : faults) {
    const Cell hit = cell(fault.index);
    apply(fault.model, std::uint32_t{1} << hit.bit, copies[static_cast<std::size_t>(hit.copy)]);
  }
  const auto [a, b, c] = copies;
  Reading reading;
  reading.code = is_split ? (((a & b & m_kept[0] >> 1U) << 1U) | (value & 1U)) ^ m_params.zero : vote(copies);
  reading.is_detected = ((a ^ b) & m_kept[1]) != 0 || ((a ^ c) & m_kept[2]) != 0;
  reading.is_wrong = reading.code != written;
  return reading;
}

}  // namespace qfi

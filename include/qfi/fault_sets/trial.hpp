// SPDX-License-Identifier: Apache-2.0
// Owns Trial, what one fault did to the images of one block. Counts of images go in; what is journaled and
// added up comes out, packed where there are many.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qfi/workload/counts.hpp"

namespace qfi {

/// What the units of one image did under one fault.
struct ImageEvents {
  std::uint32_t changed = 0;
  std::uint32_t correct = 0;
  std::uint32_t top5 = 0;

  ImageEvents() = default;
  explicit ImageEvents(const FaultCounts& counts)
      : changed(static_cast<std::uint32_t>(counts.changed)),
        correct(static_cast<std::uint32_t>(counts.faulty_correct)),
        top5(static_cast<std::uint32_t>(counts.faulty_top5_correct)) {}
  bool operator==(const ImageEvents&) const = default;
};

struct TrialSums {
  std::uint64_t trials = 0;
  std::uint64_t changed = 0;  ///< units whose class changed
  std::uint64_t units = 0;
  bool operator==(const TrialSums&) const = default;
};

enum class Magnitude : std::uint8_t { away, towards, neither };

/// What the images under one fault, or under the same with a protection, did. Faults of a unit have the
/// counts alone.
struct BitOutcome {
  FaultCounts counts;
  /// Faults of one bit, where it moves: 0->1, 1->0; and what the value that is read does: away from
  /// zero, towards it, neither.
  std::array<TrialSums, 2> of_direction;
  std::array<TrialSums, 3> of_magnitude;
  std::uint64_t reads = 0;  ///< reads of faulty values
  std::uint64_t detected = 0;
  std::uint64_t corrected = 0;
  std::uint64_t missed = 0;
  /// With a protection: units whose class changes without it and not with it, image by image; of an image of
  /// several units the number by which they are fewer.
  std::uint64_t cured = 0;
  /// Faults of one value: its bits, golden and as read, where they are the same in all trials.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> value;
  bool has_mixed_values = false;
  /// Operator and images, rising; -1: where it is read.
  std::vector<std::pair<int, std::uint32_t>> equal_after;

  void add_equal(int index, std::uint32_t images);
  BitOutcome& operator+=(const BitOutcome& other);
  bool operator==(const BitOutcome&) const = default;
};

/// Outcomes of many faults, packed, each kept once however many faults have it: one image's are few.
class OutcomeStore {
 public:
  void resize(std::size_t faults) { m_outcome_of.resize(faults, k_nothing); }
  std::size_t size() const { return m_outcome_of.size(); }
  bool empty() const { return m_outcome_of.empty(); }
  BitOutcome operator[](std::size_t fault) const;
  FaultCounts counts(std::size_t fault) const;
  void add(std::size_t fault, const BitOutcome& outcome);

 private:
  static constexpr std::uint32_t k_nothing = 0xFFFFFFFF;
  struct Kept {
    const std::string* packed = nullptr;
    std::uint32_t faults = 0;  ///< that have it; 0: its place is free
  };
  using Places = std::unordered_map<std::string, std::uint32_t>;
  std::uint32_t place_of(std::string packed);
  void forget(std::uint32_t place);

  std::vector<std::uint32_t> m_outcome_of;  ///< of each fault; k_nothing: nothing was added
  std::vector<Kept> m_kept;
  std::vector<std::uint32_t> m_free;  ///< places of m_kept
  Places m_places;
};

struct Trial {
  BitOutcome outcome;
  std::optional<BitOutcome> with_protection;
  std::vector<ImageEvents> events;  ///< of each image
  bool operator==(const Trial&) const = default;
};

/// FaultCounts without the confusion matrix, by name.
struct CountField {
  const char* name;
  std::uint64_t FaultCounts::*value;
  bool is_of_images = false;  ///< what the images count whatever the fault does
};
inline constexpr std::array<CountField, 13> k_count_fields = {
    {{"images", &FaultCounts::images, true},
     {"output_identical", &FaultCounts::output_identical},
     {"nan", &FaultCounts::nan},
     {"infinity", &FaultCounts::infinity},
     {"units", &FaultCounts::units, true},
     {"changed", &FaultCounts::changed},
     {"labelled", &FaultCounts::labelled, true},
     {"golden_correct", &FaultCounts::golden_correct, true},
     {"faulty_correct", &FaultCounts::faulty_correct},
     {"correct_to_wrong", &FaultCounts::correct_to_wrong},
     {"wrong_to_correct", &FaultCounts::wrong_to_correct},
     {"faulty_top5_correct", &FaultCounts::faulty_top5_correct},
     {"top5_lost", &FaultCounts::top5_lost}}};

/// The names of those of k_count_fields that a fault decides, and their numbers, as a journal's columns.
std::vector<std::string> count_columns();
std::vector<std::uint64_t> count_numbers(const FaultCounts& counts);
/// The counts that such numbers stand for, on images that count `golden` without a fault. Precondition: as
/// many numbers as there are columns.
FaultCounts counts_of_numbers(std::span<const std::uint64_t> numbers, const FaultCounts& golden);

/// Packs all of a trial but the 13 counts of its outcome. `golden` is what its images count without a fault;
/// only those that differ take room.
std::string encode_details(const Trial& trial, std::span<const ImageEvents> golden);

/// The trial again; nullopt where the text holds no details of a trial on so many images.
std::optional<Trial> decode_details(std::string_view details, const FaultCounts& counts,
                                    std::span<const ImageEvents> golden);

}  // namespace qfi

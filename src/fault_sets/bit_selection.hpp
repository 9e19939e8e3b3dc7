// SPDX-License-Identifier: Apache-2.0
// Which places of stored values an entry of `faults` selects. A prepared model and the entry go in; the
// places that its target and stages offer go through its keys `operators`, `layers` and `tensors`. A value of
// a key that selects nothing is an error.
#pragma once

#include <functional>

#include "qfi/config/config_names.hpp"
#include "qfi/fault_sets/bit_population.hpp"

namespace qfi {

class BitSelection {
 public:
  static Result<BitSelection> make(const Program& program, const BitFaultConfig& faults);

  /// In the order of the operators; every memory of constants once, with all selected operators that read it.
  std::vector<ValuePlace> places() const;
  /// Values of constants of the selected operators that are neither weights nor biases.
  std::uint64_t left_out() const;
  /// Where `kept` is what channels and masks leave of places(). Error: a value of a key of which nothing is
  /// left.
  Result<void> check_left(std::span<const ValuePlace> kept) const;
  /// Error: a layer that is none of `places`.
  Result<void> check_layers(const std::string& key, const std::vector<std::string>& layers,
                            std::span<const ValuePlace> places) const;

 private:
  /// A key that selects places, and its values.
  struct Selector {
    std::string key;
    std::vector<std::string> values;
    std::string what;  ///< it selects: "operators"
    /// The values that select a place, the first is listed; none: the key is not about such a place.
    std::function<std::vector<std::string>(const ValuePlace&)> names;
    std::function<std::string(const std::string&)> why_nothing;  ///< of a value

    bool selects(const std::string& value, const ValuePlace& place) const;
    bool keeps(const ValuePlace& place) const;
  };

  BitSelection(const Program& program, const BitFaultConfig& faults);
  Result<void> select();
  Result<void> check_stages() const;
  Result<void> check_accumulators() const;
  Result<void> check(const Selector& selector, std::span<const ValuePlace> places) const;
  template <class T, class Set>
  std::vector<std::string> words_with_values(const Names<T>& words, const Set& set) const;
  std::string reason(const Selector& selector, const std::string& value) const;

  std::vector<ValuePlace> all_offered() const;
  /// A place for each operator that reads weights or biases, also where several read one memory.
  std::vector<ValuePlace> parameters() const;
  void offer_data(Stage stage, std::size_t index, std::vector<ValuePlace>& places) const;
  ValuePlace place_of_data(Stage stage, std::size_t index, int tensor, std::string label) const;

  Selector operators() const;
  Selector layers(std::string key, std::vector<std::string> values) const;
  Selector tensors() const;
  /// What the target and stages mean: "weights".
  std::string values() const;

  const Program* m_program;
  const Model* m_model;
  const BitFaultConfig* m_faults;
  std::vector<ValuePlace> m_offered;
  std::vector<ValuePlace> m_selected;
};

}  // namespace qfi

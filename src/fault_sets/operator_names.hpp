// SPDX-License-Identifier: Apache-2.0
// The words that the key `layers` knows an operator by: its number, and the names of the tensors that it
// writes.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "qfi/model/model.hpp"

namespace qfi {

inline std::vector<std::string> names_of_operator(const Model& model, std::size_t index) {
  std::vector<std::string> names = {std::to_string(index)};
  for (const int output : model.operators[index].outputs)
    names.push_back(model.tensors[static_cast<std::size_t>(output)].name);
  return names;
}

inline bool names_operator(const Model& model, std::size_t index, const std::string& layer) {
  const std::vector<std::string> names = names_of_operator(model, index);
  return std::ranges::find(names, layer) != names.end();
}

/// Whether the operator is one of `layers`; no layers: all are.
inline bool is_listed(const Model& model, std::size_t index, const std::vector<std::string>& layers) {
  return layers.empty() ||
         std::ranges::any_of(layers, [&](const auto& layer) { return names_operator(model, index, layer); });
}

/// Why `layer` selects nothing: what `reason` says of the operator that it names, or that it names none.
template <class Reason>
std::string why_no_layer(const Model& model, const std::string& layer, const Reason& reason) {
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    if (names_operator(model, i, layer))
      return fmt::format("operator {} ({}) {}", i, name_of(model.operators[i].kind), reason(i));
  return fmt::format("no operator is number '{}' or writes a tensor of that name", layer);
}

}  // namespace qfi

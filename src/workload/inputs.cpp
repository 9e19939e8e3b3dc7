// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/inputs.hpp"

#include <set>

namespace qfi {

Result<std::vector<std::string>> input_names(const Model& model) {
  std::vector<std::string> names;
  if (model.inputs.size() == 1) return names;
  for (const int input : model.inputs) names.push_back(model.tensors[static_cast<std::size_t>(input)].name);
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size())
    return bad_input("two of its inputs have the same name; arrays could not be told apart");
  return names;
}

Result<void> read_inputs(const Model& model, const DataSet& data, const InputScaling& scaling,
                         std::size_t first, std::size_t count, const TakeInput& take) {
  for (const int input : model.inputs) {
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(input)];
    QFI_TRY(const std::vector<std::byte> values, data.read_inputs(first, count, tensor, scaling));
    take(input, values);
  }
  return {};
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/neuron_list.hpp"

#include <algorithm>
#include <string>

#include "qfi/base/csv.hpp"
#include "qfi/base/text.hpp"

namespace qfi {

Result<NeuronList> read_critical_neurons(const std::filesystem::path& file, double threshold) {
  const std::vector<std::string> names = {"layer", "element", "nvf"};
  NeuronList list;
  std::vector<Neuron>& critical = list.critical;
  QFI_CHECK(for_each_csv_row(file, names, [&](std::size_t line, auto fields) -> Result<void> {
    Neuron neuron;
    double nvf = 0;
    if (!parse_number(fields[0], neuron.operator_index) || !parse_number(fields[1], neuron.element) ||
        !parse_number(fields[2], nvf) || !(nvf >= 0 && nvf <= 1))
      return bad_input("{}:{}: layer and element must be whole numbers, nvf one of 0 to 1", file.string(),
                       line);
    list.highest_nvf = std::max(list.highest_nvf, nvf);
    if (nvf >= threshold) critical.push_back(neuron);
    return {};
  }));
  std::ranges::sort(critical);
  if (const auto twice = std::ranges::adjacent_find(critical); twice != critical.end())
    return bad_input("{}: element {} of layer {} twice", file.string(), twice->element,
                     twice->operator_index);
  return list;
}

}  // namespace qfi

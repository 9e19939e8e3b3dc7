// SPDX-License-Identifier: Apache-2.0
// Lists of faults and of neurons: the first byte says which. Two shards of neurons stand beside '|'.
#include "fuzz.hpp"
#include "qfi/fault_sets/bit_set.hpp"
#include "qfi/faults/fault_list.hpp"
#include "qfi/vulnerability/neuron_vulnerability.hpp"

namespace qfi::fuzz {
namespace {

std::filesystem::path source_file(const char* name) {
  return std::filesystem::path(QFI_SOURCE_FOLDER) / name;
}

const Netlist& netlist() {
  static const Netlist netlist = *read_netlist(source_file("netlists/mul_adders.json"));
  return netlist;
}

// Single stuck-at faults, written as a list, are read again.
void require_round_trip(const std::vector<ListedFault>& faults) {
  std::string list;
  std::size_t count = 0;
  for (const ListedFault& listed : faults) {
    if (listed.fault.stuck.size() != 1) continue;
    const StuckAt& stuck = listed.fault.stuck.front();
    list += fault_list_line(FaultListForm::sa0, stuck.value,
                            listed.fault_class.empty() ? "NC" : listed.fault_class,
                            site_name(netlist(), stuck.site))
                .value();
    ++count;
  }
  if (count == 0) return;
  const auto again = read_fault_list(write("again.flt", list), netlist());
  require(again && again->size() == count, "a list that was written is read again");
  for (std::size_t i = 0; i < count; ++i)
    require(again->at(i).fault.stuck.size() == 1, "as single stuck-at faults");
}

struct Bits {
  Program program = *Program::prepare(*load_tflite(source_file("campaigns/demo/shapes.tflite")));
  BitFaultConfig config;
  BitPopulation population = *find_population(program, config, SampleScheme::network);
};

}  // namespace

void run(std::string_view input) {
  const std::uint8_t what = choice(input);
  if (what % 8 == 7) {
    const std::size_t cut = std::min(input.find('|'), input.size());
    std::vector<std::filesystem::path> parts = {write("part.csv", input.substr(0, cut))};
    if (cut < input.size()) parts.push_back(write("other.csv", input.substr(cut + 1)));
    if (const auto whole = merge_vulnerability(parts))
      require(vulnerability_csv(*whole).find("nan") == std::string::npos, "every NVF is a number");
    return;
  }
  if (what % 4 == 0) return static_cast<void>(parse_fault(netlist(), std::string(input)));
  const auto file = write("faults.csv", input);
  if (what % 4 == 1) {
    const auto faults = read_fault_list(file, netlist());
    if (faults) require_round_trip(*faults);
    return;
  }
  if (what % 4 == 3) return static_cast<void>(read_critical_neurons(file, 0.5));
  static const Bits bits;
  static_cast<void>(read_bit_fault_list(file, bits.program.model(), bits.population, bits.config.models));
}

}  // namespace qfi::fuzz

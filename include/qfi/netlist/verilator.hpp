// SPDX-License-Identifier: Apache-2.0
// Owns the oracle for tables. A netlist goes in and is compiled by Verilator, with every site forceable and
// every bridge built in; its products, fault-free or under one fault, come out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// What a model can be faulted by.
struct FaultPlaces {
  std::vector<Site> sites;
  std::vector<Bridge> bridges;
};
/// The places of some faults.
FaultPlaces places_of(std::span<const NetlistFault> faults);

/// Gate-level Verilog of the netlist, a wire per site, each marked forceable, and an input for each bridge
/// that closes it. Identifiers are numbered, so no name from the netlist reaches the text.
std::string forceable_verilog(const Netlist& netlist, const FaultPlaces& places);

/// Seconds that a model takes.
struct VerilatorTimes {
  double compiling = 0;    ///< 0 where the cache has it
  double checking = 0;     ///< of it by open()
  double multiplying = 0;  ///< for each product
};

class VerilatorModel {
 public:
  /// What open() and multiply() are expected to take on this machine, whose compiler is tried on a small file
  /// where the cache lacks the model. Errors: as open(), of kind `unavailable` without Verilator.
  static Result<VerilatorTimes> expected_times(const Netlist& netlist, const FaultPlaces& places,
                                               const std::filesystem::path& cache);

  /// Compiles the model (some 20 s), or takes it from `cache`, and checks it: fault-free products
  /// of all INT8 pairs, and forced faults against the Simulator. Errors: Verilator missing or
  /// failing, a cached file that is not what was built, a model that fails the check.
  static Result<VerilatorModel> open(const Netlist& netlist, const FaultPlaces& places,
                                     const std::filesystem::path& cache);

  /// The fault stays until clear(). Precondition: its places are among those given to open.
  void inject(const NetlistFault& fault);
  void clear();
  /// The result port as int32, extended or cut as the Simulator does.
  std::int32_t multiply(std::int64_t rs1, std::int64_t rs2);

  const std::string& version() const { return m_version; }

 private:
  struct Library;
  VerilatorModel(std::shared_ptr<Library> library, const FaultPlaces& places, unsigned result_bits,
                 bool is_unsigned, std::string version);

  std::shared_ptr<Library> m_library;
  std::map<Site, unsigned> m_index_of_site;
  std::map<Bridge, unsigned> m_index_of_bridge;
  unsigned m_result_bits;
  bool m_is_unsigned;
  std::string m_version;
};

}  // namespace qfi

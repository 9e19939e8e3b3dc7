// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>

#include "command.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/netlist/verilator.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi::cli {
namespace {

enum class Engine { simulator, verilator };

struct Options {
  std::string netlist;
  NetlistReading reading;
  std::vector<std::string> ties;
  std::optional<std::string> fault;
  UnitParams unit;
  TableUse use;
  Engine engine = Engine::simulator;
  std::string cache = default_cache().string();
  std::string output;
  bool is_forced = false;
};

// The 256 x 256 products by Verilator, weight codes first, in rising order.
Result<std::vector<std::int32_t>> verilated_products(const Options& options, const Netlist& netlist,
                                                     const NetlistFault& fault) {
  // One model serves all faults of single nets, and one all of single pins.
  std::vector<NetlistFault> faults = {fault};
  const bool is_pin = !fault.stuck.empty() && fault.stuck.front().site.kind == Site::Kind::pin;
  for (const Site& site : enumerate_sites(netlist, is_pin ? SiteKind::pins : SiteKind::nets))
    faults.emplace_back(StuckAt{site, false});
  QFI_TRY(VerilatorModel model, VerilatorModel::open(netlist, places_of(faults), options.cache));
  model.inject(fault);
  const OperandCodes& codes = options.use.codes;
  const bool is_offset = options.unit.operands == OperandEncoding::offset;
  const int first = smallest_code(codes.type);
  std::vector<std::int32_t> products;
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x) {
      const int weight = w - (is_offset ? codes.weight_zero_point : 0);
      const int input = x - (is_offset ? codes.input_zero_point : 0);
      products.push_back(options.unit.rs1 == Rs1::weight ? model.multiply(weight, input)
                                                         : model.multiply(input, weight));
    }
  return products;
}

Result<int> run(Options options) {
  QFI_TRY(options.reading.tie, parse_ties(options.ties));
  const OperandCodes& codes = options.use.codes;
  const int first = smallest_code(codes.type);
  for (const int zero : {codes.weight_zero_point, codes.input_zero_point})
    if (zero < first || zero > first + 255) return bad_input("zero point {} is not a code of the type", zero);
  QFI_TRY(const Netlist netlist, read_netlist(options.netlist, options.reading));
  NetlistFault fault;
  if (options.fault) {
    QFI_TRY(fault, parse_fault(netlist, *options.fault));
  }
  options.use.weight_occurs.fill(true);
  const FaultTables tables(netlist, {options.use}, options.unit);
  QFI_CHECK(tables.check_fault_free());
  std::vector<std::int32_t> products;
  if (options.engine == Engine::verilator) {
    QFI_TRY(products, verilated_products(options, netlist, fault));
  } else {
    FaultTables::Scratch scratch;
    tables.examine(fault, scratch);
    products = tables.unit_products(scratch.products, 0);
  }
  const std::array<std::uint64_t, 2> shape{256, 256};
  QFI_CHECK(check_replaceable(options.output, npy_header("i4", shape), options.is_forced));
  QFI_CHECK(write_file(options.output, npy_bytes("i4", shape, std::as_bytes(std::span(products)))));
  FaultTables::Scratch golden;
  golden.products.assign(tables.simulator().golden().begin(), tables.simulator().golden().end());
  const auto exact = tables.unit_products(golden.products, 0);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) changed += exact[i] != products[i] ? 1 : 0;
  fmt::print("{}: {}{}, {} of {} products changed, int32 hash {:016x}\n", options.output,
             netlist.is_approximate ? "approximate multiplier, " : "",
             options.fault ? fault_name(netlist, fault) : "fault-free", changed, exact.size(),
             xxh64(std::as_bytes(std::span(products))));
  return k_done;
}

}  // namespace

void add_table(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "table", "the 256 x 256 products of a netlist, fault-free or under one fault, as .npy");
  auto options = std::make_shared<Options>();
  command->add_option("netlist", options->netlist, "netlist of qfi synth, or in Yosys' JSON, Verilog or BLIF")
      ->required()
      ->type_name("FILE");
  command
      ->add_option(
          "--fault", options->fault,
          "net, net[bit] or cell/pin, and what it is stuck at, several with spaces between; or 'NET "
          "wired_and NET', "
          "'NET wired_or NET', 'NET dominates NET'; without it the products of the fault-free netlist")
      ->type_name("FAULT");
  command
      ->add_option("--operands", options->unit.operands, "multiply stored codes, or codes minus zero points")
      ->transform(CLI::CheckedTransformer(k_encodings))
      ->default_str("raw");
  const std::map<std::string, CodeType> types = {{"int8", CodeType::int8}, {"uint8", CodeType::uint8}};
  command->add_option("--type", options->use.codes.type, "type of the codes")
      ->transform(CLI::CheckedTransformer(types).description("int8|uint8"))
      ->default_str("int8");
  command->add_option("--weight-zero-point", options->use.codes.weight_zero_point, "for offset")
      ->capture_default_str()
      ->type_name("Z");
  command->add_option("--input-zero-point", options->use.codes.input_zero_point, "for offset")
      ->capture_default_str()
      ->type_name("Z");
  command->add_option("--rs1-operand", options->unit.rs1, "which operand sits at rs1")
      ->transform(CLI::CheckedTransformer(k_rs1))
      ->default_str("weight");
  const std::map<std::string, Engine> engines = {{"simulator", Engine::simulator},
                                                 {"verilator", Engine::verilator}};
  command->add_option("--engine", options->engine, "who computes the table")
      ->transform(CLI::CheckedTransformer(engines).description("simulator|verilator"))
      ->default_str("simulator");
  add_netlist_options(*command, options->reading, options->ties);
  command->add_option("--cache", options->cache, "folder of compiled Verilator models")
      ->capture_default_str()
      ->type_name("FOLDER");
  command
      ->add_option("-o,--output", options->output,
                   "int32, [weight code][input code], codes from smallest to largest")
      ->required()
      ->type_name("FILE.npy");
  add_force_option(*command, options->is_forced);
  command->footer("Example: qfi table netlists/mul_gates.json --fault 'op_a[3]:1' --operands raw -o t.npy");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "campaign_options.hpp"
#include "data_options.hpp"
#include "logging.hpp"
#include "progress_line.hpp"
#include "qfi/base/file.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/fault_sets/faulty_unit.hpp"
#include "qfi/fault_sets/table_units.hpp"
#include "qfi/report/evaluation.hpp"
#include "qfi/workload/evaluate.hpp"
#include "qfi/workload/inputs.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  std::vector<std::string> dumps;
  std::string output;
  std::string netlist;
  std::string fault;
  std::string table;
  TableReading reading;
  std::vector<std::string> ties;
  StuckAtConfig faults;
  std::uint64_t memory = std::uint64_t{1} << 30;
  unsigned threads = 0;
  KernelSet kernels = KernelSet::fast;
  bool json = false;
  bool is_forced = false;
  std::string signature;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
};

Result<int> tensor_of(const Model& model, const std::string& option, const std::string& text) {
  Result<int> tensor = find_tensor(model, text);
  if (!tensor) return at(option, tensor.error());
  if (!is_computed(model, *tensor) && !model.tensors[static_cast<std::size_t>(*tensor)].is_constant)
    return bad_input("{} {}: nothing computes this tensor", option, text);
  return tensor;
}

Result<std::vector<TensorFile>> tensor_files(const Options& options, const Model& model) {
  std::vector<TensorFile> files;
  if (!options.output.empty()) {
    if (model.outputs.size() != 1)
      return bad_input("--output: the model has {} outputs; name each with --dump", model.outputs.size());
    files.push_back({model.outputs[0], options.output, options.is_forced});
  }
  for (const std::string& dump : options.dumps) {
    const auto equals = dump.rfind('=');
    if (equals == std::string::npos || equals + 1 == dump.size())
      return bad_input("--dump {}: write it as TENSOR=FILE.npy", dump);
    QFI_TRY(const int tensor, tensor_of(model, "--dump", dump.substr(0, equals)));
    const std::string file = dump.substr(equals + 1);
    for (const TensorFile& other : files)
      if (other.path == file) return bad_input("--dump {}: two tensors go to {}", dump, file);
    files.push_back({tensor, file, options.is_forced});
  }
  return files;
}

// The multiplier with its fault, in place of the exact products of the chosen operators.
struct FaultyMultiplier {
  std::unique_ptr<Netlist> netlist;
  std::unique_ptr<FaultTables> tables;
  std::unique_ptr<FaultyUnitTables> unit;
  std::unique_ptr<TableUnits> table;
  std::string description;
  const Units& units() const { return unit ? unit->units() : table->units(); }
};

Result<FaultyMultiplier> make_table_multiplier(const Options& options, const Program& program) {
  const StuckAtConfig& config = options.faults;
  QFI_TRY(const std::vector<std::size_t> chosen, choose_operators(program, config.operators, config.layers));
  FaultyMultiplier result;
  QFI_TRY(const std::string content, read_file(options.table));
  QFI_TRY(result.table,
          TableUnits::make(program, chosen, {options.table, content}, options.reading, config.padding));
  result.description = fmt::format("products of {} in {} operators",
                                   std::filesystem::path(options.table).filename().string(), chosen.size());
  return result;
}

Result<FaultyMultiplier> make_faulty_multiplier(const Options& options, const Program& program) {
  StuckAtConfig config = options.faults;
  QFI_TRY(config.reading.tie, parse_ties(options.ties));
  FaultyMultiplier result;
  QFI_TRY(Netlist netlist, read_netlist(options.netlist, config.reading));
  result.netlist = std::make_unique<Netlist>(std::move(netlist));
  QFI_TRY(const NetlistFault fault, parse_fault(*result.netlist, options.fault));
  QFI_TRY(const std::vector<std::size_t> chosen, choose_operators(program, config.operators, config.layers));
  std::vector<FaultyOperator> operators;
  result.tables = std::make_unique<FaultTables>(
      *result.netlist, collect_uses(program, chosen, config.padding, operators), config.unit);
  if (auto checked = result.tables->check_fault_free(); !checked) return at(options.netlist, checked.error());
  FaultTables::Scratch scratch;
  result.tables->examine(fault, scratch);
  result.unit = std::make_unique<FaultyUnitTables>(program, *result.tables, operators, config.padding);
  result.unit->set(scratch.products);
  result.description =
      fmt::format("{}{} in {} operators", result.netlist->is_approximate ? "approximate multiplier, " : "",
                  fault_name(*result.netlist, fault), chosen.size());
  return result;
}

Result<Program> load_program(const Options& options, const std::string& metric_tensor,
                             EvaluateParams& evaluation) {
  QFI_TRY(Model model, load_tflite(options.model, load_params(options.model_memory, options.signature)));
  log_warnings(model);
  QFI_TRY(evaluation.files, tensor_files(options, model));
  evaluation.scores = model.outputs[0];
  if (metric_tensor != "output") {
    QFI_TRY(evaluation.scores, tensor_of(model, "--metric", metric_tensor));
  }
  ProgramParams params;
  params.kernels = options.kernels;
  params.max_bytes_per_image = std::numeric_limits<std::size_t>::max();  // evaluate() has the limit
  params.max_prepared_bytes = options.model_memory;
  params.kept_tensors.push_back(evaluation.scores);
  for (const TensorFile& file : evaluation.files) params.kept_tensors.push_back(file.tensor);
  auto program = Program::prepare(std::move(model), params);
  if (!program) return at(options.model, program.error());
  if (program->model().tensors[static_cast<std::size_t>(evaluation.scores)].is_constant)
    return bad_input("--metric {}: the tensor is a constant", metric_tensor);
  return program;
}

Result<int> run(const Options& options) {
  if (options.netlist.empty() != options.fault.empty())
    return bad_input("--fault and --netlist need each other");
  if (!options.table.empty() && !options.netlist.empty())
    return bad_input("--table and --netlist are two multipliers; name one of them");
  QFI_TRY(DataAndInput source, read_data_options(options.data));
  source.data.max_bytes = options.data_memory;
  EvaluateParams params;
  QFI_TRY(const Program program, load_program(options, source.metric.tensor, params));
  FaultyMultiplier multiplier;
  if (!options.fault.empty()) {
    QFI_TRY(multiplier, make_faulty_multiplier(options, program));
  } else if (!options.table.empty()) {
    QFI_TRY(multiplier, make_table_multiplier(options, program));
  }
  if (!multiplier.description.empty()) params.units = &multiplier.units();
  const auto inputs = input_names(program.model());
  if (!inputs) return at(options.model, inputs.error());
  QFI_TRY(const DataSet data, DataSet::open(source.data, source.seed, *inputs));
  params.scaling = source.input;
  params.metric = source.metric;
  params.max_bytes = options.memory;
  params.threads = options.threads > 0 ? options.threads : default_threads();
  ProgressLine progress;
  params.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total, "images"); };
  const Result<Evaluation> evaluation = evaluate(program, data, params);
  progress.clear();
  if (!evaluation) return tl::unexpected(evaluation.error());
  const EvaluationSubject subject{std::filesystem::path(options.model).filename().string(),
                                  program.model().sha256, source.data.images.path.filename().string(),
                                  multiplier.description};
  fmt::print("{}", options.json ? evaluation_json(subject, data, *evaluation)
                                : evaluation_table(subject, data, *evaluation));
  return k_done;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "run", "inference over a data set, fault-free or with one fault: accuracy, confusion, IoU, tensors");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite model")->required()->type_name("FILE");
  add_signature_option(*command, options->signature);
  add_data_options(*command, options->data);
  command->add_option("--output", options->output, "the model's raw output for all images")
      ->type_name("FILE.npy");
  command->add_option("--dump", options->dumps, "a tensor, by name or index, for all images; may be repeated")
      ->type_name("TENSOR=FILE.npy");
  command->add_option("--fault", options->fault, "a fault of the multiplier, as `qfi table --fault` takes it")
      ->type_name("FAULT");
  command->add_option("--netlist", options->netlist, "the multiplier that --fault names a site of")
      ->type_name("FILE");
  command->add_option("--table", options->table, "the multiplier as 256 x 256 products: .npy, binary or text")
      ->type_name("FILE");
  command->add_option("--table-order", options->reading.order, "of the codes of --table")
      ->transform(CLI::CheckedTransformer(k_orders).description("rising|twos_complement"))
      ->default_str("rising");
  command->add_option("--table-rows", options->reading.rows, "operand of the first index of --table")
      ->transform(CLI::CheckedTransformer(k_rs1).description("weight|input"))
      ->default_str("weight");
  command->add_option("--table-values", options->reading.values, "what the numbers of --table stand for")
      ->transform(CLI::CheckedTransformer(k_table_values).description("as_stored|twos_complement|shifted"))
      ->default_str("as_stored");
  command->add_option("--operators", options->faults.operators, "that multiply with it")
      ->delimiter(',')
      ->transform(CLI::CheckedTransformer(k_weighted))
      ->default_str("conv_2d");
  command->add_option("--layers", options->faults.layers, "only these: operator numbers or output names")
      ->delimiter(',');
  command
      ->add_option("--operands", options->faults.unit.operands,
                   "multiply stored codes, or codes minus zero points")
      ->transform(CLI::CheckedTransformer(k_encodings))
      ->default_str("raw");
  command->add_option("--rs1-operand", options->faults.unit.rs1, "which operand sits at rs1")
      ->transform(CLI::CheckedTransformer(k_rs1))
      ->default_str("weight");
  command->add_option("--padding", options->faults.padding, "taps in the padding")
      ->transform(CLI::CheckedTransformer(k_padding))
      ->default_str("skip");
  add_netlist_options(*command, options->faults.reading, options->ties);
  command->add_option("--memory", options->memory, "bytes for batches of activations, e.g. 512MB")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("1GiB");
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  add_kernels_option(*command, options->kernels);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  add_model_memory_option(*command, options->model_memory);
  add_data_memory_option(*command, options->data_memory);
  add_force_option(*command, options->is_forced);
  command->footer(
      "Example: qfi run campaigns/demo/shapes.tflite --data campaigns/demo/images.npy"
      " --labels campaigns/demo/labels.npy");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

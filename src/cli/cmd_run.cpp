// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <memory>

#include "campaign_options.hpp"
#include "data_options.hpp"
#include "qfi/base/similar.hpp"
#include "qfi/campaign/evaluate.hpp"
#include "qfi/campaign/faulty_unit.hpp"
#include "qfi/report/evaluation.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  std::uint64_t seed = 1;
  std::vector<std::string> dumps;
  std::string output;
  std::string netlist;
  std::string fault;
  std::vector<std::string> operators = {"conv_2d"};
  std::vector<std::string> layers;
  std::vector<std::string> ties;
  StuckAtConfig unit;
  std::uint64_t memory = std::uint64_t{1} << 30;
  unsigned threads = 0;
  KernelSet kernels = KernelSet::portable;
  bool json = false;
};

const std::map<std::string, OperatorKind> k_operators = {
    {"conv_2d", OperatorKind::conv_2d},
    {"depthwise_conv_2d", OperatorKind::depthwise_conv_2d},
    {"transpose_conv", OperatorKind::transpose_conv},
    {"fully_connected", OperatorKind::fully_connected}};

// By name, or by index.
Result<int> find_tensor(const Model& model, const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    if (model.tensors[t].name == text) return static_cast<int>(t);
    names.push_back(model.tensors[t].name);
  }
  std::size_t index = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), index);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && index < model.tensors.size())
    return static_cast<int>(index);
  const auto guess = most_similar(text, names);
  return bad_input("--dump: the model has no tensor '{}'{}", text,
                   guess ? "; did you mean '" + *guess + "'?" : "");
}

Result<std::vector<TensorFile>> tensor_files(const Options& options, const Model& model) {
  std::vector<TensorFile> files;
  if (!options.output.empty()) {
    if (model.outputs.size() != 1)
      return bad_input("--output: the model has {} outputs; name each with --dump", model.outputs.size());
    files.push_back({model.outputs[0], options.output});
  }
  for (const std::string& dump : options.dumps) {
    const auto equals = dump.rfind('=');
    if (equals == std::string::npos || equals + 1 == dump.size())
      return bad_input("--dump {}: write it as TENSOR=FILE.npy", dump);
    QFI_TRY(const int tensor, find_tensor(model, dump.substr(0, equals)));
    files.push_back({tensor, dump.substr(equals + 1)});
  }
  return files;
}

// The multiplier with its fault, in place of the exact products of the chosen operators.
struct FaultyMultiplier {
  std::unique_ptr<Netlist> netlist;
  std::unique_ptr<FaultTables> tables;
  std::unique_ptr<FaultyUnitTables> unit;
  std::string description;
};

Result<FaultyMultiplier> make_faulty_multiplier(const Options& options, const Program& program) {
  StuckAtConfig config = options.unit;
  config.operators.clear();
  for (const std::string& name : options.operators) config.operators.push_back(k_operators.at(name));
  config.layers = options.layers;
  QFI_TRY(config.roles.tie, parse_ties(options.ties));
  FaultyMultiplier result;
  QFI_TRY(Netlist netlist, read_netlist(options.netlist, config.roles));
  result.netlist = std::make_unique<Netlist>(std::move(netlist));
  QFI_TRY(const StuckAt fault, parse_stuck_at(*result.netlist, options.fault));
  QFI_TRY(const std::vector<std::size_t> chosen, choose_operators(program, config));
  std::vector<FaultyOperator> operators;
  result.tables =
      std::make_unique<FaultTables>(*result.netlist, collect_uses(program, chosen, operators), config.unit);
  if (auto checked = result.tables->check_fault_free(); !checked) return at(options.netlist, checked.error());
  FaultTables::Scratch scratch;
  result.tables->examine(std::span(&fault, 1), scratch);
  result.unit = std::make_unique<FaultyUnitTables>(program, *result.tables, operators, config.padding);
  result.unit->set(scratch.products);
  result.description = fmt::format("{} stuck at {} in {} operators", site_name(*result.netlist, fault.site),
                                   int{fault.value}, chosen.size());
  return result;
}

Result<Program> load_program(const Options& options, std::vector<TensorFile>& files) {
  QFI_TRY(Model model, load_tflite(options.model));
  for (const std::string& warning : model.warnings)
    fmt::print(stderr, "qfi: warning: {}\n", one_line(warning));
  if (model.inputs.size() != 1)
    return bad_input("{}: {} inputs; a data set feeds a model with 1", options.model, model.inputs.size());
  QFI_TRY(files, tensor_files(options, model));
  ProgramParams params;
  params.kernels = options.kernels;
  params.max_bytes_per_image = std::numeric_limits<std::size_t>::max();  // evaluate() has the limit
  for (const TensorFile& file : files) params.kept_tensors.push_back(file.tensor);
  auto program = Program::prepare(std::move(model), params);
  if (!program) return at(options.model, program.error());
  return program;
}

Result<int> run(const Options& options) {
  if (options.netlist.empty() != options.fault.empty())
    return bad_input("--fault and --netlist need each other");
  QFI_TRY(const DataAndInput data_config, read_data_options(options.data));
  EvaluateParams params;
  QFI_TRY(const Program program, load_program(options, params.files));
  FaultyMultiplier multiplier;
  if (!options.fault.empty()) {
    QFI_TRY(multiplier, make_faulty_multiplier(options, program));
    params.unit = &multiplier.unit->unit();
  }
  QFI_TRY(const DataSet data, DataSet::open(data_config.data, options.seed));
  params.scaling = data_config.input;
  params.max_bytes = options.memory;
  params.threads = options.threads > 0 ? options.threads : default_threads();
  ProgressLine progress;
  params.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total, "images"); };
  const Result<Evaluation> evaluation = evaluate(program, data, params);
  progress.clear();
  if (!evaluation) return tl::unexpected(evaluation.error());
  const EvaluationSubject subject{std::filesystem::path(options.model).filename().string(),
                                  program.model().sha256, data_config.data.images.path.filename().string(),
                                  multiplier.description};
  fmt::print("{}", options.json ? evaluation_json(subject, data, *evaluation)
                                : evaluation_table(subject, *evaluation));
  return k_done;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "run", "inference over a data set, fault-free or with one fault: accuracy, confusion, IoU, tensors");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite model")->required()->type_name("FILE");
  add_data_options(*command, options->data);
  command->add_option("--seed", options->seed, "draws random selections")->capture_default_str();
  command->add_option("--output", options->output, "the model's raw output for all images")
      ->type_name("FILE.npy");
  command->add_option("--dump", options->dumps, "a tensor, by name or index, for all images; may be repeated")
      ->type_name("TENSOR=FILE.npy");
  command->add_option("--fault", options->fault, "one stuck-at fault of the multiplier: SITE:0 or SITE:1")
      ->type_name("SITE:0|1");
  command->add_option("--netlist", options->netlist, "the multiplier that --fault names a site of")
      ->type_name("FILE");
  command->add_option("--operators", options->operators, "that multiply with it")
      ->delimiter(',')
      ->check(CLI::IsMember(k_operators))
      ->capture_default_str();
  command->add_option("--layers", options->layers, "only these: operator numbers or output names")
      ->delimiter(',');
  const std::map<std::string, OperandEncoding> encodings = {{"raw", OperandEncoding::raw},
                                                            {"offset", OperandEncoding::offset}};
  command
      ->add_option("--operands", options->unit.unit.operands,
                   "multiply stored codes, or codes minus zero points")
      ->transform(CLI::CheckedTransformer(encodings).description("raw|offset"))
      ->default_str("raw");
  const std::map<std::string, Rs1> operands = {{"weight", Rs1::weight}, {"input", Rs1::input}};
  command->add_option("--rs1-operand", options->unit.unit.rs1, "which operand sits at rs1")
      ->transform(CLI::CheckedTransformer(operands).description("weight|input"))
      ->default_str("weight");
  add_port_options(*command, options->unit.roles, options->ties);
  command->add_option("--memory", options->memory, "bytes for batches of activations, e.g. 512MB")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("1GiB");
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  const std::map<std::string, KernelSet> kernels = {{"reference", KernelSet::reference},
                                                    {"portable", KernelSet::portable}};
  command->add_option("--kernels", options->kernels, "kernel set; results do not depend on it")
      ->transform(CLI::CheckedTransformer(kernels).description("reference|portable"))
      ->default_str("portable");
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->footer(
      "Example: qfi run campaigns/demo/shapes.tflite --data campaigns/demo/images.npy"
      " --labels campaigns/demo/labels.npy");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

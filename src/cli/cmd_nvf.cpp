// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "campaign_files.hpp"
#include "campaign_options.hpp"
#include "data_options.hpp"
#include "logging.hpp"
#include "progress_line.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/number_text.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/base/text.hpp"
#include "qfi/vulnerability/neuron_vulnerability.hpp"

namespace qfi::cli {
namespace {

constexpr std::string_view k_file_start = "layer,element,nvf,";

struct OutputOptions {
  std::string output;
  bool json = false;
  bool is_forced = false;
};

struct MergeOptions : OutputOptions {
  std::vector<std::filesystem::path> parts;
};

struct Options : OutputOptions {
  std::string model;
  DataOptions data;
  unsigned threads = 0;
  std::string shard;
  bool tries_all = false;
  std::string signature;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
};

struct Threshold {
  double nvf = 0;
  std::uint64_t critical = 0;  ///< neurons with at least that
};

std::vector<Threshold> thresholds(const VulnerabilityFile& found) {
  std::vector<Threshold> result;
  for (const double share : {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5})
    result.push_back(
        {share, static_cast<std::uint64_t>(std::ranges::count_if(
                    found.neurons, [&](const auto& n) { return n.nvf(found.images) >= share; }))});
  return result;
}

struct LayerMean {
  std::size_t layer = 0;
  std::uint64_t neurons = 0;
  double sum = 0;
  double largest = 0;
  double flips = 0;  ///< sum of the exact shares
};

std::vector<LayerMean> layers_of(const VulnerabilityFile& found) {
  std::vector<LayerMean> layers;
  for (const NeuronVulnerability& n : found.neurons) {
    if (layers.empty() || layers.back().layer != n.neuron.operator_index)
      layers.push_back({n.neuron.operator_index, 0, 0, 0, 0});
    ++layers.back().neurons;
    layers.back().sum += n.nvf(found.images);
    layers.back().flips += n.flip_share(found.images);
    layers.back().largest = std::max(layers.back().largest, n.nvf(found.images));
  }
  return layers;
}

std::string table(const VulnerabilityFile& found) {
  std::string text = fmt::format(
      "{} neurons, {} images\n\n"
      "  layer    neurons   mean NVF   largest   flips that do harm\n",
      found.neurons.size(), found.images);
  for (const LayerMean& l : layers_of(found))
    text += fmt::format("  {:>5} {:>10} {:>10} {:>9} {:>20}\n", l.layer, l.neurons,
                        percent_text(l.sum / static_cast<double>(l.neurons), 4), percent_text(l.largest, 3),
                        percent_text(l.flips / static_cast<double>(l.neurons), 4));
  text += "\n  NVF at least   critical   neurons if split   if tripled\n";
  for (const Threshold& t : thresholds(found))
    text += fmt::format("  {:>12} {:>10} {:>18} {:>12}\n", percent_text(t.nvf), t.critical,
                        neurons_if_split(found.neurons.size(), t.critical),
                        neurons_if_tripled(found.neurons.size(), t.critical));
  return text;
}

std::string json(const VulnerabilityFile& found) {
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (const LayerMean& l : layers_of(found))
    layers.push_back({{"layer", l.layer},
                      {"neurons", l.neurons},
                      {"mean_nvf", l.sum / static_cast<double>(l.neurons)},
                      {"largest_nvf", l.largest},
                      {"mean_flip_share", l.flips / static_cast<double>(l.neurons)}});
  Json critical = Json::array();
  for (const Threshold& t : thresholds(found))
    critical.push_back({{"nvf", t.nvf},
                        {"critical", t.critical},
                        {"neurons_split", neurons_if_split(found.neurons.size(), t.critical)},
                        {"neurons_tripled", neurons_if_tripled(found.neurons.size(), t.critical)}});
  return json_text({{"neurons", found.neurons.size()},
                    {"images", found.images},
                    {"layers", layers},
                    {"thresholds", critical}});
}

Result<VulnerabilityFile> search(const Options& options, VulnerabilityStats& stats) {
  QFI_TRY(DataAndInput source, read_data_options(options.data));
  source.data.max_bytes = options.data_memory;
  VulnerabilityParams params;
  const ToolInfo tool = this_tool();
  params.tool = tool.version + " " + tool.git;
  QFI_TRY(params.shard, shard_of(options.shard));
  QFI_TRY(Model model, load_tflite(options.model, load_params(options.model_memory, options.signature)));
  log_warnings(model);
  params.threads = options.threads > 0 ? options.threads : default_threads();
  QFI_TRY(const Workload workload, make_workload(std::move(model), options.model, source,
                                                 {params.threads, KernelSet::fast, options.model_memory}));
  ProgressLine progress;
  if (options.tries_all) params.search = NeuronSearch::all_values;
  params.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total, "pairs"); };
  params.is_stopped = is_stop_requested;
  auto found = find_neuron_vulnerability(workload, source.input, params, stats);
  progress.clear();
  return found;
}

Result<void> check_output(const OutputOptions& options) {
  return check_replaceable(options.output, k_file_start, options.is_forced);
}

Result<int> write(const VulnerabilityFile& found, const OutputOptions& options) {
  QFI_CHECK(write_file(options.output, vulnerability_csv(found)));
  fmt::print("{}", options.json ? json(found) : table(found));
  if (!options.json) fmt::print("\nneurons in {}\n", options.output);
  return k_done;
}

Result<int> run(const Options& options) {
  QFI_CHECK(check_output(options));
  VulnerabilityStats stats;
  const auto found = search(options, stats);
  if (!found) return tl::unexpected(found.error());
  if (!options.json)
    fmt::print("{} of {} pairs of neuron and image proven harmless by bounds, {} values tried in the rest\n",
               percent_text(static_cast<double>(stats.proven) / static_cast<double>(stats.pairs)),
               stats.pairs, stats.inferences);
  return write(*found, options);
}

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_option("-o,--output", options.output, "a line for each neuron")
      ->required()
      ->type_name("FILE.csv");
  command.add_flag("--json", options.json, "print JSON instead of a table");
  add_force_option(command, options.is_forced);
}

}  // namespace

void add_nvf(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "nvf",
      "neuron vulnerability: how little each neuron's output must change to change the class, exactly");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite model")->required()->type_name("FILE");
  add_signature_option(*command, options->signature);
  add_data_options(*command, options->data);
  add_shard_option(*command, options->shard, "part I of N of the images alone; qfi nvf-merge joins them");
  add_output_options(*command, *options);
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->add_flag("--try-all", options->tries_all,
                    "try every value in every layer, also where bounds are sooner; the same result");
  add_model_memory_option(*command, options->model_memory);
  add_data_memory_option(*command, options->data_memory);
  command->footer(
      "A campaign reads the file to protect critical neurons: storage: {protection: split_lcu, neurons: "
      "nvf.csv,\n"
      "threshold: 0.01}.\n"
      "Example: qfi nvf campaigns/demo/shapes.tflite --data campaigns/demo/images.npy\n"
      "  --labels campaigns/demo/labels.npy --select first:20 -o nvf.csv");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

void add_nvf_merge(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("nvf-merge", "puts the files of all shards of qfi nvf together");
  auto options = std::make_shared<MergeOptions>();
  command->add_option("files", options->parts, "of qfi nvf --shard I/N, all N")
      ->required()
      ->type_name("FILE.csv..");
  add_output_options(*command, *options);
  command->footer("Example: qfi nvf-merge part1.csv part2.csv -o nvf.csv");
  command->callback([options, &chosen] {
    chosen = [options]() -> Result<int> {
      QFI_CHECK(check_output(*options));
      for (const std::filesystem::path& part : options->parts)
        if (std::error_code none; std::filesystem::equivalent(part, options->output, none))
          return bad_input("{}: is one of the parts; write the whole elsewhere", options->output);
      QFI_TRY(const VulnerabilityFile found, merge_vulnerability(options->parts));
      return write(found, *options);
    };
  });
}

}  // namespace qfi::cli

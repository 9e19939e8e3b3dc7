// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "campaign_options.hpp"
#include "data_options.hpp"
#include "progress_line.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"
#include "qfi/campaign/neuron_vulnerability.hpp"
#include "stop_signals.hpp"

namespace qfi::cli {
namespace {

constexpr std::string_view k_file_start = "layer,element,nvf,rises_0,";

struct Options {
  std::string model;
  DataOptions data;
  std::string output;
  unsigned threads = 0;
  bool tries_all = false;
  bool json = false;
  bool is_forced = false;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
};

struct Threshold {
  double nvf = 0;
  std::uint64_t critical = 0;  ///< neurons with at least that
};

std::vector<Threshold> thresholds(const std::vector<NeuronVulnerability>& neurons, std::uint64_t images) {
  std::vector<Threshold> result;
  for (const double share : {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5})
    result.push_back({share, static_cast<std::uint64_t>(std::ranges::count_if(
                                 neurons, [&](const auto& n) { return n.nvf(images) >= share; }))});
  return result;
}

struct LayerMean {
  std::size_t layer = 0;
  std::uint64_t neurons = 0;
  double sum = 0;
  double largest = 0;
};

std::vector<LayerMean> layers_of(const std::vector<NeuronVulnerability>& neurons, std::uint64_t images) {
  std::vector<LayerMean> layers;
  for (const NeuronVulnerability& n : neurons) {
    if (layers.empty() || layers.back().layer != n.neuron.operator_index)
      layers.push_back({n.neuron.operator_index, 0, 0, 0});
    ++layers.back().neurons;
    layers.back().sum += n.nvf(images);
    layers.back().largest = std::max(layers.back().largest, n.nvf(images));
  }
  return layers;
}

std::string table(const std::vector<NeuronVulnerability>& neurons, const Workload& workload,
                  const VulnerabilityStats& stats) {
  const std::uint64_t images = workload.images();
  std::string text = fmt::format(
      "{} neurons, {} images: {:.2f} % of the pairs proven harmless by bounds, {} values tried in the "
      "rest\n\n"
      "  layer    neurons   mean NVF   largest\n",
      neurons.size(), images, 100.0 * static_cast<double>(stats.proven) / static_cast<double>(stats.pairs),
      stats.inferences);
  for (const LayerMean& l : layers_of(neurons, images))
    text += fmt::format("  {:>5} {:>10} {:>8.4f} % {:>7.3f} %\n", l.layer, l.neurons,
                        100 * l.sum / static_cast<double>(l.neurons), 100 * l.largest);
  text += "\n  NVF at least   critical   neurons if split   if tripled\n";
  for (const Threshold& t : thresholds(neurons, images))
    text += fmt::format("  {:>10.1f} % {:>10} {:>18} {:>12}\n", 100 * t.nvf, t.critical,
                        neurons.size() + t.critical, neurons.size() + 2 * t.critical);
  return text;
}

std::string json(const std::vector<NeuronVulnerability>& neurons, const Workload& workload,
                 const VulnerabilityStats& stats) {
  using Json = nlohmann::ordered_json;
  const std::uint64_t images = workload.images();
  Json layers = Json::array();
  for (const LayerMean& l : layers_of(neurons, images))
    layers.push_back({{"layer", l.layer},
                      {"neurons", l.neurons},
                      {"mean_nvf", l.sum / static_cast<double>(l.neurons)},
                      {"largest_nvf", l.largest}});
  Json critical = Json::array();
  for (const Threshold& t : thresholds(neurons, images))
    critical.push_back({{"nvf", t.nvf},
                        {"critical", t.critical},
                        {"neurons_split", neurons.size() + t.critical},
                        {"neurons_tripled", neurons.size() + 2 * t.critical}});
  return json_text({{"neurons", neurons.size()},
                    {"images", images},
                    {"pairs", stats.pairs},
                    {"proven_by_bounds", stats.proven},
                    {"ranges_bounded", stats.bounds},
                    {"values_tried", stats.inferences},
                    {"layers", layers},
                    {"thresholds", critical}});
}

Result<int> run(const Options& options) {
  QFI_CHECK(check_replaceable(options.output, k_file_start, options.is_forced));
  QFI_TRY(DataAndInput source, read_data_options(options.data));
  source.data.max_bytes = options.data_memory;
  CampaignConfig config;
  config.data = source.data;
  config.input = source.input;
  config.metric_tensor = source.metric_tensor;
  config.seed = source.seed;
  QFI_TRY(Model model, load_tflite(options.model, load_params(options.model_memory)));
  VulnerabilityParams params;
  params.threads = options.threads > 0 ? options.threads : default_threads();
  QFI_TRY(const Workload workload,
          make_workload(std::move(model), config, {params.threads, KernelSet::fast, options.model_memory}));
  const StopSignals signals;
  ProgressLine progress;
  params.uses_bounds = !options.tries_all;
  params.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total, "pairs"); };
  params.is_stopped = [] { return StopSignals::received() != 0; };
  VulnerabilityStats stats;
  const auto neurons = find_neuron_vulnerability(workload, source.input, params, stats);
  progress.clear();
  if (!neurons && neurons.error().kind == ErrorKind::stopped) return 128 + StopSignals::received();
  if (!neurons) return tl::unexpected(neurons.error());
  QFI_CHECK(write_file(options.output, vulnerability_csv(*neurons, workload.images())));
  fmt::print("{}", options.json ? json(*neurons, workload, stats) : table(*neurons, workload, stats));
  if (!options.json) fmt::print("\nneurons in {}\n", options.output);
  return k_done;
}

}  // namespace

void add_nvf(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "nvf",
      "neuron vulnerability: how little each neuron's output must change to change the class, exactly");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite model")->required()->type_name("FILE");
  add_data_options(*command, options->data);
  command->add_option("-o,--output", options->output, "a line for each neuron")
      ->required()
      ->type_name("FILE.csv");
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->add_flag("--try-all", options->tries_all,
                    "try every value, without bounds; the same result, later");
  command->add_flag("--json", options->json, "print JSON instead of a table");
  add_model_memory_option(*command, options->model_memory);
  add_data_memory_option(*command, options->data_memory);
  add_force_option(*command, options->is_forced);
  command->footer(
      "A campaign reads the file to protect critical neurons: storage: {protection: split_lcu, neurons: "
      "nvf.csv,\n"
      "threshold: 0.01}.\n"
      "Example: qfi nvf campaigns/demo/shapes.tflite --data campaigns/demo/images.npy\n"
      "  --labels campaigns/demo/labels.npy --select first:20 -o nvf.csv");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

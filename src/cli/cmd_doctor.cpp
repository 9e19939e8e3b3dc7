// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "campaign_options.hpp"
#include "data_options.hpp"
#include "installation.hpp"
#include "logging.hpp"
#include "qfi/workload/golden_check.hpp"
#include "qfi/workload/input_trial.hpp"

namespace qfi::cli {
namespace {

constexpr std::size_t k_shown = 8;  // of the combinations

struct Options {
  std::string model;
  DataOptions data;
  std::string cache = default_cache().string();
  std::uint64_t images = 200;
  unsigned threads = 0;
  bool json = false;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
};

// What was tried on how many images.
struct Diagnosis {
  std::uint64_t images = 0;
  std::uint64_t available = 0;
  double chance = 0;
  int label_offset = 0;  ///< as given
  std::vector<InputTrial> trials;
};

std::string numbers_text(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += fmt::format("{}{:.9g}", text.empty() ? "" : ", ", number);
  return numbers.size() == 1 ? text : "[" + text + "]";
}

// As a config has it.
std::string config_text(const InputTrial& trial) {
  std::string input;
  const auto add = [&](const std::string& entry) { input += (input.empty() ? "" : ", ") + entry; };
  if (!trial.scaling.scale.empty()) add("scale: " + numbers_text(trial.scaling.scale));
  if (!trial.scaling.mean.empty()) add("mean: " + numbers_text(trial.scaling.mean));
  if (trial.scaling.reverse_channels) add("channels: reversed");
  return fmt::format("{}label_offset: {} in 'data'",
                     input.empty() ? "no 'input'; " : fmt::format("input: {{{}}}; ", input),
                     trial.label_offset);
}

std::string verdict(const Diagnosis& found) {
  const InputTrial& best = found.trials.front();
  if (is_near_chance(best.correct, best.labelled, found.chance))
    return "none of them is better than chance: the labels may be of other images or in another order, or "
           "the "
           "network was not trained for these classes";
  if (best.name == k_input_as_given && best.label_offset == found.label_offset)
    return "what is given fits best";
  return "fits best: " + config_text(best);
}

std::string table(const Diagnosis& found) {
  std::string text =
      fmt::format("{} of {} images, {} ways to feed them\n\n  accuracy          right  label offset  input\n",
                  found.images, found.available, found.trials.size());
  for (std::size_t i = 0; i < std::min(k_shown, found.trials.size()); ++i) {
    const InputTrial& trial = found.trials[i];
    text +=
        fmt::format("  {:>6.2f} %  {:>13}  {:>12}  {}\n", 100.0 * trial.accuracy(),
                    fmt::format("{} of {}", trial.correct, trial.labelled), trial.label_offset, trial.name);
  }
  if (found.trials.size() > k_shown)
    text += fmt::format("  and {} that fit no better\n", found.trials.size() - k_shown);
  return text + "\n" + verdict(found) + "\n";
}

std::string json_of(const Diagnosis& found) {
  using Json = nlohmann::ordered_json;
  Json trials = Json::array();
  for (const InputTrial& trial : found.trials)
    trials.push_back({{"input", trial.name},
                      {"scale", trial.scaling.scale},
                      {"mean", trial.scaling.mean},
                      {"channels_reversed", trial.scaling.reverse_channels},
                      {"label_offset", trial.label_offset},
                      {"correct", trial.correct},
                      {"labelled", trial.labelled},
                      {"accuracy", trial.accuracy()}});
  return json_text({{"schema", "qfi-doctor-1"},
                    {"images", found.images},
                    {"images_available", found.available},
                    {"chance", found.chance},
                    {"trials", trials},
                    {"verdict", verdict(found)}});
}

struct Scored {
  Program program;
  int scores;
};

Result<Scored> load(const Options& options, const Metric& metric) {
  QFI_TRY(Model model, load_tflite(options.model, load_params(options.model_memory)));
  log_warnings(model);
  if (model.inputs.size() != 1)
    return bad_input("{}: {} inputs; a data set feeds a model with 1", options.model, model.inputs.size());
  int scores = model.outputs[0];
  if (metric.tensor != "output") {
    auto tensor = find_tensor(model, metric.tensor);
    if (!tensor) return at("--metric", tensor.error());
    scores = *tensor;
  }
  ProgramParams params;
  params.max_bytes_per_image = std::numeric_limits<std::size_t>::max();  // evaluate() has the limit
  params.max_prepared_bytes = options.model_memory;
  params.kept_tensors.push_back(scores);
  auto program = Program::prepare(std::move(model), params);
  if (!program) return at(options.model, program.error());
  return Scored{std::move(*program), scores};
}

Result<Diagnosis> diagnose(const Options& options) {
  InputTrialParams params;
  QFI_TRY(params.source, read_data_options(options.data));
  params.source.data.max_bytes = options.data_memory;
  params.threads = options.threads > 0 ? options.threads : default_threads();
  QFI_TRY(const Scored scored, load(options, params.source.metric));
  params.scores = scored.scores;
  QFI_TRY(const DataSet all, DataSet::open(params.source.data, params.source.seed));
  if (all.labels().empty() && !all.has_label_maps())
    return bad_input("{}: no labels, so nothing says which input is right; give --labels", options.data.path);
  Diagnosis found;
  found.label_offset = params.source.data.label_offset;
  found.available = all.images();
  found.images = std::min<std::uint64_t>(options.images, all.images());
  // Spread over the selection, which may be sorted by class.
  SelectList chosen;
  for (std::uint64_t i = 0; i < found.images; ++i)
    chosen.indices.push_back(all.indices()[i * all.images() / found.images]);
  params.source.data.select = chosen;
  QFI_TRY(found.trials, try_inputs(scored.program, params));
  found.chance = found.trials.front().chance;
  return found;
}

Result<int> run(const Options& options) {
  if (options.model.empty() != options.data.path.empty())
    return bad_input("a model and --data need each other");
  if (options.model.empty()) {
    QFI_TRY(const Findings findings, look_at_installation(options.cache));
    if (options.json) fmt::print("{}", json_text(nlohmann::ordered_json(findings)));
    else
      for (const auto& [name, finding] : findings) fmt::print("{:<19} {}\n", name, printable(finding));
    return k_done;
  }
  QFI_TRY(const Diagnosis found, diagnose(options));
  fmt::print("{}", options.json ? json_of(found) : table(found));
  return k_done;
}

}  // namespace

void add_doctor(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand(
      "doctor", "what is installed; with a model: which input scaling and label offset fit it");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite model")->type_name("FILE");
  add_data_options(*command, options->data);
  command->get_option("--data")->required(false);
  command->add_option("--images", options->images, "how many of the images are tried")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
  add_cache_option(*command, options->cache);
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->add_flag("--json", options->json, "print JSON instead of a table");
  add_model_memory_option(*command, options->model_memory);
  add_data_memory_option(*command, options->data_memory);
  command->footer(
      "Tries what is given, the usual scalings (pixels as codes, 0 .. 255, 0 .. 1, -1 .. 1, -128 .. 127, "
      "mean\n"
      "and deviation of each channel), reversed channels, and label offsets one lower and one higher.\n"
      "Example: qfi doctor campaigns/demo/shapes.tflite --data campaigns/demo/images.npy\n"
      "  --labels campaigns/demo/labels.npy");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

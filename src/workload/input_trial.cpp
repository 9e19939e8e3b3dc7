// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/input_trial.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "qfi/base/stop.hpp"
#include "qfi/workload/evaluate.hpp"

namespace qfi {
namespace {

struct NamedScaling {
  const char* name;
  std::vector<double> scale;
  std::vector<double> mean;
};

// What pixels of 0..255 become; means and deviations of each channel are those of ImageNet.
const std::vector<NamedScaling> k_scalings = {
    {"each pixel is a code", {}, {}},
    {"0 .. 255", {1.0}, {0.0}},
    {"0 .. 1", {1.0 / 255.0}, {0.0}},
    {"-1 .. 1", {1.0 / 127.5}, {127.5}},
    {"-128 .. 127", {1.0}, {128.0}},
    {"mean and deviation of each channel",
     {1.0 / (255.0 * 0.229), 1.0 / (255.0 * 0.224), 1.0 / (255.0 * 0.225)},
     {255.0 * 0.485, 255.0 * 0.456, 255.0 * 0.406}}};
constexpr std::array k_offsets = {0, -1, 1};

bool has_colours(const Tensor& input) { return input.shape.size() == 4 && input.shape.back() == 3; }

std::vector<InputTrial> trials_of(const Tensor& input, const DataAndInput& source) {
  const InputScaling& given = source.input;
  std::vector<InputTrial> trials(1);
  trials.front().name = k_input_as_given;
  trials.front().scaling = given;
  for (const NamedScaling& scaling : k_scalings) {
    if (scaling.scale.size() > 1 && !has_colours(input)) continue;
    for (const bool reverses : {false, true}) {
      const bool is_given =
          given.scale == scaling.scale && given.mean == scaling.mean && given.reverse_channels == reverses;
      if (is_given || (reverses && !has_colours(input))) continue;
      InputTrial& trial = trials.emplace_back();
      trial.name = fmt::format("{}{}", scaling.name, reverses ? ", channels reversed" : "");
      trial.scaling = {scaling.scale, scaling.mean, reverses};
    }
  }
  return trials;
}

Result<Evaluation> evaluate_trial(const Program& program, const InputTrialParams& params,
                                  const InputTrial& trial) {
  DataConfig config = params.source.data;
  config.label_offset = trial.label_offset;
  QFI_TRY(const DataSet data, DataSet::open(config, params.source.seed));
  EvaluateParams evaluation;
  evaluation.scaling = trial.scaling;
  evaluation.scores = params.scores;
  evaluation.metric = params.source.metric;
  evaluation.threads = params.threads;
  return evaluate(program, data, evaluation);
}

}  // namespace

Result<std::vector<InputTrial>> try_inputs(const Program& program, const InputTrialParams& params) {
  const Model& model = program.model();
  const Tensor& input = model.tensors[static_cast<std::size_t>(model.inputs[0])];
  std::vector<InputTrial> found;
  std::string why;
  for (const InputTrial& trial : trials_of(input, params.source))
    for (const int offset : k_offsets) {
      QFI_CHECK(check_stop());
      InputTrial shifted = trial;
      shifted.label_offset = params.source.data.label_offset + offset;
      const Result<Evaluation> evaluation = evaluate_trial(program, params, shifted);
      if (!evaluation) {  // the labels are no classes at that offset, or the input cannot be scaled so
        if (why.empty()) why = evaluation.error().message;
        continue;
      }
      shifted.correct = evaluation->counts.faulty_correct;
      shifted.labelled = evaluation->counts.labelled;
      shifted.chance = evaluation->task->chance(evaluation->answer, evaluation->counts);
      found.push_back(std::move(shifted));
    }
  QFI_CHECK(check_stop());
  if (found.empty()) return bad_input("no usual input and label offset fits: {}", why);
  std::ranges::stable_sort(found, std::greater<>(), &InputTrial::correct);
  return found;
}

}  // namespace qfi

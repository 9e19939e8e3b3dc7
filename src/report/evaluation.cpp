// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_most_matrix_classes = 12;  // wider ones are in the JSON

std::string percent(std::optional<double> share) {
  return share ? fmt::format("{:6.2f} %", 100.0 * *share) : std::string("       -");
}

std::string class_lines(const DataSet& data, const Evaluation& evaluation) {
  const ConfusionMatrix& matrix = evaluation.counts.confusion;
  const bool is_map = evaluation.task == &segmentation_task();
  std::string text = fmt::format("\n{:>6} {:>10} {:>10} {:>9}{}\n", "class", is_map ? "pixels" : "images",
                                 "right", "accuracy", is_map ? "       IoU" : "");
  for (std::size_t c = 0; c < matrix.classes(); ++c) {
    if (matrix.of_truth(c) == 0 && matrix.of_prediction(c) == 0) continue;
    text += fmt::format("{:>6} {:>10} {:>10} {}{}{}\n", c, matrix.of_truth(c), matrix.at(c, c),
                        percent(matrix.accuracy(c)), is_map ? "  " + percent(matrix.iou(c)) : "",
                        c < data.class_names().size() ? "  " + printable(data.class_names()[c]) : "");
  }
  return text;
}

std::string matrix_lines(const ConfusionMatrix& matrix) {
  std::string text = "\ntrue class by predicted class\n      ";
  for (std::size_t p = 0; p < matrix.classes(); ++p) text += fmt::format(" {:>7}", p);
  text += '\n';
  for (std::size_t t = 0; t < matrix.classes(); ++t) {
    text += fmt::format("{:>6}", t);
    for (std::size_t p = 0; p < matrix.classes(); ++p) text += fmt::format(" {:>7}", matrix.at(t, p));
    text += '\n';
  }
  return text;
}

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json matrix_json(const ConfusionMatrix& matrix) {
  Json rows = Json::array();
  for (std::size_t t = 0; t < matrix.classes(); ++t) {
    Json row = Json::array();
    for (std::size_t p = 0; p < matrix.classes(); ++p) row.push_back(matrix.at(t, p));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json classes_json(const DataSet& data, const Evaluation& evaluation) {
  Json list = Json::array();
  for (std::size_t c = 0; c < evaluation.counts.confusion.classes(); ++c) {
    Json entry = {{"class", c},
                  {"count", evaluation.counts.confusion.of_truth(c)},
                  {"correct", evaluation.counts.confusion.at(c, c)},
                  {"without_prediction", evaluation.counts.confusion.without_prediction(c)},
                  {"accuracy", optional_json(evaluation.counts.confusion.accuracy(c))}};
    if (c < data.class_names().size()) entry["name"] = data.class_names()[c];
    if (evaluation.task == &segmentation_task())
      entry["iou"] = optional_json(evaluation.counts.confusion.iou(c));
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

std::string evaluation_table(const EvaluationSubject& subject, const DataSet& data,
                             const Evaluation& evaluation) {
  const ConfusionMatrix& matrix = evaluation.counts.confusion;
  std::string text = fmt::format(
      "{} on {}, {}\n{} images in {:.2f} s, {:.1f} images/s, {} in a batch\n", subject.model, subject.data,
      subject.fault.empty() ? "fault-free" : "under " + subject.fault, evaluation.images, evaluation.seconds,
      static_cast<double>(evaluation.images) / std::max(evaluation.seconds, 1e-9),
      evaluation.images_per_batch);
  if (evaluation.nan_or_infinity > 0)
    text += fmt::format("  NaN or infinity in the scores of {} images\n", evaluation.nan_or_infinity);
  if (evaluation.task == &classification_task()) {
    text += fmt::format("\n  top-1  {}  ({})\n  top-5  {}  ({}; {} labels hang on a tie for place 5)\n",
                        percent(share_of(matrix.correct(), matrix.total())), matrix.correct(),
                        percent(share_of(evaluation.counts.faulty_top5_correct, matrix.total())),
                        evaluation.counts.faulty_top5_correct, evaluation.ties.hanging);
  } else if (evaluation.task == &segmentation_task()) {
    text += fmt::format("\n  pixels right  {}  ({} of {}; {} ignored)\n",
                        percent(share_of(matrix.correct(), matrix.total())), matrix.correct(), matrix.total(),
                        evaluation.counts.units - evaluation.counts.labelled);
    text += fmt::format("  IoU, mean over classes              {}\n", percent(matrix.mean_iou()));
    text += fmt::format("  IoU, global                         {}\n", percent(matrix.global_iou()));
    text += fmt::format("  IoU, by inverse class frequency     {}\n", percent(matrix.weighted_iou()));
  } else {
    return text;
  }
  text += class_lines(data, evaluation);
  if (matrix.classes() <= k_most_matrix_classes) text += matrix_lines(matrix);
  return text;
}

std::string evaluation_json(const EvaluationSubject& subject, const DataSet& data,
                            const Evaluation& evaluation) {
  const ConfusionMatrix& matrix = evaluation.counts.confusion;
  Json json = {{"schema", "qfi-run-data-1"},
               {"model", subject.model},
               {"model_sha256", subject.model_sha256},
               {"images_sha256", data.images_sha256()},
               {"labels_sha256", data.labels_sha256().empty() ? Json(nullptr) : Json(data.labels_sha256())},
               {"selection_sha256", data.selection_hash()},
               {"fault", subject.fault.empty() ? Json(nullptr) : Json(subject.fault)},
               {"images", evaluation.images},
               {"nan_or_infinity", evaluation.nan_or_infinity}};
  if (evaluation.task == &classification_task()) {
    json["task"] = "classification";
    json["top1_correct"] = matrix.correct();
    json["top5_correct"] = evaluation.counts.faulty_top5_correct;
    json["top5_ties"] = evaluation.ties.ties;
    json["top5_hanging_on_tie"] = evaluation.ties.hanging;
  } else if (evaluation.task == &segmentation_task()) {
    json["task"] = "segmentation";
    json["pixels"] = matrix.total();
    json["pixels_correct"] = matrix.correct();
    json["pixels_ignored"] = evaluation.counts.units - evaluation.counts.labelled;
    json["iou_mean"] = optional_json(matrix.mean_iou());
    json["iou_global"] = optional_json(matrix.global_iou());
    json["iou_weighted_by_inverse_frequency"] = optional_json(matrix.weighted_iou());
  }
  if (evaluation.task != nullptr) {
    json["classes"] = classes_json(data, evaluation);
    json["confusion_true_by_predicted"] = matrix_json(matrix);
  }
  return json_text(json);
}

}  // namespace qfi

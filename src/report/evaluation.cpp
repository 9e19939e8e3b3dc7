// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_most_matrix_classes = 12;  // wider ones are in the JSON

std::string class_lines(const DataSet& data, const Evaluation& evaluation) {
  const ConfusionMatrix& matrix = evaluation.counts.confusion;
  const bool has_iou = evaluation.task->has_iou();
  std::string text = fmt::format("\n{:>6} {:>10} {:>10} {:>9}{}\n", "class", evaluation.task->names().unit,
                                 "right", "accuracy", has_iou ? "       IoU" : "");
  for (std::size_t c = 0; c < matrix.classes(); ++c) {
    if (matrix.of_truth(c) == 0 && matrix.of_prediction(c) == 0) continue;
    text += fmt::format("{:>6} {:>10} {:>10} {}{}{}\n", c, matrix.of_truth(c), matrix.at(c, c),
                        share_text(matrix.accuracy(c)), has_iou ? "  " + share_text(matrix.iou(c)) : "",
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

Json number_json(const Number& number) {
  if (const auto* count = std::get_if<std::uint64_t>(&number)) return *count;
  if (const auto* share = std::get_if<double>(&number)) return *share;
  return nullptr;
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
    if (evaluation.task->has_iou()) entry["iou"] = optional_json(evaluation.counts.confusion.iou(c));
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
  if (evaluation.task == nullptr) return text;
  text += "\n" + evaluation.task->run_text(evaluation.counts, evaluation.ties);
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
  if (evaluation.task != nullptr) {
    json["task"] = evaluation.task->names().name;
    const std::vector<Number> numbers = evaluation.task->run_numbers(evaluation.counts, evaluation.ties);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      json[evaluation.task->run_fields()[i].key] = number_json(numbers[i]);
    json["classes"] = classes_json(data, evaluation);
    json["confusion_true_by_predicted"] = matrix_json(matrix);
  }
  return json_text(json);
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// Owns Task, which says what kind of answer a network gives, and how answers become counts. The tensor that
// holds an image's answer and its label go in; FaultCounts come out, which add up over images. A task also
// brings the words, the columns and the derived metrics that journals, results and tables show, so that
// nobody else asks which task it is. `qfi run` and campaigns score by the same code.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/model/model.hpp"
#include "qfi/workload/counts.hpp"

namespace qfi {

/// A number that a task shows, and its name in results.
struct NumberField {
  enum class Kind : std::uint8_t { count, share, share_or_null };
  const char* key;
  Kind kind = Kind::count;
  const char* meaning = "";  ///< what the schema of results says of it; may be empty
};
/// A count, a share of 0 .. 1, or null where a share has nothing to be of.
using Number = std::variant<std::monostate, std::uint64_t, double>;

/// A metric that follows from counts: its name in results, and a short one within a group.
struct DerivedMetric {
  const char* key;
  const char* short_key;
  const char* label;  ///< what people read
};

/// What a task calls things.
struct TaskNames {
  const char* name;  ///< in results
  // What has a class:
  const char* unit;            ///< in the plural
  const char* unit_key;        ///< of rows by layer and bit, in results
  const char* unit_of_trials;  ///< of tables: "trials", where each image has one
  // The share of units that are right; all nullptr where a task knows no labels:
  const char* accuracy;          ///< in tables
  const char* accuracy_in_full;  ///< on pages
  const char* accuracy_key;      ///< under faults, in results
  const char* top5_key;          ///< nullptr: the task has no second accuracy
  // The share of units whose class changes:
  const char* changed;       ///< in tables
  const char* changed_of;    ///< in tables, what it is a share of
  const char* changed_long;  ///< on pages: "images change their class"
  const char* changed_key;   ///< in results
  // Names of counts of one fault in results, and of the golden run:
  const char* fault_units_key;
  const char* fault_changed_key;
  const char* fault_labelled_key;   ///< nullptr: no labels
  const char* golden_correct_key;   ///< alike
  const char* golden_labelled_key;  ///< alike
  const char* derived_key;          ///< of the group of derived metrics; nullptr: there are none
};

/// How the tensor with the answers is read.
struct AnswerShape {
  std::size_t classes = 0;      ///< of a map of scores too; 0: the map holds the classes themselves
  std::optional<MapShape> map;  ///< of one image's class map
  /// An output of one value is class 1 above this real number, else class 0; nullopt: other outputs.
  std::optional<double> threshold;
};

/// The answer to one image.
struct Answer {
  const Tensor& tensor;
  std::span<const std::byte> values;
  const AnswerShape& shape;
};

/// What an answer is compared with.
struct Label {
  int image_class = 0;            ///< of an image
  const ClassMap* map = nullptr;  ///< of its pixels; nullptr: the image has one class
};

/// The fault-free answer.
struct GoldenAnswer {
  std::span<const std::int16_t> classes;  ///< of its units; -1: none
  std::span<const std::byte> values;
};

/// Images whose fifth and sixth best class tie, and those whose label is in or out of the top 5 by the tie
/// rule.
struct TieCounts {
  std::uint64_t ties = 0;
  std::uint64_t hanging = 0;
  TieCounts& operator+=(const TieCounts& other);
};

class Task {
 public:
  virtual ~Task() = default;
  virtual const TaskNames& names() const = 0;

  /// Whether there are labels that answers are right or wrong by.
  bool has_accuracy() const { return names().accuracy_key != nullptr; }

  /// Error: the tensor is no answer to a data set with such labels, or a label is no class of it. Class maps,
  /// of which there may be more than memory holds, are left to check_image() but for the first.
  virtual Result<AnswerShape> check(const Tensor& tensor, const DataSet& data,
                                    const Metric& metric) const = 0;
  /// Checks the class map of one image. Error: as check(), without the image.
  virtual Result<AnswerShape> check_image(const Tensor&, const AnswerShape& shape, const Label&) const {
    return shape;
  }

  /// The accuracy of guessing. `golden`: the counts of the fault-free run.
  virtual double chance(const AnswerShape& shape, const FaultCounts& golden) const;

  /// The class of each unit; -1: none, as all scores are NaN or the class is out of range.
  virtual std::vector<std::int16_t> classes_of(const Answer& answer) const = 0;
  /// Counts one image: classes, labels, places among the best, against the golden answer. Without one every
  /// unit counts as unchanged, and golden counts are those of the answer itself. `wants_confusion`: also
  /// where the task's own metrics need no confusion matrix. output_identical, nan and infinity are left to
  /// the caller.
  virtual FaultCounts score(const Answer& answer, const Label& label, const GoldenAnswer* golden,
                            bool wants_confusion) const = 0;
  virtual TieCounts ties(const Answer&, const Label&) const { return {}; }

  /// What results say of one fault's counts.
  virtual std::span<const NumberField> count_fields() const = 0;
  virtual std::vector<Number> count_numbers(const FaultCounts& counts) const = 0;
  /// What results say of the golden run, counted as if fault-free were a fault.
  virtual std::span<const NumberField> golden_fields() const = 0;
  virtual std::vector<Number> golden_numbers(const FaultCounts& counts, const TieCounts& ties) const = 0;
  virtual std::span<const DerivedMetric> derived_metrics() const { return {}; }
  /// The values of derived_metrics(), in that order; nullopt where there is nothing to derive them from.
  virtual std::vector<std::optional<double>> derived(const FaultCounts&) const { return {}; }
  /// What `qfi run --json` says of the counts of all images.
  virtual std::span<const NumberField> run_fields() const = 0;
  virtual std::vector<Number> run_numbers(const FaultCounts& counts, const TieCounts& ties) const = 0;
  /// Its table of the same, a line for each number.
  virtual std::string run_text(const FaultCounts& counts, const TieCounts& ties) const = 0;
  /// Whether the confusion matrix gives each class an intersection over union.
  virtual bool has_iou() const { return false; }
  /// Whether counts that were read from a file can be of this task.
  virtual bool can_be(const FaultCounts& counts) const = 0;
};

const Task& classification_task();         ///< a score for each class
const Task& binary_classification_task();  ///< one value, class 1 above a threshold
const Task& unlabelled_task();             ///< either of them, without labels
const Task& outputs_task();                ///< anything else: whether the output changes
const Task& segmentation_task();           ///< a class, or scores, for each pixel

/// All tasks.
std::span<const Task* const> tasks();
/// The task of that name in results; nullptr: there is none.
const Task* find_task(std::string_view name);
/// The task of a network with such an output on such data, and how its answers are read. This is the one
/// check of runs and campaigns alike. Error: as Task::check(), or a threshold for another output than of one
/// value.
struct ChosenTask {
  const Task* task = nullptr;
  AnswerShape answer;
};
Result<ChosenTask> choose_task(const Tensor& tensor, const DataSet& data, const Metric& metric);

/// Faults that lose accuracy and keep at most this one collapse: twice chance, or where that says
/// nothing, as of two classes, halfway from chance to all that are right.
double collapsed_accuracy(double chance);

/// The label of an image. `map` is filled where labels are class maps, and must live as long as the label.
/// Error: the class map cannot be read.
Result<Label> read_label(const DataSet& data, std::size_t image, ClassMap& map);

/// "12.34 %", or a dash where there is no share; 8 characters at least.
std::string share_text(const std::optional<double>& share);

/// NaN or infinity in FLOAT32 values of one image, as counts of one image.
void count_due(const Tensor& tensor, std::span<const std::byte> values, FaultCounts& counts);

}  // namespace qfi

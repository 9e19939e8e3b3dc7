// SPDX-License-Identifier: Apache-2.0
// Owns CampaignResults, the one value that says what came out of a campaign. It is computed once from a
// finished or merged campaign (compute_results), written as results.json and read back by one description of
// its fields (src/results/fields.hpp), from which the JSON Schema is made too; tables, pages, comparisons and
// exports only render it. Shares and estimates hold 9 digits: what differs behind them between mathematical
// libraries reaches nobody.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "qfi/arith/product_table.hpp"
#include "qfi/campaign/estimates.hpp"
#include "qfi/campaign/pilot.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {

constexpr const char* k_results_schema = "qfi-results-2";

struct ToolInfo {
  std::string version;
  std::string git;  ///< commit the program was built from
};

/// How the intervals of Estimates are made.
struct EstimateMethods {
  std::string means_these_images;
  std::string means_image_population;
  std::string shares;
  std::string sdc_rate_these_images;
};

/// A mean whose interval holds for these images alone.
struct MeanOnTheseImages {
  double mean = 0;
  std::optional<Interval> interval;
};

/// What the drawn faults of a set, or of one of its strata, say of the population.
struct Estimates {
  EstimateMethods methods;
  std::optional<SampledMean> accuracy;    ///< under faults; nullopt: no labels
  std::optional<SampledMean> top5;        ///< of tasks that have it
  std::optional<MeanOnTheseImages> drop;  ///< of accuracy, from the golden one
  SampledMean changed;                    ///< share of units whose class changes
  std::optional<double> changed_at_most;  ///< a one-sided bound, on these images
  // In a crossed design, where a fault has all images; all but the first need labels:
  std::optional<FaultShare> critical;
  std::optional<double> critical_at_most;  ///< a one-sided bound
  std::optional<FaultShare> harmless;
  std::optional<FaultShare> between;
  std::optional<FaultShare> collapsed;
  std::optional<std::array<std::uint64_t, 20>> histogram;  ///< drawn faults by faulty accuracy, 5 points each
  std::vector<std::optional<double>> derived;              ///< the task's metrics, of all trials together
  FaultShare output_identical;
  FaultShare due;
};

struct BudgetMargin {
  double e = 0;
  double confidence = 0.95;
  double p = 0.5;
};

struct SampleResults {
  std::optional<std::uint64_t> population;         ///< nullopt: bit error rates, which no draw exhausts
  std::uint64_t n = 0;                             ///< drawn faults; paired: those of each image
  std::optional<std::uint64_t> images;             ///< paired
  std::optional<std::uint64_t> images_of_a_fault;  ///< nested
  std::optional<std::uint64_t> image_groups;       ///< nested: of which each fault meets one
  std::optional<std::uint64_t> trials;             ///< paired, nested
  std::optional<PilotFacts> pilot;                 ///< nested, where it chose the images of a fault
  std::optional<double> n_before_rounding;
  std::optional<std::string> rounding;
  std::optional<double> e, t, p;
  std::optional<BudgetMargin> budget;

  bool is_paired() const { return images.has_value(); }
  bool is_nested() const { return images_of_a_fault.has_value(); }
  /// How many pairs with images each fault has: one in a crossed design.
  std::uint64_t pairs_of_a_fault() const { return is_nested() ? *image_groups : images.value_or(1); }
};

struct StoppedLook {
  std::uint64_t n = 0;
  double value = 0;
  double half_width = 0;
};

struct StoppedResults {
  std::string reason;
  std::vector<StoppedLook> looks;
};

struct DeratedRateResults {
  double fit = 0;
  std::optional<Interval> interval;  ///< on these images
};

struct FailureRateResults {
  double raw_fit = 0;
  double derated_fit = 0;  ///< a fault meets one image
  std::optional<Interval> interval;
  std::optional<Interval> on_images_like_these;
  std::optional<DeratedRateResults> of_critical_faults;
  std::optional<std::uint64_t> inferences;  ///< that a fault stays for
  std::optional<DeratedRateResults> of_inferences;
  std::optional<DeratedRateResults> with_protection, of_inferences_with_protection;
};

struct StratumResults {
  std::string label;
  std::optional<std::uint64_t> population;  ///< nullopt: a bit error rate
  std::uint64_t n = 0;
  std::optional<std::uint64_t> layer;
  std::optional<std::string> stage;  ///< data
  std::optional<std::uint64_t> bit;
  std::optional<double> bit_error_rate;
  std::optional<double> n_before_rounding;
  std::optional<double> p;
  std::optional<Estimates> estimates;  ///< of a bit error rate
};

// Faults of a netlist.

struct NetlistFacts {
  std::string file;
  std::string sha256;
  std::string module_name;
  std::uint64_t cells = 0;
  std::uint64_t depth = 0;
};

/// This is of a multiplier that is taken as it is: faults are counted against its fault-free self.
struct ApproximateFacts {
  std::uint64_t pairs = 0;  ///< of operands that were compared with exact products
  std::uint64_t wrong_pairs = 0;
  double mean_error_distance = 0;
  std::uint64_t worst_case_error = 0;
  std::vector<Number> golden;  ///< of the golden run through it, as the task names them
};

struct FaultyOperatorFacts {
  std::uint64_t index = 0;
  std::string kind;
  std::string output;
  std::string type;
  std::int64_t weight_zero_point = 0;
  std::int64_t input_zero_point = 0;
  std::uint64_t multiplications_per_image = 0;
};

struct FateResults {
  std::uint64_t distinct_tables = 0;
  std::uint64_t equal_tables = 0;
  FaultShare table_masked;
  FaultShare use_masked;
};

struct ProofResults {
  std::uint64_t table_path_images = 0;
  std::uint64_t faulty_path_faults = 0;
  std::uint64_t fault_free_pairs = 0;
  std::uint64_t golden_products = 0;
  std::uint64_t faults_that_change_a_golden_product = 0;
};

struct NetlistFaultResults {
  std::uint64_t index = 0;                  ///< in order of drawing
  std::optional<std::string> fault;         ///< as `--fault` takes it; older files have none
  std::optional<std::string> site;          ///< of a single stuck-at fault
  std::optional<std::uint64_t> stuck_at;    ///< of a single stuck-at fault
  std::optional<std::string> listed_as;     ///< the place, as a test pattern generator's list has it
  std::optional<std::string> listed_class;  ///< and its class there
  std::optional<std::string> cell;          ///< that the site is a pin of, or that drives it
  std::optional<std::string> pin;           ///< of that cell
  std::optional<std::string> instance;      ///< of the module that holds it, where that is not the top
  std::optional<std::vector<std::string>> sources;  ///< `file:line` of the RTL, where the netlist tells it
  std::string region;                               ///< what drives the site
  std::uint64_t level = 0;
  std::optional<std::uint64_t> lowest_result_bit;
  std::string fate;
  std::uint64_t same_as = 0;
  std::string table_digest;
  std::uint64_t golden_products_changed = 0;
  std::optional<std::uint64_t> first_changed_image;  ///< of the data set; absent: none changed
  std::vector<Number> counts;                        ///< as the task names them
  std::optional<double> faulty_accuracy;
  std::optional<std::string> harm;  ///< harmless, between or collapsed
  bool is_critical = false;
};

struct NetlistResults {
  std::uint64_t sites = 0;       ///< or pairs of nets
  std::uint64_t polarities = 2;  ///< or bridges of each pair
  /// So many single stuck-at faults are left if one of each class of structurally equivalent ones is taken.
  std::optional<std::uint64_t> prime_faults;
  NetlistFacts netlist;
  std::optional<ApproximateFacts> approximate;
  std::vector<FaultyOperatorFacts> operators;
  FateResults fates;
  ProofResults proof;
  std::vector<NetlistFaultResults> faults;
};

// Faults of stored bits.

struct StoredValuesFacts {
  std::string label;
  std::uint64_t layer = 0;
  std::string operator_kind;
  std::string tensor;
  std::uint64_t values = 0;
  std::uint64_t width = 0;
  std::string protection;
  std::uint64_t stored_bits = 0;
  std::optional<std::uint64_t> protected_values;
  std::optional<std::string> stage;                                 ///< data
  std::optional<double> zero_share;                                 ///< constants
  std::optional<std::array<std::uint64_t, 16>> histogram_of_codes;  ///< INT8 constants, from -128
  std::optional<double> share_from_1_to_2;                          ///< FLOAT32 constants, by magnitude
};

struct ReadResults {
  std::uint64_t faulty_values_read = 0;
  std::uint64_t detected = 0;
  std::uint64_t corrected = 0;
  std::uint64_t missed = 0;
};

struct ProtectionResults {
  std::uint64_t changed_without = 0;
  std::uint64_t changed_with = 0;
  std::optional<double> removed_share;
  std::optional<Interval> interval;
  ReadResults reads;
  std::optional<Estimates> summary;  ///< of the same faults with the protection; builds before 0.9 wrote none
};

/// Faults of single bits, by layer, bit or both; those of data in one stage each.
struct DomainResults {
  std::optional<std::uint64_t> layer;
  std::optional<std::string> stage;
  std::optional<std::uint64_t> bit;
  std::uint64_t population = 0;  ///< faults; paired: those of one image
  std::uint64_t n = 0;
  std::uint64_t trials = 0;
  std::uint64_t units = 0;
  std::uint64_t changed = 0;
  double changed_share = 0;  ///< weighted by strata
  std::optional<Interval> interval;
  double deviation = 0;  ///< standard deviation of the share changed, over the drawn faults
  std::uint64_t nan = 0;
  std::uint64_t infinity = 0;
  std::vector<std::optional<double>> derived;  ///< the task's metrics, of all trials together
};

struct DirectionResults {
  std::string direction;
  std::optional<std::uint64_t> layer;  ///< nullopt: all
  std::uint64_t trials = 0;
  std::uint64_t changed = 0;
  std::uint64_t units = 0;
  std::optional<double> changed_share;  ///< nullopt: no trials
  std::optional<Interval> interval;
};

/// Trials whose values were the golden ones again after that operator.
struct MaskingResults {
  std::optional<std::int64_t> operator_index;  ///< -1: where the value is read; nullopt: not traced
  std::string kind;
  std::uint64_t trials = 0;
};

/// A file beside results.json.
struct FileFacts {
  std::string name;
  std::uint64_t rows = 0;
  std::string sha256;
};

struct SearchedLayer {
  std::uint64_t layer = 0;
  std::uint64_t bits_tried = 0;
  std::uint64_t bits_vulnerable = 0;
  double lvf = 0;
};

struct SearchedGeneration {
  double best_drop = 0;
  double mean_drop = 0;
  std::vector<std::uint64_t> order;
};

struct SearchResults {
  std::uint64_t individuals = 0;
  std::vector<SearchedLayer> layers;  ///< the most vulnerable first
  std::vector<SearchedGeneration> generations;
};

struct StoredBitResults {
  std::optional<std::uint64_t> stored_bits;
  std::optional<std::uint64_t> left_out;
  std::vector<StoredValuesFacts> values;
  ReadResults reads;
  std::optional<ProtectionResults> protection;
  std::vector<DomainResults> by_layer, by_bit, by_layer_and_bit;
  std::vector<DirectionResults> by_direction;
  std::vector<MaskingResults> masking;
  std::optional<FileFacts> faults_file;
  std::optional<SearchResults> search;
  std::optional<FileFacts> bits_file;
};

// A product table.

struct ProductTableResults {
  std::string file;
  std::string sha256;
  std::vector<std::uint64_t> operators;
  std::uint64_t pairs = k_code_pairs;
  std::uint64_t wrong_pairs = 0;
  double error_rate = 0;
  double mean_error = 0;
  double mean_error_distance = 0;
  double mean_relative_error_distance = 0;
  std::uint64_t worst_case_error = 0;
  std::uint64_t golden_products = 0;
  std::uint64_t golden_products_wrong = 0;
  double golden_mean_error_distance = 0;
};

struct TableResults {
  ProductTableResults table;
  std::vector<Number> counts;  ///< as the task names them
};

using KindResults = std::variant<NetlistResults, StoredBitResults, TableResults>;

struct SetResults {
  std::string name;
  SampleResults sample;
  StoppedResults stopped;
  std::optional<Estimates> summary;  ///< nullopt: several bit error rates, whose strata have estimates
  std::optional<FailureRateResults> failure_rate;
  std::vector<StratumResults> strata;
  KindResults kind;

  const NetlistResults* netlist() const { return std::get_if<NetlistResults>(&kind); }
  const StoredBitResults* bits() const { return std::get_if<StoredBitResults>(&kind); }
  const TableResults* table() const { return std::get_if<TableResults>(&kind); }
  NetlistResults* netlist() { return std::get_if<NetlistResults>(&kind); }
  StoredBitResults* bits() { return std::get_if<StoredBitResults>(&kind); }
};

struct ModelFacts {
  std::string file;
  std::string sha256;
};

struct DataFacts {
  std::string images_sha256;
  std::optional<std::string> labels_sha256;
  std::uint64_t images_available = 0;
  std::uint64_t images = 0;
  std::string selection_sha256;
};

struct InputFacts {
  ModelFacts model;
  DataFacts data;
};

struct CombinedResults {
  std::string method;
  std::optional<MeanOnTheseImages> accuracy;  ///< nullopt: no labels
  MeanOnTheseImages changed;
};

struct CampaignResults {
  std::string schema = k_results_schema;
  ToolInfo tool;
  std::string arithmetic;
  std::uint64_t seed = 0;
  std::string config;  ///< canonical JSON
  InputFacts inputs;
  const Task* task = nullptr;  ///< never nullptr once computed or read
  std::uint64_t classes = 0;
  double interval_confidence = 0.95;
  /// Whether the intervals of rows by layer and bit hold all together with that confidence.
  std::optional<bool> rows_together;
  std::vector<Number> golden;                        ///< as the task names them
  std::optional<std::vector<std::string>> warnings;  ///< what looks wrong; nullopt: nothing
  std::vector<SetResults> sets;
  std::optional<CombinedResults> combined;

  /// A number of the golden run by its name. Precondition: the task has it.
  const Number& golden_number(const char* key) const;
  // 0 and nullopt where there are no labels:
  std::uint64_t golden_correct() const;
  std::uint64_t golden_labelled() const;
  std::optional<double> golden_accuracy() const;
};

/// A named number among those of a task. Precondition: it is there.
const Number& number_in(std::span<const NumberField> fields, const std::vector<Number>& numbers,
                        const char* key);
/// That number as a count; 0 where it is not a count.
std::uint64_t count_in(std::span<const NumberField> fields, const std::vector<Number>& numbers,
                       const char* key);

}  // namespace qfi

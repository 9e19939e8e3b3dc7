// SPDX-License-Identifier: Apache-2.0
// What a campaign is asked to do: CampaignConfig, a plain value with all defaults filled in. In: a YAML file,
// read strictly, so that unknown keys and wrong values are errors with line and column. Out: the value, and
// canonical JSON that is equal for configs that mean the same. Keys, their texts and their places are in the
// tables of src/config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_config.hpp"
#include "qfi/engine/propagation.hpp"
#include "qfi/faults/bit_strata.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/statistics/sample_size.hpp"
#include "qfi/tables/fault_tables.hpp"
#include "qfi/tables/table_file.hpp"

namespace qfi {

/// `faults` entry of kind stuck_at or bridge with a netlist: the multiplier of chosen operators.
struct StuckAtConfig {
  ConfigPath netlist;
  std::vector<ConfigPath> libraries;  ///< what the netlist's cells compute
  NetlistReading reading;             ///< without those libraries
  std::vector<OperatorKind> operators = {OperatorKind::conv_2d};
  std::vector<std::string> layers;  ///< operator indices or output tensor names; empty: all
  UnitParams unit;
  SiteKind sites = SiteKind::nets;  ///< that can be stuck
  std::uint64_t simultaneous = 1;   ///< that are stuck at once
  std::vector<BridgeKind> bridges;  ///< how two nets are bridged; empty: sites are stuck
  PaddingTaps padding = PaddingTaps::skip;
};

/// `faults` entry of kind product_table: products of stored codes, 256 x 256, zero points corrected outside.
struct TableConfig {
  ConfigPath file;
  TableReading reading;
  std::vector<OperatorKind> operators = {OperatorKind::conv_2d};
  std::vector<std::string> layers;  ///< as above
  PaddingTaps padding = PaddingTaps::skip;
};

/// How the values of some layers are stored.
struct StorageConfig {
  std::vector<std::string> layers;  ///< empty: all
  /// Nothing: as many bits as the tensor's type has. INT8 weights may have 3 to 7.
  std::optional<int> width;
  Protection protection = Protection::plain;
  int top_bits = 1;
  int unprotected_bits = 0;
  /// Of `qfi nvf`: neurons whose NVF is at least `threshold` are kept like this, all others plainly. Nothing:
  /// all.
  std::optional<ConfigPath> neurons;
  double threshold = 0;
};

enum class FaultTarget : std::uint8_t { weights, biases, data };
enum class Duration : std::uint8_t { permanent, transient };

/// `faults` entry with a target: bits of stored values, flipped (kind bit_flip) or stuck (stuck_at).
struct BitFaultConfig {
  FaultTarget target = FaultTarget::weights;
  std::vector<BitFaultModel> models = {BitFaultModel::flip};  ///< part of the population
  std::vector<Stage> stages = {Stage::output};                ///< data
  std::vector<OperatorKind> operators;                        ///< empty: all
  std::vector<std::string> layers;                            ///< as above
  std::vector<std::string> tensors;         ///< that hold the values, names or indices; empty: all
  std::vector<std::uint64_t> channels;      ///< output channels, of data the last dimension; empty: all
  std::vector<int> bits;                    ///< of the value, 0 the lowest; empty: all
  Duration duration = Duration::permanent;  ///< a label: is recorded, changes no result
  std::uint64_t simultaneous = 1;           ///< faults at once
  std::vector<StorageConfig> storage;       ///< a later entry counts for its layers
  /// The population is the bits of the values, each fault hits the first copy, and is run with and
  /// without the protection; else it is the stored bits, copies included.
  bool compares_protection = false;
  std::optional<ConfigPath> mask;  ///< .npz: of each tensor, 0 where a value is pruned
  bool masks_zeros = false;        ///< every value that is 0 is pruned; no file then
};

/// data_aware: p(i) from the bit's place value; data_aware_weights: from the values themselves.
enum class SampleScheme : std::uint8_t { network, layer, bit, data_aware, data_aware_weights };
enum class SmallStrata : std::uint8_t { error, exhaustive };

/// What those who do not know the kinds of samples must know of one.
struct SampleTraits {
  bool is_random = true;                  ///< false: the drawn faults say nothing about a population
  bool is_exhaustive = false;             ///< all faults are drawn
  bool is_search = false;                 ///< results choose the faults one by one
  bool watches_single_faults = false;     ///< what is drawn depends on which faults are critical
  bool watches_accuracy = false;          ///< what is drawn depends on accuracies, which need labels
  bool is_decided_while_it_runs = false;  ///< depends on the machine or on results; then it cannot be split
  SampleScheme scheme = SampleScheme::network;
  std::optional<ConfigPath> list;   ///< the file that names the faults
  std::vector<double> error_rates;  ///< of a bit; a stratum for each; empty: faults are drawn one by one
  BitErrorDraw error_draw = BitErrorDraw::binomial;
};

struct SampleExhaustive {
  SampleTraits traits() const;
};
struct SampleMargin {
  double margin = 0;  ///< e
  std::optional<double> confidence;
  double t = 0;  ///< as given, or the quantile of the confidence
  double p = 0.5;
  Rounding rounding = Rounding::up;
  SampleScheme scheme = SampleScheme::network;
  SmallStrata small = SmallStrata::error;  ///< is recorded; a size is never above the stratum's
  SampleTraits traits() const;
};
/// Of each stratum.
struct SampleCount {
  std::uint64_t count = 0;
  SampleScheme scheme = SampleScheme::network;
  SmallStrata small = SmallStrata::error;
  SampleTraits traits() const;
};
struct SampleList {
  ConfigPath file;
  SampleTraits traits() const;
};
enum class StopMetric : std::uint8_t { sdc_rate, faulty_accuracy, critical_fault_rate };
/// Until half the interval of the metric is at most `half_width`.
struct SampleSequential {
  StopMetric metric = StopMetric::sdc_rate;
  double half_width = 0;
  std::uint64_t minimum = 100;
  std::uint64_t maximum = 0;  ///< 0: the population
  SampleScheme scheme = SampleScheme::network;
  SampleTraits traits() const;
};
/// Of each rate `draws` faults, each of as many flips as the bits get at that error rate.
struct SampleErrorRate {
  std::vector<double> rates;
  std::uint64_t draws = 100;
  /// Draws of each rate go on until its interval is narrow enough; `draws` is then the minimum.
  std::optional<SampleSequential> until;
  BitErrorDraw how = BitErrorDraw::binomial;
  SampleTraits traits() const;
};
/// As many as can be run in that time.
struct SampleBudget {
  double seconds = 0;
  std::string text;
  SampleScheme scheme = SampleScheme::network;
  SampleTraits traits() const;
};
/// A genetic search for sets of bits that do harm together; see genetic_search.hpp.
struct SampleGenetic {
  std::uint64_t population = 0;
  std::uint64_t flips = 20;        ///< of an individual
  double mutation = 0.1;           ///< share of its bits that are drawn anew
  std::uint64_t patience = 5;      ///< generations without a change of the layers' order that end it
  std::uint64_t generations = 50;  ///< at most
  SampleTraits traits() const;
};
/// A kind of sample is an alternative here with its traits, its keys, and a driver (campaign/driver.hpp).
using SampleConfig = std::variant<SampleExhaustive, SampleMargin, SampleCount, SampleList, SampleErrorRate,
                                  SampleSequential, SampleBudget, SampleGenetic>;

SampleTraits traits_of(const SampleConfig& sample);

/// How often the hardware has faults, and how long they stay.
struct RawRate {
  /// FIT per Mbit (10^6 bits) of stored values, or per cell of a netlist. A netlist has one of this and the
  /// next two.
  std::optional<double> fit;
  std::optional<double> fit_per_um2;          ///< of a netlist's cells, as its library tells their areas
  std::map<std::string, double> fit_by_cell;  ///< of each cell type of a netlist
  std::uint64_t inferences = 1;               ///< until a fault is scrubbed or found
};

struct FaultsConfig {
  std::string name;  ///< unique; by default what it is and a number
  std::variant<StuckAtConfig, BitFaultConfig, TableConfig> model;
  SampleConfig sample;           ///< its own, or the campaign's
  std::optional<double> weight;  ///< of the set in the combined estimates
  std::optional<RawRate> raw_rate;
};

/// Whether each row of a table by layer or bit has an interval of the confidence, or all of its rows
/// together.
enum class RowIntervals : std::uint8_t { each, together };

/// The intervals of the results.
struct IntervalConfig {
  double confidence = 0.95;
  RowIntervals rows = RowIntervals::each;
};

/// Every fault on every image.
struct DesignCrossed {};
/// Faults are drawn for each image.
struct DesignPaired {};
/// Every fault on random images of its own.
struct DesignNested {
  std::optional<std::uint64_t> images;  ///< of each fault; nullopt: as many as a pilot finds best
};
/// How faults and images meet.
struct Design {
  std::variant<DesignCrossed, DesignPaired, DesignNested> kind;

  bool is_crossed() const { return std::holds_alternative<DesignCrossed>(kind); }
  bool is_paired() const { return std::holds_alternative<DesignPaired>(kind); }
  bool is_nested() const { return std::holds_alternative<DesignNested>(kind); }
  /// The images of each fault where they are nested; nullopt also where their number is not known yet.
  std::optional<std::uint64_t> nested_images() const {
    return is_nested() ? std::get<DesignNested>(kind).images : std::nullopt;
  }
};

struct CampaignConfig : DataAndInput {
  ConfigPath model;
  std::optional<std::string> signature;  ///< of the model; nothing: its first graph
  std::vector<FaultsConfig> faults;
  Design design;
  IntervalConfig interval;
  std::uint64_t verify = 8;  ///< tables that Verilator checks again
  std::optional<unsigned> threads;
  ConfigPath output;
};

struct ConfigParams {
  /// Value of a variable in `${NAME}`; nothing: not set.
  std::function<std::optional<std::string>(const std::string&)> variable;
};

/// Relative paths are relative to the config's folder, but `output`, and those that begin with a
/// variable, to the current one.
Result<CampaignConfig> read_campaign_config(const std::filesystem::path& path, const ConfigParams& params);

/// The part of a campaign config that is about the images; its other keys must be known, no more.
Result<DataAndInput> read_data_config(const std::filesystem::path& path, const ConfigParams& params);

/// The config as JSON text with all defaults filled in, keys sorted, without threads and output:
/// equal for configs that mean the same.
std::string canonical_config(const CampaignConfig& config);

}  // namespace qfi

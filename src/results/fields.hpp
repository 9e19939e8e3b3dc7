// SPDX-License-Identifier: Apache-2.0
// The one description of the fields of results.json. describe(fields, value) names every field of a value
// once, in the order of the file; `fields` is a writer, a reader or a schema, which have the same functions:
//   field(key, value, meaning)     is always there
//   optional(key, value, meaning)  is left out where it is nullopt
//   nullable(key, value, meaning)  is null where it is nullopt
//   by_task(name, value)           is called what the task calls it
//   numbers(fields, values)        are members of this object, named by the task
//   inlined(value)                 has its fields among those of this object
// Shares lie in 0 .. 1 and are marked by share(value), bits of a value by bit(value).
#pragma once

#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// A number of 0 .. 1.
template <class T>
struct ShareOf {
  T& value;
};
template <class T>
ShareOf<T> share(T& value) {
  return {value};
}

/// The number of a bit, 0 .. 63.
template <class T>
struct BitOf {
  T& value;
};
template <class T>
BitOf<T> bit(T& value) {
  return {value};
}

using FieldsOfTask = std::span<const NumberField> (Task::*)() const;

template <class Fields>
void describe(Fields& f, ToolInfo& v) {
  f.field("version", v.version);
  f.field("git", v.git);
}

template <class Fields>
void describe(Fields& f, SampledMean& v) {
  f.field("mean", share(v.mean));
  f.nullable("interval_these_images", share(v.these_images), "faults sampled, images fixed");
  f.nullable("interval_image_population", share(v.image_population), "faults and images sampled");
}

template <class Fields>
void describe(Fields& f, MeanOnTheseImages& v) {
  f.field("mean", v.mean);
  f.nullable("interval_these_images", v.interval);
}

template <class Fields>
void describe(Fields& f, FaultShare& v) {
  f.field("faults", v.faults, "among the drawn faults");
  f.field("share", share(v.share), "of the population, estimated");
  f.nullable("interval", share(v.interval));
}

template <class Fields>
void describe(Fields& f, EstimateMethods& v) {
  f.field("means_these_images", v.means_these_images);
  f.field("means_image_population", v.means_image_population);
  f.field("shares", v.shares);
  f.field("sdc_rate_these_images", v.sdc_rate_these_images);
}

template <class Fields>
void describe(Fields& f, Estimates& v) {
  f.field("methods", v.methods);
  f.by_task(&TaskNames::accuracy_key, v.accuracy);
  f.by_task(&TaskNames::top5_key, v.top5);
  f.optional("accuracy_drop", v.drop);
  f.by_task(&TaskNames::changed_key, v.changed);
  f.optional("classes_changed_at_most", share(v.changed_at_most),
             "a one-sided bound at that confidence, on these images");
  f.optional("critical_fault_rate", v.critical, "faults that change the class of some image or pixel");
  f.optional("critical_fault_rate_at_most", share(v.critical_at_most),
             "a one-sided bound at that confidence");
  f.optional("harmless", v.harmless, "lose at most 1 point of accuracy");
  f.optional("between", v.between);
  f.optional("collapsed", v.collapsed, "accuracy at most twice chance; of two classes at most 75 %");
  f.optional("histogram_faulty_accuracy_5_percent", v.histogram, "drawn faults by faulty accuracy");
  f.derived_group(v.derived);
  f.field("output_identical", v.output_identical,
          "every output of every image is the golden one, bit for bit");
  f.field("due", v.due, "NaN or infinity in the scores");
}

template <class Fields>
void describe(Fields& f, BudgetMargin& v) {
  f.field("e", v.e);
  f.field("confidence", v.confidence);
  f.field("p", v.p);
}

template <class Fields>
void describe(Fields& f, PilotFacts& v) {
  f.field("faults", v.faults);
  f.field("images", v.images, "of each fault");
  f.field("between_variance", v.between_variance, "of the faults' shares of changed classes");
  f.field("within_variance", v.within_variance, "between the images of a fault, mean over the faults");
  f.field("set_up_cost", v.set_up_cost, "of a fault, in faulty inferences of one image");
}

template <class Fields>
void describe(Fields& f, SampleResults& v) {
  f.nullable("population", v.population);
  f.field("n", v.n, "drawn faults; paired: those of each image");
  f.optional("images", v.images, "paired");
  f.optional("images_of_a_fault", v.images_of_a_fault, "nested: random ones of its own");
  f.optional("image_groups", v.image_groups, "nested: each fault meets one of them");
  f.optional("trials", v.trials, "paired, nested: faults x images of each");
  f.optional("pilot", v.pilot, "nested: auto; what the number of images follows from");
  f.optional("n_before_rounding", v.n_before_rounding);
  f.optional("rounding", v.rounding);
  f.optional("e", v.e);
  f.optional("t", v.t);
  f.optional("p", v.p);
  f.optional("margin_of_the_budget", v.budget);
}

template <class Fields>
void describe(Fields& f, StoppedLook& v) {
  f.field("n", v.n);
  f.field("value", v.value);
  f.field("half_width", v.half_width);
}

template <class Fields>
void describe(Fields& f, StoppedResults& v) {
  f.field("reason", v.reason);
  f.field("looks", v.looks, "of a sequential sample at its results");
}

template <class Fields>
void describe(Fields& f, DeratedRateResults& v) {
  f.field("fit", v.fit);
  f.nullable("interval", v.interval, "faults sampled, images fixed");
}

template <class Fields>
void describe(Fields& f, FailureRateResults& v) {
  f.field("raw_fit", v.raw_fit);
  f.field("derated_fit", v.derated_fit, "a fault meets one inference");
  f.nullable("interval", v.interval);
  f.optional("interval_image_population", v.on_images_like_these, "of derated_fit, images sampled too");
  f.optional("of_critical_faults", v.of_critical_faults, "a fault stays until it has met all images");
  f.optional("inferences", v.inferences, "that a fault stays for");
  f.optional("of_inferences", v.of_inferences, "one of so many inferences fails");
  f.optional("with_protection", v.with_protection, "a fault meets one inference");
  f.optional("of_inferences_with_protection", v.of_inferences_with_protection);
}

template <class Fields>
void describe(Fields& f, StratumResults& v) {
  f.field("label", v.label);
  f.nullable("population", v.population);
  f.field("n", v.n);
  f.optional("layer", v.layer);
  f.optional("stage", v.stage);
  f.optional("bit", bit(v.bit));
  f.optional("bit_error_rate", share(v.bit_error_rate));
  f.optional("n_before_rounding", v.n_before_rounding);
  f.optional("p", v.p);
  f.optional("estimates", v.estimates);
}

template <class Fields>
void describe(Fields& f, NetlistFacts& v) {
  f.field("file", v.file);
  f.field("sha256", v.sha256);
  f.field("module", v.module_name);
  f.field("cells", v.cells);
  f.field("depth", v.depth);
}

template <class Fields>
void describe(Fields& f, ApproximateFacts& v) {
  f.field("pairs", v.pairs, "of operands whose fault-free products were compared with exact ones");
  f.field("wrong_pairs", v.wrong_pairs);
  f.field("mean_error_distance", v.mean_error_distance);
  f.field("worst_case_error", v.worst_case_error);
  f.number_object("golden", &Task::golden_fields, v.golden);
}

template <class Fields>
void describe(Fields& f, FaultyOperatorFacts& v) {
  f.field("index", v.index);
  f.field("kind", v.kind);
  f.field("output", v.output);
  f.field("type", v.type);
  f.field("weight_zero_point", v.weight_zero_point);
  f.field("input_zero_point", v.input_zero_point);
  f.field("multiplications_per_image", v.multiplications_per_image);
}

template <class Fields>
void describe(Fields& f, FateResults& v) {
  f.field("distinct_tables", v.distinct_tables);
  f.field("equal_tables", v.equal_tables);
  f.field("table_masked", v.table_masked);
  f.field("use_masked", v.use_masked);
}

template <class Fields>
void describe(Fields& f, ProofResults& v) {
  f.field("table_path_equals_golden_path_images", v.table_path_images);
  f.field("fast_path_equals_table_path_faults", v.faulty_path_faults);
  f.field("fault_free_products_equal_to_the_product", v.fault_free_pairs);
  f.field("golden_products_through_the_unit", v.golden_products);
  f.field("faults_that_change_a_golden_product", v.faults_that_change_a_golden_product);
}

template <class Fields>
void describe(Fields& f, NetlistFaultResults& v) {
  f.field("index", v.index, "in order of drawing");
  f.optional("fault", v.fault, "as --fault takes it");
  f.optional("site", v.site, "of a single stuck-at fault");
  f.optional("stuck_at", bit(v.stuck_at));
  f.optional("listed_as", v.listed_as, "the place, as a test pattern generator's list has it");
  f.optional("listed_class", v.listed_class, "and its class there");
  f.optional("cell", v.cell, "that the site is a pin of, or that drives it; absent: a port");
  f.optional("pin", v.pin, "of that cell");
  f.optional("instance", v.instance, "of the module that holds it, where that is not the top");
  f.optional("sources", v.sources, "file:line of the RTL, where the netlist tells it");
  f.field("region", v.region, "the cell's type and pin that drive the site, or a port");
  f.field("level", v.level, "gates on the longest path from a port");
  f.nullable("lowest_result_bit", bit(v.lowest_result_bit), "that a path from the site leads to");
  f.field("fate", v.fate);
  f.field("same_as", v.same_as, "the fault with the same table that was run");
  f.field("table_digest", v.table_digest);
  f.field("golden_products_changed", v.golden_products_changed,
          "products of the golden run that the fault changes");
  f.optional("first_changed_image", v.first_changed_image, "of the data set; absent: none");
  f.numbers(&Task::count_fields, v.counts);
  f.optional("faulty_accuracy", share(v.faulty_accuracy));
  f.optional("class", v.harm);
  f.field("critical", v.is_critical);
}

// What is known before anything runs stands first, as plans show it alone.
template <class Fields>
void describe_plan(Fields& f, NetlistResults& v) {
  f.field("sites", v.sites, "or pairs of nets");
  f.field("polarities", v.polarities, "or bridges of each pair");
  f.optional("prime_faults", v.prime_faults,
             "of single stuck-at faults: one of each class of structurally equivalent ones");
  f.field("netlist", v.netlist);
  f.optional("approximate", v.approximate,
             "of a multiplier that is not exact: faults are counted against its own golden run");
  f.field("operators", v.operators);
  f.field("fates", v.fates);
}

template <class Fields>
void describe(Fields& f, NetlistResults& v) {
  describe_plan(f, v);
  f.field("proof", v.proof);
  f.field("faults", v.faults, "every drawn fault");
}

template <class Fields>
void describe(Fields& f, StoredValuesFacts& v) {
  f.field("label", v.label);
  f.field("layer", v.layer);
  f.field("operator", v.operator_kind);
  f.field("tensor", v.tensor);
  f.field("values", v.values);
  f.field("width", v.width);
  f.field("protection", v.protection);
  f.field("stored_bits", v.stored_bits);
  f.optional("protected_values", v.protected_values);
  f.optional("stage", v.stage);
  f.optional("zero_share", share(v.zero_share), "of a constant's values");
  f.optional("histogram_of_codes", v.histogram_of_codes, "INT8 constants, from -128, 16 codes a step");
  f.optional("share_from_1_to_2", share(v.share_from_1_to_2),
             "FLOAT32 constants: a flip of the top exponent bit gives infinity or NaN");
}

template <class Fields>
void describe(Fields& f, ReadResults& v) {
  f.field("faulty_values_read", v.faulty_values_read);
  f.field("detected", v.detected);
  f.field("corrected", v.corrected);
  f.field("missed", v.missed);
}

template <class Fields>
void describe(Fields& f, ProtectionResults& v) {
  f.field("changed_without", v.changed_without);
  f.field("changed_with", v.changed_with);
  f.nullable("removed_share", share(v.removed_share));
  f.nullable("interval", share(v.interval));
  f.inlined(v.reads);
  f.optional("summary", v.summary, "of the same faults with the protection");
}

template <class Fields>
void describe(Fields& f, DomainResults& v) {
  f.optional("layer", v.layer, "operator index");
  f.optional("stage", v.stage, "of data");
  f.optional("bit", bit(v.bit));
  f.field("population", v.population);
  f.field("n", v.n, "drawn faults");
  f.field("trials", v.trials, "faults x images");
  f.by_task(&TaskNames::unit_key, v.units);
  f.field("changed", v.changed, "classes of images or pixels");
  f.field("changed_share", share(v.changed_share), "weighted by population");
  f.nullable("interval", share(v.interval));
  f.field("deviation_over_drawn_faults", share(v.deviation));
  f.field("nan", v.nan);
  f.field("infinity", v.infinity);
  f.derived_of_drawn(v.derived);
}

template <class Fields>
void describe(Fields& f, DirectionResults& v) {
  f.field("direction", v.direction);
  f.layer_or_all("layer", v.layer);
  f.field("trials", v.trials);
  f.field("changed", v.changed);
  f.field("units", v.units);
  f.nullable("changed_share", share(v.changed_share));
  f.nullable("interval", share(v.interval));
}

template <class Fields>
void describe(Fields& f, MaskingResults& v) {
  f.nullable("operator", v.operator_index);
  f.field("kind", v.kind);
  f.field("trials", v.trials);
}

template <class Fields>
void describe(Fields& f, FileFacts& v) {
  f.field("name", v.name);
  f.field("rows", v.rows);
  f.field("sha256", v.sha256);
}

template <class Fields>
void describe(Fields& f, SearchedLayer& v) {
  f.field("layer", v.layer);
  f.field("bits_tried", v.bits_tried, "of the layer in all individuals, a bit in each of its own");
  f.field("bits_vulnerable", v.bits_vulnerable, "of them those in the best individuals");
  f.field("lvf", share(v.lvf));
}

template <class Fields>
void describe(Fields& f, SearchedGeneration& v) {
  f.field("best_drop", v.best_drop);
  f.field("mean_drop", v.mean_drop);
  f.field("order", v.order);
}

template <class Fields>
void describe(Fields& f, SearchResults& v) {
  f.field("individuals", v.individuals);
  f.field("layers", v.layers, "the most vulnerable layer first");
  f.field("generations", v.generations);
}

template <class Fields>
void describe_plan(Fields& f, StoredBitResults& v) {
  f.optional("stored_bits", v.stored_bits, "of all values, copies included");
  f.optional("constants_left_out", v.left_out,
             "values that the chosen operators add, multiply or compare with: neither weights nor biases");
  f.field("values", v.values);
}

template <class Fields>
void describe(Fields& f, StoredBitResults& v) {
  describe_plan(f, v);
  f.field("reads", v.reads);
  f.nullable("protection", v.protection);
  f.field("by_layer", v.by_layer);
  f.field("by_bit", v.by_bit);
  f.field("by_layer_and_bit", v.by_layer_and_bit);
  f.field("by_direction", v.by_direction);
  f.field("equal_to_golden_after", v.masking);
  f.nullable("faults_file", v.faults_file, "a line for each fault");
  f.optional("search", v.search, "of a genetic search");
  f.nullable("bits_file", v.bits_file, "a line for each bit of faults of several bits");
}

template <class Fields>
void describe(Fields& f, ProductTableResults& v) {
  f.field("file", v.file);
  f.field("sha256", v.sha256);
  f.field("operators", v.operators);
  f.field("pairs", v.pairs);
  f.field("wrong_pairs", v.wrong_pairs);
  f.field("error_rate", share(v.error_rate));
  f.field("mean_error", v.mean_error);
  f.field("mean_error_distance", v.mean_error_distance);
  f.field("mean_relative_error_distance", v.mean_relative_error_distance);
  f.field("worst_case_error", v.worst_case_error);
  f.field("golden_products", v.golden_products);
  f.field("golden_products_wrong", v.golden_products_wrong);
  f.field("golden_mean_error_distance", v.golden_mean_error_distance);
}

template <class Fields>
void describe_plan(Fields& f, TableResults& v) {
  f.field("product_table", v.table);
}

template <class Fields>
void describe(Fields& f, TableResults& v) {
  describe_plan(f, v);
  f.number_object("counts", &Task::count_fields, v.counts);
}

template <class Fields>
void describe(Fields& f, SetResults& v) {
  f.field("name", v.name);
  f.field("sample", v.sample);
  f.field("stopped", v.stopped);
  f.nullable("summary", v.summary, "null: bit error rates, whose strata have estimates of their own");
  f.nullable("failure_rate", v.failure_rate);
  f.field("strata", v.strata);
  f.kind(v.kind);
}

template <class Fields>
void describe(Fields& f, ModelFacts& v) {
  f.field("file", v.file);
  f.field("sha256", v.sha256);
}

template <class Fields>
void describe(Fields& f, DataFacts& v) {
  f.field("images_sha256", v.images_sha256);
  f.nullable("labels_sha256", v.labels_sha256);
  f.field("images_available", v.images_available);
  f.field("images", v.images);
  f.field("selection_sha256", v.selection_sha256);
}

template <class Fields>
void describe(Fields& f, InputFacts& v) {
  f.field("model", v.model);
  f.field("data", v.data);
}

template <class Fields>
void describe(Fields& f, CombinedResults& v) {
  f.field("method", v.method);
  f.optional("faulty_accuracy", v.accuracy);
  f.field("sdc_rate", v.changed);
}

template <class Fields>
void describe(Fields& f, CampaignResults& v) {
  f.field("schema", v.schema);
  f.field("qfi", v.tool);
  f.field("arithmetic", v.arithmetic);
  f.field("seed", v.seed);
  f.json_text("config", v.config, "canonical: defaults filled in, without threads and output folder");
  f.field("inputs", v.inputs);
  f.task("task", v.task);
  f.field("classes", v.classes);
  f.field("interval_confidence", share(v.interval_confidence));
  f.optional(
      "rows_together", v.rows_together,
      "whether the intervals of the rows of a table by layer or bit hold together with that confidence");
  f.number_object("golden", &Task::golden_fields, v.golden);
  f.optional("warnings", v.warnings, "what looks wrong, such as a golden accuracy near chance");
  f.field("fault_sets", v.sets);
  f.optional("combined", v.combined);
}

}  // namespace qfi

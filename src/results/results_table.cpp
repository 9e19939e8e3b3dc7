// SPDX-License-Identifier: Apache-2.0
// What results.json says of a product table from a file.
#include "results_json.hpp"

namespace qfi {

Json plan_json_of(const TableSet& set) {
  const TableErrors& errors = set.errors();
  return {{"product_table",
           {{"file", set.table_config().file.path.filename().string()},
            {"sha256", set.sha256()},
            {"operators", set.operators()},
            {"pairs", k_code_pairs},
            {"wrong_pairs", errors.wrong},
            {"error_rate", rounded(ratio(errors.wrong, k_code_pairs))},
            {"mean_error", rounded(errors.mean_error)},
            {"mean_error_distance", rounded(errors.mean_distance)},
            {"mean_relative_error_distance", rounded(errors.mean_relative)},
            {"worst_case_error", errors.worst},
            {"golden_products", errors.golden_products},
            {"golden_products_wrong", errors.golden_wrong},
            {"golden_mean_error_distance", rounded(errors.golden_mean_distance)}}}};
}

Json results_json_of(const TableSet& set) {
  Json json = plan_json_of(set);
  json["counts"] = counts_json(set.counts_of(0), set.workload().task);
  return json;
}

}  // namespace qfi

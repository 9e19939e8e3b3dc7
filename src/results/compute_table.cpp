// SPDX-License-Identifier: Apache-2.0
// What results say of a product table from a file.
#include "compute_parts.hpp"

namespace qfi {

TableResults plan_results(const TableSet& set, double) {
  const TableErrors& errors = set.errors();
  TableResults results;
  ProductTableResults& table = results.table;
  table.file = set.table_config().file.path.filename().string();
  table.sha256 = set.sha256();
  table.operators.assign(set.operators().begin(), set.operators().end());
  table.wrong_pairs = errors.wrong;
  table.error_rate = rounded(ratio(errors.wrong, table.pairs));
  table.mean_error = rounded(errors.mean_error);
  table.mean_error_distance = rounded(errors.mean_distance);
  table.mean_relative_error_distance = rounded(errors.mean_relative);
  table.worst_case_error = errors.worst;
  table.golden_products = errors.golden_products;
  table.golden_products_wrong = errors.golden_wrong;
  table.golden_mean_error_distance = rounded(errors.golden_mean_distance);
  return results;
}

void complete(const TableSet& set, const Driver&, const SetFiles&, const IntervalConfig&,
              TableResults& results) {
  results.counts = set.workload().task->count_numbers(set.counts_of(0));
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// The table of faults of stored bits that lies beside results.json.
#pragma once

#include <string_view>

#include "qfi/report/results_record.hpp"

namespace qfi {

/// `file`: for errors. `strata`: of the set.
Result<std::vector<RecordedFault>> read_fault_table(std::string_view text, const std::string& file,
                                                    std::size_t strata);

}  // namespace qfi

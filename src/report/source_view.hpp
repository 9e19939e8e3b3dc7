// SPDX-License-Identifier: Apache-2.0
// RTL with the sensitivity beside each line, as HTML.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "qfi/report/report.hpp"

namespace qfi {

/// The files that faults of the set come from: whole, where they are among `rtl`, else the lines with faults
/// alone. Empty: no fault tells its line.
std::string source_view(const CampaignResults& results, const SetResults& set,
                        const std::vector<FaultRecord>& faults, std::span<const RtlFile> rtl);

/// The last line of the file that a fault of the set comes from; 0: none does.
std::uint64_t last_source_line(const SetResults& set, const std::string& file);

}  // namespace qfi

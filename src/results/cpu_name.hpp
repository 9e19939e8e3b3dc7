// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace qfi {

/// The processor's name, as Linux tells it.
std::string cpu_name();

}  // namespace qfi

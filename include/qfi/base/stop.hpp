// SPDX-License-Identifier: Apache-2.0
// Owns whether somebody asked this program to stop. A request comes from a signal handler or from any thread;
// whatever takes long looks for it, ends early and says so.
#pragma once

#include "qfi/base/result.hpp"

namespace qfi {

/// Safe in a signal handler.
void request_stop();
/// Forgets earlier requests.
void clear_stop();
bool is_stop_requested();

/// Error of kind `stopped`: a stop was requested.
Result<void> check_stop();

}  // namespace qfi

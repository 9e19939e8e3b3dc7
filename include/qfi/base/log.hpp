// SPDX-License-Identifier: Apache-2.0
// Owns the messages of the libraries that are no answer: warnings, and what was skipped, retried or taken
// from a cache. A level and a line go in; the sink that the program has set gets them. Without one they are
// dropped.
#pragma once

#include <functional>
#include <string>

namespace qfi {

enum class LogLevel { debug, info, warning, error };

/// Called with one message at a time, from any thread.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// Replaces the sink; an empty one drops messages. Waits until the old one has returned. A sink must not
/// call log() or set_log_sink() itself.
void set_log_sink(LogSink sink);

/// Hands one line without its end to the sink; from any thread.
void log(LogLevel level, const std::string& message);

}  // namespace qfi

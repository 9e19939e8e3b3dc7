// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/log.hpp"

#include <mutex>
#include <utility>

namespace qfi {
namespace {

struct Receiver {
  std::mutex mutex;
  LogSink sink;
};

// A function's static: messages may come before and after those of other files' statics.
Receiver& receiver() {
  static Receiver instance;
  return instance;
}

}  // namespace

void set_log_sink(LogSink sink) {
  const std::lock_guard lock(receiver().mutex);
  receiver().sink = std::move(sink);
}

void log(LogLevel level, const std::string& message) {
  const std::lock_guard lock(receiver().mutex);
  if (receiver().sink) receiver().sink(level, message);
}

}  // namespace qfi

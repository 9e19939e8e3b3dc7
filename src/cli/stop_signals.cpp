// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.hpp"

#include <atomic>
#include <csignal>
#include <initializer_list>

#include "qfi/base/stop.hpp"

namespace qfi::cli {
namespace {

// Set by a handler on one thread, read by others.
std::atomic<int> received_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void set_action(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

extern "C" void note_signal(int signal) {
  received_signal = signal;
  request_stop();
  for (const int other : {SIGINT, SIGTERM}) set_action(other, SIG_DFL);
}

// A signal that the caller wants ignored stays so: scripts run their background jobs that way.
bool is_ignored(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  clear_stop();
  for (const int signal : {SIGINT, SIGTERM})
    if (!is_ignored(signal)) set_action(signal, note_signal);
}

StopSignals::~StopSignals() {
  for (const int signal : {SIGINT, SIGTERM})
    if (!is_ignored(signal)) set_action(signal, SIG_DFL);
}

int StopSignals::received() { return received_signal; }

}  // namespace qfi::cli

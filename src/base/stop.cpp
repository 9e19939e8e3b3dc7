// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/stop.hpp"

#include <atomic>

namespace qfi {
namespace {

std::atomic<bool> is_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

void request_stop() { is_requested = true; }

void clear_stop() { is_requested = false; }

bool is_stop_requested() { return is_requested; }

Result<void> check_stop() {
  if (!is_stop_requested()) return {};
  return tl::unexpected(Error{"stopped before it was done", ErrorKind::stopped});
}

}  // namespace qfi

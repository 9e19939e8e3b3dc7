// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace qfi {

void parallel_for(std::size_t count, unsigned threads,
                  const std::function<void(std::size_t, unsigned)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr first_error;
  std::mutex error_lock;
  const auto loop = [&](unsigned worker) {
    try {
      for (std::size_t i = next++; i < count && !stop; i = next++) work(i, worker);
    } catch (...) {
      const std::scoped_lock lock(error_lock);
      if (!first_error) first_error = std::current_exception();
      stop = true;
    }
  };
  const auto helpers =
      static_cast<unsigned>(std::min<std::size_t>(std::max(threads, 1U), std::max<std::size_t>(count, 1))) -
      1;
  {
    std::vector<std::jthread> pool;
    for (unsigned i = 1; i <= helpers; ++i) pool.emplace_back(loop, i);
    loop(0);
  }
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace qfi

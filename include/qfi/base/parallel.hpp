// SPDX-License-Identifier: Apache-2.0
// Work on several threads: a count and what to do with each index go in.
#pragma once

#include <cstddef>
#include <functional>

namespace qfi {

/// Runs work(index, worker) for every index in 0 .. count-1 on `threads` threads; `worker` is in
/// 0 .. threads-1 and names the thread, for scratch memory. Indices start in order. The first
/// exception stops the hand-out of further indices and is rethrown here.
void parallel_for(std::size_t count, unsigned threads,
                  const std::function<void(std::size_t index, unsigned worker)>& work);

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM as a question that a run asks between trials. A second one ends the program at once.
#pragma once

namespace qfi::cli {

/// One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// 0: none came.
  static int received();
};

}  // namespace qfi::cli

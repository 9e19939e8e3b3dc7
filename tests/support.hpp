// SPDX-License-Identifier: Apache-2.0
// What all tests share: where files lie, and values out of Results.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "qfi/base/result.hpp"

namespace qfi::test {

/// The checkout, and the program that was built from it.
std::filesystem::path source_folder();
std::string program();

/// The shared data beside the checkout: QFI_SHARED, by default ../shared.
std::filesystem::path shared_folder();

/// The value, or a failed test with the error's message.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

}  // namespace qfi::test

/// Ends the test as skipped, visibly, where the shared data is absent.
#define QFI_NEEDS_SHARED_DATA()                                      \
  if (!std::filesystem::exists(qfi::test::shared_folder() / "data")) \
  GTEST_SKIP() << "no data at " << qfi::test::shared_folder() << "; set QFI_SHARED"

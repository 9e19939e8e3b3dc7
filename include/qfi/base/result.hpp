// SPDX-License-Identifier: Apache-2.0
// What a fallible function returns: a value, or one line that tells the user what to do.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace qfi {

/// Who can mend it. `bad_input`: wrong usage, config or input file (exit code 2).
/// `failed`: something went wrong while running (exit code 1). `unavailable`: a program or folder
/// that this step needs is not there; callers may go on without the step. `stopped`: somebody asked for it.
enum class ErrorKind { bad_input, failed, unavailable, stopped };

struct Error {
  std::string message;
  ErrorKind kind = ErrorKind::bad_input;
};

template <class T>
using Result = tl::expected<T, Error>;

template <class... Args>
tl::unexpected<Error> bad_input(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...), ErrorKind::bad_input});
}

template <class... Args>
tl::unexpected<Error> failed(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...), ErrorKind::failed});
}

template <class... Args>
tl::unexpected<Error> unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...), ErrorKind::unavailable});
}

/// The same error, told from one level further out: "where: message".
inline tl::unexpected<Error> at(const std::string& where, Error error) {
  error.message = where + ": " + error.message;
  return tl::unexpected(std::move(error));
}

}  // namespace qfi

#define QFI_CONCATENATE_(a, b) a##b
#define QFI_CONCATENATE(a, b) QFI_CONCATENATE_(a, b)

/// QFI_TRY(auto value, expression): declares `value` from a Result, or returns its error.
#define QFI_TRY(declaration, ...)                                                     \
  auto QFI_CONCATENATE(qfi_result_, __LINE__) = (__VA_ARGS__);                        \
  if (!QFI_CONCATENATE(qfi_result_, __LINE__))                                        \
    return tl::unexpected(std::move(QFI_CONCATENATE(qfi_result_, __LINE__)).error()); \
  declaration = *std::move(QFI_CONCATENATE(qfi_result_, __LINE__))

/// QFI_CHECK(expression): returns the error of a Result<void>.
#define QFI_CHECK(...)                                       \
  do {                                                       \
    if (auto qfi_checked = (__VA_ARGS__); !qfi_checked)      \
      return tl::unexpected(std::move(qfi_checked).error()); \
  } while (false)

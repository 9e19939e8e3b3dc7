// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace qfi {
namespace {

constexpr std::size_t k_kept_output_bytes = 64 << 10;

// The environment's, but for those that `variables` sets.
std::vector<char*> environment_with(const std::vector<std::string>& variables) {
  std::vector<char*> all;
  for (const std::string& variable : variables) all.push_back(const_cast<char*>(variable.c_str()));
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto sets_it = [&](const std::string& variable) {
      return text.starts_with(std::string_view(variable).substr(0, variable.find('=') + 1));
    };
    if (std::ranges::none_of(variables, sets_it)) all.push_back(*entry);
  }
  all.push_back(nullptr);
  return all;
}

Result<pid_t> spawn(const std::vector<std::string>& command, const std::filesystem::path& folder, int output,
                    const std::vector<std::string>& variables) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  std::vector<char*> environment = environment_with(variables);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == ENOENT) return unavailable("{}: not installed (not found on PATH)", command[0]);
  if (error != 0) return failed("{}: cannot start: {}", command[0], std::strerror(error));
  return child;
}

// Reads until the child closes its output or the time is up; false when the time is up.
bool collect(int pipe, std::chrono::steady_clock::time_point deadline, std::string& output) {
  std::array<char, 4096> chunk;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_request{pipe, POLLIN, 0};
    const int ready = ::poll(&poll_request, 1, static_cast<int>(std::min<long>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0) continue;
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    output.append(chunk.data(), static_cast<std::size_t>(got));
    if (output.size() > 2 * k_kept_output_bytes) output.erase(0, output.size() - k_kept_output_bytes);
  }
}

}  // namespace

Result<ProcessOutcome> run_process(const std::vector<std::string>& command,
                                   const std::filesystem::path& folder, std::chrono::seconds limit,
                                   const std::vector<std::string>& variables) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return failed("pipe: {}", std::strerror(errno));
  const auto child = spawn(command, folder, pipe_ends[1], variables);
  ::close(pipe_ends[1]);
  if (!child) {
    ::close(pipe_ends[0]);
    return tl::unexpected(child.error());
  }
  ProcessOutcome outcome;
  const bool in_time = collect(pipe_ends[0], std::chrono::steady_clock::now() + limit, outcome.output);
  ::close(pipe_ends[0]);
  if (!in_time) ::kill(-*child, SIGKILL);
  int status = 0;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return failed("{}: stopped after {} s without an end", command[0], limit.count());
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace qfi

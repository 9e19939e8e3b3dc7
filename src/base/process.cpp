// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "qfi/base/stop.hpp"

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

// In the child, between fork and exec, where only what is safe in a signal handler may be called. The child
// ends when the thread that waits for it does, however that ends. Returns where exec failed.
void become(char* const* arguments, char* const* environment, const char* folder, int output, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) return;
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0 || ::setpgid(0, 0) != 0 || ::dup2(input, STDIN_FILENO) < 0 ||
      ::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0 || ::chdir(folder) != 0)
    return;
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(arguments[0], arguments, environment);
}

struct Pipe {
  std::array<int, 2> ends = {-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(0);
    close(1);
  }
  Result<void> open() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe: {}", std::strerror(errno));
    return {};
  }
  void close(std::size_t end) {
    if (ends[end] >= 0) ::close(std::exchange(ends[end], -1));
  }
};

Result<pid_t> spawn(const std::vector<std::string>& command, const std::filesystem::path& folder, int output,
                    const std::vector<std::string>& variables) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::vector<char*> environment = environment_with(variables);
  Pipe trouble;  // exec closes the child's end; before, the error's number comes through it
  QFI_CHECK(trouble.open());
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return failed("{}: cannot start: {}", command[0], std::strerror(errno));
  if (child == 0) {
    become(arguments.data(), environment.data(), folder.c_str(), output, parent);
    const int error = errno;
    [[maybe_unused]] const ssize_t told = ::write(trouble.ends[1], &error, sizeof(error));
    ::_exit(127);
  }
  trouble.close(1);
  int error = 0;
  ssize_t got = 0;
  do got = ::read(trouble.ends[0], &error, sizeof(error));
  while (got < 0 && errno == EINTR);
  if (got <= 0) return child;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (error == ENOENT) return unavailable("{}: not installed (not found on PATH)", command[0]);
  return failed("{}: cannot start: {}", command[0], std::strerror(error));
}

using Clock = std::chrono::steady_clock;

bool is_over(Clock::time_point deadline) { return is_stop_requested() || Clock::now() >= deadline; }

// Reads until all that have the other end have closed it; false where the time is up or somebody stops it.
bool collect(int pipe, Clock::time_point deadline, std::string& output, bool may_be_stopped = true) {
  constexpr int k_look_ms = 50;
  std::array<char, 4096> chunk;
  for (;;) {
    if (may_be_stopped ? is_over(deadline) : Clock::now() >= deadline) return false;
    pollfd poll_request{pipe, POLLIN, 0};
    const int ready = ::poll(&poll_request, 1, k_look_ms);
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0) continue;
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    output.append(chunk.data(), static_cast<std::size_t>(got));
    if (output.size() > 2 * k_kept_output_bytes) output.erase(0, output.size() - k_kept_output_bytes);
  }
}

// Kills the child and what it started, and waits until they are gone: they may write files until then.
void end_group(pid_t child, int pipe, std::string& output) {
  constexpr std::chrono::seconds k_patience{10};
  ::kill(-child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  collect(pipe, Clock::now() + k_patience, output, false);
}

}  // namespace

Result<ProcessOutcome> run_process(const std::vector<std::string>& command,
                                   const std::filesystem::path& folder, std::chrono::seconds limit,
                                   const std::vector<std::string>& variables) {
  Pipe pipe;
  QFI_CHECK(pipe.open());
  QFI_TRY(const pid_t child, spawn(command, folder, pipe.ends[1], variables));
  pipe.close(1);
  ProcessOutcome outcome;
  const auto deadline = Clock::now() + limit;
  bool has_ended = collect(pipe.ends[0], deadline, outcome.output);
  int status = 0;
  // It may have closed its output and go on.
  while (has_ended && ::waitpid(child, &status, WNOHANG) == 0) {
    has_ended = !is_over(deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!has_ended) {
    end_group(child, pipe.ends[0], outcome.output);
    QFI_CHECK(check_stop());
    return failed("{}: stopped after {} s without an end", command[0], limit.count());
  }
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace qfi

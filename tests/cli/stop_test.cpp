// SPDX-License-Identifier: Apache-2.0
// Signals at points where commands are long: one line, the exit code of the signal, nothing left behind.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <regex>
#include <thread>

#include "command.hpp"
#include "qfi/base/npy.hpp"

namespace qfi::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Stop : public Command {
 protected:
  Stop() {
    fs::create_directories(folder() / "tmp");
    fs::create_directories(folder() / "bin");
  }

  // Starts the program with a folder of temporary files, and programs, of its own.
  void start(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {"env", "TMPDIR=" + (folder() / "tmp").string(),
                                      "PATH=" + (folder() / "bin").string() + ":" + std::getenv("PATH"),
                                      program()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    m_child = ::fork();
    ASSERT_GE(m_child, 0);
    if (m_child > 0) return;
    const int output = ::open((folder() / "output.txt").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    if (::chdir(folder().c_str()) == 0) ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }

  template <class Condition>
  static bool wait_until(const Condition& holds) {
    for (int i = 0; i < 12'000; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      if (holds()) return true;
    return false;
  }

  // From then on a signal does not end the program at once.
  bool catches(int signal) const {
    std::ifstream file(fmt::format("/proc/{}/status", m_child));
    const std::string status{std::istreambuf_iterator<char>(file), {}};
    const auto place = status.find("SigCgt:");
    if (place == std::string::npos) return false;
    return (std::stoull(status.substr(place + 7), nullptr, 16) >> (signal - 1) & 1U) != 0;
  }

  void stop_by(int signal) {
    ASSERT_EQ(::kill(m_child, signal), 0);
    int status = 0;
    ASSERT_TRUE(wait_until([&] { return ::waitpid(m_child, &status, WNOHANG) == m_child; })) << "it goes on";
    const std::string output = value_of(read_file(folder() / "output.txt"));
    ASSERT_TRUE(WIFEXITED(status)) << output;
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal) << output;
    EXPECT_THAT(output, HasSubstr("stopped"));
    EXPECT_EQ(std::ranges::count(output, '\n'), 1) << output;
    EXPECT_TRUE(fs::is_empty(folder() / "tmp")) << fs::directory_iterator(folder() / "tmp")->path();
  }

  static bool is_gone(pid_t process) { return ::kill(process, 0) != 0 && errno == ESRCH; }

  pid_t m_child = -1;
};

TEST_F(Stop, WhileVerilatorCompiles) {
  // A Verilator that starts another program and waits for it, as the real one does.
  ASSERT_TRUE(write_file(folder() / "bin/verilator",
                         "#!/bin/sh\nif [ \"$1\" = --version ]; then echo Verilator 5.006; exit; fi\n"
                         "sleep 1000 &\necho $! > " +
                             (folder() / "pid.part").string() + "\nmv " + (folder() / "pid.part").string() +
                             " " + (folder() / "pid").string() + "\nwait\n"));
  fs::permissions(folder() / "bin/verilator", fs::perms::owner_all);
  config("{count: 4}");
  ASSERT_TRUE(write_file(folder() / "v.yaml", std::regex_replace(value_of(read_file(folder() / "c.yaml")),
                                                                 std::regex("verify: 0"), "verify: 1")));
  start({"campaign", "v.yaml", "--cache", (folder() / "cache").string()});
  ASSERT_TRUE(wait_until([&] { return fs::exists(folder() / "pid"); }));
  const pid_t grandchild = std::stoi(value_of(read_file(folder() / "pid")));
  ASSERT_FALSE(is_gone(grandchild));
  stop_by(SIGINT);
  EXPECT_TRUE(wait_until([&] { return is_gone(grandchild); }));
  EXPECT_FALSE(fs::exists(folder() / "out/results.json"));
}

TEST_F(Stop, WhileAPlanIsMade) {
  config("exhaustive", ", sites: pins");
  start({"plan", "c.yaml", "--threads", "1"});
  ASSERT_TRUE(wait_until([&] { return catches(SIGTERM); }));
  stop_by(SIGTERM);
}

TEST_F(Stop, WhileNeuronsAreTried) {
  start({"nvf", m_model, "--data", demo("images.npy"), "--labels", demo("labels.npy"), "--try-all", "-o",
         "n.csv", "--threads", "1"});
  ASSERT_TRUE(wait_until([&] { return catches(SIGINT); }));
  stop_by(SIGINT);
  EXPECT_FALSE(fs::exists(folder() / "n.csv"));
}

TEST_F(Stop, WhileADataSetRuns) {
  const NpyArray images = value_of(read_npy(demo("images.npy")));
  std::vector<std::uint64_t> shape = images.shape;
  constexpr std::uint64_t k_times = 200;
  std::string data;
  for (std::uint64_t i = 0; i < k_times; ++i) data += images.data;
  shape[0] *= k_times;
  ASSERT_TRUE(write_file(folder() / "x.npy",
                         npy_bytes(images.type, shape, std::as_bytes(std::span(data.data(), data.size())))));
  start({"run", m_model, "--data", "x.npy", "--kernels", "reference", "--threads", "1", "--output", "o.npy"});
  ASSERT_TRUE(wait_until([&] { return catches(SIGTERM); }));
  stop_by(SIGTERM);
  EXPECT_FALSE(fs::exists(folder() / "o.npy"));
}

}  // namespace
}  // namespace qfi::test

// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/log.hpp"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

namespace qfi {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override { set_log_sink({}); }
};

TEST_F(Log, MessagesGoToTheSinkAndAreDroppedWithoutOne) {
  std::vector<std::pair<LogLevel, std::string>> heard;
  log(LogLevel::error, "before");
  set_log_sink([&](LogLevel level, const std::string& message) { heard.emplace_back(level, message); });
  log(LogLevel::debug, "a");
  log(LogLevel::warning, "b");
  set_log_sink({});
  log(LogLevel::error, "after");
  EXPECT_THAT(heard, testing::ElementsAre(std::pair(LogLevel::debug, std::string("a")),
                                          std::pair(LogLevel::warning, std::string("b"))));
}

TEST_F(Log, MessagesOfSeveralThreadsComeOneAtATime) {
  int heard = 0;
  set_log_sink([&](LogLevel, const std::string&) { ++heard; });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) log(LogLevel::info, "x");
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heard, 4000);
}

}  // namespace
}  // namespace qfi

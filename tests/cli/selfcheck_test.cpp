// SPDX-License-Identifier: Apache-2.0
// One signature for every kernel set, number of threads and instruction set that this CPU has.
#include "command.hpp"

namespace qfi::test {
namespace {

class Selfcheck : public Command,
                  public testing::WithParamInterface<std::tuple<const char*, int, const char*>> {};

TEST_P(Selfcheck, GivesTheRecordedSignature) {
  const auto& [kernels, threads, most] = GetParam();
  const std::vector<std::string> command = {program(), "selfcheck", "--kernels",
                                            kernels,   "--threads", std::to_string(threads)};
  std::vector<std::string> variables;
  if (*most != '\0') variables.push_back(std::string("DNNL_MAX_CPU_ISA=") + most);
  const ProcessOutcome outcome =
      value_of(run_process(command, folder(), std::chrono::seconds(300), variables));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, testing::EndsWith(" ok\n"));
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Selfcheck,
                         testing::Combine(testing::Values("reference", "portable", "fast"),
                                          testing::Values(1, 2), testing::Values("", "AVX2", "SSE41")),
                         [](const auto& info) {
                           const std::string most = std::get<2>(info.param);
                           return fmt::format("{}_{}_threads{}{}", std::get<0>(info.param),
                                              std::get<1>(info.param), most.empty() ? "" : "_at_most_", most);
                         });

TEST_F(Command, SelfcheckSaysWhereItsFilesAreNot) {
  expect_refused({"selfcheck", "--files", "nowhere"}, "nowhere/campaigns/demo/shapes.tflite: cannot open");
}

}  // namespace
}  // namespace qfi::test

// SPDX-License-Identifier: Apache-2.0
#include "logging.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"

namespace qfi::cli {
namespace {

constexpr std::size_t k_most_early_messages = 256;
constexpr std::string_view k_run_log_start = "qfi run log, times are UTC\n";

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr std::array k_levels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                   spdlog::level::err};
  return k_levels[static_cast<std::size_t>(level)];
}

std::string_view prefix(spdlog::level::level_enum level) {
  if (level == spdlog::level::warn) return "qfi: warning: ";
  return level == spdlog::level::err ? "qfi: " : "";
}

// Text without time or level, in place of a progress line that a terminal may show.
class StderrFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& text) override {
    fmt::format_to(std::back_inserter(text), "{}{}{}\n", m_is_terminal ? "\r\033[K" : "",
                   prefix(message.level), std::string_view(message.payload.data(), message.payload.size()));
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<StderrFormatter>(*this);
  }

 private:
  bool m_is_terminal = ::isatty(STDERR_FILENO) == 1;
};

// What is heard before the output folder is known waits in `early`.
struct Logging {
  std::shared_ptr<spdlog::sinks::stderr_sink_mt> console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> early =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(k_most_early_messages);
  std::shared_ptr<spdlog::sinks::dist_sink_mt> file = std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger{"qfi", {console, file}};
};

Logging& logging() {
  static Logging instance;
  return instance;
}

// A disk that is full of log lines does not end a run; one where results are lost does.
void tell_once(const std::string& why) {
  static std::atomic<bool> is_told = false;
  if (!is_told.exchange(true)) fmt::print(stderr, "qfi: warning: run.log is not complete: {}\n", why);
}

Error cannot_write(const std::filesystem::path& file, const std::string& why) {
  return {fmt::format("{}: cannot be written: {}", file.string(), why), ErrorKind::failed};
}

Result<void> begin_file(const std::filesystem::path& file) {
  std::error_code none;
  const bool is_there = std::filesystem::exists(std::filesystem::symlink_status(file, none));
  if (!is_there) return write_file(file, k_run_log_start);
  if (!check_replaceable(file, k_run_log_start, false))
    return bad_input("{}: exists and was not written by qfi; choose another output folder", file.string());
  return {};
}

}  // namespace

void start_logging() {
  Logging& all = logging();
  all.console->set_formatter(std::make_unique<StderrFormatter>());
  all.console->set_level(spdlog::level::info);
  all.file->add_sink(all.early);
  all.logger.set_level(spdlog::level::debug);
  all.logger.flush_on(spdlog::level::debug);
  all.logger.set_error_handler(tell_once);
  set_log_sink([&all](LogLevel level, const std::string& message) {
    all.logger.log(spdlog_level(level), spdlog::string_view_t(printable(message)));
  });
}

void add_log_options(CLI::App& command) {
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::debug},
                                                  {"info", LogLevel::info},
                                                  {"warning", LogLevel::warning},
                                                  {"error", LogLevel::error}};
  const auto show = [](LogLevel level) { logging().console->set_level(spdlog_level(level)); };
  const auto show_from = [show](LogLevel level) { return [show, level] { show(level); }; };
  auto* quiet = command.add_flag_callback("-q,--quiet", show_from(LogLevel::warning),
                                          "stderr: no progress, warnings and errors alone");
  auto* verbose = command.add_flag_callback("--verbose", show_from(LogLevel::debug),
                                            "stderr: also what is done step by step");
  auto* level =
      command.add_option_function<LogLevel>("--log-level", show, "stderr: messages from this level on")
          ->transform(CLI::CheckedTransformer(levels).description("debug|info|warning|error"))
          ->default_str("info")
          ->type_name("");
  quiet->excludes(verbose)->excludes(level);
  verbose->excludes(level);
  for (CLI::Option* option : {quiet, verbose, level}) option->group("Messages");
}

bool is_shown(LogLevel level) { return logging().console->should_log(spdlog_level(level)); }

Result<void> open_run_log(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "run.log";
  QFI_CHECK(begin_file(file));
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                                                                    spdlog::pattern_time_type::utc));
    for (const auto& message : logging().early->last_raw()) sink->log(message);
    logging().file->set_sinks({sink});
  } catch (const spdlog::spdlog_ex& error) {
    return tl::unexpected(cannot_write(file, error.what()));
  }
  return {};
}

void log_warnings(const Model& model) {
  for (const std::string& warning : model.warnings) log(LogLevel::warning, warning);
}

}  // namespace qfi::cli

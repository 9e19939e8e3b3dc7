// SPDX-License-Identifier: Apache-2.0
// A campaign as an array job of shards and the merge that follows it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <regex>

#include "campaign_files.hpp"
#include "campaign_options.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/process.hpp"

namespace qfi::cli {
namespace {

constexpr std::string_view k_script_start = "#!/bin/bash\n# Made by qfi slurm.\n";

struct Options {
  std::string config;
  std::vector<std::string> defines;
  std::string output;
  std::uint64_t shards = 0;
  std::uint64_t concurrent = 0;  ///< 0: all
  unsigned cpus = 1;
  std::string time = "01:00:00";
  unsigned warning_seconds = 60;
  std::vector<std::string> more;
  bool submits = false;
  bool is_forced = false;
};

/// Absolute paths; the folders of shards are FOLDER/shard-1 ...
struct Job {
  std::string program;
  std::string config;
  std::string folder;
};

// For a shell: one word, whatever is in it.
std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

// Lines that begin with #SBATCH have no quoting to rely on.
Result<void> check(const std::string& what, const std::string& text, const char* pattern) {
  if (std::regex_match(text, std::regex(pattern))) return {};
  return bad_input("{} '{}': has characters that a Slurm script cannot hold", what, printable(text));
}

Result<void> check(const Options& options, const Job& job) {
  QFI_CHECK(check("output folder", job.folder, "/[A-Za-z0-9_./+=@,-]*"));
  QFI_CHECK(check("--time", options.time, "[0-9]+([:-][0-9]+){0,3}"));
  for (const std::string& option : options.more)
    QFI_CHECK(check("--sbatch", option, "--?[A-Za-z-]+([= ][A-Za-z0-9_.,:@/+=\\[\\]-]+)?"));
  return {};
}

std::string head(const Options& options, const Job& job, const char* name, const std::string& time) {
  std::string text(k_script_start);
  const auto line = [&](const std::string& option) { text += "#SBATCH " + option + "\n"; };
  line(fmt::format("--job-name=qfi-{}", name));
  line("--cpus-per-task=" + std::to_string(options.cpus));
  line("--time=" + time);
  line("--requeue");
  line("--open-mode=append");
  for (const std::string& option : options.more) line(option);
  line(fmt::format("--output={}/{}", job.folder, name[0] == 's' ? "shard-%a.log" : "merge.log"));
  return text;
}

std::string arguments(const Options& options, const Job& job) {
  std::string text = quoted(job.config);
  for (const std::string& define : options.defines) text += " --define " + quoted(define);
  return text + " --threads \"${SLURM_CPUS_PER_TASK:-1}\"";
}

// Before its time is up a task gets TERM, ends between two trials, and is put into the queue again, where it
// goes on. So it is when something killed the program, a few times.
std::string shard_script(const Options& options, const Job& job) {
  std::string text = head(options, job, "shards", options.time);
  text += fmt::format("#SBATCH --array=1-{}", options.shards);
  text += options.concurrent > 0 ? fmt::format("%{}\n", options.concurrent) : "\n";
  text += fmt::format("#SBATCH --signal=B:TERM@{}\n", options.warning_seconds);
  text += fmt::format(
      "\n{} campaign {} --quiet \\\n  --shard \"$SLURM_ARRAY_TASK_ID/{}\" --output "
      "{}/shard-\"$SLURM_ARRAY_TASK_ID\" "
      "&\nprogram=$!\n",
      quoted(job.program), arguments(options, job), options.shards, quoted(job.folder));
  return text + R"(trap 'kill -TERM "$program" 2>/dev/null' TERM
wait "$program"
code=$?
while kill -0 "$program" 2>/dev/null; do  # the signal ended the wait, not the program
  wait "$program"
  code=$?
done
if ((code == 143 || (code == 137 && ${SLURM_RESTART_COUNT:-0} < 5))); then
  scontrol requeue "$SLURM_JOB_ID" && sleep 300
fi
exit "$code"
)";
}

std::string merge_script(const Options& options, const Job& job) {
  std::string text = head(options, job, "merge", options.time);
  return text + fmt::format(
                    "\nset -e\nfolders=()\nfor ((i = 1; i <= {}; ++i)); do folders+=({}/shard-\"$i\"); done\n"
                    "{} merge {} --restart --output {} \"${{folders[@]}}\"\n",
                    options.shards, quoted(job.folder), quoted(job.program), arguments(options, job),
                    quoted(job.folder));
}

// The number of the job.
Result<std::string> submit(const std::vector<std::string>& command) {
  QFI_TRY(const ProcessOutcome outcome, run_process(command, "/", std::chrono::seconds(120)));
  std::smatch match;
  if (outcome.exit_code != 0 ||
      !std::regex_search(outcome.output, match, std::regex("(^|\n)([0-9]+)(;|\n|$)")))
    return failed("sbatch: {}", printable(outcome.output));
  return match[2].str();
}

Result<int> run(const Options& options) {
  QFI_TRY(const ConfigParams params, config_params(options.defines));
  QFI_TRY(const CampaignConfig config, read_campaign_config(options.config, params));
  for (const FaultsConfig& faults : config.faults)
    if (traits_of(faults.sample).is_decided_while_it_runs)
      return bad_input("{}: the sample of '{}' is decided while it runs and cannot be split", options.config,
                       faults.name);
  std::error_code error;
  Job job;
  job.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  job.config = std::filesystem::absolute(options.config).string();
  job.folder =
      std::filesystem::absolute(options.output.empty() ? config.output.path.string() : options.output)
          .lexically_normal()
          .string();
  QFI_CHECK(check(options, job));
  QFI_TRY(const OutputFolder folder, OutputFolder::open(job.folder));
  const std::string shards = folder.file("shards.sbatch").string();
  const std::string merge = folder.file("merge.sbatch").string();
  for (const std::string& script : {shards, merge})
    QFI_CHECK(check_replaceable(script, k_script_start, options.is_forced));
  QFI_CHECK(write_file(shards, shard_script(options, job)));
  QFI_CHECK(write_file(merge, merge_script(options, job)));
  if (!options.submits) {
    fmt::print("{}\n{}\nsubmit them with --submit, or\n", shards, merge);
    fmt::print("  sbatch --dependency=afterok:$(sbatch --parsable {}) --kill-on-invalid-dep=yes {}\n",
               quoted(shards), quoted(merge));
    return k_done;
  }
  QFI_TRY(const std::string array, submit({"sbatch", "--parsable", shards}));
  QFI_TRY(const std::string after, submit({"sbatch", "--parsable", "--dependency=afterok:" + array,
                                           "--kill-on-invalid-dep=yes", merge}));
  fmt::print("array job {}, merge job {}: results will be in {}\n", array, after,
             folder.file("results.json").string());
  return k_done;
}

}  // namespace

void add_slurm(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("slurm", "write, and submit, a campaign as Slurm jobs: shards, then a merge");
  auto options = std::make_shared<Options>();
  command->add_option("config", options->config, "campaign config")->required()->type_name("FILE.yaml");
  command->add_option("--shards", options->shards, "tasks of the array job")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, k_most_shards))
      ->type_name("N");
  command->add_option("--define", options->defines, "value of ${NAME} in the config's paths")
      ->type_name("NAME=VALUE");
  command->add_option("-o,--output", options->output, "output folder instead of the config's")
      ->type_name("FOLDER");
  command->add_option("--concurrent", options->concurrent, "tasks that may run at a time (default: all)")
      ->type_name("N");
  command->add_option("--cpus", options->cpus, "of a task")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--time", options->time, "limit of a task; what is left is done by the next one")
      ->capture_default_str()
      ->type_name("HH:MM:SS");
  command->add_option("--warning", options->warning_seconds, "seconds before the limit at which a task ends")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str()
      ->type_name("SECONDS");
  command
      ->add_option("--sbatch", options->more,
                   "another option of sbatch, such as --partition=long; may be repeated")
      ->type_name("OPTION");
  command->add_flag("--submit", options->submits, "submit both jobs");
  add_force_option(*command, options->is_forced);
  command->footer("Example: qfi slurm campaigns/demo.yaml --shards 8 --sbatch=--partition=long --submit");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

// SPDX-License-Identifier: Apache-2.0
// A small fixed campaign with faults of every kind. Its results are the same for any kernel set, threads, CPU
// and build, so one signature tells whether a program that was just built or installed computes what it
// should.
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "campaign_files.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi::cli {
namespace {

/// Of the results and trials of k_config. Changes where results are meant to change, and only there.
constexpr std::string_view k_recorded = "7baeb00acebbba49ae24a729fd160c89";

constexpr std::string_view k_config = R"(model: ${DEMO}/shapes.tflite
data: {format: npy, images: "${DEMO}/images.npy", labels: "${DEMO}/labels.npy", select: {random: 10}}
faults:
  - {kind: stuck_at, netlist: "${NETLISTS}/mul_adders.json", sample: {count: 8}}
  - {kind: stuck_at, netlist: "${NETLISTS}/mul_gates.json", operators: [conv_2d, fully_connected], operands: offset,
     rs1: input, padding: multiply, sites: pins, sample: {count: 4}}
  - {kind: product_table, file: table.npy, operators: [conv_2d]}
  - {kind: bit_flip, target: weights, storage: {width: 5}, sample: {count: 3, scheme: layer}}
  - {kind: bit_flip, target: weights, storage: {width: 5, protection: vandor}, compare: unprotected, sample: {count: 10}}
  - {kind: stuck_at, target: biases, sample: {count: 10}}
  - {kind: bit_flip, target: data, stage: [network_input, operator_input, accumulator, output], sample: {count: 40}}
  - {kind: bit_flip, target: weights, storage: {width: 5}, sample: {ber: [1e-4, 1e-3], draws: 4}}
verify: 0
output: .
)";

struct Options {
  std::string files;
  unsigned threads = 0;
  KernelSet kernels = KernelSet::fast;
};

bool has_files(const std::filesystem::path& folder) {
  std::error_code none;
  return std::filesystem::exists(folder / "campaigns/demo/shapes.tflite", none) &&
         std::filesystem::exists(folder / "netlists/mul_adders.json", none);
}

// Installed beside the program, or in the checkout that it was built in.
Result<std::filesystem::path> find_files(const std::string& chosen) {
  if (!chosen.empty()) return std::filesystem::path(chosen);
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path bin = program.parent_path();
  for (const auto& folder :
       {bin.parent_path() / "share/qfi", bin.parent_path().parent_path(), bin.parent_path()})
    if (has_files(folder)) return folder;
  return bad_input(
      "the demo's files lie neither beside the program nor in its checkout; name them by --files");
}

// An approximate multiplier: the two lowest bits of the weight do not count.
std::string product_table() {
  constexpr std::array<std::uint64_t, 2> k_shape = {256, 256};
  std::vector<std::int32_t> products;
  for (int weight = -128; weight < 128; ++weight)
    for (int input = -128; input < 128; ++input) products.push_back((weight & ~3) * input);
  return npy_bytes("i4", k_shape, std::as_bytes(std::span(products)));
}

Result<Plan> plan_campaign(const std::filesystem::path& folder, const std::filesystem::path& files,
                           const PlanParams& params) {
  QFI_CHECK(write_file(folder / "table.npy", product_table()));
  QFI_CHECK(write_file(folder / "selfcheck.yaml", k_config));
  const ConfigParams variables = {[&](const std::string& name) -> std::optional<std::string> {
    return (files / (name == "DEMO" ? "campaigns/demo" : "netlists")).string();
  }};
  QFI_TRY(CampaignConfig config, read_campaign_config(folder / "selfcheck.yaml", variables));
  return make_plan(std::move(config), params);
}

// results.json of no version, then every trial.
Result<std::string> signature(const Plan& plan, const CampaignRun& done, const Journal& journal,
                              const std::filesystem::path& folder) {
  DigestBuilder builder;
  QFI_TRY(const std::vector<SetFiles> tables, write_tables(plan, folder));
  builder.add(bytes_of(results_text(compute_results(plan, done, tables, ToolInfo{}))));
  for (std::size_t set = 0; set < plan.sets.size(); ++set)
    QFI_CHECK(
        journal.read(set, 0, std::numeric_limits<std::int64_t>::max(), [&](TrialRow&& row) -> Result<void> {
          builder.add(std::as_bytes(std::span(row.counts)));
          builder.add(bytes_of(row.details));
          return {};
        }));
  return builder.digest().hex();
}

Result<int> run(const Options& options) {
  QFI_TRY(const std::filesystem::path files, find_files(options.files));
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  RunParams params;
  params.threads = options.threads > 0 ? options.threads : default_threads();
  PlanParams plan_params{params.threads, options.kernels};
  QFI_TRY(Plan plan, plan_campaign(folder.path(), files, plan_params));
  QFI_TRY(const auto journal, Journal::open(folder.path() / k_journal_name, count_columns()));
  QFI_CHECK(journal->identify(campaign_identity(plan, ToolInfo{})));
  params.journal = journal.get();
  QFI_TRY(const CampaignRun done, run_campaign(plan, params));
  QFI_CHECK(journal->finish());
  QFI_TRY(const std::string found, signature(plan, done, *journal, folder.path()));
  const bool is_equal = found == k_recorded;
  fmt::print("{} {}\n", found,
             is_equal ? "ok" : fmt::format("differs from the recorded one, {}", k_recorded));
  return is_equal ? k_done : k_failed;
}

}  // namespace

void add_selfcheck(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("selfcheck", "does this program compute what it should on this machine?");
  auto options = std::make_shared<Options>();
  add_kernels_option(*command, options->kernels);
  command->add_option("--threads", options->threads, "threads (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command
      ->add_option("--files", options->files,
                   "folder of campaigns/ and netlists/ (default: those of the program)")
      ->type_name("FOLDER");
  command->footer(
      "Runs a small campaign with faults of every kind and compares a signature of its results with\n"
      "the recorded one. Exit code 1: it differs.\n"
      "Example: qfi selfcheck");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli

// SPDX-License-Identifier: Apache-2.0
// What command lines print, errors and help included, is what tests/cli/golden/NAME.txt says. Where that is
// meant to change, QFI_REWRITE=1 writes the files anew. They are read by people: a wrong message is seen in
// review.
#include <array>
#include <regex>
#include <set>
#include <sstream>

#include "command.hpp"

namespace qfi::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name;
  std::string arguments;  ///< between blanks
  int exit_code = 0;
};

// In a fresh copy of tests/cli/golden/input.
const std::vector<Case> k_errors = {
    {"no_command", "", 2},
    {"unknown_command", "campain c.yaml", 2},
    {"unknown_option", "campaign campaign.yaml --frobnicate", 2},
    {"unknown_kernels", "campaign campaign.yaml --kernels magic", 2},
    {"unknown_level", "campaign campaign.yaml --log-level loud", 2},
    {"quiet_and_verbose", "campaign campaign.yaml --quiet --verbose", 2},
    {"campaign_alone", "campaign", 2},
    {"merge_alone", "merge", 2},
    {"slurm_alone", "slurm", 2},
    {"compare_alone", "compare", 2},
    {"export_alone", "export", 2},
    {"report_alone", "report", 2},
    {"plan_alone", "plan", 2},
    {"replay_alone", "replay", 2},
    {"run_alone", "run", 2},
    {"nvf_alone", "nvf", 2},
    {"nvf_merge_alone", "nvf-merge", 2},
    {"inspect_alone", "inspect", 2},
    {"synth_alone", "synth", 2},
    {"table_alone", "table", 2},
    {"missing_config", "campaign nowhere.yaml", 2},
    {"missing_model", "campaign missing_model.yaml", 2},
    {"missing_variable", "plan no_variable.yaml", 2},
    {"config_with_a_tab", "campaign tab.yaml", 2},
    {"config_with_an_unknown_key", "campaign unknown_key.yaml", 2},
    {"config_with_a_wrong_value", "campaign wrong_value.yaml", 2},
    {"config_with_no_number", "campaign no_number.yaml", 2},
    {"config_that_is_no_yaml", "campaign no_yaml.yaml", 2},
    {"config_without_a_sample", "campaign no_sample.yaml", 2},
    {"config_with_a_layer_that_is_not_there", "campaign no_layer.yaml", 2},
    {"sample_larger_than_the_population", "campaign too_many.yaml", 2},
    {"operators_that_the_model_lacks", "campaign selects.yaml --define OPERATOR=softmax", 2},
    {"layer_without_weights", "campaign selects.yaml --define LAYER=3", 2},
    {"layer_that_other_keys_leave_out", "campaign selects.yaml --define LAYER=6", 2},
    {"tensor_without_weights", "campaign selects.yaml --define TENSOR=image", 2},
    {"channel_out_of_range", "campaign selects.yaml --define CHANNEL=8", 2},
    {"bit_out_of_range", "campaign selects.yaml --define BIT=8", 2},
    {"protection_of_a_layer_that_is_not_chosen", "campaign selects.yaml --define KEPT=4", 2},
    {"fault_list_with_an_element_out_of_range", "campaign selects.yaml", 2},
    {"accumulators_of_a_layer_without_them",
     "campaign selects_data.yaml --define LAYER=1 --define STAGE=accumulator", 2},
    {"neurons_of_another_network", "campaign selects_data.yaml", 2},
    {"mask_of_another_network", "campaign selects_mask.yaml", 2},
    {"port_that_the_netlist_lacks", "campaign selects_port.yaml", 2},
    {"netlist_that_is_damaged", "campaign damaged_netlist.yaml", 2},
    {"netlist_that_is_a_model", "inspect text.npy", 2},
    {"fault_list_with_an_unknown_column", "campaign fault_list.yaml", 2},
    {"fault_list_with_an_unknown_site", "campaign site_list.yaml", 2},
    {"images_that_are_no_array", "campaign bad_images.yaml", 2},
    {"images_of_another_format", "campaign wrong_format.yaml", 2},
    {"labels_of_other_images", "campaign short_labels.yaml", 2},
    {"output_folder_of_others", "campaign campaign.yaml -o .", 2},
    {"shard_that_is_none", "campaign campaign.yaml --shard 3/2", 2},
    {"shard_of_a_sequential_sample", "campaign sequential.yaml --shard 1/2", 2},
    {"define_without_a_value", "campaign campaign.yaml --define DEMO", 2},
    {"merge_of_no_journal", "merge campaign.yaml out", 2},
    {"compare_of_missing_results", "compare a/results.json b/results.json", 2},
    {"compare_of_other_files", "compare results.json results.json", 2},
    {"export_of_missing_results", "export nowhere.json", 2},
    {"report_of_other_files", "report results.json -o r.html", 2},
    {"replay_of_other_files", "replay results.json --fault 1", 2},
    {"run_without_a_model", "run nowhere.tflite --data text.npy", 2},
    {"run_of_a_fault_without_a_netlist", "run DEMO/shapes.tflite --data DEMO/images.npy --fault op_a[0]:1",
     2},
    {"nvf_merge_of_other_files", "nvf-merge unknown_site.csv -o n.csv", 2},
    {"table_of_an_unknown_site", "table NETLISTS/mul_adders.json --fault nowhere:0 -o t.npy", 2},
    {"table_with_a_wrong_tie", "table NETLISTS/mul_adders.json --fault op_a[0]:0 --tie x -o t.npy", 2},
    {"synth_without_a_file", "synth nowhere.sv --top m -o n", 2},
    {"run_on_a_map",
     "run DEMO/shapes.tflite --data DEMO/images.npy --labels DEMO/labels.npy --metric "
     "sequential_1/max_pooling2d_1/MaxPool2d",
     2},
    {"threshold_of_many_scores", "campaign threshold.yaml", 2},
    {"threshold_without_labels", "run DEMO/shapes.tflite --data DEMO/images.npy --threshold 0.5", 2},
    {"golden_accuracy_without_labels", "campaign golden_without_labels.yaml", 2},
    {"golden_accuracy_above_one", "campaign golden_above_one.yaml", 2},
    {"search_without_labels", "campaign search_without_labels.yaml", 2},
    {"doctor_of_a_model_without_data", "doctor DEMO/shapes.tflite", 2},
    {"doctor_without_a_model", "doctor --data DEMO/images.npy", 2},
    {"doctor_without_labels", "doctor DEMO/shapes.tflite --data DEMO/images.npy", 2},
    {"doctor_of_other_images", "doctor DEMO/shapes.tflite --data DEMO/labels.npy --labels DEMO/labels.npy",
     2},
    {"budget_too_short", "campaign budget.yaml", 2},
};

const std::vector<Case> k_answers = {
    {"plan_of_the_demo", "plan DEMO.yaml --threads 2 --kernels reference", 0},
    {"plan_of_a_golden_run_near_chance", "plan near_chance.yaml --threads 2 --kernels reference", 0},
    {"doctor_of_a_model", "doctor DEMO/shapes.tflite --data DEMO/images.npy --labels DEMO/labels.npy", 0},
    {"doctor_of_a_wrong_scaling",
     "doctor DEMO/shapes.tflite --data DEMO/images.npy --labels DEMO/labels.npy --scale 0.0001", 0},
    {"inspect_of_a_model", "inspect DEMO/shapes.tflite", 0},
    {"inspect_of_a_netlist", "inspect NETLISTS/mul_adders.json", 0},
    {"inspect_of_a_netlist_of_gates", "inspect NETLISTS/mul_gates.json", 0},
    {"run_of_a_model", "run DEMO/shapes.tflite --data DEMO/images.npy --labels DEMO/labels.npy", 0},
};

// One after the other in one folder.
const std::vector<Case> k_session = {
    {"campaign", "campaign campaign.yaml", 0},
    {"campaign_that_is_done", "campaign campaign.yaml", 0},
    {"campaign_of_another_seed", "campaign other_seed.yaml", 2},
    {"compare_of_equal_results", "compare out/results.json out/results.json", 0},
    {"campaign_that_is_compared", "campaign other_seed.yaml -o seed", 0},
    {"compare_that_is_undecided", "compare out/results.json seed/results.json", 4},
    {"compare_that_may_be_undecided", "compare out/results.json seed/results.json --undecided pass", 0},
    {"campaign_of_other_data", "campaign other_data.yaml -o data", 0},
    {"compare_of_other_data", "compare out/results.json data/results.json", 2},
    {"compare_of_other_data_all_the_same",
     "compare out/results.json data/results.json --may-differ data --undecided pass", 0},
    {"campaign_of_other_faults", "campaign other_faults.yaml -o faults", 0},
    {"compare_of_other_faults", "compare out/results.json faults/results.json", 2},
    {"compare_of_what_may_not_differ", "compare out/results.json data/results.json --may-differ images", 2},
    {"report_of_figures_that_were_not_run", "report out/results.json --published study.json -o study.html",
     0},
    {"report_of_no_figure_that_was_run", "report out/results.json --published other_study.json -o o.html", 2},
    {"export_of_an_unknown_format", "export out/results.json --format xml", 2},
    {"export_as_csv", "export out/results.json --set 0 --format csv -o faults.csv", 0},
    {"export_over_another_file", "export out/results.json --format csv -o text.npy", 2},
    {"report_over_another_file", "report out/results.json -o text.npy", 2},
    {"replay_of_a_trial", "replay out/results.json --set 1 --fault 3 --image 2", 0},
    {"replay_of_no_fault", "replay out/results.json --fault 99 --image 2", 2},
    {"merge_of_a_folder_into_itself", "merge campaign.yaml out", 2},
    {"merge_of_a_whole_campaign", "merge campaign.yaml out -o merged", 0},
    {"shard", "campaign campaign.yaml --shard 1/2 -o part", 0},
    {"shard_that_is_not_this_one", "campaign campaign.yaml --shard 2/2 -o part", 2},
    {"merge_without_all_shards", "merge campaign.yaml part -o all", 2},
};

class Golden : public Command {
 protected:
  Golden() {
    fs::copy(golden() / "input", folder(), fs::copy_options::recursive);
    std::string text = value_of(read_file(folder() / "campaign.yaml"));
    for (const auto& [name, from, to] : {std::array{"other_seed.yaml", "seed: 1", "seed: 2"},
                                         {"other_data.yaml", "first: 20", "first: 10"},
                                         {"other_faults.yaml", "target: data", "target: data, layers: [0]"}})
      EXPECT_TRUE(write_file(folder() / name, std::regex_replace(text, std::regex(from), to)));
  }
  ~Golden() override = default;

  static fs::path golden() { return source_folder() / "tests/cli/golden"; }
  static bool rewrites() {
    const char* text = std::getenv("QFI_REWRITE");
    return text != nullptr && std::string(text) == "1";
  }

  std::string printed(const Case& c) {
    const fs::path campaigns = source_folder() / "campaigns";
    std::vector<std::string> command = {program()};
    std::istringstream words(c.arguments);
    for (std::string word; words >> word;) {
      word = std::regex_replace(word, std::regex("^DEMO"), (campaigns / "demo").string());
      command.push_back(std::regex_replace(word, std::regex("^NETLISTS"), netlist("")));
    }
    const auto outcome = value_of(
        run_process(command, folder(), std::chrono::seconds(300),
                    {"HOME=" + folder().string(), "XDG_CACHE_HOME=", "DEMO=" + (campaigns / "demo").string(),
                     "NETLISTS=" + (source_folder() / "netlists").string()}));
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.name << ": " << outcome.output;
    return "$ qfi " + c.arguments + "\n" + normal(outcome.output) +
           fmt::format("exit code {}\n", outcome.exit_code);
  }

  // What the machine, the folder and the day add.
  std::string normal(std::string text) const {
    static const std::regex k_time(R"(\d+(\.\d+)? (h \d\d min|min \d\d s|s|ms)\b)");
    for (const auto& [found, name] : {std::pair{folder().string(), "SCRATCH"},
                                      {fs::canonical(folder()).string(), "SCRATCH"},
                                      {source_folder().string(), "CHECKOUT"}})
      for (std::size_t at = text.find(found); at != std::string::npos; at = text.find(found))
        text.replace(at, found.size(), name);
    static const std::regex k_rate(R"(\d+(\.\d+)? images/s)");
    return std::regex_replace(std::regex_replace(text, k_rate, "RATE images/s"), k_time, "TIME");
  }

  void check(const Case& c) {
    const fs::path file = golden() / (c.name + ".txt");
    const std::string now = printed(c);
    const std::string recorded = read_file(file).value_or("");
    if (now == recorded) return;
    if (rewrites()) ASSERT_TRUE(write_file(file, now));
    else
      ADD_FAILURE() << file.string() << ": QFI_REWRITE=1 writes it anew, if this is meant:\n--- recorded\n"
                    << recorded << "--- now\n"
                    << now;
  }

  // Names of the commands that `qfi --help` lists.
  std::vector<std::string> commands() {
    const std::string help = run({"--help"}).output;
    std::vector<std::string> names;
    static const std::regex k_line("\n  ([a-z][a-z-]*)");
    const std::string list = help.substr(help.find("Subcommands:"));
    for (std::sregex_iterator it(list.begin(), list.end(), k_line), end; it != end; ++it)
      names.push_back((*it)[1]);
    return names;
  }
};

TEST_F(Golden, ErrorsAreTheRecordedOnes) {
  for (const Case& c : k_errors) {
    check(c);
    EXPECT_FALSE(fs::exists(folder() / "out")) << c.name;
  }
}

TEST_F(Golden, AnswersAreTheRecordedOnes) {
  for (const Case& c : k_answers) check(c);
}

TEST_F(Golden, ACampaignAndWhatFollowsItPrintTheRecordedText) {
  for (const Case& c : k_session) check(c);
}

TEST_F(Golden, HelpIsTheRecordedOne) {
  check({"help", "--help", 0});
  const std::vector<std::string> names = commands();
  EXPECT_GE(names.size(), 14U);
  for (const std::string& name : names) check({"help_" + name, name + " --help", 0});
}

TEST_F(Golden, EveryFileIsOfACase) {
  std::set<std::string> known = {"input", "help.txt"};
  for (const auto* cases : {&k_errors, &k_answers, &k_session})
    for (const Case& c : *cases) EXPECT_TRUE(known.insert(c.name + ".txt").second) << c.name << " twice";
  for (const std::string& name : commands()) known.insert("help_" + name + ".txt");
  for (const auto& entry : fs::directory_iterator(golden()))
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
}

}  // namespace
}  // namespace qfi::test

// SPDX-License-Identifier: Apache-2.0
// Names and texts that would be commands, options or code if qfi were careless: none of them may make a file
// called `taken`, write outside of its folder or reach a terminal as they are.
#include <cstdlib>

#include "command.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> k_attempts = {
    "x; touch taken",         "x\ntouch taken",       "$(touch taken)", "`touch taken`",
    "x'; touch taken; '",     "x\"; touch taken; \"", "| touch taken",  "--help",
    "-p shell_touch_taken",   "x\nshell touch taken", "!touch taken",   "x && touch taken",
    "\\x ; shell touch taken"};

class Injection : public Command {
 protected:
  void TearDown() override {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder()))
      EXPECT_NE(entry.path().filename(), "taken");
    EXPECT_FALSE(std::filesystem::exists("taken"));
    Command::TearDown();
  }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(write_file(folder() / name, content)) << name;
  }
  void no_escapes(const std::string& output) {
    for (const char c : output) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << output;
  }
  json multiplier() {
    write("m.sv",
          "module m(input logic signed [7:0] op_a, op_b, output logic signed [15:0] result);\n"
          "  assign result = op_a * op_b;\nendmodule\n");
    const ProcessOutcome outcome = run({"synth", "m.sv", "--top", "m", "-o", "m"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json::parse(value_of(read_file(folder() / "m.json")));
  }
};

TEST_F(Injection, NamesThatReachYosysArePlainIdentifiers) {
  multiplier();
  for (const std::string& text : k_attempts) {
    for (const std::string option : {"--top", "--rs1", "--rs2", "--result", "--tie", "--param"}) {
      std::vector<std::string> arguments = {"synth", "m.sv", "-o", "out"};
      arguments.push_back(option + "=" + text + (option == "--tie" || option == "--param" ? "=1" : ""));
      if (option != "--top") arguments.insert(arguments.end(), {"--top", "m"});
      const ProcessOutcome outcome = run(arguments);
      EXPECT_EQ(outcome.exit_code, 2) << option << " " << text << "\n" << outcome.output;
      no_escapes(outcome.output);
    }
  }
}

TEST_F(Injection, NamesOfRtlFilesAreNoCommands) {
  multiplier();
  const std::string rtl = value_of(read_file(folder() / "m.sv"));
  for (std::string text : k_attempts) {
    std::ranges::replace(text, '/', '_');
    write(text + ".sv", rtl);
    const ProcessOutcome outcome = run({"synth", "--top", "m", "-o", "out", "./" + text + ".sv"});
    EXPECT_TRUE(outcome.exit_code == 0 || outcome.exit_code == 2) << text << "\n" << outcome.output;
    no_escapes(outcome.output);
  }
}

// RTL may name its wires like this; so may a netlist of somebody else.
TEST_F(Injection, NamesInNetlistsAreNoCode) {
  const json plain = multiplier();
  const std::string code = "x); endmodule\nmodule z; initial $system(\"touch taken\"); endmodule //";
  for (const std::string& text : {k_attempts[1], k_attempts[5], code, std::string("\x1b]0;title\x07")}) {
    json netlist = plain;
    json& module = netlist["modules"]["m"];
    json cells = json::object(), names = json::object();
    for (const auto& [name, cell] : module["cells"].items()) cells[name + text] = cell;
    for (const auto& [name, net] : module["netnames"].items()) names[name + text] = net;
    module["cells"] = cells;
    module["netnames"] = names;
    json modules = json::object();
    modules[text] = module;
    netlist["modules"] = modules;
    write("hostile.json", netlist.dump());
    no_escapes(run({"inspect", "hostile.json"}).output);
    no_escapes(run({"table", "hostile.json", "--fault", "no such site:1", "-o", "t.npy"}).output);
    const ProcessOutcome table = run({"table", "hostile.json", "--fault", "op_a[0]" + text + ":1", "-o",
                                      "t.npy", "--engine", "verilator", "--cache", "cache", "--force"});
    EXPECT_TRUE(table.exit_code == 0 || table.exit_code == 2) << table.output;
    no_escapes(table.output);
    m_netlist = (folder() / "hostile.json").string();
    const ProcessOutcome campaign = run({"campaign", config("{count: 3}"), "--restart", "-o", "run"});
    no_escapes(campaign.output);
    if (campaign.exit_code != 0) continue;
    const ProcessOutcome report = run({"report", "run/results.json", "-o", "r.html", "--title", text});
    EXPECT_EQ(report.exit_code, 0) << report.output;
    EXPECT_THAT(value_of(read_file(folder() / "r.html")), Not(HasSubstr("<script")));
  }
}

TEST_F(Injection, FoldersWithOddNamesWorkOrAreRefused) {
  multiplier();
  for (const std::string& text : {k_attempts[0], k_attempts[2], k_attempts[4], std::string("a b")}) {
    const std::filesystem::path odd = folder() / text;
    std::filesystem::create_directory(odd);
    const std::string before = std::getenv("TMPDIR") == nullptr ? "/tmp" : std::getenv("TMPDIR");
    ::setenv("TMPDIR", odd.c_str(), 1);
    const ProcessOutcome synth = run({"synth", "m.sv", "--top", "m", "-o", "again"});
    const ProcessOutcome table = run({"table", "m.json", "--fault", "op_a[0]:1", "-o", "t.npy", "--engine",
                                      "verilator", "--cache", text + "/cache", "--force"});
    ::setenv("TMPDIR", before.c_str(), 1);
    EXPECT_EQ(synth.exit_code, 0) << synth.output;
    // GNU make does not build in folders with spaces, and says so.
    EXPECT_TRUE(table.exit_code == 0 || table.exit_code == 1) << table.output;
    for (const auto& entry : std::filesystem::directory_iterator(odd))
      EXPECT_EQ(entry.path().filename(), "cache") << "nothing is left behind";
  }
}

// The scripts are run here as a task of an array would be.
TEST_F(Injection, SlurmScriptsQuoteWhatTheyAreGiven) {
  const std::string text = value_of(read_file(folder() / config("{count: 2}")));
  for (const std::string& attempt : k_attempts) {
    write(attempt + ".yaml", text);
    const ProcessOutcome made = run({"slurm", "./" + attempt + ".yaml", "--shards", "1", "-o",
                                     "jobs " + attempt, "--sbatch=--comment=" + attempt});
    EXPECT_TRUE(made.exit_code == 0 || made.exit_code == 2) << attempt << made.output;
    no_escapes(made.output);
    if (made.exit_code != 0) continue;
    const std::string script = "jobs " + attempt + "/shards.sbatch";
    const ProcessOutcome task =
        value_of(run_process({"/usr/bin/env", "SLURM_ARRAY_TASK_ID=1", "SLURM_JOB_ID=1", "/bin/bash", script},
                             folder(), std::chrono::seconds(60)));
    EXPECT_EQ(task.exit_code, 0) << attempt << "\n" << task.output;
  }
}

TEST_F(Injection, TextInResultsIsEscapedWhereverItGoes) {
  ASSERT_EQ(run({"campaign", config("{count: 4}"), "-o", "run"}).exit_code, 0);
  json results = json::parse(bytes("run"));
  const std::string text = "</td><script>alert(1)</script>|[x](javascript:1)\x1b[31m\"'&<!--";
  results["fault_sets"][0]["name"] = text;
  results["inputs"]["model"]["file"] = text;
  for (json& fault : results["fault_sets"][0]["faults"]) fault["site"] = text;
  write("hostile.json", results.dump());
  const ProcessOutcome compared =
      run({"compare", "hostile.json", "hostile.json", "--junit", "j.xml", "--markdown", "m.md"});
  EXPECT_EQ(compared.exit_code, 0) << compared.output;
  no_escapes(compared.output);
  EXPECT_THAT(value_of(read_file(folder() / "j.xml")), Not(HasSubstr("<script")));
  EXPECT_THAT(value_of(read_file(folder() / "m.md")), Not(HasSubstr("<script")));
  EXPECT_THAT(value_of(read_file(folder() / "m.md")), Not(HasSubstr("](javascript")));
  ASSERT_EQ(run({"report", "hostile.json", "-o", "r.html"}).exit_code, 0);
  EXPECT_THAT(value_of(read_file(folder() / "r.html")), Not(HasSubstr("<script")));
  no_escapes(run({"export", "hostile.json", "--set", "other"}).output);
}

TEST_F(Injection, ResultsNameNoFilesElsewhere) {
  ASSERT_EQ(run({"campaign", config("{count: 4}"), "-o", "run"}).exit_code, 0);
  json results = json::parse(bytes("run"));
  results["fault_sets"][0].erase("faults");
  write("secret.csv", "fault\n1\n");
  for (const std::string name : {"../secret.csv", "/etc/passwd", "..", "."}) {
    results["fault_sets"][0]["faults_file"] = {{"name", name}, {"rows", 1}, {"sha256", std::string(64, '0')}};
    write("run/hostile.json", results.dump());
    for (const ProcessOutcome& outcome :
         {run({"export", "run/hostile.json"}), run({"report", "run/hostile.json", "-o", "r.html"})}) {
      EXPECT_THAT(outcome.output, Not(HasSubstr("root:")));
      EXPECT_TRUE(outcome.exit_code == 2 || outcome.exit_code == 0) << outcome.output;
    }
  }
}

// No output goes over what somebody else wrote, or through a link.
TEST_F(Injection, FilesOfOthersStay) {
  ASSERT_EQ(run({"campaign", config("{count: 4}"), "-o", "run"}).exit_code, 0);
  write("mine", "mine\n");
  const std::vector<std::vector<std::string>> commands = {
      {"report", "run/results.json", "-o"},
      {"export", "run/results.json", "-o"},
      {"export", "run/results.json", "--format", "jsonl", "-o"},
      {"compare", "run/results.json", "run/results.json", "--junit"},
      {"compare", "run/results.json", "run/results.json", "--markdown"},
      {"run", m_model, "--data", demo("images.npy"), "--output"},
      {"table", m_netlist, "--fault", "op_a[0]:1", "-o"}};
  for (std::vector<std::string> command : commands) {
    for (const std::string target : {"mine", "run/results.json", "link"}) {
      std::error_code ignored;
      std::filesystem::remove(folder() / "link", ignored);
      std::filesystem::create_symlink("mine", folder() / "link");
      const std::string before = bytes("run");
      command.push_back(target);
      const ProcessOutcome refused = run(command);
      EXPECT_EQ(refused.exit_code, 2) << command[0] << " " << target << "\n" << refused.output;
      EXPECT_EQ(value_of(read_file(folder() / "mine")), "mine\n");
      EXPECT_EQ(bytes("run"), before);
      command.pop_back();
    }
    // Its own it may replace, and any if told to.
    command.push_back("own");
    EXPECT_EQ(run(command).exit_code, 0) << command[0];
    EXPECT_EQ(run(command).exit_code, 0) << command[0];
    write("own", "somebody else's");
    EXPECT_EQ(run(command).exit_code, 2) << command[0];
    command.push_back("--force");
    EXPECT_EQ(run(command).exit_code, 0) << command[0];
    std::filesystem::remove(folder() / "own");
  }
}

TEST_F(Injection, OutputFoldersAreNotLeftThroughLinks) {
  write("mine", "mine\n");
  std::filesystem::create_directory(folder() / "out");
  for (const std::string name : {"results.json", "run.json", "journal.sqlite"}) {
    std::filesystem::create_symlink(folder() / "mine", folder() / "out" / name);
    const ProcessOutcome refused = run({"campaign", config("{count: 2}")});
    EXPECT_EQ(refused.exit_code, 2) << name << refused.output;
    std::filesystem::remove(folder() / "out" / name);
    EXPECT_EQ(value_of(read_file(folder() / "mine")), "mine\n");
  }
}

TEST_F(Injection, FilesThatUnpackToTooMuchNameTheOptionThatRaisesTheLimit) {
  const std::string script =
      "import gzip, zipfile\n"
      "gzip.open('bomb.gz', 'wb').write(bytes(8 << 20))\n"
      "zipfile.ZipFile('bomb.npz', 'w', zipfile.ZIP_DEFLATED).writestr('images.npy', bytes(8 << 20))\n";
  write("bombs.py", script);
  ASSERT_EQ(
      value_of(run_process({"/usr/bin/python3", "bombs.py"}, folder(), std::chrono::seconds(60))).exit_code,
      0);
  const std::vector<std::string> gzip = {"run", m_model, "--data", "bomb.gz", "--format", "idx"};
  const std::vector<std::string> npz = {"run", m_model, "--data", "bomb.npz", "--arrays", "images"};
  for (std::vector<std::string> command : {gzip, npz}) {
    command.insert(command.end(), {"--data-memory", "4"});
    expect_refused(command, "more than the limit of 4194304 bytes, which --data-memory sets");
    command.back() = "8";  // large enough: only then is the content looked at
    EXPECT_THAT(run(command).output,
                testing::AnyOf(HasSubstr("not an idx file"), HasSubstr("not an .npy file")));
  }
}

TEST_F(Injection, ProgramsThatWereStartedEndWithAKilledRun) {
  write("yosys", "#!/bin/sh\necho $$ >'" + (folder() / "child").string() + "'\nexec sleep 300\n");
  std::filesystem::permissions(folder() / "yosys", std::filesystem::perms::owner_all);
  write("m.sv", "module m(input logic [7:0] op_a, op_b, output logic [15:0] result); endmodule\n");
  const std::string script =
      "PATH=$PWD:$PATH\n"
      "\"$1\" synth m.sv --top m -o m & run=$!\n"
      "until test -s child; do sleep 0.05; done\n"
      "kill -KILL $run; wait $run\n"
      "for i in $(seq 200); do grep -q '^State:.[^ZX]' /proc/$(cat child)/status 2>/dev/null || exit 0; "
      "sleep 0.05; done\n"
      "exit 1\n";
  const ProcessOutcome outcome =
      value_of(run_process({"sh", "-c", script, "sh", test::program()}, folder(), std::chrono::seconds(60)));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

}  // namespace
}  // namespace qfi::test

// SPDX-License-Identifier: Apache-2.0
// Multipliers of other people as a user runs them: narrow, approximate, of library cells, as tables of
// products.
#include <fmt/format.h>

#include <functional>
#include <set>

#include "command.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Multipliers : public Command {
 protected:
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file(folder() / name, text));
  }
  // Signed, 8 x 8 bits; `expression` of p = A * B is the result.
  std::string synthesize(const std::string& expression, std::vector<std::string> more = {}) {
    write("rtl.v",
          "module m #(parameter W = 8)(input signed [W-1:0] A, input signed [W-1:0] B, output [2*W-1:0] "
          "O);\n  wire signed [2*W-1:0] p = A * B;\n  assign O = " +
              expression + ";\nendmodule\n");
    std::vector<std::string> arguments = {"synth", "rtl.v", "--top",    "m", "--rs1", "A",
                                          "--rs2", "B",     "--result", "O", "-o",    "m"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessOutcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  }
  // As expect_refused() does, where folders may exist.
  void expect_one_error(const std::vector<std::string>& arguments, const std::string& part) {
    const ProcessOutcome outcome = run(arguments);
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.output, AllOf(testing::StartsWith("qfi: "), HasSubstr(part)));
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
  }
  // Of the demo's first 40 images.
  std::string entries(const std::string& faults) {
    write("e.yaml", "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                        ", labels: " + demo("labels.npy") + ", select: {first: 40}}\nfaults:\n" + faults +
                        "sample: {count: 12}\nverify: 0\noutput: out\n");
    return "e.yaml";
  }
  std::string text_table(const std::function<int(int w, int x)>& product) {
    std::string text = "const int lut[65536] = {\n";
    for (int w = -128; w < 128; ++w)
      for (int x = -128; x < 128; ++x) text += std::to_string(product(w, x)) + ",";
    return text + "};\n";
  }
};

TEST_F(Multipliers, SynthesisSaysWhatWasProvedAndWhatTheUnitTakes) {
  const std::string output = synthesize("p");
  EXPECT_THAT(output, HasSubstr("\nproved to multiply 8 x 8 bits, signed\ntakes INT8 codes, raw\n"));
  EXPECT_THAT(
      synthesize("p", {"--param", "W=9"}),
      HasSubstr("9 x 9 bits, signed\ntakes INT8 codes, raw; UINT8 codes, raw; codes minus zero points"));
}

TEST_F(Multipliers, AUnitThatIsTooNarrowIsWarnedOfAndThenRefused) {
  EXPECT_THAT(synthesize("p", {"--param", "W=4"}),
              AllOf(HasSubstr("a unit of 4 x 4 bits, signed takes no operands that a campaign has"),
                    HasSubstr("for UINT8 codes, raw: port rs1 has 4 bits, signed, and 0 .. 255 need 9")));
  expect_refused({"table", "m.json", "--fault", "A[0]:1", "-o", "t.npy"},
                 "port rs1 has 4 bits, signed, and -128 .. 127 need 8");
  m_netlist = (folder() / "m.json").string();
  expect_refused({"campaign", config("{count: 2}")}, "port rs1 has 4 bits, signed, and -128 .. 127 need 8");
  synthesize("p");
  expect_refused({"campaign", config("{count: 2}", ", operands: offset")},
                 "port rs2 has 8 bits, signed, and 0 .. 255 need 9");
}

// The same multiplier asked for both ways: nothing but the words differs.
TEST_F(Multipliers, AnExactMultiplierThatIsCalledApproximateGivesTheSameCounts) {
  const std::string output =
      run({"campaign", entries("  - {kind: stuck_at, netlist: " + m_netlist +
                               "}\n  - {kind: stuck_at, name: same, netlist: {file: " + m_netlist +
                               ", approximate: true}, sample: {count: 12}}\n")})
          .output;
  const json sets = results("out")["fault_sets"];
  ASSERT_EQ(sets.size(), 2U) << output;
  EXPECT_FALSE(sets[0].contains("approximate"));
  EXPECT_EQ(sets[1]["approximate"]["wrong_pairs"], 0);
  EXPECT_EQ(sets[1]["approximate"]["golden"], results("out")["golden"]);
  EXPECT_EQ(sets[0]["proof"]["fault_free_products_equal_to_the_product"],
            sets[1]["proof"]["fault_free_products_equal_to_the_product"]);
  // Each set draws faults of its own: those of both are compared by a list.
  write("list.csv", "site,stuck_at\nop_a[3],1\nop_b[2],0\nop_a[1],1\nresult[4],1\n");
  std::filesystem::remove_all(folder() / "out");
  ASSERT_EQ(run({"campaign", entries("  - {kind: stuck_at, sample: {list: list.csv}, netlist: " + m_netlist +
                                     "}\n  - {kind: stuck_at, sample: {list: list.csv}, netlist: {file: " +
                                     m_netlist + ", approximate: true}}\n")})
                .exit_code,
            0);
  const json again = results("out")["fault_sets"];
  EXPECT_EQ(again[0]["faults"], again[1]["faults"]);
}

TEST_F(Multipliers, BridgesAndSeveralSitesAtOnceAreFaultsToo) {
  const std::string file =
      entries("  - {kind: bridge, netlist: " + m_netlist + ", bridges: [wired_and, dominant]}\n" +
              "  - {kind: stuck_at, netlist: " + m_netlist + ", simultaneous: 3}\n");
  EXPECT_THAT(run({"plan", file}).output,
              AllOf(HasSubstr(" pairs of nets x 3)"), HasSubstr("(3 of 1763 sites at once)")));
  const ProcessOutcome campaign = run({"campaign", file});
  ASSERT_EQ(campaign.exit_code, 0) << campaign.output;
  const json sets = results("out")["fault_sets"];
  EXPECT_EQ(sets[0]["polarities"], 3);
  EXPECT_FALSE(sets[0].contains("prime_faults"));
  std::set<std::string> words;
  for (const json& fault : sets[0]["faults"]) {
    EXPECT_FALSE(fault.contains("site"));
    for (const char* word : {" wired_and ", " dominates "})
      if (fault["fault"].get<std::string>().find(word) != std::string::npos) words.insert(word);
  }
  EXPECT_EQ(words.size(), 2U);
  const std::string three = sets[1]["faults"][0]["fault"];
  EXPECT_EQ(std::count(three.begin(), three.end(), ':'), 3) << three;
  // Each is found again by its text.
  for (std::size_t set = 0; set < 2; ++set) {
    const ProcessOutcome replay =
        run({"replay", "out/results.json", "--set", std::to_string(set), "--fault", "0", "--image", "3"});
    EXPECT_EQ(replay.exit_code, 0) << replay.output;
  }
  write("list.csv", "fault\n" + three + "\n" + sets[0]["faults"][0]["fault"].get<std::string>() + "\n");
  ASSERT_EQ(run({"campaign",
                 entries("  - {kind: stuck_at, sample: {list: list.csv}, netlist: " + m_netlist + "}\n"),
                 "-o", "again"})
                .exit_code,
            0);
  const json again = results("again")["fault_sets"][0]["faults"];
  EXPECT_EQ(again[0]["top1_changed"], sets[1]["faults"][0]["top1_changed"]);
  EXPECT_EQ(again[0]["table_digest"], sets[1]["faults"][0]["table_digest"]);
  EXPECT_EQ(again[1]["table_digest"], sets[0]["faults"][0]["table_digest"]);
  EXPECT_THAT(run({"table", m_netlist, "--fault", three, "-o", "t.npy"}).output, HasSubstr(" and "));
  EXPECT_THAT(run({"export", "out/results.json", "--set", "1"}).output, HasSubstr(three));
  expect_one_error({"export", "out/results.json", "--set", "0", "--format", "tetramax"},
                   "no single stuck-at fault");
}

// A list of a test pattern generator goes through a campaign and comes back; nothing is lost.
TEST_F(Multipliers, AFaultListMakesARoundTrip) {
  synthesize("p");
  ASSERT_EQ(run({"inspect", "m.json", "--faults", "all.flt", "--sites", "pins", "--prime"}).exit_code, 0);
  const std::string list = value_of(read_file(folder() / "all.flt"));
  std::string some = "// some of them\n";
  std::size_t line = 0;
  for (std::size_t at = 0; at < list.size(); at = list.find('\n', at) + 1, ++line)
    if (line % 25 == 1) some += list.substr(at, list.find('\n', at) + 1 - at);
  write("some.flt", some);
  const auto campaign = [&](const std::string& faults, const std::string& out) {
    const ProcessOutcome outcome =
        run({"campaign",
             entries("  - {kind: stuck_at, sites: pins, netlist: m.json, sample: {list: " + faults + "}}\n"),
             "-o", out});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  };
  campaign("some.flt", "first");
  for (const char* form : {"tetramax", "tessent"}) {
    ASSERT_EQ(
        run({"export", "first/results.json", "--format", form, "-o", std::string(form) + ".flt"}).exit_code,
        0);
    campaign(std::string(form) + ".flt", form);
    const json before = results("first")["fault_sets"][0]["faults"];
    const json after = results(form)["fault_sets"][0]["faults"];
    ASSERT_EQ(before.size(), after.size());
    ASSERT_GT(before.size(), 10U);
    std::set<std::string> classes;
    for (std::size_t i = 0; i < before.size(); ++i) {
      for (const char* key : {"fault", "listed_as", "top1_changed", "fate"})
        EXPECT_EQ(before[i][key], after[i][key]) << key;
      EXPECT_EQ(before[i]["listed_class"], "NC");
      EXPECT_EQ(after[i]["listed_class"] == "DS", before[i]["critical"].get<bool>());
      EXPECT_EQ(before[i].contains("first_changed_image"), before[i]["critical"].get<bool>());
      classes.insert(after[i]["listed_class"]);
    }
    EXPECT_GT(classes.size(), 1U);
  }
}

TEST_F(Multipliers, TheWorstFaultsAreNamedWithTheirLines) {
  synthesize("p");
  const ProcessOutcome campaign =
      run({"campaign", entries("  - {kind: stuck_at, netlist: m.json, sample: {count: 40}}\n")});
  ASSERT_EQ(campaign.exit_code, 0) << campaign.output;
  const std::string worst = run({"worst", "out/results.json", "--top", "5"}).output;
  EXPECT_EQ(std::count(worst.begin(), worst.end(), '\n'), 6) << worst;
  EXPECT_THAT(worst, AllOf(HasSubstr("   1  "), HasSubstr("points lost"), HasSubstr("rtl.v:")));
  EXPECT_THAT(run({"worst", "out/results.json", "--by", "line"}).output,
              AllOf(HasSubstr("rtl.v:2"), HasSubstr(" faults")));
  EXPECT_THAT(run({"worst", "out/results.json", "--by", "file"}).output, HasSubstr("  rtl.v "));
  EXPECT_THAT(run({"worst", "out/results.json", "--by", "instance"}).output, HasSubstr("(top)"));
  expect_one_error({"worst", "out/results.json", "--by", "layer"}, "do not tell that place");
  ASSERT_EQ(run({"report", "out/results.json", "--rtl", "rtl.v", "-o", "r.html"}).exit_code, 0);
  const std::string page = value_of(read_file(folder() / "r.html"));
  EXPECT_THAT(page, AllOf(HasSubstr("Sensitivity by line of the RTL"),
                          HasSubstr("wire signed [2*W-1:0] p = A * B;"), HasSubstr("<tr class=\"heat")));
  write("other.v", "module other; endmodule\n");
  expect_one_error({"report", "out/results.json", "--rtl", "other.v", "-o", "o.html"},
                   "no fault of the results comes from this file");
}

// A rate for area is a rate of each cell type, where the types' areas are known.
TEST_F(Multipliers, RatesByAreaAndByCellAreOne) {
  const std::string file = netlist("mul_mapped.json");
  const json module = json::parse(value_of(read_file(file)))["modules"]["qfi_mul"];
  std::string rates;
  double all = 0;
  for (const char* type : {"AND2_X1", "FA_X1", "HA_X1"}) {
    const std::string text = module["attributes"][std::string("qfi_cell_") + type];
    const double rate = 0.5 * std::stod(text.substr(text.rfind(' ')));
    rates += fmt::format("{}{}: {}", rates.empty() ? "" : ", ", type, rate);
    for (const json& cell : module["cells"]) all += cell["type"] == type ? rate : 0;
  }
  const auto entry = [&](const std::string& name, const std::string& rate) {
    return "  - {kind: stuck_at, name: " + name + ", sites: pins, netlist: " + file + ", raw_rate: " + rate +
           ", sample: {list: list.csv}}\n";
  };
  std::string list = "fault\n";
  std::size_t number = 0;
  for (const auto& [name, cell] : module["cells"].items())
    if (number++ % 40 == 0) list += name + "/" + cell["connections"].begin().key() + ":1\n";
  write("list.csv", list);
  const ProcessOutcome campaign =
      run({"campaign", entries(entry("area", "{fit_per_um2: 0.5, inferences: 10}") +
                               entry("cell", "{fit_by_cell: {" + rates + "}, inferences: 10}") +
                               entry("gate", "{fit_per_gate: 0.5}"))});
  ASSERT_EQ(campaign.exit_code, 0) << campaign.output;
  const json sets = results("out")["fault_sets"];
  EXPECT_NEAR(sets[0]["failure_rate"]["raw_fit"].get<double>(), all, 1e-6 * all);
  for (const char* key : {"raw_fit", "derated_fit"})
    EXPECT_NEAR(sets[0]["failure_rate"][key].get<double>(), sets[1]["failure_rate"][key].get<double>(),
                1e-6 * all)
        << key;
  EXPECT_EQ(sets[2]["failure_rate"]["raw_fit"].get<double>(),
            0.5 * static_cast<double>(module["cells"].size()));
  EXPECT_LT(sets[0]["failure_rate"]["derated_fit"].get<double>(), all);
  EXPECT_GT(sets[0]["failure_rate"]["derated_fit"].get<double>(), 0);
  expect_one_error({"campaign", entries(entry("both", "{fit_per_um2: 1, fit_per_gate: 1}")), "-o", "no"},
                   "'raw_rate' has one of 'fit_per_gate', 'fit_per_um2' and 'fit_by_cell'");
  write("list.csv", "fault\nop_a[3] wired_and op_b[2]\n");
  expect_one_error({"campaign", entries(entry("bridges", "{fit_per_um2: 1}")), "-o", "no"},
                   "is a rate of single stuck-at faults");
  expect_one_error({"campaign", entries(entry("other", "{fit_by_cell: {FA_X2: 1}}")), "-o", "no"}, "FA_X1");
}

TEST_F(Multipliers, NetlistsInVerilogAreReadByEveryCommand) {
  const std::string verilog = netlist("mul_mapped.v");
  const std::vector<std::string> reading = {
      "--liberty", netlist("cells.lib"), "--top", "qfi_mul", "--rs1", "op_a", "--rs2",
      "op_b",      "--result",           "result"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), reading.begin(), reading.end());
    return run(arguments);
  };
  EXPECT_THAT(with({"inspect", verilog}).output, HasSubstr("1,763 sites"));
  EXPECT_EQ(with({"table", verilog, "--fault", "op_a[3]:1", "-o", "v.npy"}).exit_code, 0);
  EXPECT_EQ(run({"table", netlist("mul_mapped.json"), "--fault", "op_a[3]:1", "-o", "j.npy"}).exit_code, 0);
  EXPECT_EQ(value_of(read_file(folder() / "v.npy")) == value_of(read_file(folder() / "j.npy")), true);
  const std::string map = "{file: " + verilog + ", library: " + netlist("cells.lib") +
                          ", top: qfi_mul, rs1: op_a, rs2: op_b, result: result}";
  write("list.csv", "site,stuck_at\nop_a[3],1\nresult[4],1\n");
  ASSERT_EQ(run({"campaign", entries("  - {kind: stuck_at, sample: {list: list.csv}, netlist: " + map +
                                     "}\n  - {kind: stuck_at, sample: {list: list.csv}, netlist: " +
                                     netlist("mul_mapped.json") + "}\n")})
                .exit_code,
            0);
  const json sets = results("out")["fault_sets"];
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(sets[0]["faults"][i]["table_digest"], sets[1]["faults"][i]["table_digest"]);
}

TEST_F(Multipliers, FaultsOfAnApproximateMultiplierAreCountedAgainstItself) {
  // Four low bits are cut, without rounding.
  const std::string output = synthesize("{p[15:4], 4'b0}", {"--approximate"});
  EXPECT_THAT(output,
              HasSubstr("approximate multiplier of 8 x 8 bits, signed: 53248 of 65536 products are not"));
  EXPECT_THAT(output, Not(HasSubstr("proved")));
  EXPECT_THAT(run({"inspect", "m.json"}).output, HasSubstr("result 16 bits, signed, approximate"));
  EXPECT_THAT(run({"table", "m.json", "--fault", "A[3]:1", "-o", "t.npy"}).output,
              HasSubstr("approximate multiplier, A[3] stuck at 1, "));
  write("cut.c", text_table([](int w, int x) { return (w * x) & ~15; }));
  write("list.csv", "site,stuck_at\nA[3],1\nB[6],1\n");
  const std::string file = entries(
      "  - {kind: stuck_at, netlist: m.json, sample: {list: list.csv}}\n"
      "  - {kind: product_table, file: cut.c}\n");
  const ProcessOutcome campaign = run({"campaign", file, "--threads", "2"});
  ASSERT_EQ(campaign.exit_code, 0) << campaign.output;
  EXPECT_THAT(campaign.output,
              HasSubstr("The multiplier is approximate: 53248 of 65536 fault-free products"));
  const json sets = results("out")["fault_sets"];
  // The set's golden run is what the table gives against the exact one.
  EXPECT_EQ(sets[0]["approximate"]["golden"]["top1_correct"], sets[1]["counts"]["faulty_correct"]);
  EXPECT_EQ(sets[0]["approximate"]["wrong_pairs"], sets[1]["product_table"]["wrong_pairs"]);
  EXPECT_LT(sets[1]["counts"]["output_identical"], 40) << "the table changes outputs";
  const json& faults = sets[0]["faults"];
  EXPECT_EQ(faults[1]["golden_correct"], sets[1]["counts"]["faulty_correct"]);
  EXPECT_GT(faults[1]["golden_products_changed"], 0);

  ASSERT_EQ(run({"campaign", file, "--threads", "1", "-o", "one"}).exit_code, 0);
  EXPECT_EQ(bytes("out") == bytes("one"), true) << "the same bytes for any threads";
  EXPECT_EQ(run({"replay", "out/results.json", "--fault", "1", "--image", "3"}).exit_code, 0);
  EXPECT_THAT(run({"plan", file}).output, HasSubstr("53248 of 65536 fault-free products are not exact"));
  ASSERT_EQ(run({"report", "out/results.json", "-o", "r.html"}).exit_code, 0);
  EXPECT_THAT(value_of(read_file(folder() / "r.html")),
              HasSubstr("Faults are counted against its own golden run"));
  EXPECT_THAT(run({"run", m_model, "--data", demo("images.npy"), "--labels", demo("labels.npy"), "--netlist",
                   "m.json", "--fault", "A[3]:1"})
                  .output,
              HasSubstr("approximate multiplier, A[3] stuck at 1"));
}

TEST_F(Multipliers, AnApproximateMultiplierThatIsNotCalledSoIsRefused) {
  synthesize("{p[15:4], 4'b0}", {"--approximate"});
  std::string text = value_of(read_file(folder() / "m.json"));
  const std::string attribute = "\"qfi_approximate\": \"yes\"";
  ASSERT_NE(text.find(attribute), std::string::npos);
  text.replace(text.find(attribute), attribute.size(), "\"other\": \"yes\"");
  write("other.json", text);
  expect_refused({"table", "other.json", "--fault", "A[3]:1", "-o", "t.npy"},
                 "is no multiplier of these operands");
  EXPECT_EQ(run({"table", "other.json", "--fault", "A[3]:1", "-o", "t.npy", "--approximate"}).exit_code, 0);
}

TEST_F(Multipliers, LibraryCellsAreTakenFromTheFileThatTellsThem) {
  QFI_NEEDS_SHARED_DATA();
  const auto file = [](const char* name) {
    return (test::shared_folder() / "data/cases/library_cells" / name).string();
  };
  const std::vector<std::string> ports = {"--rs1", "a", "--rs2", "b", "--result", "y"};
  const auto with_ports = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), ports.begin(), ports.end());
    return run(arguments);
  };
  const ProcessOutcome inspect =
      with_ports({"inspect", file("lib.json"), "--library", file("cells.v"), "--json"});
  ASSERT_EQ(inspect.exit_code, 0) << inspect.output;
  std::uint64_t cells = 0;
  const json inventory = json::parse(inspect.output);
  for (const auto& [type, count] : inventory["cells"].items()) cells += count.get<std::uint64_t>();
  EXPECT_EQ(cells, 448U);
  EXPECT_THAT(with_ports({"inspect", file("lib.json")}).output, HasSubstr("--library"));
  ASSERT_EQ(with_ports({"synth", file("libnet.v"), "--library", file("cells.v"), "--top", "m", "-o", "m"})
                .exit_code,
            0);
  EXPECT_THAT(with_ports({"synth", file("libnet.v"), file("cells.v"), "--top", "m", "-o", "anew"}).output,
              HasSubstr("it is optimized anew, and the fault sites are not those of the file"));
  // The netlist of `qfi synth` tells its cells; the other needs the library. Both give the same faults.
  write("list.csv", "site,stuck_at\na[3],1\nb[6],0\ny[9],1\n");
  const ProcessOutcome campaign =
      run({"campaign",
           entries("  - {kind: stuck_at, sample: {list: list.csv}, netlist: m.json}\n"
                   "  - {kind: stuck_at, sample: {list: list.csv}, netlist: {file: " +
                   file("lib.json") + ", rs1: a, rs2: b, result: y, library: " + file("cells.v") + "}}\n")});
  ASSERT_EQ(campaign.exit_code, 0) << campaign.output;
  const json sets = results("out")["fault_sets"];
  for (std::size_t i = 0; i < 3; ++i)
    for (const char* key : {"site", "table_digest", "faulty_correct", "top1_changed"})
      EXPECT_EQ(sets[0]["faults"][i].at(key), sets[1]["faults"][i].at(key)) << key;
}

TEST_F(Multipliers, TablesOfOtherEmulatorsAreReadAndWrongReadingsWarnedOf) {
  QFI_NEEDS_SHARED_DATA();
  const auto file = [](const char* name) {
    return (test::shared_folder() / "data/cases/lut_of_tf_approximate" / name).string();
  };
  const auto campaign = [&](const char* name, const std::string& more) {
    const ProcessOutcome outcome =
        run({"campaign", entries("  - {kind: product_table, file: " + file(name) + more + "}\n")});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    const json table = first_set("out")["product_table"];
    std::filesystem::remove_all(folder() / "out");
    return std::pair(outcome.output, table["wrong_pairs"].get<int>());
  };
  const auto right = campaign("mul8s_shifted.bin", ", values: shifted");
  EXPECT_EQ(right.second, 0);
  EXPECT_THAT(right.first, Not(HasSubstr("warning")));
  for (const char* name : {"mul8u.bin", "mul8u.npy"})
    EXPECT_THAT(campaign(name, "").first,
                HasSubstr("the table is of unsigned products, and the operators' codes "
                          "are INT8"))
        << name;
  EXPECT_THAT(campaign("mul8s_shifted.bin", "").first,
              HasSubstr("as INT8 codes with order rising and values shifted it would be 100.0 %"));
}

TEST_F(Multipliers, RunTakesATableInThePlaceOfTheProducts) {
  const std::vector<std::string> plain = {
      "run", m_model, "--data", demo("images.npy"), "--labels", demo("labels.npy"), "--json"};
  write("exact.txt", text_table([](int w, int x) { return w * x; }));
  write("turned.txt", text_table([](int w, int x) { return w * x + (w > 0 ? 64 : 0); }));
  write("other.txt", text_table([](int w, int x) { return w * x + (x > 0 ? 64 : 0); }));
  const auto answer = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = plain;
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessOutcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    json result = json::parse(outcome.output);
    for (const char* key : {"fault", "file", "data"}) result.erase(key);
    return result;
  };
  EXPECT_EQ(answer({"--table", "exact.txt"}), answer({}));
  EXPECT_EQ(answer({"--table", "turned.txt"}), answer({"--table", "other.txt", "--table-rows", "input"}));
  EXPECT_NE(answer({"--table", "turned.txt"}), answer({"--table", "other.txt"}));
  expect_refused({"run", m_model, "--data", demo("images.npy"), "--table", "exact.txt", "--netlist",
                  m_netlist, "--fault", "op_a[0]:1"},
                 "name one of them");
}

}  // namespace
}  // namespace qfi::test

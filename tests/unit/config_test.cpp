// SPDX-License-Identifier: Apache-2.0
#include "qfi/config/config.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "config/config_keys.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"
#include "qfi/config/config_help.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

const char* const k_good = R"(model: m.tflite
data: {format: npy, images: i.npy, labels: l.npy, select: {first: 5}}
faults:
  - {kind: stuck_at, netlist: n.json, operators: [conv_2d]}
sample: {margin: 0.03, confidence: 0.99}
output: out
)";

class Config : public testing::Test {
 protected:
  Result<CampaignConfig> read(const std::string& text) {
    EXPECT_TRUE(write_file(file(), text));
    ConfigParams params;
    params.variable = [](const std::string& name) -> std::optional<std::string> {
      if (name == "DATA") return "/data";
      return std::nullopt;
    };
    return read_campaign_config(file(), params);
  }
  std::string error(const std::string& text) {
    const auto config = read(text);
    return config ? "no error" : config.error().message;
  }
  /// k_good with one piece replaced.
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = k_good;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, from.size(), to);
  }
  std::filesystem::path file() const { return m_folder.path() / "c.yaml"; }
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

TEST_F(Config, DefaultsAreFilledIn) {
  const CampaignConfig config = value_of(read(k_good));
  const auto& unit = std::get<StuckAtConfig>(config.faults.at(0).model);
  EXPECT_EQ(unit.unit.operands, OperandEncoding::raw);
  EXPECT_EQ(unit.padding, PaddingTaps::skip);
  EXPECT_TRUE(config.design.is_crossed());
  EXPECT_EQ(config.verify, 8U);
  EXPECT_EQ(config.seed, 1U);
  EXPECT_NEAR(std::get<SampleMargin>(config.faults[0].sample).t, 2.5758, 1e-4);
  EXPECT_EQ(config.model.path, m_folder.path() / "m.tflite") << "relative to the config's folder";
  EXPECT_EQ(config.output.path, "out") << "relative to the current folder";
}

TEST_F(Config, CanonicalFormDoesNotDependOnOrderThreadsOrOutput) {
  const std::string reordered = R"(output: elsewhere
threads: 7
sample: {confidence: 0.99, margin: 0.03}
seed: 1
faults:
  - netlist: n.json
    kind: stuck_at
data:
  labels: l.npy
  images: i.npy
  format: npy
  select: {first: 5}
model: m.tflite
)";
  EXPECT_EQ(canonical_config(value_of(read(k_good))), canonical_config(value_of(read(reordered))));
  EXPECT_NE(canonical_config(value_of(read(k_good))),
            canonical_config(value_of(read(with("first: 5", "first: 6")))));
}

TEST_F(Config, VariablesInPathsAreReplacedAndRecordedAsWritten) {
  const CampaignConfig config = value_of(read(with("model: m.tflite", "model: \"${DATA}/m.tflite\"")));
  EXPECT_EQ(config.model.path, "/data/m.tflite");
  EXPECT_EQ(config.model.text, "${DATA}/m.tflite");
  EXPECT_THAT(error(with("model: m.tflite", "model: \"${NONE}/m.tflite\"")),
              HasSubstr("the variable NONE is not set"));
}

TEST_F(Config, ValuesMayBeVariablesWithDefaults) {
  const auto first = [&](const std::string& value) {
    return std::get<SelectFirst>(value_of(read(with("first: 5", "first: " + value))).data.select).count;
  };
  EXPECT_EQ(first("\"${IMAGES=12}\""), 12U);
  EXPECT_EQ(canonical_config(value_of(read(with("first: 5", "first: \"${IMAGES=12}\"")))),
            canonical_config(value_of(read(with("first: 5", "first: 12")))))
      << "the value counts";
  EXPECT_THAT(error(with("first: 5", "first: \"${DATA=12}\"")), HasSubstr("'first' must be a number"))
      << "is /data";
  EXPECT_THAT(error(with("first: 5", "first: \"${IMAGES}\"")), HasSubstr("must be a number"));
  EXPECT_THAT(error(with("first: 5", "first: \"${IMAGES=}\"")), HasSubstr("must be a number"));
  EXPECT_THAT(error(with("first: 5", "first: \"${A=1}${B=2}\"")), HasSubstr("must be a number"));
}

TEST_F(Config, EntriesOfFaultsMixAndMayHaveSamplesOfTheirOwn) {
  const CampaignConfig config = value_of(read(
      with("[conv_2d]}",
           "[conv_2d], name: unit}\n"
           "  - {kind: stuck_at, target: biases, bits: [31, 0, 31], polarity: [1], raw_rate: {fit_per_mbit: "
           "5}, sample: {count: 4, "
           "scheme: bit}}\n"
           "  - kind: bit_flip\n    target: data\n    stage: [output, accumulator]\n    layers: [3, name]\n"
           "    storage:\n      - {protection: tmr}\n      - {layers: [3], protection: vandor, top_bits: 2}\n"
           "    sample: {ber: [0.1, 0.2], draws: 7, draw: fixed}\n")));
  ASSERT_EQ(config.faults.size(), 3U);
  EXPECT_EQ(config.faults[0].name, "unit");
  EXPECT_EQ(config.faults[1].name, "biases 1");
  const auto& biases = std::get<BitFaultConfig>(config.faults[1].model);
  EXPECT_THAT(biases.bits, testing::ElementsAre(0, 31));
  EXPECT_THAT(biases.models, testing::ElementsAre(BitFaultModel::stuck_at_1));
  EXPECT_EQ(biases.duration, Duration::permanent);
  EXPECT_EQ(std::get<SampleCount>(config.faults[1].sample).scheme, SampleScheme::bit);
  const auto& data = std::get<BitFaultConfig>(config.faults[2].model);
  EXPECT_THAT(data.stages, testing::ElementsAre(Stage::accumulator, Stage::output));
  EXPECT_EQ(data.duration, Duration::transient) << "the default of data";
  ASSERT_EQ(data.storage.size(), 2U);
  EXPECT_EQ(data.storage[1].top_bits, 2);
  EXPECT_THAT(std::get<SampleErrorRate>(config.faults[2].sample).rates, testing::ElementsAre(0.1, 0.2));
  EXPECT_EQ(config.faults[1].raw_rate->fit, 5.0);
}

struct Mistake {
  const char* from;
  const char* to;
  const char* message;
};

TEST_F(Config, MistakesAreNamedWithLineColumnAndSuggestion) {
  const Mistake mistakes[] = {
      {"operators: [conv_2d]", "operator: [conv_2d]",
       ":4:39: unknown key 'operator' in 'faults'; did you mean 'operators'?"},
      {"output: out", "outptu: out", ":6:1: unknown key 'outptu' in 'config'; did you mean 'output'?"},
      {"[conv_2d]", "[conv2d]",
       "'operators' cannot be 'conv2d'; possible: conv_2d, depthwise_conv_2d, transpose_conv, "
       "fully_connected; did you mean "
       "'conv_2d'?"},
      {"kind: stuck_at", "kind: stuck", "'kind' cannot be 'stuck'"},
      {"format: npy", "format: png",
       "'format' cannot be 'png'; possible: cifar10, cifar100, cifar100_coarse, idx, npy, npz, images"},
      {"margin: 0.03", "margin: 3", ":5:18: 'margin' is 3; 0 to 1 are possible"},
      {"margin: 0.03", "margin: 0", "'margin' must lie between 0 and 1"},
      {"margin: 0.03", "margin: x", "'margin' must be a number"},
      {"confidence: 0.99", "confidence: 0.99, small: error",
       ":5:49: 'small' belongs to 'count'; beside 'margin'"},
      {", confidence: 0.99", "", "'sample' needs either confidence or t beside margin"},
      {"confidence: 0.99", "confidence: 0.99, t: 2.58",
       "'sample' needs either confidence or t beside margin"},
      {"confidence: 0.99", "count: 5", "'sample' needs exactly one of margin, count, list, ber"},
      {"margin: 0.03, confidence: 0.99", "ber: 0.1", "faults of a netlist are one stratum"},
      {"confidence: 0.99", "confidence: 0.99, scheme: layer", "faults of a netlist are one stratum"},
      {"output: out", "output: out\ndesign: {nested: 0}", "'nested' is 0; 1 to"},
      {"output: out", "output: out\ndesign: {nested: some}", "'nested' must be"},
      {"sample: {", "design: {nested: 2}\nsample: {half_width: 0.1, metric: critical_fault_rate} #",
       "a few images do not tell"},
      {"sample: {", "design: {nested: auto}\nsample: {list: f.csv} #", "a list is no sample to find"},
      {"output: out", "output: out\ndesign: square", "'design' is 'crossed', 'paired' or one of {nested: n}"},
      {"output: out", "output: out\ndesign: paired", "design: paired is for faults of stored bits"},
      {"margin: 0.03, confidence: 0.99", "budget: 2 days", "'budget' is a time of at least a second"},
      {"margin: 0.03, confidence: 0.99", "half_width: 0.1, minimum: 90, maximum: 50", "'maximum' is 50"},
      {"margin: 0.03, confidence: 0.99", "half_width: 0.1, minimum: 9", "'minimum' is 9; 30 to"},
      {"[conv_2d]}", "[conv_2d], weight: 1}\n  - {kind: bit_flip, target: weights}",
       "give every entry of 'faults' a weight, or none"},
      {"sample: {margin: 0.03, confidence: 0.99}\n", "", "key 'sample' is missing in 'config'"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip, target: weigths}", "did you mean 'weights'?"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip}", "key 'target' is missing in 'faults'"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip, target: weights, stage: output}",
       "'stage' belongs to the target data"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip, target: weights, polarity: [0]}",
       ":5:49: 'polarity' belongs to the kind stuck_at"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip, target: weights, storage: {width: 9}}",
       "'width' is 9"},
      {"[conv_2d]}",
       "[conv_2d]}\n  - {kind: bit_flip, target: weights, storage: {protection: tmr, top_bits: 1}}",
       "'top_bits' belongs to the protections triplicated and vandor"},
      {"[conv_2d]}",
       "[conv_2d]}\n  - {kind: bit_flip, target: weights, sample: {scheme: data_aware, margin: 0.1, t: 2, p: "
       "0.1}}",
       "a data-aware scheme finds p for each bit"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: bit_flip, target: weights, simultaneous: 2, sample: {ber: 0.1}}",
       "'ber' draws how many bits flip"},
      {"[conv_2d]}", "[conv_2d]}\n  - {kind: product_table, file: t.npy, sample: exhaustive}",
       ":5:48: a product table is one fault; leave 'sample' out"},
      {"[conv_2d]}", "[conv_2d], name: a}\n  - {kind: bit_flip, target: weights, name: a}",
       "the name 'a' appears twice"},
      {"[conv_2d]}", "[conv_2d], raw_rate: {fit_per_mbit: 3}}", "unknown key 'fit_per_mbit' in 'raw_rate'"},
      {"model: m.tflite\n", "", "key 'model' is missing in 'config'"},
      {"select: {first: 5}", "select: some", "'select' is 'all' or one of"},
      {"select: {first: 5}", "select: {first: 5, random: 3}", "'select' needs exactly one of"},
      {"select: {first: 5}", "select: {first: -5}", "'first' must be a number"},
      {"output: out", "output: out\nseed: 1\nseed: 2", "key 'seed' appears twice"},
      {"output: out", "output: out\nthreads: 0", "'threads' is 0; 1 to 4096 are possible"},
      {"output: out", "output: [", "c.yaml:7:"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string message = error(with(mistake.from, mistake.to));
    EXPECT_THAT(message, HasSubstr(mistake.message)) << mistake.to;
    EXPECT_THAT(message, HasSubstr("c.yaml:")) << mistake.to;
    EXPECT_EQ(message.find('\n'), std::string::npos) << mistake.to;
  }
}

TEST_F(Config, HostileTextIsAnError) {
  EXPECT_THAT(error(""), HasSubstr("a campaign config is a map"));
  EXPECT_THAT(error("- a\n- b\n"), HasSubstr("a campaign config is a map"));
  EXPECT_THAT(error(std::string(100'000, '[')), HasSubstr("c.yaml:"));
  EXPECT_THAT(error(std::string(2 << 20, ' ')), HasSubstr("more than the limit"));
  for (std::size_t size = 0; size + 8 < std::string(k_good).size(); ++size)
    EXPECT_NE(error(std::string(k_good).substr(0, size)), "no error") << size;
}

// Recorded texts: QFI_REWRITE=1 writes what there is now over them.
void expect_recorded(const std::filesystem::path& file, const std::string& text) {
  if (std::getenv("QFI_REWRITE") != nullptr) {
    ASSERT_TRUE(write_file(file, text));
  }
  EXPECT_EQ(value_of(read_file(file)), text) << file << ": QFI_REWRITE=1 records it anew";
}

// The YAML configs below a folder of the checkout.
std::vector<std::filesystem::path> configs_in(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::source_folder() / folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  return files;
}

TEST_F(Config, CanonicalJsonIsWhatWasRecorded) {
  const auto files = configs_in("tests/data/configs");
  EXPECT_GE(files.size(), 20U);
  for (std::filesystem::path file : files) {
    const CampaignConfig config = value_of(read(value_of(read_file(file))));
    expect_recorded(file.replace_extension(".json"), canonical_config(config) + "\n");
  }
}

// "faults.storage.width"; an entry's sample has the keys of the config's.
void collect_paths(const Schema& json, const std::string& path, std::set<std::string>& paths) {
  if (!path.empty()) paths.insert(path);
  for (const auto& [key, value] : json.items()) {
    if (json.is_object()) collect_paths(value, path.empty() ? key : path + "." + key, paths);
    else if (json.is_array()) collect_paths(value, path, paths);
  }
  if (path == "faults" && json.is_object() && json.contains("sample"))
    collect_paths(json["sample"], "sample", paths);
}

void expect_given(const std::vector<FormDoc>& forms, const std::set<std::string>& given) {
  for (const FormDoc& form : forms)
    for (const KeyDoc& doc : form.keys) {
      EXPECT_TRUE(given.contains(doc.path)) << "no recorded config has the key " << doc.path;
      expect_given(doc.forms, given);
    }
}

TEST_F(Config, RecordedConfigsHaveEveryKey) {
  std::set<std::string> given;
  for (const auto& file : configs_in("tests/data/configs"))
    collect_paths(json_of_yaml(value_of(read_file(file))), "", given);
  expect_given({document_config()}, given);
}

template <class T>
void expect_examples_are_read(T value) {
  const YamlFile file{"example", nullptr};
  const ConfigParams params;
  const ConfigReader reader("", params);
  for (const Key& key : keys_of(value)) {
    if (key.sentence.empty()) continue;
    const auto read = key.value.read(reader, YamlNode(YAML::Load(key.example), &file, key.name));
    EXPECT_TRUE(read.has_value()) << key.name << ": " << read.error().message;
    EXPECT_TRUE(key.sentence.ends_with('.')) << key.name;
  }
}

template <class... Models>
void expect_entries_are_read() {
  (expect_examples_are_read(FaultsConfig{"", Models{}, {}, {}, {}}), ...);
}

TEST(ConfigHelp, ExamplesAreRead) {
  expect_examples_are_read(DataAndInput{});
  expect_examples_are_read(DataConfig{});
  expect_examples_are_read(InputScaling{});
  expect_examples_are_read(Resize{});
  expect_examples_are_read(CropShare{});
  expect_examples_are_read(SelectList{});
  expect_entries_are_read<StuckAtConfig, BitFaultConfig, TableConfig>();
  expect_examples_are_read(StorageConfig{});
  expect_examples_are_read(SampleMargin{});
  expect_examples_are_read(SampleCount{});
  expect_examples_are_read(SampleList{});
  expect_examples_are_read(SampleErrorRate{});
  expect_examples_are_read(SampleSequential{});
  expect_examples_are_read(SampleBudget{});
  expect_examples_are_read(SampleGenetic{});
}

TEST(ConfigHelp, SaysAllAboutAKeyByItsPathOrItsLastName) {
  const std::string help = value_of(config_help("faults.storage.protection"));
  EXPECT_EQ(help, value_of(config_help("protection")));
  EXPECT_EQ(help, value_of(config_help("faults[].storage[].protection")));
  for (const char* said :
       {"faults.storage.protection\n", "type      word\n", "default   plain\n",
        "values    plain, triplicated, tmr, vandor, split_lcu\n", "example   protection: vandor\n"})
    EXPECT_THAT(help, HasSubstr(said));
  EXPECT_THAT(value_of(config_help("sample.scheme")),
              HasSubstr("beside    margin, count, half_width, budget\n"));
  EXPECT_THAT(value_of(config_help("faults.operators")),
              testing::AllOf(HasSubstr("beside    netlist, file\n"), HasSubstr("beside    target\n")));
  EXPECT_THAT(value_of(config_help("sample.draws")), HasSubstr("  half_width *"));
  EXPECT_THAT(value_of(config_help("faults")),
              HasSubstr("  The map has exactly one of netlist, target, file.\n"));
}

TEST(ConfigHelp, UnknownAndAmbiguousKeysAreErrors) {
  const auto error = [](const std::string& key) { return config_help(key).error().message; };
  EXPECT_EQ(error("protectoin"), "there is no config key 'protectoin'; did you mean 'protection'?");
  EXPECT_EQ(error("faults.storag"), "there is no config key 'faults.storag'; did you mean 'faults.storage'?");
  EXPECT_EQ(error("zebra"), "there is no config key 'zebra'; see qfi help config");
  EXPECT_EQ(error("half_width"),
            "the config key 'half_width' is one of sample.draws.half_width, sample.half_width");
}

TEST(ConfigHelp, FitsATerminal) {
  std::string text = config_help();
  for (const char* key : {"kind", "faults", "sample", "data", "faults.operators"})
    text += value_of(config_help(key));
  for (const std::string_view line : split(text, '\n')) EXPECT_LE(line.size(), 100U) << line;
}

TEST(ConfigHelp, TheReferencePageAndTheSchemaAreUpToDate) {
  expect_recorded(test::source_folder() / "campaigns/campaign.schema.json", config_schema());
  const std::string begin = "<!-- config-reference:begin -->\n";
  const auto file = test::source_folder() / "campaigns/README.md";
  std::string page = value_of(read_file(file));
  const auto first = page.find(begin);
  const auto last = page.find("<!-- config-reference:end -->");
  ASSERT_LT(first, last);
  page.replace(first + begin.size(), last - first - begin.size(), "\n" + config_reference() + "\n");
  expect_recorded(file, page);
}

// Whether a JSON Schema validator finds what is expected.
int validate(const std::string& lines, const std::string& options = "") {
  const auto folder = value_of(TemporaryFolder::create());
  const auto input = folder.path() / "configs.jsonl";
  EXPECT_TRUE(write_file(input, lines));
  const std::string command = fmt::format(
      "/usr/bin/python3 '{0}/tests/unit/validate_configs.py' '{0}/campaigns/campaign.schema.json' '{1}' {2}",
      test::source_folder().string(), input.string(), options);
  return std::system(command.c_str());
}

TEST(ConfigSchema, AcceptsEveryConfigAndEveryExample) {
  std::string lines;
  for (const char* folder : {"campaigns", "tests/data/configs"})
    for (const auto& file : configs_in(folder))
      lines += json_of_yaml(value_of(read_file(file))).dump() + "\n";
  EXPECT_EQ(validate(lines), 0);
}

TEST(ConfigSchema, RefusesWhatTheProgramRefuses) {
  std::string lines;
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"output: out", "outptu: out"},
           {"margin: 0.03", "margin: 3"},
           {"[conv_2d]", "[conv2d]"},
           {"kind: stuck_at", "kind: stuck"},
           {"first: 5", "first: 0"},
           {"first: 5", "first: \"${IMAGES}\""},
           {"sample: {margin: 0.03, confidence: 0.99}", "sample: all"},
           {"confidence: 0.99", "confidence: 0.99, small: error"},
           {"model: m.tflite\n", ""}}) {
    std::string text = k_good;
    lines += json_of_yaml(text.replace(text.find(from), from.size(), to)).dump() + "\n";
  }
  EXPECT_EQ(validate(lines, "--refused"), 0);
}

}  // namespace
}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/published.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/statistics/figures_of_merit.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

class Published : public testing::Test {
 protected:
  void SetUp() override {
    const std::string results =
        R"({"a": {"mean": 0.2, "interval_these_images": [0.19, 0.21], "interval_image_population": [0.1, 0.3]},
            "lost": {"mean": 0.1, "interval_these_images": [-0.1, 0.3]},
            "b": {"share": 0.5, "interval": null}, "none": {"removed_share": null, "interval": null}, "list": [{"changed": 30}, {"changed": 60}], "text": "x"})";
    std::filesystem::create_directory(m_folder.path() / "run");
    ASSERT_TRUE(write_file(m_folder.path() / "run/results.json", results));
  }
  Result<PublishedStudy> read(const std::string& figure) {
    EXPECT_TRUE(write_file(m_folder.path() / "study.json",
                           R"({"title": "T", "source": "S", "text": ["one"], "figures": [)" + figure + "]}"));
    const std::vector<std::filesystem::path> results = {m_folder.path() / "run/results.json"};
    return read_published(m_folder.path() / "study.json", results);
  }
  ComparedFigure figure(const std::string& published, const std::string& value) {
    return value_of(read(R"({"what": "w", "unit": "%", "published": )" + published + R"(, "value": )" +
                         value + "}"))
        .figures.at(0);
  }
  std::string error(const std::string& value) {
    const auto study = read(R"({"what": "w", "published": 1, "value": )" + value + "}");
    return study ? "no error" : study.error().message;
  }
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

TEST_F(Published, FiguresStandBesideEstimatesWithTheWiderInterval) {
  const ComparedFigure f = figure("[16.9, 20.9]", R"("run:/a")");
  EXPECT_DOUBLE_EQ(f.published->low, 0.169);
  EXPECT_DOUBLE_EQ(f.value, 0.2);
  ASSERT_TRUE(f.interval);
  EXPECT_DOUBLE_EQ(f.interval->low, 0.1);
  EXPECT_DOUBLE_EQ(f.interval->high, 0.3);
  EXPECT_EQ(f.agreement(), Agreement::agrees);
  EXPECT_EQ(figure("[30.1, 31]", R"("run:/a")").agreement(), Agreement::differs);
  EXPECT_EQ(figure("[29, 31]", R"("run:/a")").agreement(), Agreement::agrees);
  EXPECT_EQ(figure("49", R"("run:/b")").agreement(), Agreement::differs) << "no interval: the value itself";
  EXPECT_EQ(figure("50", R"("run:/b")").agreement(), Agreement::agrees);
}

TEST_F(Published, WhatTheResultsDoNotKnowIsNotJudged) {
  const ComparedFigure f = figure("96", R"({"sum": [1, "run:/none"]})");
  EXPECT_TRUE(std::isnan(f.value));
  EXPECT_EQ(f.agreement(), Agreement::unknown);
  EXPECT_EQ(figure("null", R"("run:/a")").agreement(), Agreement::unknown);
  EXPECT_TRUE(std::isnan(figure("1", R"({"ratio": ["run:/a", 0]})").value)) << "a share of nothing";
  EXPECT_TRUE(std::isnan(figure("1", R"({"ratio": ["run:/a", "run:/lost"]})").value))
      << "a loss that may be a gain";
  EXPECT_DOUBLE_EQ(figure("1", R"({"ratio": ["run:/lost", "run:/a"]})").value, 0.5);
}

// Ours is 20 % (10 .. 30 %), or 1 % of that, or what is missing to 1.
TEST_F(Published, AnIntervalWiderThanTheFigureTellsNothing) {
  EXPECT_EQ(figure("25", R"("run:/a")").agreement(), Agreement::agrees);
  EXPECT_EQ(figure("12", R"("run:/a")").agreement(), Agreement::too_wide) << "20 points wide";
  EXPECT_EQ(figure("0.25", R"({"product": ["run:/a", 0.01]})").agreement(), Agreement::agrees);
  EXPECT_EQ(figure("0.15", R"({"product": ["run:/a", 0.01]})").agreement(), Agreement::too_wide);
  EXPECT_EQ(figure("4", R"("run:/a")").agreement(), Agreement::differs) << "it is wide, but elsewhere";
  EXPECT_EQ(figure("[5, 28]", R"("run:/a")").agreement(), Agreement::agrees) << "a published range as wide";
  EXPECT_EQ(figure("88", R"({"sum": [1, {"product": ["run:/a", -1]}]})").agreement(), Agreement::too_wide);
  EXPECT_EQ(figure("78", R"({"sum": [1, {"product": ["run:/a", -1]}]})").agreement(), Agreement::agrees);
  EXPECT_EQ(figure("0", R"({"sum": ["run:/a", -0.15]})").agreement(), Agreement::too_wide);
}

TEST_F(Published, WhatHasNoCounterpartWasNotRun) {
  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel, const std::string& message) { warnings.push_back(message); });
  const auto study = read(R"({"what": "a", "unit": "%", "published": 20, "value": "run:/a"},
      {"what": "b", "published": 1, "value": {"ratio": ["other:/a", 2]}},
      {"what": "c", "published": 1, "value": "other:/b"}, {"what": "d", "published": 1, "value": null})");
  set_log_sink({});
  const std::vector<ComparedFigure> figures = value_of(study).figures;
  ASSERT_EQ(figures.size(), 4U);
  EXPECT_EQ(figures[0].agreement(), Agreement::agrees);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(figures[i].agreement(), Agreement::not_run) << i;
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("no results of a folder 'other' are given: not run")));
  EXPECT_THAT(error(R"("other:/a")"), HasSubstr("the given results hold none of its figures"));
}

TEST_F(Published, FiguresAreComputedFromSeveral) {
  EXPECT_DOUBLE_EQ(figure("1", R"({"ratio": ["run:/list/0/changed", "run:/list/1/changed"]})").value, 0.5);
  const ComparedFigure scaled = figure("1", R"({"ratio": ["run:/a", 0.5]})");
  EXPECT_DOUBLE_EQ(scaled.value, 0.4);
  EXPECT_DOUBLE_EQ(scaled.interval->high, 0.6);
  EXPECT_FALSE(figure("1", R"({"ratio": ["run:/a", "run:/b"]})").interval) << "of two estimates";
  EXPECT_DOUBLE_EQ(figure("1", R"({"sum": [1, {"product": ["run:/a", -1]}]})").interval->low, 0.7);
}

// AlexNet, heterogeneous 3 and 5 bits: the published table's row, which is cut off after two digits.
TEST_F(Published, RapIsThatOfThePaper) {
  EXPECT_NEAR(rap(11.01, 174'973'656.0 / 174'868'512.0, 1.1243), 12.38, 0.01);
  EXPECT_NEAR(figure("12.38", R"({"rap": [11.01, {"ratio": [174973656, 174868512]}, 1.1243]})").value, 12.38,
              0.01);
}

TEST_F(Published, PDropIsProportional) {
  const double one = p_drop(1000, 3, 0.5, 0.1, 1e-4, 0.2);
  EXPECT_DOUBLE_EQ(one, 1e6 * 9 * 0.5 * 0.1 * 1e-4 * 0.2);
  EXPECT_DOUBLE_EQ(p_drop(2000, 3, 0.5, 0.1, 1e-4, 0.2), 4 * one);
  EXPECT_DOUBLE_EQ(p_drop(1000, 6, 0.5, 0.1, 1e-4, 0.2), 4 * one);
  EXPECT_DOUBLE_EQ(p_drop(1000, 3, 1.0, 0.1, 1e-4, 0.2), 2 * one);
  EXPECT_DOUBLE_EQ(p_drop(1000, 3, 0.5, 0.1, 2e-4, 0.4), 4 * one);
}

TEST_F(Published, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(
      error(R"("run:/nothing")"),
      HasSubstr("study.json: published.figures[0].value: the results have nothing at 'run:/nothing'"));
  EXPECT_FALSE(figure("1", R"({"rap": ["run:/a", "run:/b", 1]})").interval) << "of two estimates";
  EXPECT_THAT(error(R"("run")"), HasSubstr("is no FOLDER:POINTER"));
  EXPECT_THAT(error(R"("run:a~")"), HasSubstr("is no JSON pointer"));
  EXPECT_THAT(error(R"("run:/text")"), HasSubstr("no number and no estimate"));
  EXPECT_THAT(error(R"({"power": [1, 2]})"), HasSubstr("no operation 'power'"));
  EXPECT_THAT(error(R"({"ratio": [1]})"), HasSubstr("'ratio' needs 2 values"));
  EXPECT_THAT(error("[]"), HasSubstr("a value is a number"));
  std::string deep = "1";
  for (int i = 0; i < 20; ++i) deep = R"({"sum": [)" + deep + "]}";
  EXPECT_THAT(error(deep), HasSubstr("nests too deep"));
}

}  // namespace
}  // namespace qfi

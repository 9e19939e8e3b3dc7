// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/csv.hpp"

#include <gmock/gmock.h>

#include "draw.hpp"
#include "qfi/base/file.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;

struct Row {
  std::size_t line = 0;
  std::vector<std::string> fields;
  bool operator==(const Row&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << "line " << row.line << ": " << testing::PrintToString(row.fields);
}

Result<std::vector<Row>> read(std::string_view text, const CsvLimits& limits = {}) {
  CsvReader reader(text, "t.csv", limits);
  std::vector<Row> rows;
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) return rows;
    rows.push_back({reader.line(), {reader.fields().begin(), reader.fields().end()}});
  }
}

std::string error(std::string_view text, const CsvLimits& limits = {}) {
  const auto rows = read(text, limits);
  return rows ? "read" : rows.error().message;
}

TEST(Csv, RowsAreSplitAtCommasAndLinesThatAreEmptyAreLeftOut) {
  EXPECT_THAT(value_of(read("")), ElementsAre());
  EXPECT_THAT(value_of(read("\n\r\n\n")), ElementsAre());
  EXPECT_THAT(
      value_of(read("a,b\n\n1,\r\n,\n \nx")),
      ElementsAre(Row{1, {"a", "b"}}, Row{3, {"1", ""}}, Row{4, {"", ""}}, Row{5, {" "}}, Row{6, {"x"}}));
}

TEST(Csv, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  EXPECT_THAT(value_of(read("\"a,b\",\"say \"\"x\"\"\"\r\n\"\",1\n")),
              ElementsAre(Row{1, {"a,b", "say \"x\""}}, Row{2, {"", "1"}}));
  EXPECT_THAT(value_of(read("1,\"two\nlines, \"\"\r\n\"\"\",2\n3\n")),
              ElementsAre(Row{1, {"1", "two\nlines, \"\r\n\"", "2"}}, Row{4, {"3"}}));
  EXPECT_THAT(value_of(read("\"a\"\"\"")), ElementsAre(Row{1, {"a\""}}));
}

TEST(Csv, AQuoteInsideAFieldIsACharacter) {
  EXPECT_THAT(value_of(read("5\" disk,a\"b\"\n\"x\"y\",2\n")),
              ElementsAre(Row{1, {"5\" disk", "a\"b\""}}, Row{2, {"xy\"", "2"}}));
}

TEST(Csv, ErrorsNameFileAndLine) {
  EXPECT_EQ(error("a\n\n1,\"2\n3\n"), "t.csv:3: a quote that is not closed");
  EXPECT_EQ(error("a\n12345\n", {.characters = 4}), "t.csv:2: a line of more than 4 characters");
  EXPECT_EQ(error("a\n\"1\n3\"\n", {.characters = 4}), "t.csv:2: a line of more than 4 characters");
  EXPECT_EQ(error("a\n\"1\n\"345\n", {.characters = 4}), "t.csv:2: a line of more than 4 characters");
  EXPECT_EQ(error("a\n1234\n\"12\"", {.characters = 4}), "read");
  EXPECT_EQ(error("a,b,c\n1,2,3,4\n", {.fields = 3}), "t.csv:2: more than 3 fields");
  CsvReader empty("\n", "t.csv");
  EXPECT_EQ(empty.read_header().error().message, "t.csv: is empty");
}

TEST(Csv, ColumnsAreFoundByName) {
  CsvReader reader("b,\"a,a\",b\n1,2,3\n", "t.csv");
  ASSERT_TRUE(reader.read_header());
  EXPECT_EQ(reader.column("a,a"), 1U);
  EXPECT_EQ(reader.column("b"), 0U);
  EXPECT_EQ(reader.column("c"), std::nullopt);
}

TEST(Csv, FieldsAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(csv_field("a b"), "a b");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csv_field("a\n"), "\"a\n\"");
  EXPECT_EQ(csv_quoted("a"), "\"a\"");
}

TEST(Csv, RandomFieldsAreReadAsTheyWereWritten) {
  constexpr std::string_view k_characters = "ab,\"\n\r ";
  test::Draw draw(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Row> rows;
    std::string text;
    std::size_t line = 1;
    for (int r = draw(1, 4); r > 0; --r) {
      Row& row = rows.emplace_back(Row{line, {}});
      for (int f = draw(2, 4); f > 0; --f) {
        std::string& field = row.fields.emplace_back();
        for (int c = draw(0, 6); c > 0; --c)
          field += k_characters[static_cast<std::size_t>(draw(0, static_cast<int>(k_characters.size()) - 1))];
        line += static_cast<std::size_t>(std::ranges::count(field, '\n'));
        text += (row.fields.size() > 1 ? "," : "") + (draw(0, 1) == 0 ? csv_field(field) : csv_quoted(field));
      }
      text += draw(0, 1) == 0 ? "\n" : "\r\n";
      ++line;
    }
    ASSERT_EQ(value_of(read(text)), rows) << text;
  }
}

TEST(Csv, ChosenColumnsComeInTheOrderOfTheirNames) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const auto file = folder.path() / "t.csv";
  const std::vector<std::string> names = {"b", "a"};
  const auto shown = [&](const std::string& text) {
    EXPECT_TRUE(write_file(file, text));
    std::vector<Row> rows;
    const auto done = for_each_csv_row(file, names, [&](std::size_t line, auto fields) -> Result<void> {
      rows.push_back({line, {fields.begin(), fields.end()}});
      return {};
    });
    return done ? testing::PrintToString(rows) : done.error().message;
  };
  EXPECT_EQ(shown("a,x,b\n\n\"1\",2,3,4\n"), testing::PrintToString(std::vector<Row>{{3, {"3", "1"}}}));
  EXPECT_THAT(shown("a,x\n"), HasSubstr("t.csv:1: the header lacks the column 'b'"));
  EXPECT_THAT(shown("a,b\n1\n"), HasSubstr("t.csv:2: 1 fields are too few"));
}

TEST(Csv, AByteOrderMarkInFrontIsSkipped) {
  EXPECT_EQ(value_of(read("\xEF\xBB\xBF"
                          "a,b\n\xEF\xBB\xBF,c\n")),
            (std::vector<Row>{{1, {"a", "b"}}, {2, {"\xEF\xBB\xBF", "c"}}}));
}

}  // namespace
}  // namespace qfi

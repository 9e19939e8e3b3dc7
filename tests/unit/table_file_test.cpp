// SPDX-License-Identifier: Apache-2.0
#include "qfi/tables/table_file.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/npy.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a file holds for each pair of places, first index first.
std::vector<std::int32_t> numbers(const std::function<std::int32_t(int row, int column)>& number) {
  std::vector<std::int32_t> all;
  for (int row = 0; row < 256; ++row)
    for (int column = 0; column < 256; ++column) all.push_back(number(row, column));
  return all;
}

template <class T>
std::string binary(const std::vector<std::int32_t>& all) {
  std::string bytes;
  for (const std::int32_t number : all) {
    const T value = static_cast<T>(number);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

std::string c_array(const std::vector<std::int32_t>& all, const char* before, const char* after,
                    bool is_hex) {
  std::string text = before;
  for (std::size_t i = 0; i < all.size(); ++i)
    text += (is_hex && all[i] >= 0 ? fmt::format("0x{:x}u", all[i]) : std::to_string(all[i])) +
            (i % 256 == 255 ? ",\n" : ", ");
  return text + after;
}

std::vector<std::int32_t> read(const std::string& content) {
  return value_of(read_table_numbers("t.bin", content));
}

std::string error_of(const std::string& content) {
  const auto result = read_table_numbers("t.bin", content);
  return result ? "no error" : result.error().message;
}

int signed_code(int byte) { return byte < 128 ? byte : byte - 256; }

TEST(TableFile, BinariesAndTextsGiveTheSameNumbers) {
  const auto all = numbers([](int row, int column) { return row * column; });
  EXPECT_EQ(read(binary<std::int32_t>(all)), all);
  EXPECT_EQ(read(binary<std::uint16_t>(all)), all);
  EXPECT_EQ(read(c_array(all, "", "", false)), all);
  EXPECT_EQ(read(c_array(all, "#include <stdint.h>\n// 8 x 8 {\nconst uint16_t lut[65536] /* 2^16 */ = {",
                         "};\n", true)),
            all);
  const auto negative = numbers([](int row, int column) { return (row - 128) * (column - 128); });
  EXPECT_EQ(read(c_array(negative, "static int16_t lut[256][256] = {{", "}};", false)), negative);
}

TEST(TableFile, WhatIsNoTableIsAnError) {
  const auto all = numbers([](int row, int column) { return row + column; });
  EXPECT_THAT(error_of(std::string("\1\2\3", 3)),
              AllOf(HasSubstr("neither an .npy file"), HasSubstr("3 bytes")));
  EXPECT_THAT(error_of("1, 2, 3"), HasSubstr("3 numbers; a product table has 65,536"));
  EXPECT_THAT(error_of(c_array(all, "", "7", false)), HasSubstr("more than 65,536 numbers"));
  EXPECT_THAT(error_of("int t[] = {\n 1, x }"), HasSubstr("line 2: 'x' is no whole number"));
  EXPECT_THAT(error_of("4294967296"), HasSubstr("fits an int32"));
  EXPECT_THAT(error_of("int t[] = { 1"), HasSubstr("braces do not close"));
}

TEST(TableFile, OrderRowsAndValuesSayWhatANumberMeans) {
  // The number of weight w and input x is 1000 w + x.
  const auto product = [](int w, int x) { return 1000 * w + x; };
  const auto expect_read = [&](const std::vector<std::int32_t>& all, const TableReading& reading) {
    const auto products = products_by_byte(all, reading, CodeType::int8);
    for (int w = -128; w < 128; ++w)
      for (int x = -128; x < 128; ++x)
        ASSERT_EQ(products[byte_index(w) * 256 + byte_index(x)], product(w, x)) << w << ", " << x;
  };
  expect_read(numbers([&](int row, int column) { return product(row - 128, column - 128); }), {});
  expect_read(numbers([&](int row, int column) { return product(signed_code(row), signed_code(column)); }),
              {TableOrder::twos_complement, Rs1::weight, TableValues::as_stored});
  expect_read(numbers([&](int row, int column) { return product(column - 128, row - 128); }),
              {TableOrder::rising, Rs1::input, TableValues::as_stored});
  expect_read(numbers([&](int row, int column) { return product(row - 128, column - 128) + 32768; }),
              {TableOrder::rising, Rs1::weight, TableValues::shifted});
  const auto words =
      read(binary<std::uint16_t>(numbers([](int row, int column) { return (row - 128) * (column - 128); })));
  EXPECT_EQ(products_by_byte(words, {TableOrder::rising, Rs1::weight, TableValues::twos_complement},
                             CodeType::int8)[byte_index(-5) * 256 + 7],
            -35);
}

std::vector<std::string> warnings_of(const std::vector<std::int32_t>& all, const TableReading& reading,
                                     CodeType type) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const std::string& message) { lines.push_back(message); });
  warn_of_misreading("t.bin", all, reading, type);
  set_log_sink({});
  return lines;
}

TEST(TableFile, AMisreadTableIsWarnedOfWithTheReadingThatFits) {
  const auto unsigned_table = numbers([](int row, int column) { return row * column; });
  EXPECT_THAT(warnings_of(unsigned_table, {}, CodeType::uint8), IsEmpty());
  EXPECT_THAT(warnings_of(unsigned_table, {}, CodeType::int8),
              ElementsAre(AllOf(HasSubstr("of INT8 codes, 0.2 % of the products are right"),
                                HasSubstr("as UINT8 codes with order rising and values as_stored it would be "
                                          "100.0 %"),
                                HasSubstr("the table is of unsigned products"))));
  const auto by_byte =
      numbers([](int row, int column) { return signed_code(row) * signed_code(column) + 32768; });
  const TableReading right{TableOrder::twos_complement, Rs1::weight, TableValues::shifted};
  EXPECT_THAT(warnings_of(by_byte, right, CodeType::int8), IsEmpty());
  for (const TableOrder order : {TableOrder::rising, TableOrder::twos_complement})
    EXPECT_THAT(
        warnings_of(by_byte, {order, Rs1::weight, TableValues::as_stored}, CodeType::int8),
        ElementsAre(HasSubstr("as INT8 codes with order twos_complement and values shifted it would be "
                              "100.0 %")));
}

TEST(TableFile, APoorMultiplierIsReadWithoutAWarning) {
  // Two low bits are cut of both operands: a quarter of a half of the products is right.
  const auto cut = numbers([](int row, int column) { return ((row - 128) & ~3) * ((column - 128) & ~3); });
  EXPECT_THAT(warnings_of(cut, {}, CodeType::int8), IsEmpty());
  const auto noise =
      numbers([](int row, int column) { return (row * 7919 + column * 104729) % 20011 - 10000; });
  EXPECT_THAT(warnings_of(noise, {}, CodeType::int8),
              ElementsAre(HasSubstr("no other order or signedness fits better")));
}

TEST(TableFile, TablesOfTheTfApproximateCaseAreRead) {
  QFI_NEEDS_SHARED_DATA();
  const auto folder = test::shared_folder() / "data/cases/lut_of_tf_approximate";
  const auto numbers_of = [&](const char* name) {
    return value_of(read_table_numbers(folder / name, value_of(read_file(folder / name))));
  };
  EXPECT_EQ(fit_of(numbers_of("mul8u.bin"), {}, CodeType::uint8).right_share, 1);
  EXPECT_EQ(fit_of(numbers_of("mul8u.npy"), {}, CodeType::uint8).right_share, 1);
  EXPECT_EQ(fit_of(numbers_of("mul8s_shifted.bin"), {TableOrder::rising, Rs1::weight, TableValues::shifted},
                   CodeType::int8)
                .right_share,
            1);
}

}  // namespace
}  // namespace qfi

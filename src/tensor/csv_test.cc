#include "tensor/csv.h"

#include <gmock/gmock.h>

#include <cmath>

namespace slipway::tensor {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(CsvTest, ReadsColumnsOfNumbersAndText) {
  const auto table = ReadCsv(
      "\xEF\xBB\xBF"
      "age,city,\"a \"\"b\"\"\"\r\n41,Bern,1.5\r\n, \"x\" \n");
  EXPECT_FALSE(table.ok());  // a quote behind a blank
  const auto good = ReadCsv(
      "\xEF\xBB\xBF"
      "age,city,\"a \"\"b\"\"\"\r\n41,Bern,1.5e3\r\n,\"x,\ny\",-2\n\n");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->rows, 2U);
  ASSERT_EQ(good->columns.size(), 3U);
  EXPECT_EQ(good->columns[2].name, "a \"b\"");
  EXPECT_TRUE(good->columns[0].numeric);
  EXPECT_EQ(good->columns[0].numbers[0], 41);
  EXPECT_TRUE(std::isnan(good->columns[0].numbers[1]));
  EXPECT_FALSE(good->columns[1].numeric);
  EXPECT_THAT(good->columns[1].text, ElementsAre("Bern", "x,\ny"));
  EXPECT_THAT(good->columns[2].numbers, ElementsAre(1500, -2));
}

TEST(CsvTest, ColumnsWithoutAnyNumberAreText) {
  const auto table = ReadCsv("a,b\n,1\n,x");
  ASSERT_TRUE(table.ok());
  EXPECT_FALSE(table->columns[0].numeric);
  EXPECT_FALSE(table->columns[1].numeric);
  EXPECT_EQ(ReadCsv("a,b")->rows, 0U);
}

TEST(CsvTest, SaysInWhichLineWhatIsWrong) {
  const auto error = [](std::string_view text) { return ReadCsv(text).status().message(); };
  EXPECT_THAT(error(""), HasSubstr("line 1"));
  EXPECT_EQ(error("a,b\n1,2\n3"), "line 3: expected 2 fields, got 1");
  EXPECT_EQ(error("a\n\"x\n\n\"\n1,2"), "line 5: expected 1 fields, got 2");
  EXPECT_EQ(error("a,a\n"), "line 1: column 'a' is there twice");
  EXPECT_EQ(error("a,\n"), "line 1: a column has no name");
  EXPECT_EQ(error("a\n\"x"), "line 2: a quoted field has no end");
  EXPECT_EQ(error("a\n\"x\"y"), "line 2: expected a comma behind a quoted field");
  EXPECT_EQ(error("a\nx\"y"), "line 2: a quote inside a field that is not quoted");
  EXPECT_EQ(error("a\n\xFF"), "the table is not UTF-8 text");
}

TEST(CsvTest, KeepsItsLimits) {
  CsvLimits limits;
  limits.max_columns = 2;
  EXPECT_EQ(ReadCsv("a,b,c", limits).status().code(), StatusCode::kResourceExhausted);
  limits = {};
  limits.max_cells = 2;
  EXPECT_EQ(ReadCsv("a\n1\n2\n3", limits).status().code(), StatusCode::kResourceExhausted);
  limits = {};
  limits.max_cell_bytes = 3;
  EXPECT_EQ(ReadCsv("a\n1234", limits).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace slipway::tensor

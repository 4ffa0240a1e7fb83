#include "import/sklearn/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "import/pickle/document.h"

namespace slipway::import::sklearn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Pickles of protocol 2, without their frame.
const std::string kScaler = "csklearn.preprocessing._data\nStandardScaler\n)\x81}b";
const std::string kModel = "csklearn.linear_model._base\nLinearRegression\n)\x81}b";
const std::string kList = "]";
std::string Text(const std::string& text) {
  return base::StrCat("X", std::string(1, static_cast<char>(text.size())), std::string(3, '\0'),
                      text);
}
std::string Entry(const std::string& key, const std::string& value) {
  return base::StrCat(Text(key), value, "s");
}

class MembersTest : public testing::Test {
 protected:
  base::Result<Member> Find(const std::string& pickle, std::string_view path) {
    file_ = base::StrCat("\x80\x02", pickle, ".");
    auto document = pickle::Document::Read(std::as_bytes(std::span(file_)), ImportLimits());
    EXPECT_TRUE(document.ok()) << document.status();
    document_ = std::move(*document);
    return FindMember(document_->root(), path);
  }
  std::string ClassOf(const std::string& pickle, std::string_view path) {
    const auto member = Find(pickle, path);
    return member.ok() ? std::string(member->value.node().callable.node().name)
                       : std::string(member.status().message());
  }
  std::string Refusal(const std::string& pickle, std::string_view path) {
    const auto member = Find(pickle, path);
    EXPECT_FALSE(member.ok());
    EXPECT_EQ(member.status().code(), base::StatusCode::kInvalidArgument);
    return std::string(member.status().message());
  }

  const std::string dict_ =
      base::StrCat("}", Entry("scaler", kScaler), Entry("model", kModel), Entry("columns", kList));

 private:
  std::string file_;
  std::unique_ptr<const pickle::Document> document_;
};

TEST_F(MembersTest, AFileIsItsModel) {
  const auto member = Find(kModel, "");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->value.node().callable.node().name, "LinearRegression");
  EXPECT_THAT(member->warnings, IsEmpty());
}

TEST_F(MembersTest, AMemberIsChosenByItsKey) {
  EXPECT_EQ(ClassOf(dict_, "model"), "LinearRegression");
  EXPECT_EQ(ClassOf(dict_, "scaler"), "StandardScaler");
}

TEST_F(MembersTest, OtherEstimatorsThatAreNoPartOfItAreNamed) {
  const auto member = Find(dict_, "model");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_THAT(member->warnings,
              ElementsAre("no part of the model, but in its file: 'scaler' (StandardScaler)"));
}

TEST_F(MembersTest, PathsLeadThroughListsTuplesAndKeysThatAreNumbers) {
  const std::string pair = base::StrCat(kScaler, kModel, "\x86");
  EXPECT_EQ(ClassOf(pair, "1"), "LinearRegression");
  EXPECT_EQ(ClassOf(base::StrCat("}", Entry("steps", pair)), "steps/1"), "LinearRegression");
  EXPECT_EQ(ClassOf(base::StrCat("]", kModel, "a"), "0"), "LinearRegression");
  EXPECT_EQ(ClassOf(base::StrCat("}K\x07", kModel, "s"), "7"), "LinearRegression");
}

TEST_F(MembersTest, TheLastOfSeveralWithOneKeyCountsAsInPython) {
  EXPECT_EQ(ClassOf(base::StrCat("}", Entry("m", kScaler), Entry("m", kModel)), "m"),
            "LinearRegression");
}

TEST_F(MembersTest, WithoutAChoiceTheRefusalSaysWhatThereIs) {
  EXPECT_EQ(Refusal(dict_, ""),
            "the file holds a dict, expected a model; in it: 'scaler' (StandardScaler), 'model' "
            "(LinearRegression), 'columns' (a list); choose one with slipway import --member NAME; "
            "steps that belong together are one model when they are saved as a Pipeline");
  EXPECT_THAT(Refusal(base::StrCat("}", Entry("all", dict_)), "all"),
              HasSubstr("slipway import --member all/NAME"));
  EXPECT_EQ(Refusal(kList, ""), "the file holds a list, expected a model");
  EXPECT_EQ(Refusal(Text("model"), ""), "the file holds a text, expected a model");
  EXPECT_EQ(Refusal(base::StrCat("}", Entry(std::string(201, 'k'), kModel)), ""),
            "the file holds a dict, expected a model; in it: 1 without a name");
  EXPECT_EQ(Refusal("}(K\x01K\x02tK\x03s", ""),
            "the file holds a dict, expected a model; in it: 1 without a name");
  EXPECT_EQ(Refusal(dict_, "columns"), "'columns' of the file holds a list, expected a model");
}

TEST_F(MembersTest, WhatIsNotThereIsSaid) {
  EXPECT_EQ(Refusal(dict_, "modle"),
            "no member 'modle': the file holds a dict: 'scaler' (StandardScaler), 'model' "
            "(LinearRegression), 'columns' (a list)");
  EXPECT_EQ(Refusal(dict_, "model/coef_"),
            "no member 'coef_': 'model' of the file holds LinearRegression");
  EXPECT_EQ(Refusal(dict_, "/model").substr(0, 13), "no member '':");
  EXPECT_THAT(Refusal(base::StrCat(kScaler, kModel, "\x86"), "2"), HasSubstr("'1' (LinearRegr"));
}

TEST_F(MembersTest, RefusalsStayShort) {
  std::string many = "}";
  for (int i = 0; i < 1000; ++i) many += Entry(base::StrCat(i, std::string(100, 'k')), kModel);
  for (int i = 0; i < 1000; ++i) many += Entry(base::StrCat("m", i), kModel);
  const std::string refusal = Refusal(many, "");
  EXPECT_EQ(ClassOf(many, "m999"), "LinearRegression");
  EXPECT_LT(refusal.size(), 1200U);
  EXPECT_THAT(refusal, HasSubstr("(LinearRegression) and 1990 more"));
}

}  // namespace
}  // namespace slipway::import::sklearn

// Fixtures of single kinds of models, changed so that they lie or ask for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/str_cat.h"
#include "import/pmml/pmml_importer.h"
#include "import/testing/damage.h"

namespace slipway::import::pmml {
namespace {

using base::StatusCode;
using base::StrCat;
using testing::HasSubstr;

constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
constexpr StatusCode kUnsupported = StatusCode::kUnimplemented;
constexpr std::string_view kVerified = "pmml_verification/holds_number";
constexpr std::string_view kRules = "pmml/rules_plain_firsthit";
constexpr std::string_view kForest = "pmml/anomaly_iforest_64";
constexpr std::string_view kClusters = "pmml/anomaly_clusters";
constexpr std::string_view kNeighbors = "pmml/neighbors_majorityvote_2";
constexpr std::string_view kCox = "pmml/cox_plain";
constexpr std::string_view kStrata = "pmml/cox_strata";
constexpr std::string_view kReasons = "pmml/reasons_each_pointsabove";

std::string Fixture(std::string_view name) {
  auto content =
      base::RealFileSystem().Read(StrCat("tests/models/", name, ".pmml"), uint64_t{1} << 20);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *std::move(content) : std::string();
}

struct BadKind {
  const char* name;
  std::string_view file;
  const char* from;
  const char* to;
  StatusCode code;
  const char* message;
};

class PmmlBadKindTest : public testing::TestWithParam<BadKind> {};

TEST_P(PmmlBadKindTest, IsRefusedWithItsPlace) {
  const BadKind& bad = GetParam();
  const std::string file = Fixture(bad.file);
  ASSERT_TRUE(ImportText(PmmlImporter(), file).ok());
  const auto imported = ImportText(PmmlImporter(), Replaced(file, bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), bad.code) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

const BadKind kBadKinds[] = {
    {"VerifiedRows", kVerified, "recordCount=\"3\"", "recordCount=\"4\"", kInvalid,
     "'recordCount' is 4, but there are 3"},
    {"VerifiedFields", kVerified, "fieldCount=\"2\"", "fieldCount=\"3\"", kInvalid,
     "'fieldCount' is 3, but there are 2"},
    {"VerifiedUnknown", kVerified, "VerificationField field=\"y\"", "VerificationField field=\"q\"",
     kInvalid, "VerificationFields/VerificationField 'q': there is no such field"},
    {"VerifiedTwice", kVerified, "VerificationField field=\"y\"", "VerificationField field=\"x\"",
     kInvalid, "the second one"},
    {"VerifiedNothing", kVerified,
     "<VerificationField field=\"x\"/><VerificationField field=\"y\"/>", "", kInvalid,
     "expected a VerificationField"},
    {"VerifiedByWord", kVerified, "<y>1</y>", "<y>one</y>", kInvalid,
     "'y': expected a number, got 'one'"},
    {"VerifiedByNothing", kVerified, "<y>1</y>", "<y></y>", kInvalid,
     "'y': expected a number, got ''"},
    {"VerifiedBelow0", kVerified, "VerificationField field=\"y\"",
     "VerificationField precision=\"-1\" field=\"y\"", kInvalid, "of at least 0"},
    {"RulesCriterion", kRules, "criterion=\"firstHit\"", "criterion=\"bestHit\"", kUnsupported,
     "criterion='bestHit'"},
    {"RulesNoCriterion", kRules, "criterion=\"firstHit\"", "", kInvalid, "'criterion' is missing"},
    {"RulesNoScore", kRules, " score=\"A\"", "", kInvalid, "'score' is missing"},
    {"RulesWeight", kRules, "weight=\"0.3\"", "weight=\"heavy\"", kInvalid,
     "'weight': expected a number, got 'heavy'"},
    {"RulesField", kRules, "SimplePredicate field=\"x\"", "SimplePredicate field=\"nope\"",
     kInvalid, "there is no field 'nope'"},
    {"RulesNoPredicate", kRules,
     "<SimplePredicate field=\"x\" operator=\"greaterThan\" value=\"0\"/>", "", kInvalid,
     "expected a predicate"},
    {"RulesDefault", kRules, "defaultConfidence=\"0.125\"", "defaultConfidence=\"sure\"", kInvalid,
     "'defaultConfidence': expected a number"},
    {"RulesOfNumbers", kRules, "functionName=\"classification\"", "functionName=\"regression\"",
     kUnsupported, "a RuleSetModel that does not classify"},
    {"RulesRank", kRules, "feature=\"entityId\"", "feature=\"entityId\" rank=\"2\"", kUnsupported,
     "a rank beyond the first"},
    {"ForestSample", kForest, "sampleDataSize=\"64\"", "sampleDataSize=\"2\"", kInvalid,
     "'sampleDataSize': expected a whole number from 3 on"},
    {"ForestNoSample", kForest, "sampleDataSize=\"64\"", "", kInvalid,
     "'sampleDataSize' is missing"},
    {"AnomalyAlgorithm", kForest, "algorithmType=\"iforest\"", "algorithmType=\"lof\"",
     kUnsupported, "algorithmType='lof'"},
    {"AnomalyNoAlgorithm", kForest, "algorithmType=\"iforest\"", "", kInvalid,
     "'algorithmType' is missing"},
    {"AnomalyOfAnother", kForest, "algorithmType=\"iforest\"", "algorithmType=\"clusterMeanDist\"",
     kUnsupported, "algorithmType='clusterMeanDist' of this model's answers"},
    {"ClustersCount", kClusters, "n=\"3\" type=\"real\">0.5 1.25 2", "n=\"2\" type=\"real\">0.5 1",
     kInvalid, "expected 3 numbers, got 2"},
    {"ClustersZero", kClusters, "0.5 1.25 2", "0.5 0 2", kInvalid, "expected numbers above 0"},
    {"NeighborsMany", kNeighbors, "numberOfNeighbors=\"2\"", "numberOfNeighbors=\"9\"", kInvalid,
     "expected a whole number from 1 to 8"},
    {"NeighborsNone", kNeighbors, "numberOfNeighbors=\"2\"", "numberOfNeighbors=\"0\"", kInvalid,
     "expected a whole number from 1 to 8"},
    {"NeighborsNoCount", kNeighbors, "numberOfNeighbors=\"2\"", "", kInvalid,
     "'numberOfNeighbors' is missing"},
    {"NeighborsRows", kNeighbors, "recordCount=\"8\"", "recordCount=\"7\"", kInvalid,
     "'recordCount' is 7, but there are 8"},
    {"NeighborsCell", kNeighbors, "column=\"data:z\"", "column=\"data:q\"", kInvalid,
     "no cell 'data:q'"},
    {"NeighborsWord", kNeighbors, "<data:x>0</data:x>", "<data:x>zero</data:x>", kInvalid,
     "expected a number, got 'zero'"},
    {"NeighborsField", kNeighbors, "KNNInput field=\"z\"", "KNNInput field=\"nope\"", kInvalid,
     "there is no field 'nope'"},
    {"NeighborsFieldTwice", kNeighbors, "InstanceField field=\"z\"", "InstanceField field=\"x\"",
     kInvalid, "the second one"},
    {"NeighborsNotTrained", kNeighbors, "InstanceField field=\"z\"", "InstanceField field=\"v\"",
     kUnsupported, "a field that the training rows do not have"},
    {"NeighborsId", kNeighbors, "instanceIdVariable=\"who\"", "instanceIdVariable=\"whom\"",
     kInvalid, "no InstanceField for 'whom'"},
    {"NeighborsMethod", kNeighbors, "\"majorityVote\"", "\"loudest\"", kUnsupported,
     "categoricalScoringMethod='loudest'"},
    {"NeighborsMeasure", kNeighbors, "kind=\"distance\"", "kind=\"similarity\"", kUnsupported,
     "a measure of similarity"},
    {"NeighborsGauss", kNeighbors, "KNNInput field=\"z\"",
     "KNNInput compareFunction=\"gaussSim\" similarityScale=\"1\" field=\"z\"", kUnsupported,
     "compareFunction='gaussSim' of neighbors"},
    {"NeighborsText", kNeighbors, "compareFunction=\"delta\"", "compareFunction=\"absDiff\"",
     kInvalid, "a distance of text"},
    {"ReasonsBaseline", kReasons, "baselineScore=\"6\"", "", kInvalid,
     "'baselineScore' is missing"},
    {"ReasonsCode", kReasons, "reasonCode=\"R2\"", "", kInvalid, "'reasonCode' is missing"},
    {"ReasonsAlgorithm", kReasons, "\"pointsAbove\"", "\"pointsBeside\"", kUnsupported,
     "reasonCodeAlgorithm='pointsBeside'"},
    {"ReasonsRank", kReasons, "rank=\"2\"", "rank=\"1.5\"", kInvalid,
     "'rank': expected a whole number from 1 on"},
    {"ReasonsUnused", kReasons, "reasonCodeAlgorithm=", "useReasonCodes=\"false\" x-before=",
     kUnsupported, "feature='reasonCode'"},
    {"CoxNoTime", kCox, "endTimeVariable=\"t\"", "", kInvalid, "'endTimeVariable' is missing"},
    {"CoxUnknownTime", kCox, "endTimeVariable=\"t\"", "endTimeVariable=\"q\"", kInvalid, "'q'"},
    {"CoxTextTime", kCox, "endTimeVariable=\"t\"", "endTimeVariable=\"s\"", kInvalid,
     "a text as the time"},
    {"CoxNoEnd", kCox, " maxTime=\"10\"", "", kInvalid, "'maxTime' is missing"},
    {"CoxCell", kCox, "time=\"5\"", "time=\"soon\"", kInvalid,
     "'time': expected a number, got 'soon'"},
    {"CoxHazard", kCox, "cumHazard=\"0.5\"", "cumHazard=\"1e999\"", kInvalid, "'cumHazard'"},
    {"CoxReference", kCox, "referencePoint=\"1.5\"", "referencePoint=\"here\"", kInvalid,
     "'referencePoint': expected a number, got 'here'"},
    {"CoxClassifies", kCox, "functionName=\"regression\"", "functionName=\"classification\"",
     kInvalid, "as a classification"},
    {"CoxNoStrata", kCox, "endTimeVariable=", "baselineStrataVariable=\"s\" endTimeVariable=",
     kInvalid, "expected a BaselineStratum"},
    {"CoxNoCells", kStrata, "<BaselineCell time=\"1\" cumHazard=\"0\"/>", "", kInvalid,
     "expected a BaselineCell"},
    {"CoxStratumTwice", kStrata, "BaselineStratum value=\"south\"",
     "BaselineStratum value=\"north\"", kInvalid, "the second one"},
    {"CoxUnnamedStratum", kStrata, "BaselineStratum value=\"south\"", "BaselineStratum", kInvalid,
     "'value' is missing"},
};

INSTANTIATE_TEST_SUITE_P(Kinds, PmmlBadKindTest, testing::ValuesIn(kBadKinds),
                         [](const auto& c) { return c.param.name; });

TEST(PmmlBadKindsTest, ChangedFilesAreRefusedOrRead) {
  for (const std::string_view name :
       {kVerified, kRules, kForest, kClusters, kNeighbors, kReasons, kCox, kStrata}) {
    EXPECT_GT(CountRefusedChanges(PmmlImporter(), Fixture(name), 60), 10) << name;
  }
}

TEST(PmmlBadKindsTest, DeepRulesAreRefused) {
  std::string rules;
  for (int i = 0; i < 300; ++i) rules += "<CompoundRule><True/>";
  rules += "<SimpleRule score=\"A\"><True/></SimpleRule>";
  for (int i = 0; i < 300; ++i) rules += "</CompoundRule>";
  const auto imported = ImportText(
      PmmlImporter(), Replaced(Fixture(kRules), "<SimpleRule ", StrCat(rules, "<SimpleRule ")));
  EXPECT_THAT(imported.status().message(), HasSubstr("rules nested more than 200 levels deep"));
}

TEST(PmmlBadKindsTest, TablesOfTooManyColumnsAreNamed) {
  std::string pairs;
  for (int i = 0; i < 100; ++i) pairs += "<FieldColumnPair field=\"s\" column=\"s\"/>";
  const auto imported =
      ImportText(PmmlImporter(), Replaced(Fixture("pmml/expression_map_values"),
                                          "<FieldColumnPair ", StrCat(pairs, "<FieldColumnPair ")));
  EXPECT_EQ(imported.status().code(), StatusCode::kUnimplemented) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr("MapValues"));
}

TEST(PmmlVerificationTest, IsReadAsColumns) {
  const auto imported = ImportText(PmmlImporter(), Fixture("pmml_verification/holds_label"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_TRUE(imported->verification);
  const Verification& rows = *imported->verification;
  EXPECT_EQ(rows.rows, 2);
  ASSERT_EQ(rows.inputs.size(), 2);
  EXPECT_THAT(rows.inputs[0].numbers, testing::ElementsAre(-1.0, 1.0));
  EXPECT_THAT(rows.inputs[1].texts, testing::ElementsAre("u", "v"));
  ASSERT_EQ(rows.answers.size(), 1);
  EXPECT_EQ(rows.answers[0].output, "label");
  EXPECT_THAT(rows.answers[0].texts, testing::ElementsAre("A", "B"));
  EXPECT_EQ(rows.answers[0].precision, 1e-6);
}

TEST(PmmlVerificationTest, IsAbsentInMostFiles) {
  const auto imported = ImportText(PmmlImporter(), Fixture(kRules));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_FALSE(imported->verification);
  EXPECT_THAT(imported->warnings, testing::IsEmpty());
}

TEST(PmmlVerificationTest, ATableElsewhereIsAWarning) {
  const auto imported = ImportText(
      PmmlImporter(), Replaced(Fixture(kVerified), "<InlineTable", "<TableLocator/><InlineTable"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_FALSE(imported->verification);
  EXPECT_THAT(
      imported->warnings,
      testing::ElementsAre(HasSubstr("ModelVerification: a table that is not in the file")));
}

TEST(PmmlVerificationTest, TooManyRowsAreRefused) {
  std::string rows = "<row/>";
  for (int i = 0; i < 14; ++i) rows += rows;
  const std::string file = Replaced(Replaced(Fixture(kVerified), "recordCount=\"3\"", ""), "<row>",
                                    StrCat(rows, "<row>"));
  const auto imported = ImportText(PmmlImporter(), file);
  EXPECT_EQ(imported.status().code(), StatusCode::kResourceExhausted) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr("16387 rows, the limit is 10000"));
}

}  // namespace
}  // namespace slipway::import::pmml

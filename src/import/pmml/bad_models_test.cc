// PMML that is damaged, lies, is hostile or asks for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "import/pmml/pmml_importer.h"
#include "import/testing/damage.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::pmml {
namespace {

using base::StatusCode;
using base::StrCat;
using testing::HasSubstr;

constexpr std::string_view kModel = R"(<?xml version="1.0"?>
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">
  <Header><Application name="Hand" version="1"/></Header>
  <DataDictionary>
    <DataField name="x" optype="continuous" dataType="double">
      <Interval closure="closedOpen" leftMargin="0" rightMargin="10"/>
    </DataField>
    <DataField name="s" optype="categorical" dataType="string"><Value value="a"/></DataField>
    <DataField name="y" optype="continuous" dataType="double"/>
  </DataDictionary>
  <TransformationDictionary>
    <DefineFunction name="twice" optype="continuous"><ParameterField name="p"/>
      <Apply function="+"><FieldRef field="p"/><FieldRef field="p"/></Apply></DefineFunction>
    <DerivedField name="d" optype="continuous" dataType="double">
      <Apply function="twice"><FieldRef field="x"/></Apply></DerivedField>
    <DerivedField name="e" optype="continuous" dataType="double"><FieldRef field="d"/></DerivedField>
  </TransformationDictionary>
  <TreeModel functionName="regression" missingValueStrategy="defaultChild">
    <MiningSchema><MiningField name="x"/><MiningField name="s"/>
      <MiningField name="y" usageType="target"/></MiningSchema>
    <Node id="0" defaultChild="1"><True/>
      <Node id="1" score="1"><SimplePredicate field="e" operator="lessThan" value="3"/></Node>
      <Node id="2" score="2"><SimpleSetPredicate field="s" booleanOperator="isIn">
        <Array n="1" type="string">a</Array></SimpleSetPredicate></Node>
    </Node>
  </TreeModel>
</PMML>
)";

TEST(PmmlBadModelsTest, TheModelOfTheseTestsIsGood) {
  const auto imported = ImportText(PmmlImporter(), kModel);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->framework, "Hand");
  EXPECT_EQ(imported->columns.size(), 2);
  EXPECT_EQ(imported->columns[1].kind, ImportedColumn::Kind::kText);
}

struct BadModel {
  const char* name;
  const char* from;
  const char* to;
  StatusCode code;
  const char* message;
};

class PmmlBadModelTest : public testing::TestWithParam<BadModel> {};

TEST_P(PmmlBadModelTest, IsRefusedWithItsPlace) {
  const auto& bad = GetParam();
  const auto imported = ImportText(PmmlImporter(), Replaced(std::string(kModel), bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), bad.code) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
constexpr StatusCode kUnsupported = StatusCode::kUnimplemented;

const BadModel kBadModels[] = {
    {"Doctype", "<PMML", "<!DOCTYPE PMML SYSTEM \"http://example.com/a.dtd\"><PMML", kInvalid,
     "line 2: a DOCTYPE"},
    {"BillionLaughs", "<PMML", "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><PMML",
     kInvalid, "a DOCTYPE"},
    {"Entity", "value=\"3\"", "value=\"&three;\"", kInvalid, "an entity that XML does not know"},
    {"NotClosed", "</TreeModel>", "", kInvalid, "no XML"},
    {"SecondRoot", "</PMML>", "</PMML><PMML/>", kInvalid, "more than one element at the top"},
    {"Version", "version=\"4.4\"", "version=\"7.0\"", kUnsupported, "version '7.0'"},
    {"NoDictionary", "DataDictionary>\n    <DataField name=\"x\"",
     "DataLexicon>\n<DataField name=\"x\"", kInvalid, "no XML"},
    {"FieldTwice", "DataField name=\"s\"", "DataField name=\"x\"", kInvalid,
     "line 8, DataDictionary/DataField 'x': the second one"},
    {"Margins", "rightMargin=\"10\"", "rightMargin=\"-1\"", kInvalid,
     "margins that are no interval"},
    {"NoMargins", "leftMargin=\"0\" rightMargin=\"10\"", "", kInvalid,
     "an interval without margins"},
    {"Dates", "name=\"x\" optype=\"continuous\" dataType=\"double\"",
     "name=\"x\" optype=\"continuous\" dataType=\"date\"", kUnsupported, "dataType='date'"},
    {"NoSuchField", "field=\"e\"", "field=\"g\"", kInvalid,
     "line 22, TreeModel/Node/Node/SimplePredicate 'g': there is no field 'g'"},
    {"FieldRing",
     "name=\"d\" optype=\"continuous\" dataType=\"double\">\n      <Apply "
     "function=\"twice\"><FieldRef field=\"x\"/>",
     "name=\"d\" optype=\"continuous\" dataType=\"double\">\n      <Apply "
     "function=\"twice\"><FieldRef field=\"e\"/>",
     kInvalid, "is defined by itself"},
    {"FunctionRing", "<Apply function=\"+\">", "<Apply function=\"twice\">", kUnsupported,
     "function 'twice'"},
    {"UnknownFunction", "<Apply function=\"+\">", "<Apply function=\"java.lang.System\">",
     kUnsupported, "function 'java.lang.System'"},
    {"NoParameter", "<ParameterField name=\"p\"/>", "<ParameterField name=\"q\"/>", kInvalid,
     "there is no parameter 'p'"},
    {"ArgumentCount", "<FieldRef field=\"p\"/><FieldRef field=\"p\"/>", "<FieldRef field=\"p\"/>",
     kInvalid, "expected 2 arguments, got 1"},
    {"Operator", "operator=\"lessThan\"", "operator=\"resembles\"", kUnsupported,
     "operator='resembles'"},
    {"WordForNumber", "value=\"3\"", "value=\"many\"", kInvalid, "expected a number, got 'many'"},
    {"ScoreIsWord", "score=\"2\"", "score=\"two\"", kInvalid,
     "'score': expected a number, got 'two'"},
    {"ScoreIsNaN", "score=\"2\"", "score=\"NaN\"", kInvalid, "'score'"},
    {"NoScore", "score=\"2\"", "", kInvalid, "'score' is missing"},
    {"ArrayLies", "Array n=\"1\"", "Array n=\"2147483648\"", kInvalid, "but it has 1 items"},
    {"DefaultChild", "defaultChild=\"1\"", "defaultChild=\"9\"", kInvalid,
     "defaultChild='9' is none of its children"},
    {"Strategy", "\"defaultChild\">", "\"weightedConfidence\">", kUnsupported,
     "missingValueStrategy='weightedConfidence'"},
    {"NoPredicate", "<True/>", "", kInvalid, "expected a predicate"},
    {"UnknownModel",
     "<TreeModel functionName=\"regression\" missingValueStrategy=\"defaultChild\">",
     "<Header/><TreeModel functionName=\"timeSeries\">", kUnsupported, "functionName='timeSeries'"},
};

INSTANTIATE_TEST_SUITE_P(Models, PmmlBadModelTest, testing::ValuesIn(kBadModels),
                         [](const auto& c) { return c.param.name; });

TEST(PmmlBadModelsTest, EverythingUnsupportedIsNamedAtOnce) {
  std::string model =
      Replaced(std::string(kModel), "name=\"x\" optype=\"continuous\" dataType=\"double\"",
               "name=\"x\" optype=\"continuous\" dataType=\"time\"");
  model =
      Replaced(model, "<MiningField name=\"s\"/>", "<MiningField name=\"s\" usageType=\"group\"/>");
  const auto imported = ImportText(PmmlImporter(), model);
  EXPECT_EQ(imported.status().code(), kUnsupported);
  EXPECT_THAT(imported.status().message(), HasSubstr("dataType='time'"));
  EXPECT_THAT(imported.status().message(), HasSubstr("usageType='group'"));
}

std::string Repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(PmmlBadModelsTest, DeepNestingIsRefused) {
  const std::string head = std::string(kModel).substr(0, kModel.find("<TreeModel"));
  const std::string nodes = StrCat(head, Repeated("<Node><True/>", 100'000));
  EXPECT_FALSE(ImportText(PmmlImporter(), nodes).ok());
  const std::string closed =
      StrCat(head, Repeated("<Node>", 100'000), Repeated("</Node>", 100'000), "</PMML>");
  const auto deep = ImportText(PmmlImporter(), closed);
  EXPECT_EQ(deep.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(deep.status().message(), HasSubstr("nested more than"));
  const std::string applied =
      Replaced(std::string(kModel), "<FieldRef field=\"p\"/><FieldRef field=\"p\"/>",
               StrCat(Repeated("<Apply function=\"abs\">", 3000), "<FieldRef field=\"p\"/>",
                      Repeated("</Apply>", 3000), "<FieldRef field=\"p\"/>"));
  EXPECT_THAT(ImportText(PmmlImporter(), applied).status().message(),
              HasSubstr("expressions nested more than"));
  const std::string tree =
      Replaced(std::string(kModel), "<Node id=\"0\" defaultChild=\"1\"><True/>",
               StrCat(Repeated("<Node><True/>", 3000), Repeated("</Node>", 3000),
                      "<Node id=\"0\" defaultChild=\"1\"><True/>"));
  EXPECT_FALSE(ImportText(PmmlImporter(), tree).ok());
}

TEST(PmmlBadModelsTest, FunctionsThatDoubleEachOtherAreRefused) {
  std::string functions;
  for (int i = 0; i < 40; ++i) {
    const std::string call =
        StrCat("<Apply function=\"", i == 0 ? std::string("abs") : StrCat("f", i - 1),
               "\"><FieldRef field=\"p\"/></Apply>");
    functions += StrCat("<DefineFunction name=\"f", i, "\"><ParameterField name=\"p\"/>",
                        "<Apply function=\"+\">", call, call, "</Apply></DefineFunction>");
  }
  std::string model =
      Replaced(std::string(kModel), "<DefineFunction", StrCat(functions, "<DefineFunction"));
  model = Replaced(model, "<Apply function=\"twice\">", "<Apply function=\"f39\">");
  const auto imported = ImportText(PmmlImporter(), model);
  EXPECT_EQ(imported.status().code(), StatusCode::kResourceExhausted) << imported.status();
}

TEST(PmmlBadModelsTest, CutAndChangedFilesAreRefusedOrRead) {
  const std::string file(kModel);
  ExpectCutsAreRefused(PmmlImporter(), file, file.find("</PMML>"));
  EXPECT_GT(CountRefusedChanges(PmmlImporter(), file, 500), 100);
  ExpectNoiseIsRefused(PmmlImporter(), "<PMML version=\"4.4\">");
}

}  // namespace
}  // namespace slipway::import::pmml

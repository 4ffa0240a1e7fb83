#include "graph/tabular_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <utility>

#include "graph/onnx_summary.h"

namespace slipway::graph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TabularMetadata Copied(const TabularMetadata& metadata) {
  GraphBuilder graph("g");
  graph.AddOutput(graph.AddInput("x", ElementType::kFloat, {"batch"}), "y", {"batch"});
  WriteTabularMetadata(metadata, graph);
  const std::string file = std::move(graph).Finish();
  const auto summary = ReadOnnxSummary(std::as_bytes(std::span(file)));
  EXPECT_TRUE(summary.ok()) << summary.status();
  return ReadTabularMetadata(summary->metadata);
}

TEST(TabularMetadataTest, ComesBackFromAFile) {
  const TabularMetadata copied = Copied({.source = "scikit-learn joblib",
                                         .framework = "scikit-learn",
                                         .framework_version = "1.9.1",
                                         .columns = {"age", "a \"quoted\" name", "größe"},
                                         .classes = {"no", "yes"}});
  EXPECT_EQ(copied.source, "scikit-learn joblib");
  EXPECT_EQ(copied.framework, "scikit-learn");
  EXPECT_EQ(copied.framework_version, "1.9.1");
  EXPECT_THAT(copied.columns, ElementsAre("age", "a \"quoted\" name", "größe"));
  EXPECT_THAT(copied.classes, ElementsAre("no", "yes"));
}

TEST(TabularMetadataTest, WhatIsNotThereStaysEmpty) {
  const TabularMetadata copied = Copied({});
  EXPECT_EQ(copied.source, "");
  EXPECT_THAT(copied.columns, IsEmpty());
}

TEST(TabularMetadataTest, ListsOfOthersAreNotTaken) {
  for (const char* text : {"", "[", "[1]", "[\"a\"", "{}", "[\"a\"] b", "\"a\""}) {
    EXPECT_THAT(ReadTabularMetadata({{"slipway.columns", text}}).columns, IsEmpty()) << text;
  }
}

TEST(TabularMetadataTest, SaysOriginAndProofInTheSignature) {
  tensor::Signature signature;
  DescribeSignature({{"slipway.columns", R"(["a"])"},
                     {"slipway.classes", R"(["no", "yes"])"},
                     {"slipway.source", "PMML"},
                     {"slipway.framework", "not UTF-8: \xff"},
                     {"slipway.proof", R"({"rows":3})"},
                     {"of somebody else", "?"}},
                    signature);
  EXPECT_THAT(signature.columns, ElementsAre("a"));
  EXPECT_THAT(signature.classes, ElementsAre("no", "yes"));
  EXPECT_THAT(
      signature.properties,
      ElementsAre(Pair("slipway.classes", R"(["no", "yes"])"), Pair("slipway.columns", R"(["a"])"),
                  Pair("slipway.proof", R"({"rows":3})"), Pair("slipway.source", "PMML")));
}

}  // namespace
}  // namespace slipway::graph

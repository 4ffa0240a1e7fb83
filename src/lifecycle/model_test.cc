#include "lifecycle/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/str_cat.h"
#include "lifecycle/labels.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {
namespace {

using testing::ElementsAre;

class StubModel final : public LoadedModel {
 public:
  explicit StubModel(ModelId id) : id_(std::move(id)) {}
  const ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { base::CheckFailed(__FILE__, __LINE__, "no engine"); }
  const ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  ModelAttachment* attachment() const override { return nullptr; }
  uint64_t estimated_bytes() const override { return 0; }

 private:
  const ModelId id_;
  const ModelConfig config_;
  const std::string digest_;
  const std::string model_file_ = "model.onnx";
};

ModelHandle Stub(const std::string& name, int64_t version) {
  return std::make_shared<const StubModel>(ModelId{.name = name, .version = version});
}

TEST(SnapshotTest, FindsModelsAndVersionsInAnyOrderGiven) {
  std::vector<Snapshot::Model> models;
  models.push_back({.name = "b", .versions = {Stub("b", 10), Stub("b", 9)}});
  models.push_back({.name = "empty"});
  models.push_back({.name = "a", .versions = {Stub("a", 1)}});
  const Snapshot snapshot(std::move(models));
  ASSERT_EQ(snapshot.models().size(), 2U);
  EXPECT_EQ(snapshot.Find("b")->latest().id().version, 10);
  EXPECT_EQ((*snapshot.Find("b", 9))->id(), (ModelId{.name = "b", .version = 9}));
  EXPECT_EQ((*snapshot.Find("b", std::nullopt))->id().version, 10);
  EXPECT_EQ(snapshot.Find("b", 8), nullptr);
  EXPECT_EQ(snapshot.Find("c"), nullptr);
  EXPECT_EQ(snapshot.Find("", std::nullopt), nullptr);
  EXPECT_EQ(snapshot.Find("empty"), nullptr);
}

TEST(ModelIdTest, PrintsItselfForMessages) {
  EXPECT_EQ(base::StrCat(ModelId{.name = "resnet", .version = 3}), "model 'resnet' version 3");
}

TEST(ModelNameTest, AcceptsPlainNamesOnly) {
  for (const char* good : {"a", "1", "resnet-50_v1.5", "A.b"}) {
    EXPECT_TRUE(CheckModelName(good).ok()) << good;
  }
  EXPECT_TRUE(CheckModelName(std::string(128, 'a')).ok());
  for (const std::string& bad :
       {std::string(), std::string(".hidden"), std::string("-x"), std::string("a..b"),
        std::string("a/b"), std::string(".."), std::string("a b"), std::string("a\\b"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(129, 'a')}) {
    EXPECT_EQ(CheckModelName(bad).code(), base::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ModelNameTest, VersionsAreCanonicalNumbers) {
  EXPECT_EQ(*ParseVersionName("0"), 0);
  EXPECT_EQ(*ParseVersionName("20240131"), 20240131);
  EXPECT_EQ(*ParseVersionName("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "01", "00", "+1", "-1", "1.0", "v1", "1 ", "9223372036854775808",
                          "99999999999999999999999"}) {
    EXPECT_FALSE(ParseVersionName(bad).ok()) << bad;
  }
}

tensor::TensorSpec Output(const char* name, tensor::Shape shape) {
  return {.name = name, .dtype = tensor::DType::kFp32, .shape = shape, .dim_names = {}};
}

TEST(LabelsTest, GoToTheOutputsTheyFit) {
  const tensor::Signature signature{
      .inputs = {},
      .outputs = {Output("label", {-1}), Output("probabilities", {-1, 3}),
                  Output("mask", {-1, -1})}};
  const std::vector<std::string> three = {"a", "b", "c"};
  const std::vector<std::string> two = {"a", "b"};
  EXPECT_THAT(ResolveLabels({{"", three}}, signature),
              ElementsAre(testing::Pair("probabilities", three)));
  EXPECT_THAT(ResolveLabels({{"", two}}, signature), ElementsAre(testing::Pair("mask", two)));
  EXPECT_THAT(ResolveLabels({{"", three}, {"probabilities", two}}, signature),
              ElementsAre(testing::Pair("probabilities", two)));
  EXPECT_TRUE(ResolveLabels({}, signature).empty());
}

}  // namespace
}  // namespace slipway::lifecycle

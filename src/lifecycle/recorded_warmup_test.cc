#include "lifecycle/recorded_warmup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file_system.h"
#include "base/testing/temporary_directory.h"
#include "lifecycle/model_files.h"
#include "tensor/npy.h"

namespace slipway::lifecycle {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;
using tensor::DType;
using tensor::Signature;
using tensor::Tensor;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Signature& TwoInputs() {
  static const Signature kSignature{
      .inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {-1, 2}},
                 {.name = "scale", .dtype = DType::kInt64, .shape = {1}, .optional = true}},
      .outputs = {}};
  return kSignature;
}

Tensor Row(float first, float second) {
  return *Tensor::FromValues<float>({1, 2}, std::vector<float>{first, second});
}

std::string Npz(const std::vector<std::pair<std::string_view, const Tensor*>>& arrays) {
  std::vector<tensor::NamedView> views;
  for (const auto& [name, array] : arrays) views.push_back({.name = name, .tensor = array->view()});
  return *tensor::WriteNpz(views);
}

// The body is the value of 'x'; "bad" is refused.
Result<std::vector<Tensor>> DecodeJson(const std::string& body, const Signature&) {
  if (body == "bad") return base::InvalidArgument("input 'x': not a number");
  std::vector<Tensor> inputs(2);
  inputs[0] = Row(std::stof(body), 0);
  return inputs;
}

class RecordedWarmupTest : public testing::Test {
 protected:
  void Write(const std::string& relative, const std::string& content) const {
    const std::filesystem::path path = directory_.path() / relative;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  Result<std::vector<WarmupCase>> Cases(const Signature& signature = TwoInputs()) const {
    return RecordedWarmup(fs_, DecodeJson, limits_).Cases(version_, signature);
  }
  // What refuses a warm-up whose only file is warmup/a.npz with that content.
  Status Refusal(const std::string& npz) const {
    Write("warmup/a.npz", npz);
    return Cases().status();
  }

  const base::TemporaryDirectory directory_;
  const base::RealFileSystem fs_;
  AvailableVersion version_{.version = 1, .files = {.directory = directory_.path()}};
  RecordedWarmup::Limits limits_;
  const Tensor row_ = Row(1, 2);
};

TEST_F(RecordedWarmupTest, ReadsOneRequestFromEachFileInTheOrderOfTheirNames) {
  const Tensor scale = *Tensor::FromValues<int64_t>({1}, std::vector<int64_t>{7});
  Write("warmup/2.npz", Npz({{"scale", &scale}, {"x", &row_}}));
  Write("warmup/10.json", "5");
  Write("warmup/.notes.txt", "passed over");
  const auto cases = Cases();
  ASSERT_TRUE(cases.ok()) << cases.status();
  ASSERT_THAT(*cases, SizeIs(2));
  EXPECT_EQ((*cases)[0].name, "'warmup/10.json'");
  EXPECT_EQ((*(*cases)[0].inputs[0].view().As<float>())[0], 5);
  EXPECT_TRUE((*cases)[0].inputs[1].view().absent());
  EXPECT_EQ((*cases)[1].name, "'warmup/2.npz'");
  EXPECT_FALSE((*cases)[1].synthetic);
  EXPECT_EQ((*(*cases)[1].inputs[0].view().As<float>())[1], 2);
  EXPECT_EQ((*(*cases)[1].inputs[1].view().As<int64_t>())[0], 7);
}

TEST_F(RecordedWarmupTest, IsSyntheticWithoutFiles) {
  for (const bool directory : {false, true}) {
    if (directory) Write("warmup/.hidden", "");
    const auto cases = Cases();
    ASSERT_TRUE(cases.ok());
    ASSERT_THAT(*cases, SizeIs(2));
    EXPECT_TRUE(cases->front().synthetic);
  }
}

TEST_F(RecordedWarmupTest, OfASingleFileLiesBesideIt) {
  version_.files.model_file = "net.onnx";
  version_.scope = FileScope::kFile;
  Write("warmup/a.npz", "somebody else's");
  Write("net.onnx.warmup/a.npz", Npz({{"x", &row_}}));
  const auto cases = Cases();
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_EQ(cases->front().name, "'net.onnx.warmup/a.npz'");
}

TEST_F(RecordedWarmupTest, OfALoadRequestComesWithItsFiles) {
  version_.files.in_memory =
      std::make_shared<const std::map<std::string, std::string>>(std::map<std::string, std::string>{
          {"model.onnx", "m"}, {"warmup/a.npz", Npz({{"x", &row_}})}});
  const auto cases = Cases();
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_EQ(cases->front().name, "'warmup/a.npz'");
}

TEST_F(RecordedWarmupTest, SaysWhatDoesNotFit) {
  const Tensor wide = *Tensor::FromValues<double>({1, 2}, std::vector<double>{1, 2});
  EXPECT_EQ(Refusal(Npz({{"x", &wide}})),
            base::InvalidArgument(
                "warm-up file 'warmup/a.npz': input 'x': expected FP32[-1,2], got FP64[1,2]"));
  EXPECT_EQ(Refusal(Npz({{"y", &row_}})),
            base::InvalidArgument("warm-up file 'warmup/a.npz': array 'y': expected the name of an "
                                  "input, 'x' FP32[-1,2], 'scale' INT64[1]"));
  EXPECT_EQ(Refusal(Npz({})),
            base::InvalidArgument(
                "warm-up file 'warmup/a.npz': input 'x': expected FP32[-1,2], got none"));
  EXPECT_THAT(Refusal(Npz({{"x", &row_}, {"x", &row_}})).message(),
              HasSubstr("input 'x': expected one array, got several"));
  const std::string good = Npz({{"x", &row_}});
  EXPECT_THAT(Refusal(good.substr(0, good.size() / 2)).message(),
              AllOf(HasSubstr("'warmup/a.npz'"), HasSubstr("ZIP")));
  EXPECT_EQ(Refusal(good), base::OkStatus());
}

TEST_F(RecordedWarmupTest, NamesTheJsonFileThatDoesNotFit) {
  Write("warmup/a.json", "bad");
  EXPECT_EQ(Cases().status(),
            base::InvalidArgument("warm-up file 'warmup/a.json': input 'x': not a number"));
}

TEST_F(RecordedWarmupTest, RefusesWhatItWouldNotRun) {
  Write("warmup/request.txt", "");
  EXPECT_THAT(Cases().status().message(),
              HasSubstr("expected files *.npz and *.json, got 'request.txt'"));
  std::filesystem::remove(directory_.path() / "warmup/request.txt");
  std::filesystem::create_directories(directory_.path() / "warmup/more.npz");
  EXPECT_EQ(Cases().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(RecordedWarmupTest, RefusesLinksOutOfTheDirectory) {
  const base::TemporaryDirectory elsewhere;
  std::ofstream(elsewhere.path() / "a.npz", std::ios::binary) << Npz({{"x", &row_}});
  std::filesystem::create_directories(directory_.path() / "warmup");
  std::filesystem::create_symlink(elsewhere.path() / "a.npz", directory_.path() / "warmup/a.npz");
  EXPECT_EQ(Cases().status().code(), StatusCode::kPermissionDenied);
  std::filesystem::remove_all(directory_.path() / "warmup");
  std::filesystem::create_directory_symlink(elsewhere.path(), directory_.path() / "warmup");
  EXPECT_EQ(Cases().status().code(), StatusCode::kPermissionDenied);
}

TEST_F(RecordedWarmupTest, KeepsItsLimits) {
  const std::string npz = Npz({{"x", &row_}});
  Write("warmup/a.npz", npz);
  Write("warmup/b.npz", npz);
  limits_.max_files = 1;
  EXPECT_THAT(Cases().status().message(), HasSubstr("expected at most 1 files, got 2"));
  limits_ = {.max_files = 2, .max_bytes = 2 * npz.size() - 1};
  EXPECT_THAT(Cases().status().message(), HasSubstr("'warmup/b.npz'"));
  limits_.max_bytes = 2 * npz.size();
  EXPECT_EQ(Cases().status(), base::OkStatus());
}

TEST_F(RecordedWarmupTest, IsAChangeOfTheVersionButNotOfItsDigest) {
  Write("model.onnx", "m");
  const auto before = StampFiles(fs_, version_.files, version_.scope);
  Write("warmup/a.npz", "1");
  const auto after = StampFiles(fs_, version_.files, version_.scope);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NE(before->All(), after->All());
  EXPECT_THAT(before->directories, IsEmpty());
  EXPECT_THAT(after->directories, testing::ElementsAre(directory_.path() / "warmup"));
  EXPECT_EQ(*DigestFiles(version_.files, before->files),
            *DigestFiles(version_.files, after->files));
  engine::ModelFiles sent;
  sent.in_memory = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"model.onnx", "m"}, {"warmup/a.npz", "1"}});
  EXPECT_EQ(*DigestFiles(sent, {}), *DigestFiles(version_.files, before->files));
}

}  // namespace
}  // namespace slipway::lifecycle

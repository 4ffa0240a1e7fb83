#include "frontend/openinference/repository_api.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "frontend/openinference/classification.h"
#include "frontend/openinference/logging_api.h"
#include "frontend/openinference/route.h"
#include "frontend/scratch_arena.h"
#include "tensor/testing/padded_text.h"

namespace slipway::frontend::openinference {
namespace {

using base::StatusCode;
using tensor::PaddedText;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(RepositoryApiTest, ReadsLoadRequests) {
  PaddedText empty("");
  EXPECT_EQ(ReadLoadRequest("m", empty.bytes())->name, "m");
  PaddedText body(
      R"({"parameters":{"config":"{\"a\":1}","file:1/model.onnx":"aGk=","file:1/d/x":"","file:20/y":"/+8"}})");
  const auto request = ReadLoadRequest("m", body.bytes());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->config_json, "{\"a\":1}");
  EXPECT_EQ(request->files.at(1).at("model.onnx"), "hi");
  EXPECT_EQ(request->files.at(1).at("d/x"), "");
  EXPECT_EQ(request->files.at(20).at("y"), "\xFF\xEF");
}

TEST(RepositoryApiTest, RefusesWrongLoadRequests) {
  for (const char* json :
       {"[]", "{\"x\":1}", R"({"parameters":{"other":"1"}})", R"({"parameters":{"config":1}})",
        R"({"parameters":{"config":"{}","file:model.onnx":""}})",
        R"({"parameters":{"config":"{}","file:1/":""}})",
        R"({"parameters":{"config":"{}","file:-1/x":""}})",
        R"({"parameters":{"config":"{}","file:1/../x":""}})",
        R"({"parameters":{"config":"{}","file:1//etc/x":""}})",
        R"({"parameters":{"config":"{}","file:1/a/..":""}})",
        R"({"parameters":{"config":"{}","file:1/x":"!"}})",
        R"({"parameters":{"config":"{}","file:1/x":"abcde"}})",
        R"({"parameters":{"file:1/x":"aGk="}})", R"({"parameters":{"config":"{}"})"}) {
    PaddedText body(json);
    EXPECT_EQ(ReadLoadRequest("m", body.bytes()).status().code(), StatusCode::kInvalidArgument)
        << json;
  }
}

TEST(RepositoryApiTest, DecodesBase64) {
  EXPECT_EQ(*DecodeBase64(""), "");
  EXPECT_EQ(*DecodeBase64("Zg=="), "f");
  EXPECT_EQ(*DecodeBase64("Zm8="), "fo");
  EXPECT_EQ(*DecodeBase64("Zm8"), "fo");
  EXPECT_EQ(*DecodeBase64("Zm9vYmFy"), "foobar");
  for (const char* wrong : {"Z", "Zg=a", "Zm9v!", "Zh==", "====", "Zg==="}) {
    EXPECT_FALSE(DecodeBase64(wrong).ok()) << wrong;
  }
}

TEST(RepositoryApiTest, WritesTheIndex) {
  const std::vector<ModelControl::Entry> entries = {
      {.name = "a", .version = 1, .state = "READY", .reason = ""},
      {.name = "a", .version = 2, .state = "UNAVAILABLE", .reason = "bad \"file\""},
      {.name = "b", .version = {}, .state = "", .reason = ""}};
  EXPECT_EQ(
      IndexJson(entries, false),
      R"([{"name":"a","version":"1","state":"READY","reason":""},)"
      R"({"name":"a","version":"2","state":"UNAVAILABLE","reason":"bad \"file\""},{"name":"b"}])");
  EXPECT_EQ(IndexJson(entries, true),
            R"([{"name":"a","version":"1","state":"READY","reason":""}])");
}

TEST(ClassificationTest, TakesTheLargestOfEachRow) {
  const std::vector<float> scores = {0.5F, 3.3F, -1, 2, 2, 1};
  const auto tensor = tensor::Tensor::FromValues<float>({2, 3}, scores);
  const std::vector<std::string> labels = {"cat", "dog"};
  const auto top = Classify(tensor->view(), 2, true, labels);
  ASSERT_TRUE(top.ok()) << top.status();
  EXPECT_EQ(top->shape(), (tensor::Shape{2, 2}));
  EXPECT_THAT(*top->view().AsStrings(),
              ElementsAre("3.300000:1:dog", "0.500000:0:cat", "2.000000:0:cat", "2.000000:1:dog"));
  const auto all = Classify(tensor->view(), 100, false, {});
  EXPECT_EQ(all->shape(), (tensor::Shape{6}));
  EXPECT_EQ((*all->view().AsStrings())[0], "3.300000:1");
}

TEST(ClassificationTest, PutsWhatIsNoNumberLastAndRefusesWhatHasNoOrder) {
  const std::vector<double> scores = {NAN, 1, NAN, 2};
  const auto tensor = tensor::Tensor::FromValues<double>({4}, scores);
  EXPECT_THAT(*Classify(tensor->view(), 3, false, {})->view().AsStrings(),
              ElementsAre("2.000000:3", "1.000000:1", HasSubstr("nan:0")));
  const std::vector<int64_t> integers = {-5, 7};
  const auto whole = tensor::Tensor::FromValues<int64_t>({2}, integers);
  EXPECT_THAT(*Classify(whole->view(), 1, false, {})->view().AsStrings(), ElementsAre("7:1"));
  for (const tensor::DType dtype :
       {tensor::DType::kFp16, tensor::DType::kBf16, tensor::DType::kBool}) {
    const auto other = tensor::Tensor::Allocate(dtype, {1});
    EXPECT_FALSE(Classify(other->view(), 1, false, {}).ok());
  }
  const auto empty = tensor::Tensor::Allocate(tensor::DType::kFp32, {0, 3});
  EXPECT_EQ(Classify(empty->view(), 2, true, {})->shape(), (tensor::Shape{0, 0}));
}

TEST(LoggingApiTest, ReadsAndSetsTheLevel) {
  const auto log = base::Logger::Null();
  log->set_level(base::LogLevel::kInfo);
  EXPECT_EQ(LoggingJson(*log),
            R"({"log_file":"","log_info":true,"log_warning":true,"log_error":true,)"
            R"("log_verbose_level":0,"log_format":"ISO8601"})");
  PaddedText verbose(R"({"log_verbose_level":2,"log_format":"default"})");
  EXPECT_TRUE(UpdateLogging(verbose.bytes(), *log).ok());
  EXPECT_EQ(log->level(), base::LogLevel::kDebug);
  PaddedText infos(R"({"log_verbose_level":0})");
  EXPECT_TRUE(UpdateLogging(infos.bytes(), *log).ok());
  EXPECT_EQ(log->level(), base::LogLevel::kInfo);
  PaddedText quiet(R"({"log_verbose_level":0,"log_info":false})");
  EXPECT_TRUE(UpdateLogging(quiet.bytes(), *log).ok());
  EXPECT_EQ(log->level(), base::LogLevel::kWarn);
  PaddedText hole(R"({"log_error":false})");
  EXPECT_EQ(UpdateLogging(hole.bytes(), *log).code(), StatusCode::kInvalidArgument);
  PaddedText gap(R"({"log_warning":false,"log_info":true})");
  EXPECT_EQ(UpdateLogging(gap.bytes(), *log).code(), StatusCode::kInvalidArgument);
  PaddedText off(R"({"log_error":false,"log_warning":false})");
  EXPECT_TRUE(UpdateLogging(off.bytes(), *log).ok());
  EXPECT_EQ(log->level(), base::LogLevel::kOff);
  PaddedText warnings(R"({"log_warning":true})");
  EXPECT_TRUE(UpdateLogging(warnings.bytes(), *log).ok());
  PaddedText file(R"({"log_file":"/tmp/x"})");
  EXPECT_EQ(UpdateLogging(file.bytes(), *log).code(), StatusCode::kUnimplemented);
  PaddedText unknown(R"({"log_infos":true})");
  EXPECT_EQ(UpdateLogging(unknown.bytes(), *log).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(log->level(), base::LogLevel::kWarn);
}

TEST(RouteTest, MatchesWholePaths) {
  PathArguments path;
  EXPECT_TRUE(
      MatchPath("/v2/models/{m}/versions/{v}/infer", "/v2/models/a%2Fb/versions/12/infer", path));
  EXPECT_EQ(path.model, "a%2Fb");
  EXPECT_EQ(path.version, "12");
  for (const char* wrong :
       {"/v2/models//versions/1/infer", "/v2/models/a/versions/x/infer",
        "/v2/models/a/versions//infer", "/v2/models/a/versions/1/infer/",
        "/v2/models/a/versions/1/inferx", "/v2/models/a/versions/1",
        "/V2/models/a/versions/1/infer", "/v2/models/a/b/versions/1/infer", ""}) {
    EXPECT_FALSE(MatchPath("/v2/models/{m}/versions/{v}/infer", wrong, path)) << wrong;
  }
  EXPECT_TRUE(MatchPath("/v2", "/v2", path));
  EXPECT_FALSE(MatchPath("/v2", "/v2/", path));
}

TEST(ScratchArenaTest, KeepsPiecesApartUntilReset) {
  ScratchArena arena;
  std::vector<std::span<std::byte>> pieces;
  for (size_t size : {1U, 0U, 100U, 20'000U, 64U, 100'000U, 3U}) {
    pieces.push_back(arena.Allocate(size));
    ASSERT_EQ(pieces.back().size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces.back().data()) % 64, 0U);
    std::ranges::fill(pieces.back(), static_cast<std::byte>(pieces.size()));
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (const std::byte b : pieces[i]) ASSERT_EQ(b, static_cast<std::byte>(i + 1));
  }
  arena.Reset();
  EXPECT_EQ(arena.Allocate(5).size(), 5U);
}

}  // namespace
}  // namespace slipway::frontend::openinference

#include "app/bench/request.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "app/bench/answer.h"
#include "app/bench/grpc_requests.h"

namespace slipway::app {
namespace {

using base::StatusCode;
using nlohmann::json;
using Progress = AnswerReader::Progress;

struct AnswerCase {
  const char* name;
  std::string wire;
  int status;
  std::string body;
  bool keep_alive;
};
class AnswerReaderTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(AnswerReaderTest, ReadsTheAnswerHoweverItsBytesAreCut) {
  const AnswerCase& answer = GetParam();
  for (size_t piece = 1; piece <= answer.wire.size(); ++piece) {
    AnswerReader reader(1000, "x-tag");
    Progress progress = Progress::kMore;
    for (size_t at = 0; at < answer.wire.size(); at += piece) {
      ASSERT_EQ(progress, Progress::kMore) << "piece " << piece;
      progress = reader.Feed(std::string_view(answer.wire).substr(at, piece));
    }
    ASSERT_EQ(progress, Progress::kDone) << "piece " << piece;
    EXPECT_EQ(reader.status(), answer.status);
    EXPECT_EQ(reader.kept_body(), answer.body);
    EXPECT_EQ(reader.body_bytes(), answer.body.size());
    EXPECT_EQ(reader.keep_alive(), answer.keep_alive);
    EXPECT_EQ(reader.kept_header_value(), "v1");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Http, AnswerReaderTest,
    testing::Values(
        AnswerCase{"Length", "HTTP/1.1 200 OK\r\nX-Tag: v1\r\nContent-Length: 5\r\n\r\nhello", 200,
                   "hello", true},
        AnswerCase{"Empty", "HTTP/1.1 503 Busy\r\ncontent-length:0\r\nx-tag:v1\r\n\r\n", 503, "",
                   true},
        AnswerCase{
            "Close",
            "HTTP/1.1 200 OK\r\nX-Tag: v1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200,
            "ok", false},
        AnswerCase{"Http10", "HTTP/1.0 200 OK\r\nX-Tag: v1\r\nContent-Length: 2\r\n\r\nok", 200,
                   "ok", false},
        AnswerCase{"Chunked",
                   "HTTP/1.1 200 OK\r\nx-tag: v1\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5;why=not\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
                   200, "hello!", true},
        AnswerCase{"Interim",
                   "HTTP/1.1 100 Continue\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nx-tag: v1\r\nContent-Length: 1\r\n\r\nx",
                   200, "x", true},
        AnswerCase{"NoContent", "HTTP/1.1 204 No Content\r\nx-tag: v1\r\n\r\n", 204, "", true}),
    [](const auto& c) { return c.param.name; });

TEST(AnswerReaderTest, WithoutLengthTheEndOfTheConnectionEndsIt) {
  AnswerReader reader(10, "");
  EXPECT_EQ(reader.Feed("HTTP/1.1 200 OK\r\n\r\nsome"), Progress::kMore);
  EXPECT_EQ(reader.Feed(" more and more"), Progress::kMore);
  EXPECT_EQ(reader.FeedEnd(), Progress::kDone);
  EXPECT_EQ(reader.body_bytes(), 18U);
  EXPECT_EQ(reader.kept_body(), "some more ");
  EXPECT_FALSE(reader.keep_alive());
}

TEST(AnswerReaderTest, RefusesWhatIsNotHttp) {
  for (const char* bad :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"}) {
    AnswerReader reader(10, "");
    EXPECT_EQ(reader.Feed(bad), Progress::kBad) << bad;
  }
  AnswerReader endless(10, "");
  EXPECT_EQ(endless.Feed(std::string(AnswerReader::kMaxHeadBytes + 1, 'x')), Progress::kBad);
  AnswerReader cut(10, "");
  EXPECT_EQ(cut.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), Progress::kMore);
  EXPECT_EQ(cut.FeedEnd(), Progress::kBad);
}

const json kMetadata = json::parse(R"({"name":"m","inputs":[
  {"name":"a","datatype":"FP32","shape":[-1,2,-1]},
  {"name":"b","datatype":"INT64","shape":["-1","3"]},
  {"name":"c","datatype":"BYTES","shape":[1]},
  {"name":"d","datatype":"BOOL","shape":[]}]})");

TEST(BenchBodyTest, FitsTheSignature) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  const auto body = MakeBenchBody(*inputs, {.batch = 5});
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->json_bytes, 0U);
  const json request = json::parse(body->bytes);
  ASSERT_EQ(request["inputs"].size(), 4U);
  EXPECT_EQ(request["inputs"][0]["shape"], json({5, 2, 1}));
  EXPECT_EQ(request["inputs"][0]["data"].size(), 10U);
  EXPECT_EQ(request["inputs"][1]["shape"], json({5, 3}));
  EXPECT_TRUE(request["inputs"][1]["data"][0].is_number_integer());
  EXPECT_TRUE(request["inputs"][2]["data"][0].is_string());
  EXPECT_EQ(request["inputs"][3]["shape"], json::array());
  EXPECT_TRUE(request["inputs"][3]["data"][0].is_boolean());
}

TEST(BenchBodyTest, BinaryHasTheSameValuesBehindTheJson) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok());
  const auto text = MakeBenchBody(*inputs, {.batch = 1});
  const auto binary = MakeBenchBody(*inputs, {.binary = true, .batch = 1});
  ASSERT_TRUE(text.ok() && binary.ok());
  const json head = json::parse(binary->bytes.substr(0, binary->json_bytes));
  EXPECT_EQ(head["parameters"]["binary_data_output"], true);
  size_t at = binary->json_bytes;
  const json request = json::parse(text->bytes);
  for (int i = 0; i < 2; ++i, at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, binary->bytes.data() + at, sizeof(value));
    EXPECT_FLOAT_EQ(value, request["inputs"][0]["data"][static_cast<size_t>(i)].get<float>());
  }
  size_t sum = binary->json_bytes;
  for (const json& input : head["inputs"]) {
    sum += input["parameters"]["binary_data_size"].get<size_t>();
  }
  EXPECT_EQ(sum, binary->bytes.size());
}

TEST(BenchBodyTest, GrpcHasTheSameValuesAsBinary) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok());
  const auto binary = MakeBenchBody(*inputs, {.binary = true, .batch = 2});
  const auto tensors = MakeBenchTensors(*inputs, {.batch = 2});
  ASSERT_TRUE(binary.ok() && tensors.ok());
  std::string data;
  for (const BenchTensor& tensor : *tensors) data += tensor.data;
  EXPECT_EQ(data, binary->bytes.substr(binary->json_bytes));
  const std::string message = WriteInferMessage("m", "3", *tensors);
  EXPECT_EQ(message.substr(0, 6), std::string("\x0a\x01m\x12\x01") + "3");
  // input a: name, datatype, shape [2,2,1]; then the others, and the data behind them all
  EXPECT_NE(
      message.find(std::string("\x2a\x0e\x0a\x01\x61\x12\x04") + "FP32" + "\x1a\x03\x02\x02\x01"),
      std::string::npos);
  EXPECT_EQ(message.substr(message.size() - tensors->back().data.size()), tensors->back().data);
}

TEST(GrpcInputsTest, ReadsTheMetadataOfAModel) {
  // ModelMetadataResponse{name: "m", inputs: {name: "a", datatype: "FP32", shape: [-1, 3]}}
  const std::string shape = std::string("\x1a\x0b") + std::string(9, '\xff') + "\x01\x03";
  const std::string tensor = std::string("\x0a\x01\x61\x12\x04") + "FP32" + shape;
  const std::string message =
      std::string("\x0a\x01m\x22") + static_cast<char>(tensor.size()) + tensor;
  const auto inputs = ReadGrpcInputs(message);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  ASSERT_EQ(inputs->size(), 1U);
  EXPECT_EQ((*inputs)[0].name, "a");
  EXPECT_EQ((*inputs)[0].dtype, tensor::DType::kFp32);
  EXPECT_EQ((*inputs)[0].shape, (tensor::Shape{-1, 3}));
  for (size_t size = 4; size < message.size(); ++size) {
    EXPECT_FALSE(ReadGrpcInputs(message.substr(0, size)).ok()) << size;
  }
}

TEST(BenchBodyTest, ShapesOfTheUserMustFit) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok());
  BenchBodyOptions options;
  ASSERT_TRUE(ParseShapeOption("a:3,2,7", options.shapes).ok());
  const auto good = MakeBenchBody(*inputs, options);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(json::parse(good->bytes)["inputs"][0]["shape"], json({3, 2, 7}));
  ASSERT_TRUE(ParseShapeOption("a:3,4,7", options.shapes).ok());
  EXPECT_EQ(MakeBenchBody(*inputs, options).status().code(), StatusCode::kInvalidArgument);
  options.shapes.clear();
  ASSERT_TRUE(ParseShapeOption("z:1", options.shapes).ok());
  const auto unknown = MakeBenchBody(*inputs, options);
  EXPECT_NE(unknown.status().message().find("'a', 'b', 'c', 'd'"), std::string::npos)
      << unknown.status();
  for (const char* bad : {"", "a", ":1", "a:x", "a:1,,2", "a:-1", "a:99999999999999999999"}) {
    EXPECT_EQ(ParseShapeOption(bad, options.shapes).code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(BenchBodyTest, RefusesHugeInputsAndStrangeMetadata) {
  BenchBodyOptions options;
  options.batch = int64_t{1} << 24;
  const auto inputs = ReadBenchInputs(
      json::parse(R"({"inputs":[{"name":"a","datatype":"FP32","shape":[-1,1000]}]})"));
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(MakeBenchBody(*inputs, options).status().code(), StatusCode::kResourceExhausted);
  for (const char* bad : {"[]", "{}", R"({"inputs":[1]})", R"({"inputs":[{"name":"a"}]})",
                          R"({"inputs":[{"name":"a","datatype":"FP33","shape":[1]}]})",
                          R"({"inputs":[{"name":"a","datatype":"FP32","shape":[0.5]}]})"}) {
    EXPECT_EQ(ReadBenchInputs(json::parse(bad)).status().code(), StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace slipway::app

// Shared memory over HTTP: routes and requests.

#include <gmock/gmock.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "frontend/openinference/open_inference_handler.h"
#include "frontend/testing/fake_exchange.h"
#include "frontend/testing/fake_server.h"
#include "frontend/testing/fake_shared_memory.h"

namespace slipway::frontend::openinference {
namespace {

using base::StrCat;
using tensor::DType;
using testing::HasSubstr;
using Json = nlohmann::json;

tensor::Signature Echo(DType dtype, const tensor::Shape& shape) {
  return {.inputs = {{.name = "x", .dtype = dtype, .shape = shape}},
          .outputs = {{.name = "y", .dtype = dtype, .shape = shape}}};
}

class SharedMemoryRoutesTest : public FakeSharedMemory, public testing::Test {
 protected:
  SharedMemoryRoutesTest()
      : handler_({.dispatcher = server_.dispatcher,
                  .control = server_.control,
                  .state = server_.state,
                  .loop = server_.loop,
                  .clock = server_.clock,
                  .log = *server_.log,
                  .shared_memory = &registry_}) {
    MakeObject("in", {1.5F, -2.0F, 3.0F, 4.0F});
    MakeObject("out", std::string(64, '#'));
  }
  FakeExchange& Call(std::string_view method, std::string_view target, std::string_view body = {},
                     std::string_view peer = "127.0.0.1:4711") {
    exchanges_.push_back(std::make_unique<FakeExchange>(method, target, body));
    exchanges_.back()->set_peer(peer);
    handler_.OnRequest(*exchanges_.back());
    return *exchanges_.back();
  }
  FakeExchange& Infer(const std::vector<Json>& inputs, const std::vector<Json>& outputs = {}) {
    const Json body = {{"inputs", inputs}, {"outputs", outputs}};
    return Call("POST", "/v2/models/m/infer", body.dump());
  }
  std::string ErrorOf(const FakeExchange& answer, int status) {
    EXPECT_EQ(answer.status(), status) << answer.body();
    return Json::parse(answer.body()).value("error", "");
  }
  void Register(std::string_view name, std::string_view key, uint64_t size, uint64_t offset = 0) {
    const std::string body = Json{{"key", key}, {"byte_size", size}, {"offset", offset}}.dump();
    const FakeExchange& answer =
        Call("POST", StrCat("/v2/systemsharedmemory/region/", name, "/register"), body);
    EXPECT_EQ(answer.status(), 200) << answer.body();
  }
  // An input of FP32[2], all of it in shared memory.
  static Json Input(const Json& parameters) {
    return {{"name", "x"}, {"datatype", "FP32"}, {"shape", {1, 2}}, {"parameters", parameters}};
  }
  static Json Place(std::string_view region, uint64_t size, uint64_t offset = 0) {
    return {{"shared_memory_region", region},
            {"shared_memory_byte_size", size},
            {"shared_memory_offset", offset}};
  }
  void RegisterBoth() {
    server_.AddModel("m", 1, Echo(DType::kFp32, {-1, 2}));
    Register("i", "/in", 16);
    Register("o", "/out", 48, 16);
  }

  FakeServer server_;
  OpenInferenceHandler handler_;
  std::vector<std::unique_ptr<FakeExchange>> exchanges_;
};

TEST_F(SharedMemoryRoutesTest, RegistersAndTellsRegions) {
  Register("b%20b", "/out", 32, 16);
  Register("a", "in", 8);
  const Json a = {{"name", "a"}, {"key", "in"}, {"offset", 0}, {"byte_size", 8}};
  const Json b = {{"name", "b b"}, {"key", "/out"}, {"offset", 16}, {"byte_size", 32}};
  EXPECT_EQ(Json::parse(Call("GET", "/v2/systemsharedmemory/status").body()), Json({a, b}));
  EXPECT_EQ(Json::parse(Call("GET", "/v2/systemsharedmemory/region/b%20b/status").body()),
            Json::array({b}));
  ErrorOf(Call("GET", "/v2/systemsharedmemory/region/c/status"), 404);
  EXPECT_EQ(Call("POST", "/v2/systemsharedmemory/region/c/unregister").status(), 200);
  EXPECT_EQ(Call("POST", "/v2/systemsharedmemory/region/a/unregister").status(), 200);
  EXPECT_EQ(Json::parse(Call("GET", "/v2/systemsharedmemory/status").body()), Json::array({b}));
  EXPECT_EQ(Call("POST", "/v2/systemsharedmemory/unregister", "{}").status(), 200);
  EXPECT_EQ(Call("GET", "/v2/systemsharedmemory/status").body(), "[]");
}

TEST_F(SharedMemoryRoutesTest, RefusesRegistrationsThatMakeNoSense) {
  const auto refusal = [&](std::string_view body) {
    return ErrorOf(Call("POST", "/v2/systemsharedmemory/region/r/register", body), 400);
  };
  EXPECT_THAT(refusal(R"({"byte_size":8})"), HasSubstr("'key' is missing"));
  EXPECT_THAT(refusal(R"({"key":"/in"})"), HasSubstr("'byte_size' is missing"));
  EXPECT_THAT(refusal(R"({"key":"/in","byte_size":-8})"), HasSubstr("'byte_size'"));
  EXPECT_THAT(refusal(R"({"key":"/in","byte_size":8,"offset":"0"})"), HasSubstr("'offset'"));
  EXPECT_THAT(refusal(R"({"key":"/in","byte_size":8,"x":1})"), HasSubstr("got the key 'x'"));
  EXPECT_THAT(refusal(R"({"key":"/in","byte_size":17})"), HasSubstr("it has 16 bytes"));
  EXPECT_THAT(refusal(R"({"key":"/../in","byte_size":8})"), HasSubstr("expected the name"));
  EXPECT_THAT(refusal(""), HasSubstr("JSON"));
  Register("r", "/in", 8);
  EXPECT_THAT(refusal(R"({"key":"/in","byte_size":8})"), HasSubstr("is registered already"));
  ErrorOf(Call("POST", "/v2/systemsharedmemory/region/s/register",
               R"({"key":"/absent","byte_size":8})"),
          404);
  ErrorOf(
      Call("POST", "/v2/systemsharedmemory/region/%zz/register", R"({"key":"/in","byte_size":8})"),
      400);
}

TEST_F(SharedMemoryRoutesTest, IsForClientsOnThisHost) {
  RegisterBoth();
  constexpr std::string_view kFar = "192.0.2.1:4711";
  for (const char* route : {"status", "region/i/status"}) {
    ErrorOf(Call("GET", StrCat("/v2/systemsharedmemory/", route), {}, kFar), 403);
  }
  for (const char* route : {"region/r/register", "region/i/unregister", "unregister"}) {
    ErrorOf(Call("POST", StrCat("/v2/systemsharedmemory/", route), R"({"key":"/in","byte_size":8})",
                 kFar),
            403);
  }
  const std::string body = Json{{"inputs", {Input(Place("i", 8))}}}.dump();
  EXPECT_EQ(Call("POST", "/v2/models/m/infer", body).status(), 200);
  ErrorOf(Call("POST", "/v2/models/m/infer", body, kFar), 403);
}

TEST_F(SharedMemoryRoutesTest, AnnouncesItself) {
  EXPECT_THAT(Call("GET", "/v2").body(), HasSubstr("\"system_shared_memory\""));
}

TEST_F(SharedMemoryRoutesTest, HasNoCudaMemory) {
  EXPECT_EQ(Call("GET", "/v2/cudasharedmemory/status").body(), "[]");
  ErrorOf(Call("GET", "/v2/cudasharedmemory/region/r/status"), 404);
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/cudasharedmemory/region/r/register", "{}"), 501),
              HasSubstr("CUDA shared memory is not supported by this build"));
  EXPECT_EQ(Call("POST", "/v2/cudasharedmemory/region/r/unregister").status(), 200);
  EXPECT_EQ(Call("POST", "/v2/cudasharedmemory/unregister").status(), 200);
}

TEST_F(SharedMemoryRoutesTest, ReadsInputsAndWritesOutputs) {
  RegisterBoth();
  for (int i = 0; i < 2; ++i) {
    const FakeExchange& answer =
        Infer({Input(Place("i", 8, 4))}, {{{"name", "y"}, {"parameters", Place("o", 8, 8)}}});
    ASSERT_EQ(answer.status(), 200) << answer.body();
    EXPECT_EQ(answer.response().content_type, "application/json");
    EXPECT_EQ(Json::parse(answer.body())["outputs"],
              Json({{{"name", "y"}, {"datatype", "FP32"}, {"shape", {1, 2}}}}));
    EXPECT_EQ(Content("out"),
              StrCat(std::string(24, '#'), Content("in").substr(4, 8), std::string(32, '#')));
    MakeObject("in", {0.0F, 7.0F, 8.0F, 9.0F});
    MakeObject("out", std::string(64, '#'));
  }
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(SharedMemoryRoutesTest, BytesLieWithTheirLengths) {
  server_.AddModel("m", 1, Echo(DType::kBytes, {-1}));
  const std::string text("\3\0\0\0abc\0\0\0\0", 11);
  MakeObject("in", text);
  Register("i", "in", 11);
  Register("o", "out", 64);
  const Json input = {
      {"name", "x"}, {"datatype", "BYTES"}, {"shape", {2}}, {"parameters", Place("i", 11)}};
  EXPECT_EQ(Json::parse(Infer({input}).body())["outputs"][0]["data"], Json({"abc", ""}));
  const FakeExchange& answer = Infer({input}, {{{"name", "y"}, {"parameters", Place("o", 64)}}});
  EXPECT_EQ(answer.status(), 200) << answer.body();
  EXPECT_EQ(Content("out").substr(0, 12), text + "#");
  MakeObject("in", std::string("\3\0\0\0abc\1\0\0\0", 11));
  ErrorOf(Infer({input}), 400);
}

TEST_F(SharedMemoryRoutesTest, MixesWithOtherInputs) {
  tensor::Signature two = Echo(DType::kFp32, {2});
  two.inputs.push_back({.name = "z", .dtype = DType::kFp32, .shape = {1}});
  two.outputs.push_back({.name = "w", .dtype = DType::kFp32, .shape = {1}});
  server_.AddModel("m", 1, two);
  Register("i", "in", 16);
  const Json x = {
      {"name", "x"}, {"datatype", "FP32"}, {"shape", {2}}, {"parameters", Place("i", 8)}};
  const Json z = {{"name", "z"}, {"datatype", "FP32"}, {"shape", {1}}, {"data", {5}}};
  const Json outputs = Json::parse(Infer({x, z}).body())["outputs"];
  EXPECT_EQ(outputs[0]["data"], Json({1.5, -2.0}));
  EXPECT_EQ(outputs[1]["data"], Json({5.0}));
}

struct BadInput {
  const char* parameters;  // of an input of FP32[1,2]
  int status;
  const char* message;
};
const BadInput kBadInputs[] = {
    {R"({"shared_memory_region":"i"})", 400, "'shared_memory_byte_size' is missing"},
    {R"({"shared_memory_byte_size":8})", 400, "'shared_memory_region' is missing"},
    {R"({"shared_memory_offset":8})", 400, "'shared_memory_region' is missing"},
    {R"({"shared_memory_region":1})", 400, "'shared_memory_region'"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":-1})", 400,
     "'shared_memory_byte_size'"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":8,"shared_memory_key":1})", 400,
     "parameter 'shared_memory_key'"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":8,"binary_data_size":8})", 400,
     "got both"},
    {R"({"shared_memory_region":"q","shared_memory_byte_size":8})", 404,
     "shared memory region 'q' is not registered"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":12})", 400,
     "shared_memory_byte_size is 12, but FP32[1,2] has 2 elements of 4 bytes"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":8,"shared_memory_offset":9})", 400,
     "do not lie inside region 'i'"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":8,"shared_memory_offset":16})", 400,
     "do not lie inside region 'i'"},
    {R"({"shared_memory_region":"i","shared_memory_byte_size":8,"shared_memory_offset":18446744073709551615})",
     400, "do not lie inside region 'i'"},
};

TEST_F(SharedMemoryRoutesTest, SaysWhatIsWrongWithAnInput) {
  RegisterBoth();
  for (const BadInput& c : kBadInputs) {
    const std::string error = ErrorOf(Infer({Input(Json::parse(c.parameters))}), c.status);
    EXPECT_THAT(error, HasSubstr(c.message));
    EXPECT_THAT(error, HasSubstr("input 'x': ")) << c.parameters;
  }
  Json input = Input(Place("i", 8));
  input["data"] = {1, 2};
  EXPECT_THAT(ErrorOf(Infer({input}), 400),
              HasSubstr("expected shared memory or 'data', got both"));
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(SharedMemoryRoutesTest, SaysWhatIsWrongWithAnOutput) {
  RegisterBoth();
  const auto refusal = [&](const char* parameters, int status) {
    const Json y = {{"name", "y"}, {"parameters", Json::parse(parameters)}};
    std::string error = ErrorOf(Infer({Input(Place("i", 8))}, {y}), status);
    EXPECT_THAT(error, HasSubstr("output 'y': ")) << parameters;
    return error;
  };
  EXPECT_THAT(refusal(R"({"shared_memory_region":"o"})", 400), HasSubstr("byte_size' is missing"));
  EXPECT_THAT(refusal(R"({"shared_memory_offset":1})", 400), HasSubstr("region' is missing"));
  EXPECT_THAT(refusal(R"({"shared_memory_region":"q","shared_memory_byte_size":8})", 404),
              HasSubstr("'q' is not registered"));
  EXPECT_THAT(refusal(R"({"shared_memory_region":"o","shared_memory_byte_size":49})", 400),
              HasSubstr("do not lie inside"));
  EXPECT_THAT(
      refusal(R"({"shared_memory_region":"o","shared_memory_byte_size":8,"binary_data":true})",
              400),
      HasSubstr("got both"));
  EXPECT_THAT(
      refusal(R"({"shared_memory_region":"o","shared_memory_byte_size":8,"classification":1})",
              400),
      HasSubstr("classifications go into the answer only"));
  EXPECT_THAT(refusal(R"({"shared_memory_region":"o","shared_memory_byte_size":7})", 500),
              HasSubstr("has 8 bytes, but shared_memory_byte_size is 7"));
  EXPECT_EQ(Content("out"), std::string(64, '#'));
}

TEST_F(SharedMemoryRoutesTest, SurvivesObjectsThatAreCutShort) {
  RegisterBoth();
  Truncate("in", 4);
  EXPECT_THAT(
      ErrorOf(Infer({Input(Place("i", 8))}), 400),
      HasSubstr("input 'x': the shared memory object is smaller than when it was registered"));
  MakeObject("in", {1.0F, 2.0F});
  Truncate("out", 20);
  EXPECT_THAT(
      ErrorOf(Infer({Input(Place("i", 8))}, {{{"name", "y"}, {"parameters", Place("o", 8)}}}), 400),
      HasSubstr("output 'y': the shared memory object is smaller"));
  EXPECT_EQ(Content("out").size(), 20U);
}

TEST_F(SharedMemoryRoutesTest, TakesNoMoreThanARequestMayHave) {
  server_.AddModel("m", 1, Echo(DType::kUint8, {-1}));
  MakeObject("in", std::string(90'000, '\1'));
  Register("i", "in", 90'000);
  const auto input = [](uint64_t size) {
    return Json{
        {"name", "x"}, {"datatype", "UINT8"}, {"shape", {size}}, {"parameters", Place("i", size)}};
  };
  EXPECT_EQ(Infer({input(10'000)}).status(), 200);
  EXPECT_THAT(ErrorOf(Infer({input(10'001)}), 400), HasSubstr("limits.max_body"));
  ASSERT_TRUE(budget_.TryReserve(15'000));
  EXPECT_THAT(ErrorOf(Infer({input(5'001)}), 429), HasSubstr("limits.max_buffered_bytes"));
  budget_.Release(15'000);
  EXPECT_EQ(Infer({input(5'001)}).status(), 200);
}

}  // namespace
}  // namespace slipway::frontend::openinference

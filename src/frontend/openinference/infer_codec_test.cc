#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "frontend/openinference/infer_decoder.h"

namespace slipway::frontend::openinference {
namespace {

using base::Status;
using base::StatusCode;
using base::StrCat;
using tensor::DType;
using tensor::TensorView;
using testing::HasSubstr;

tensor::TensorSpec Spec(const std::string& name, DType dtype, const tensor::Shape& shape,
                        bool optional = false) {
  return {.name = name, .dtype = dtype, .shape = shape, .optional = optional};
}

// Decodes one body; owns what the views look into.
struct Decoded {
  Decoded(tensor::Signature s, std::string_view body, std::optional<size_t> json_size = {})
      : signature(std::move(s)), memory(body) {
    const size_t size = memory.size();
    memory.append(64, '7');
    const auto bytes = std::as_writable_bytes(std::span(memory.data(), size));
    const std::string header = json_size ? StrCat(*json_size) : "";
    std::optional<std::string_view> length;
    if (json_size) length = header;
    const base::Result<InferBody> divided = InferBody::Divide(bytes, length);
    status = divided.ok() ? decoder.Decode(*divided, signature, request, inputs) : divided.status();
  }

  tensor::Signature signature;
  std::string memory;
  InferDecoder decoder;
  InferRequest request;
  std::vector<TensorView> inputs;
  Status status;
};

tensor::Signature OneInput(DType dtype, const tensor::Shape& shape) {
  return {.inputs = {Spec("x", dtype, shape)}, .outputs = {Spec("y", dtype, shape)}};
}

std::string ErrorOf(const tensor::Signature& signature, std::string_view body,
                    std::optional<size_t> json_size = {}) {
  return Decoded(signature, body, json_size).status.message();
}

std::string Input(std::string_view shape, std::string_view dtype, std::string_view rest) {
  return StrCat(R"({"inputs":[{"name":"x","shape":)", shape, R"(,"datatype":")", dtype, "\",", rest,
                "}]}");
}

// --- every dtype ---

struct DtypeCase {
  DType dtype;
  const char* json;   // two elements
  std::string bytes;  // the same two
};

std::string Hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::vector<DtypeCase> EveryDtype() {
  return {{DType::kBool, "true,false", Hex("0100")},
          {DType::kUint8, "0,255", Hex("00ff")},
          {DType::kUint16, "1,65535", Hex("0100ffff")},
          {DType::kUint32, "1,4294967295", Hex("01000000ffffffff")},
          {DType::kUint64, "1,18446744073709551615", Hex("0100000000000000ffffffffffffffff")},
          {DType::kInt8, "-128,127", Hex("807f")},
          {DType::kInt16, "-2,3", Hex("feff0300")},
          {DType::kInt32, "-2,3", Hex("feffffff03000000")},
          {DType::kInt64, "-2,3", Hex("feffffffffffffff0300000000000000")},
          {DType::kFp16, "1,-0.1", Hex("003c66ae")},
          {DType::kBf16, "1,0.1", Hex("803fcd3d")},
          {DType::kFp32, "1,0.1", Hex("0000803fcdcccc3d")},
          {DType::kFp64, "1,0.1", Hex("000000000000f03f9a9999999999b93f")},
          {DType::kBytes, R"("a\u0000b","")", Hex("0300000061006200000000")}};
}

TEST(InferDecoderTest, ReadsEveryDtypeAsJsonFlatAndNestedAndAsBinary) {
  for (const DtypeCase& c : EveryDtype()) {
    const std::string name(tensor::DTypeName(c.dtype));
    const std::string json = c.json;
    const size_t comma = json.rfind(',');
    const std::string nested =
        StrCat("[[", json.substr(0, comma), "],[", json.substr(comma + 1), "]]");
    const tensor::Signature signature = OneInput(c.dtype, {-1, 1});
    const std::string binary =
        Input("[2,1]", name, StrCat("\"parameters\":{\"binary_data_size\":", c.bytes.size(), "}"));
    Decoded flat(signature, Input("[2,1]", name, StrCat("\"data\":[", json, "]")));
    Decoded deep(signature, Input("[2,1]", name, StrCat("\"data\":", nested)));
    Decoded tail(signature, binary + c.bytes, binary.size());
    for (const Decoded* decoded : {&flat, &deep, &tail}) {
      ASSERT_TRUE(decoded->status.ok()) << name << decoded->status;
      const TensorView& view = decoded->inputs[0];
      EXPECT_EQ(view.shape(), (tensor::Shape{2, 1}));
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.data().data()), view.data().size()),
                c.bytes)
          << name;
    }
  }
}

TEST(InferDecoderTest, BinaryInputsAreViewsIntoTheBody) {
  const std::string json = Input("[2]", "INT8", R"("parameters":{"binary_data_size":2})");
  Decoded decoded(OneInput(DType::kInt8, {2}), json + "ab", json.size());
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ(static_cast<const void*>(decoded.inputs[0].data().data()),
            decoded.memory.data() + json.size());
}

TEST(InferDecoderTest, KeysMayComeInAnyOrder) {
  Decoded decoded(OneInput(DType::kBytes, {-1}),
                  R"({"outputs":[],"inputs":[{"data":["a\n","NaN"],"datatype":"BYTES","shape":[2],)"
                  R"("name":"x"}],"id":"\u0041"})");
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ((*decoded.inputs[0].AsStrings())[0], "a\n");
  EXPECT_EQ(decoded.request.id, "A");
  Decoded numbers(OneInput(DType::kFp32, {-1}),
                  R"({"inputs":[{"data":[NaN,[]],"datatype":"FP32","shape":[2],"name":"x"}]})");
  EXPECT_THAT(numbers.status.message(), HasSubstr("depth"));
}

TEST(InferDecoderTest, MixesJsonAndBinaryInputsInTheOrderOfTheRequest) {
  const tensor::Signature signature = {
      .inputs = {Spec("a", DType::kInt8, {-1}), Spec("b", DType::kInt8, {-1}),
                 Spec("c", DType::kInt8, {-1})},
      .outputs = {}};
  const std::string json =
      R"({"inputs":[{"name":"c","shape":[2],"datatype":"INT8","parameters":{"binary_data_size":2}},)"
      R"({"name":"b","shape":[1],"datatype":"INT8","data":[9]},)"
      R"({"parameters":{"binary_data_size":1},"name":"a","datatype":"INT8","shape":[1]}]})";
  Decoded decoded(signature, json + "\x01\x02\x03", json.size());
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ((*decoded.inputs[0].As<int8_t>())[0], 3);
  EXPECT_EQ((*decoded.inputs[1].As<int8_t>())[0], 9);
  EXPECT_EQ((*decoded.inputs[2].As<int8_t>())[1], 2);
}

TEST(InferDecoderTest, ReadsScalarsAndEmptyTensors) {
  EXPECT_EQ(ErrorOf(OneInput(DType::kFp32, {}), Input("[]", "FP32", "\"data\":[5]")), "");
  EXPECT_EQ(ErrorOf(OneInput(DType::kFp32, {-1, 3}), Input("[0,3]", "FP32", "\"data\":[]")), "");
  EXPECT_EQ(ErrorOf(OneInput(DType::kBytes, {-1}), Input("[0]", "BYTES", "\"data\":[]")), "");
  const std::string json = Input("[0]", "BYTES", R"("parameters":{"binary_data_size":0})");
  EXPECT_EQ(ErrorOf(OneInput(DType::kBytes, {-1}), json, json.size()), "");
}

// --- what is refused ---

struct BadBody {
  const char* body;
  const char* message;
};
const BadBody kBadBodies[] = {
    {"", "JSON, byte 0: expected '{', got the end of the text"},
    {"[]", "expected '{'"},
    {"{}", "'inputs' is missing; it expects 'x' FP32[-1,2]"},
    {R"({"inputs":{}})", "expected '['"},
    {R"({"inputs":[]})", "input 'x' is missing: the model expects FP32[-1,2]"},
    {R"({"inputs":[]}x)", "expected nothing after the value"},
    {R"({"inputs":[{}]})", "each element needs a 'name'"},
    {R"({"inputs":[{"name":"x"}]})", "input 'x': 'datatype' is missing"},
    {R"({"inputs":[{"name":"x","datatype":"FP32"}]})", "input 'x': 'shape' is missing"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2]}]})",
     "input 'x': expected either 'data' or the parameter 'binary_data_size', got neither"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2],"parameters":{"binary_data_size":8}}]})",
     "got both"},
    {R"({"inputs":[{"name":"z","datatype":"FP32","shape":[1,2],"data":[1,2]}]})",
     "input 'z': the model has no such input; it expects 'x' FP32[-1,2]"},
    {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":[1,2]}]})",
     "input 'x': expected FP32[-1,2], got FP64[1,2]"},
    {R"({"inputs":[{"name":"x","datatype":"FLOAT","shape":[1,2],"data":[1,2]}]})",
     "input 'x': expected FP32[-1,2], got the unknown datatype 'FLOAT'"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]})",
     "input 'x': expected FP32[-1,2], got FP32[1,3]"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]})", "got FP32[2]"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,-2],"data":[1,2]}]})",
     "expected dimension 1 to be at least 0, got -2"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2.5],"data":[1,2]}]})",
     "expected an integer below 2^63"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[9223372036854775808,2],"data":[1,2]}]})",
     "expected an integer below 2^63"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[9223372036854775807,2],"data":[1,2]}]})",
     "the product of its dimensions exceeds 2^63-1"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[4611686018427387903,2],"data":[1,2]}]})",
     "input 'x': expected 9223372036854775806 elements, got 2"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data":[1]}]})",
     "at most 16 dimensions"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1]}]})",
     "input 'x': expected 2 elements, got 1"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2,3]}]})",
     "input 'x': expected 2 elements, got 3"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[[1,2],[3]]}]})",
     "expected lists of 2 at depth 2, got one of 1"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,null]}]})", "got null"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,1e999]}]})",
     "input 'x': element 1: expected FP32"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":5}]})", "expected '['"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]},{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]})",
     "input 'x': is there twice"},
    {R"({"inputs":[],"inputs":[]})", "key 'inputs' is there twice"},
    {R"({"inputs":[{"name":"x","name":"y"}]})", "key 'name' is there twice"},
    {R"({"a":1,"a":2,"inputs":[]})", "key 'a' is there twice"},
    {R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"shared_memory_region":"r"}}]})",
     "input 'x': shared memory is off on this server: start it with --shared-memory"},
    {R"({"parameters":{"priority":"high"},"inputs":[]})",
     "parameter 'priority': JSON, byte 26: expected an integer from 0 to 2^64-1"},
    {R"({"parameters":{"timeout":-1},"inputs":[]})", "parameter 'timeout'"},
    {R"({"parameters":{"triton_x":1},"inputs":[]})", "parameter 'triton_x': the name is reserved"},
    {R"({"parameters":{"headers":1},"inputs":[]})", "the name is reserved"},
    {R"({"parameters":{"p":[1]},"inputs":[]})", "expected a string, a number or a boolean"},
    {R"({"parameters":{"binary_data_output":1},"inputs":[]})", "expected true or false"},
    {R"({"outputs":[{"name":"q"}],"inputs":[]})",
     "output 'q': the model has no such output; it has 'y'"},
    {R"({"outputs":[{"name":"y"},{"name":"y"}],"inputs":[]})", "output 'y' is there twice"},
    {R"({"outputs":[{}],"inputs":[]})", "'outputs': each element needs a 'name'"},
    {R"({"outputs":[{"name":"y","parameters":{"classification":0}}],"inputs":[]})",
     "expected at least 1, got 0"},
    {"{\"id\":\"\xFF\",\"inputs\":[]}", "valid UTF-8"},
};

TEST(InferDecoderTest, SaysWhatIsWrong) {
  for (const BadBody& c : kBadBodies) {
    const Decoded decoded(OneInput(DType::kFp32, {-1, 2}), c.body);
    EXPECT_FALSE(decoded.status.ok()) << c.body;
    EXPECT_THAT(decoded.status.message(), HasSubstr(c.message)) << c.body;
  }
}

TEST(InferDecoderTest, RefusesABodyThatIsCutOffAnywhere) {
  const std::string body =
      R"({"id":"a\n","parameters":{"priority":1,"p":"q"},"inputs":[{"name":"x","shape":[1,2],)"
      R"("datatype":"FP32","data":[[1.5,-2e3]]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_NE(ErrorOf(OneInput(DType::kFp32, {-1, 2}), body.substr(0, size)), "") << size;
  }
  EXPECT_EQ(ErrorOf(OneInput(DType::kFp32, {-1, 2}), body), "");
}

TEST(InferDecoderTest, RefusesAMillionBracketsAnywhere) {
  const std::string deep(1'000'000, '[');
  const tensor::Signature signature = OneInput(DType::kFp32, {-1});
  EXPECT_THAT(ErrorOf(signature, StrCat(R"({"z":)", deep)), HasSubstr("nested"));
  EXPECT_THAT(ErrorOf(signature, Input("[1]", "FP32", StrCat("\"data\":", deep))),
              HasSubstr("nested"));
  EXPECT_THAT(ErrorOf(signature, StrCat(R"({"inputs":[{"data":)", deep)), HasSubstr("nested"));
}

TEST(InferDecoderTest, RefusesTooManyKeys) {
  std::string body = "{";
  for (int i = 0; i < 200; ++i) body.append(StrCat("\"k", i, "\":1,"));
  EXPECT_THAT(ErrorOf(OneInput(DType::kFp32, {-1}), body), HasSubstr("at most 128 keys"));
}

// --- the binary extension ---

TEST(InferDecoderTest, ChecksBinarySizes) {
  const tensor::Signature signature = OneInput(DType::kFp32, {-1});
  const auto error = [&](std::string_view size, std::string_view tail) {
    const std::string json =
        Input("[1]", "FP32", StrCat("\"parameters\":{\"binary_data_size\":", size, "}"));
    return ErrorOf(signature, StrCat(json, tail), json.size());
  };
  EXPECT_EQ(error("4", "abcd"), "");
  EXPECT_THAT(error("4", "abc"), HasSubstr("binary_data_size is 4 bytes, but only 3 bytes"));
  EXPECT_THAT(error("4", "abcde"),
              HasSubstr("holds 5 bytes of binary data, but the inputs take only 4"));
  EXPECT_THAT(error("8", "abcdefgh"), HasSubstr("expected 1 x 4 bytes of data, got 8"));
  EXPECT_THAT(error("0", ""), HasSubstr("expected 1 x 4 bytes of data, got 0"));
  EXPECT_THAT(error("-1", "abcd"), HasSubstr("expected an integer from 0"));
  EXPECT_THAT(error("18446744073709551615", "abcd"), HasSubstr("only 4 bytes"));
  EXPECT_THAT(error("18446744073709551616", "abcd"), HasSubstr("expected an integer from 0"));
  EXPECT_THAT(error("\"4\"", "abcd"), HasSubstr("expected an integer from 0"));
  EXPECT_THAT(error("4.0", "abcd"), HasSubstr("expected an integer from 0"));
}

TEST(InferDecoderTest, ChecksTheElementsOfBinaryStrings) {
  const auto error = [](std::string_view tail) {
    const std::string json =
        Input("[2]", "BYTES", StrCat("\"parameters\":{\"binary_data_size\":", tail.size(), "}"));
    return ErrorOf(OneInput(DType::kBytes, {-1}), StrCat(json, tail), json.size());
  };
  EXPECT_EQ(error(Hex("01000000610100000000")), "");
  EXPECT_THAT(error(Hex("0100000061")), HasSubstr("ends before the length of element 1"));
  EXPECT_THAT(error(Hex("0100000061ffffffff")), HasSubstr("element 1 declares 4294967295 bytes"));
  EXPECT_THAT(error(Hex("01000000610000000000")), HasSubstr("end after"));
}

TEST(InferBodyTest, ChecksTheHeaderLength) {
  std::vector<std::byte> body(10);
  for (const char* wrong :
       {"", "-1", "11", "1x", " 1", "+1", "99999999999999999999", "0x1", "1.0"}) {
    EXPECT_FALSE(InferBody::Divide(body, wrong).ok()) << wrong;
  }
  EXPECT_EQ(InferBody::Divide(body, "4")->tail.size(), 6U);
  EXPECT_EQ(InferBody::Divide(body, "10")->tail.size(), 0U);
  EXPECT_TRUE(InferBody::Divide(body, "0")->raw);
  EXPECT_FALSE(InferBody::Divide(body, std::nullopt)->raw);
}

TEST(InferDecoderTest, RawBodiesAreTheOneInput) {
  Decoded fixed(OneInput(DType::kFp32, {-1, 3}), std::string(12, '\0'), 0);
  ASSERT_TRUE(fixed.status.ok()) << fixed.status;
  EXPECT_EQ(fixed.inputs[0].shape(), (tensor::Shape{1, 3}));
  EXPECT_TRUE(fixed.request.outputs.at(0).binary);
  Decoded open(OneInput(DType::kFp32, {-1, 3, -1}), std::string(24, '\0'), 0);
  ASSERT_TRUE(open.status.ok()) << open.status;
  EXPECT_EQ(open.inputs[0].shape(), (tensor::Shape{1, 3, 2}));
  Decoded text(OneInput(DType::kBytes, {1}), "hello", 0);
  ASSERT_TRUE(text.status.ok()) << text.status;
  EXPECT_EQ((*text.inputs[0].AsStrings())[0], "hello");
  EXPECT_THAT(ErrorOf(OneInput(DType::kFp32, {-1, 3}), "12345", 0),
              HasSubstr("expected 3 x 4 bytes of data, got 5"));
  EXPECT_THAT(ErrorOf(OneInput(DType::kFp32, {3, -1, -1}), "1234", 0),
              HasSubstr("at most one free dimension"));
  const tensor::Signature two = {
      .inputs = {Spec("a", DType::kInt8, {1}), Spec("b", DType::kInt8, {1})}, .outputs = {}};
  EXPECT_THAT(ErrorOf(two, "12", 0), HasSubstr("needs a model with one input"));
}

// --- what is asked of the outputs ---

std::string Wishes(std::string_view body) {
  const tensor::Signature signature = {
      .inputs = {}, .outputs = {Spec("a", DType::kFp32, {1}), Spec("b", DType::kFp32, {1})}};
  Decoded decoded(signature, body);
  if (!decoded.status.ok()) return decoded.status.message();
  std::string text;
  for (const RequestedOutput& output : decoded.request.outputs) {
    text.append(StrCat(signature.outputs[output.index].name, output.binary ? "B" : "J",
                       output.classes > 0 ? StrCat(output.classes) : "", " "));
  }
  return text;
}

TEST(InferDecoderTest, KnowsWhichOutputsAreWantedAndHow) {
  EXPECT_EQ(Wishes(R"({"inputs":[]})"), "aJ bJ ");
  EXPECT_EQ(Wishes(R"({"inputs":[],"outputs":[]})"), "aJ bJ ");
  EXPECT_EQ(Wishes(R"({"inputs":[],"parameters":{"binary_data_output":true}})"), "aB bB ");
  EXPECT_EQ(Wishes(R"({"inputs":[],"outputs":[{"name":"b"}]})"), "bJ ");
  EXPECT_EQ(
      Wishes(
          R"({"inputs":[],"outputs":[{"name":"b","parameters":{"binary_data":true}},{"name":"a"}]})"),
      "bB aJ ");
  EXPECT_EQ(Wishes(R"({"outputs":[{"name":"b","parameters":{"binary_data":false}},{"name":"a"}],)"
                   R"("parameters":{"binary_data_output":true},"inputs":[]})"),
            "bJ aB ");
  EXPECT_EQ(Wishes(R"({"inputs":[],"outputs":[{"name":"a","parameters":{"classification":3}}]})"),
            "aJ3 ");
}

TEST(InferDecoderTest, NamesWhatItDoesNotUnderstand) {
  Decoded decoded(
      OneInput(DType::kInt8, {1}),
      R"({"foo":{"a":[1]},"model_name":"m","parameters":{"bar":1,"sequence_id":5,"sequence_end":false},)"
      R"("inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[1],"extra":0,)"
      R"("parameters":{"content_type":"np"}}],"outputs":[{"name":"y","shape":[1],"z\n":1}]})");
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ(decoded.request.ignored,
            "field 'foo', parameter 'bar', parameter 'sequence_id', input field 'extra', "
            "input parameter 'content_type', output field 'z\\x0a'");
}

TEST(InferDecoderTest, OptionalInputsMayBeLeftOut) {
  const tensor::Signature signature = {
      .inputs = {Spec("x", DType::kInt8, {1}), Spec("o", DType::kInt8, {1}, true)}, .outputs = {}};
  Decoded decoded(signature, Input("[1]", "INT8", "\"data\":[1]"));
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_TRUE(decoded.inputs[1].absent());
}

TEST(InferDecoderTest, IsUsedAgainAndAgain) {
  const tensor::Signature signature = OneInput(DType::kFp32, {-1});
  InferDecoder decoder;
  std::vector<TensorView> inputs;
  for (int i = 0; i < 3; ++i) {
    std::string body = Input("[2]", "FP32", StrCat("\"data\":[", i, ",7]"));
    const size_t size = body.size();
    body.append(64, '7');
    InferRequest request;
    const auto bytes = std::as_writable_bytes(std::span(body.data(), size));
    ASSERT_TRUE(
        decoder.Decode({.json = bytes, .tail = {}, .raw = false}, signature, request, inputs).ok());
    EXPECT_EQ((*inputs[0].As<float>())[0], static_cast<float>(i));
  }
}

}  // namespace
}  // namespace slipway::frontend::openinference

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "app/predict/convert.h"
#include "app/predict/infer_body.h"
#include "app/predict/input.h"
#include "app/predict/npy_stream.h"
#include "app/predict/output.h"
#include "app/predict/rows.h"
#include "base/testing/temporary_directory.h"
#include "tensor/npy.h"

namespace slipway::app {
namespace {

using base::Result;
using base::StatusCode;
using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;
using testing::TestWithParam;

Signature TwoColumns() {
  return {.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {-1, 2}}}, .outputs = {}};
}

Signature ByName() {
  return {.inputs = {{.name = "age", .dtype = DType::kFp32, .shape = {-1, 1}},
                     {.name = "city", .dtype = DType::kBytes, .shape = {-1, 1}},
                     {.name = "weight", .dtype = DType::kFp32, .shape = {-1}, .optional = true}},
          .outputs = {}};
}

template <typename T>
std::vector<T> Values(const TensorView& view) {
  std::vector<T> values(static_cast<size_t>(view.element_count()));
  if (!values.empty()) std::memcpy(values.data(), view.data().data(), view.data().size());
  return values;
}

template <typename T>
Tensor Make(const Shape& shape, const std::vector<T>& values) {
  auto tensor = Tensor::FromValues<T>(shape, values);
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return *std::move(tensor);
}

// ----- CSV -----

TEST(NpyStreamTest, WritesWhatNumpyWritesOfTheWhole) {
  const base::TemporaryDirectory directory;
  const base::RealFileSystem fs;
  const std::string path = directory.path() / "y.npy";
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const auto view = [&](int64_t row, int64_t rows) {
    return *TensorView::Create(
        tensor::DType::kFp64, {rows, 2},
        std::as_bytes(std::span(values))
            .subspan(static_cast<size_t>(row) * 16, static_cast<size_t>(rows) * 16));
  };
  NpyStream stream(fs, path, 3);
  ASSERT_TRUE(stream.Add(view(0, 2)).ok());
  EXPECT_FALSE(fs.Stat(path).ok());  // not before it is whole
  EXPECT_FALSE(NpyStream(fs, path, 3).Finish().ok());
  ASSERT_TRUE(stream.Add(view(2, 1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(*fs.Read(path, 1 << 20), *tensor::WriteNpy(view(0, 3)));
}

TEST(NpyStreamTest, RefusesOtherRowsAndTooFew) {
  const base::TemporaryDirectory directory;
  const base::RealFileSystem fs;
  const std::string path = directory.path() / "y.npy";
  const std::vector<float> values(6);
  const auto bytes = std::as_bytes(std::span(values));
  {
    NpyStream stream(fs, path, 4);
    ASSERT_TRUE(stream.Add(*TensorView::Create(tensor::DType::kFp32, {3, 2}, bytes)).ok());
    EXPECT_FALSE(stream.Add(*TensorView::Create(tensor::DType::kFp32, {2, 3}, bytes)).ok());
    EXPECT_FALSE(stream.Finish().ok());
  }
  EXPECT_TRUE(fs.List(directory.path())->empty());
}

TEST(CsvInputTest, TakesColumnsInOrder) {
  const auto inputs = ReadCsvInputs("a,b\n1,2.5\n-3,nan\n", TwoColumns(), {});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->views[0].shape(), (Shape{2, 2}));
  const auto values = Values<float>(inputs->views[0]);
  EXPECT_EQ(values[0], 1.0F);
  EXPECT_EQ(values[1], 2.5F);
  EXPECT_EQ(values[2], -3.0F);
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(CsvInputTest, TakesColumnsByTheNamesOfInputs) {
  const auto inputs =
      ReadCsvInputs("city,years\n\"a,b\",40\nc,41\n", ByName(), {.renames = {{"age", "years"}}});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(Values<float>(inputs->views[0]), (std::vector<float>{40, 41}));
  EXPECT_EQ((*inputs->views[1].AsStrings())[0], "a,b");
  EXPECT_TRUE(inputs->views[2].absent());
}

Signature WithColumns() {
  Signature signature = TwoColumns();
  signature.columns = {"width", "height"};
  return signature;
}

TEST(CsvInputTest, TakesColumnsByTheNamesTheModelWasTrainedOn) {
  const auto inputs = ReadCsvInputs("height,width\n2,1\n4,3\n", WithColumns(), {});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(Values<float>(inputs->views[0]), (std::vector<float>{1, 2, 3, 4}));
  const auto renamed =
      ReadCsvInputs("h,id,width\n2,9,1\n", WithColumns(),
                    {.renames = {{"height", "h"}}, .drop = {}, .ignore_extra = true});
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_EQ(Values<float>(renamed->views[0]), (std::vector<float>{1, 2}));
  EXPECT_THAT(renamed->notes, testing::ElementsAre("passed over: 'id'"));
}

TEST(CsvInputTest, NamesColumnsThatAreMissingOrTooMany) {
  const auto missing = ReadCsvInputs("width,heigth\n1,2\n", WithColumns(), {});
  EXPECT_EQ(
      missing.status().message(),
      "the model's column 'height' FP32[-1,1] is missing; 'heigth' is no column of the model; "
      "if it has another name there, say so: --map height=heigth; to take the columns in "
      "their order, whatever their names: slipway predict --by-position");
  const auto others = ReadCsvInputs("a,b\n1,2\n", WithColumns(), {});
  EXPECT_THAT(
      std::string(others.status().message()),
      testing::AllOf(testing::HasSubstr("columns 'width' FP32[-1,1], 'height' FP32[-1,1] are"),
                     testing::HasSubstr("'a', 'b' are no columns")));
  const auto by_position = ReadCsvInputs("a,b\n1,2\n", WithColumns(), {.by_position = true});
  ASSERT_TRUE(by_position.ok()) << by_position.status();
  EXPECT_EQ(Values<float>(by_position->views[0]), (std::vector<float>{1, 2}));
}

TEST(CsvInputTest, FlattensImages) {
  const Signature signature{
      .inputs = {{.name = "image", .dtype = DType::kUint8, .shape = {-1, 1, 2, 2}}}, .outputs = {}};
  const auto inputs = ReadCsvInputs("a,b,c,d\n1,2,3,4\n", signature, {});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->views[0].shape(), (Shape{1, 1, 2, 2}));
}

TEST(CsvInputTest, LeavesOutWhatItIsToldTo) {
  const auto dropped =
      ReadCsvInputs("label,a,b\n9,1,2\n", TwoColumns(), {.renames = {}, .drop = {"label"}});
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_EQ(Values<float>(dropped->views[0]), (std::vector<float>{1, 2}));
  const auto ignored = ReadCsvInputs("a,b,label\n1,2,9\n", TwoColumns(),
                                     {.renames = {}, .drop = {}, .ignore_extra = true});
  ASSERT_TRUE(ignored.ok()) << ignored.status();
  ASSERT_EQ(ignored->notes.size(), 1U);
  EXPECT_EQ(ignored->notes[0], "passed over: 'label'");
}

struct BadFile {
  const char* name;
  const char* text;
  const char* says;  // part of the message
};

class BadCsvTest : public TestWithParam<BadFile> {};
TEST_P(BadCsvTest, SaysWhatIsWrong) {
  const bool by_name = std::string_view(GetParam().text).starts_with("city");
  const auto inputs = ReadCsvInputs(GetParam().text, by_name ? ByName() : TwoColumns(), {});
  ASSERT_FALSE(inputs.ok());
  EXPECT_EQ(inputs.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(inputs.status().message().find(GetParam().says), std::string::npos) << inputs.status();
}
const BadFile kBadCsv[] = {
    {"NotANumber", "a,b\n1,2\n3,x\n", "line 3, column 2 'b': expected a value of FP32, got 'x'"},
    {"LineAfterQuotedLineEnd", "a,b\n\"1\n\",2\n3,x\n", "line 4, column 2 'b'"},
    {"EmptyCell", "a,b\n1,\n", "got nothing; write NaN"},
    {"TooLarge", "a,b\n1,1e39\n", "got '1e39'"},
    {"Missing", "a\n1\n", "expected 2 columns for input 'x' FP32[-1,2], got 1: 'a'"},
    {"Extra", "a,b,label\n1,2,3\n", "beyond the first 2: 'label'"},
    {"NoRows", "a,b\n", "no rows"},
    {"MissingByName", "city\nx\n", "the model's input 'age' FP32[-1,1] is missing"},
    {"ExtraByName", "city,age,zip\nx,1,2\n", "'zip' is no input of the model"},
    {"OtherName", "city,ages\nx,1\n", "--map age=ages"},
};
INSTANTIATE_TEST_SUITE_P(Files, BadCsvTest, testing::ValuesIn(kBadCsv),
                         [](const auto& c) { return c.param.name; });

TEST(CsvInputTest, ReadsEveryNumberType) {
  for (const DType dtype : tensor::kAllDTypes) {
    const Signature signature{.inputs = {{.name = "x", .dtype = dtype, .shape = {-1}}},
                              .outputs = {}};
    const auto inputs = ReadCsvInputs("x\n1\n0\n", signature, {});
    ASSERT_TRUE(inputs.ok()) << dtype << inputs.status();
    EXPECT_EQ(inputs->views[0].dtype(), dtype);
    EXPECT_EQ(inputs->views[0].shape(), (Shape{2}));
  }
}

// ----- JSON -----

TEST(JsonInputTest, TakesNamedListsRequestsAndBareLists) {
  for (const char* text :
       {R"({"x": [[1, 2], [3, 4]]})", "[[1, 2], [3, 4]]",
        R"({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1,2,3,4]}]})"}) {
    const auto inputs = ReadJsonInputs(text, TwoColumns(), {});
    ASSERT_TRUE(inputs.ok()) << text << inputs.status();
    EXPECT_EQ(inputs->views[0].shape(), (Shape{2, 2})) << text;
    EXPECT_EQ(Values<float>(inputs->views[0]), (std::vector<float>{1, 2, 3, 4})) << text;
  }
}

TEST(JsonInputTest, TakesOneRowWithoutItsBatch) {
  const auto inputs = ReadJsonInputs("[1, 2]", TwoColumns(), {});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->views[0].shape(), (Shape{1, 2}));
}

TEST(JsonInputTest, AnInputMayBeCalledInputs) {
  const Signature signature{.inputs = {{.name = "inputs", .dtype = DType::kInt32, .shape = {-1}}},
                            .outputs = {}};
  const auto inputs = ReadJsonInputs(R"({"inputs": [1, 2]})", signature, {});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(Values<int32_t>(inputs->views[0]), (std::vector<int32_t>{1, 2}));
}

class BadJsonTest : public TestWithParam<BadFile> {};
TEST_P(BadJsonTest, SaysWhatIsWrong) {
  const auto inputs = ReadJsonInputs(GetParam().text, TwoColumns(), {});
  ASSERT_FALSE(inputs.ok());
  EXPECT_EQ(inputs.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(inputs.status().message().find(GetParam().says), std::string::npos) << inputs.status();
}
const BadFile kBadJson[] = {
    {"WrongShape", "[[1, 2, 3]]", "input 'x': expected FP32[-1,2], got lists of the shape [1,3]"},
    {"WrongName", R"({"y": [[1, 2]]})", "--map x=y"},
    {"Text", R"([["a", "b"]])", "input 'x'"},
    {"NotJson", "[[1, 2]", ""},
    {"Number", "3", "expected a JSON object or a list"},
    {"NoList", R"({"x": 3})", "expected a list for FP32[-1,2]"},
    {"Twice", R"({"x": [[1, 2]], "x": [[1, 2]]})", "is there twice"},
    {"RequestOfAnotherType",
     R"({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]})", "FP64"},
};
INSTANTIATE_TEST_SUITE_P(Texts, BadJsonTest, testing::ValuesIn(kBadJson),
                         [](const auto& c) { return c.param.name; });

// ----- NumPy -----

std::string Npz(std::span<const tensor::NamedView> arrays) {
  const auto text = tensor::WriteNpz(arrays);
  EXPECT_TRUE(text.ok()) << text.status();
  return *text;
}

TEST(NumpyInputTest, ReadsNpyInPlaceAndConverts) {
  const auto same = tensor::WriteNpy(Make<float>({1, 2}, {1, 2}).view());
  ASSERT_TRUE(same.ok());
  const auto in_place = ReadNpyInputs(std::as_bytes(std::span(*same)), TwoColumns(), {});
  ASSERT_TRUE(in_place.ok()) << in_place.status();
  EXPECT_TRUE(in_place->tensors.empty());  // a view into the file
  EXPECT_EQ(Values<float>(in_place->views[0]), (std::vector<float>{1, 2}));

  const auto wide = tensor::WriteNpy(Make<double>({1, 2}, {1, 2}).view());
  ASSERT_TRUE(wide.ok());
  const auto converted = ReadNpyInputs(std::as_bytes(std::span(*wide)), TwoColumns(), {});
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(Values<float>(converted->views[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(converted->notes, (std::vector<std::string>{"input 'x' converted from FP64 to FP32"}));
}

TEST(NumpyInputTest, MatchesNpzByName) {
  const Tensor x = Make<float>({1, 2}, {1, 2});
  const Tensor labels = Make<int64_t>({1}, {7});
  const std::string file =
      Npz(std::vector<tensor::NamedView>{{"data", x.view()}, {"labels", labels.view()}});
  const auto bytes = std::as_bytes(std::span(file));
  const auto refused = ReadNpzInputs(bytes, TwoColumns(), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("--map x=data"), std::string::npos) << refused.status();
  const auto inputs = ReadNpzInputs(bytes, TwoColumns(),
                                    {.renames = {{"x", "data"}}, .drop = {}, .ignore_extra = true});
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(Values<float>(inputs->views[0]), (std::vector<float>{1, 2}));
}

TEST(NumpyInputTest, RefusesFilesThatAreCutOff) {
  const Tensor x = Make<float>({1, 2}, {1, 2});
  const std::string npz = Npz(std::vector<tensor::NamedView>{{"x", x.view()}});
  for (size_t size = 0; size < npz.size(); size += 7) {
    const auto bytes = std::as_bytes(std::span(npz)).first(size);
    EXPECT_FALSE(ReadNpzInputs(bytes, TwoColumns(), {}).ok()) << size;
    EXPECT_FALSE(ReadNpyInputs(bytes, TwoColumns(), {}).ok()) << size;
  }
}

TEST(InputFileTest, IsRecognisedByNameThenByContent) {
  EXPECT_EQ(DetectFormat("a.csv", "[1]"), InputFormat::kCsv);
  EXPECT_EQ(DetectFormat("a", "\x93NUMPY\x01"), InputFormat::kNpy);
  EXPECT_EQ(DetectFormat("-", "PK\x03\x04"), InputFormat::kNpz);
  EXPECT_EQ(DetectFormat("-", "  {\"a\": [1]}"), InputFormat::kJson);
  EXPECT_EQ(DetectFormat("-", "a,b\n1,2\n"), InputFormat::kCsv);
}

TEST(InputFileTest, ErrorsNameTheFile) {
  const base::RealFileSystem fs;
  const base::TemporaryDirectory directory;
  const std::string path = directory.path() / "x.npy";
  std::ofstream(path) << "not an array";
  const auto wrong = ReadInputs(fs, path, TwoColumns(), {});
  EXPECT_NE(wrong.status().message().find("x.npy"), std::string::npos) << wrong.status();
  EXPECT_EQ(ReadInputs(fs, directory.path() / "none", TwoColumns(), {}).status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(ReadInputs(fs, directory.path(), TwoColumns(), {}).ok());
}

// ----- Conversion -----

TEST(ConvertTensorTest, KeepsValuesOrRefuses) {
  const auto narrow = ConvertTensor(Make<double>({2}, {0.1, -1e300}).view(), DType::kFp32);
  EXPECT_NE(narrow.status().message().find("element 1"), std::string::npos) << narrow.status();
  const auto infinite = ConvertTensor(Make<double>({1}, {INFINITY}).view(), DType::kFp16);
  EXPECT_TRUE(infinite.ok()) << infinite.status();
  EXPECT_TRUE(ConvertTensor(Make<int64_t>({1}, {1 << 24}).view(), DType::kFp32).ok());
  EXPECT_FALSE(ConvertTensor(Make<int64_t>({1}, {(1 << 24) + 1}).view(), DType::kFp32).ok());
  EXPECT_TRUE(ConvertTensor(Make<int64_t>({1}, {-128}).view(), DType::kInt8).ok());
  EXPECT_FALSE(ConvertTensor(Make<int64_t>({1}, {-1}).view(), DType::kUint64).ok());
  EXPECT_FALSE(ConvertTensor(Make<int64_t>({1}, {INT64_MIN}).view(), DType::kInt32).ok());
  EXPECT_FALSE(ConvertTensor(Make<float>({1}, {1}).view(), DType::kInt64).ok());
  const std::byte no{0};
  const auto flag = TensorView::Create(DType::kBool, {1}, {&no, 1});
  ASSERT_TRUE(flag.ok()) << flag.status();
  EXPECT_FALSE(ConvertTensor(*flag, DType::kFp32).ok());
}

// ----- Rows -----

TEST(RowsTest, BatchedModelsGetSlices) {
  Signature signature = TwoColumns();
  signature.outputs = {{.name = "y", .shape = {-1}}};
  const Tensor x = Make<float>({5, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto plan = PlanRows(signature, {&x.view(), 1}, 2);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->rows, 5);
  EXPECT_EQ(plan->rows_per_run, 2);
  EXPECT_TRUE(plan->sliced);
  RowReader reader(x.view());
  EXPECT_EQ(Values<float>(*reader.Next(2)), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(Values<float>(*reader.Next(3)), (std::vector<float>{4, 5, 6, 7, 8, 9}));
}

TEST(RowsTest, ModelsOfOneRowGetOneAtATime) {
  const Signature signature{.inputs = {{.name = "x", .shape = {1, 2}}},
                            .outputs = {{.name = "y", .shape = {1, 3}}}};
  const Tensor x = Make<float>({3, 2}, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(PlanRows(signature, {&x.view(), 1}, 256)->rows_per_run, 1);
  EXPECT_TRUE(WithFreeRows(signature).inputs[0].Accepts(DType::kFp32, {3, 2}));
}

TEST(RowsTest, OtherModelsGetEverythingAtOnce) {
  const Signature signature{.inputs = {{.name = "x", .shape = {-1}}},
                            .outputs = {{.name = "sum", .shape = {}}}};
  const Tensor x = Make<float>({3}, {0, 1, 2});
  EXPECT_FALSE(PlanRows(signature, {&x.view(), 1}, 1)->sliced);
}

TEST(RowsTest, RefusesUnequalInputs) {
  Signature signature = TwoColumns();
  signature.inputs.push_back({.name = "z", .shape = {-1}});
  signature.outputs = {{.name = "y", .shape = {-1}}};
  const Tensor x = Make<float>({1, 2}, {1, 2});
  const Tensor z = Make<float>({2}, {1, 2});
  const TensorView views[] = {x.view(), z.view()};
  const auto plan = PlanRows(signature, views, 8);
  EXPECT_NE(plan.status().message().find("'z' has 2 rows, input 'x' has 1"), std::string::npos)
      << plan.status();
}

TEST(RowsTest, StringsAreSlicedAndJoined) {
  const std::vector<std::string> words = {"a", "", "ccc", "dd"};
  const auto tensor = Tensor::FromStrings({4}, words);
  ASSERT_TRUE(tensor.ok());
  RowReader reader(tensor->view());
  RowCollector collector;
  for (const int64_t count : {1, 2, 1}) {
    const auto rows = reader.Next(count);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_TRUE(collector.Add(*Tensor::CopyOf(*rows)).ok());
  }
  const auto joined = collector.Finish();
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ((*joined->view().AsStrings())[2], "ccc");
  EXPECT_EQ(joined->shape(), (Shape{4}));
}

TEST(RowsTest, RowsOfUnequalShapeAreNotJoined) {
  RowCollector collector;
  ASSERT_TRUE(collector.Add(Make<float>({1, 2}, {1, 2})).ok());
  EXPECT_FALSE(collector.Add(Make<float>({1, 3}, {1, 2, 3})).ok());
}

// ----- Output -----

TEST(OutputTest, WritesJsonCsvAndNumpy) {
  const Tensor probability = Make<float>({2, 2}, {0.25F, 0.75F, NAN, 1});
  const auto label = Tensor::FromStrings({2}, std::vector<std::string>{"a,b", "c"});
  const Prediction prediction{
      .model = "m", .version = "3", .outputs = {{"p", &probability}, {"label", &*label}}};
  EXPECT_EQ(*FormatPrediction(prediction, OutputFormat::kJson),
            "{\"model_name\":\"m\",\"model_version\":\"3\",\"outputs\":[\n"
            R"({"name":"p","datatype":"FP32","shape":[2,2],"data":[0.25,0.75,NaN,1]},)"
            "\n"
            R"({"name":"label","datatype":"BYTES","shape":[2],"data":["a,b","c"]}]})"
            "\n");
  EXPECT_EQ(*FormatPrediction(prediction, OutputFormat::kCsv),
            "p_0,p_1,label\n0.25,0.75,\"a,b\"\nNaN,1,c\n");
  EXPECT_FALSE(FormatPrediction(prediction, OutputFormat::kNpy).ok());  // two outputs
  const auto npz = FormatPrediction(prediction, OutputFormat::kNpz);
  ASSERT_TRUE(npz.ok()) << npz.status();
  const auto back = tensor::ReadNpz(std::as_bytes(std::span(*npz)));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)[0].name, "p");
}

TEST(OutputTest, CsvNeedsEquallyManyRows) {
  const Tensor a = Make<float>({1}, {1});
  const Tensor b = Make<float>({2}, {1, 2});
  const Prediction prediction{.model = "m", .version = "", .outputs = {{"a", &a}, {"b", &b}}};
  EXPECT_FALSE(FormatPrediction(prediction, OutputFormat::kCsv).ok());
}

// ----- Infer bodies -----

Signature Remote() {
  return {.inputs = {{.name = "x", .shape = {-1, 2}}, {.name = "left out", .shape = {-1}}},
          .outputs = {{.name = "y", .dtype = DType::kInt64, .shape = {-1}},
                      {.name = "s", .dtype = DType::kBytes, .shape = {-1}}}};
}

TEST(InferBodyTest, RequestCarriesBytesBehindTheJson) {
  const Tensor x = Make<float>({1, 2}, {1, 2});
  const TensorView views[] = {x.view(), TensorView()};
  const size_t outputs[] = {0};
  const InferBody body = WriteInferRequest(Remote(), views, outputs);
  EXPECT_EQ(body.bytes.size(), body.json_bytes + 8);
  const std::string json = body.bytes.substr(0, body.json_bytes);
  EXPECT_NE(json.find(R"("binary_data_size":8)"), std::string::npos) << json;
  EXPECT_EQ(json.find("left out"), std::string::npos) << json;
}

TEST(InferBodyTest, ReadsBinaryAndJsonOutputsInAnyOrder) {
  const std::string json =
      R"({"outputs":[{"name":"s","datatype":"BYTES","shape":[1],"data":["é"]},)"
      R"({"name":"y","datatype":"INT64","shape":[1],"parameters":{"binary_data_size":8}}]})";
  const std::string body = json + std::string("\x07\0\0\0\0\0\0\0", 8);
  const size_t outputs[] = {0, 1};
  const auto tensors = ReadInferAnswer(Remote(), outputs, body, std::to_string(json.size()));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(Values<int64_t>((*tensors)[0].view()), (std::vector<int64_t>{7}));
  EXPECT_EQ((*(*tensors)[1].view().AsStrings())[0], "é");
}

TEST(InferBodyTest, RefusesAnswersThatAreNone) {
  const size_t outputs[] = {0};
  for (const char* body :
       {"", "[]", "{}", R"({"outputs": [3]})", R"({"outputs": []})", R"({"outputs": 3})",
        R"({"outputs": [{"name": 3, "datatype": 4}]})",
        R"({"outputs": [{"name": "y", "datatype": "INT64", "shape": [-1], "data": []}]})",
        R"({"outputs": [{"name": "y", "datatype": "INT64", "shape": ["a"], "data": []}]})",
        R"({"outputs": [{"name": "y", "datatype": "INT64", "shape": [2], "data": [1]}]})",
        R"({"outputs": [{"name": "y", "datatype": "INT64", "shape": [99999999999], "data": [1]}]})",
        R"({"outputs": [{"name": "y", "datatype": "INT64", "shape": [1],
            "parameters": {"binary_data_size": 8}}]})"}) {
    EXPECT_FALSE(ReadInferAnswer(Remote(), outputs, body, "").ok()) << body;
  }
  EXPECT_FALSE(ReadInferAnswer(Remote(), outputs, "{}", "3").ok());
  EXPECT_FALSE(ReadInferAnswer(Remote(), outputs, "{}", "x").ok());
}

TEST(InferBodyTest, MetadataBecomesASignature) {
  const auto signature = ReadMetadata(
      R"({"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[]})");
  ASSERT_TRUE(signature.ok()) << signature.status();
  EXPECT_EQ(signature->inputs[0].shape, (Shape{-1, 2}));
  for (const char* bad : {"", "[]", "{}", R"({"inputs": 1, "outputs": []})",
                          R"({"inputs": [{"datatype": "X"}], "outputs": []})"}) {
    EXPECT_FALSE(ReadMetadata(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace slipway::app

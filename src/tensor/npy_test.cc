#include "tensor/npy.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/str_cat.h"

namespace slipway::tensor {
namespace {

using base::StatusCode;
using base::StrCat;
using testing::ElementsAre;
using testing::HasSubstr;

// Written by NumPy: scripts/fixtures/npy_files.py.
std::string Fixture(const std::string& name) {
  std::ifstream file("tests/tensors/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name << ": run from the repository's root";
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

base::Result<Tensor> Read(const std::string& file, const NpyLimits& limits = {}) {
  return ReadNpy(std::as_bytes(std::span(file)), limits);
}

template <typename T>
void ExpectTensor(const std::string& name, const Shape& shape, const std::vector<T>& values) {
  const auto tensor = Read(Fixture(name));
  ASSERT_TRUE(tensor.ok()) << name << ": " << tensor.status();
  EXPECT_EQ(tensor->shape(), shape) << name;
  const auto got = tensor->view().As<T>();
  ASSERT_TRUE(got.ok()) << name << ": " << got.status();
  EXPECT_THAT(*got, testing::ElementsAreArray(values)) << name;
}

TEST(NpyTest, ReadsWhatNumPyWrites) {
  const std::vector<float> quarters = {0, 0.25, 0.5, 0.75, 1, 1.25};
  ExpectTensor<float>("float32.npy", {2, 3}, quarters);
  ExpectTensor<float>("float32_v2.npy", {2, 3}, quarters);
  ExpectTensor<float>("float32_v3.npy", {2, 3}, quarters);
  ExpectTensor<int32_t>("big_endian.npy", {2, 3}, {0, 1, 2, 3, 4, 5});
  ExpectTensor<Fp16>("float16.npy", {3}, {{0x3C00}, {0xAE66}, {0x7BFF}});
  ExpectTensor<double>("float64.npy", {}, {0.1});
  ExpectTensor<uint8_t>("uint8.npy", {2}, {0, 255});
  ExpectTensor<int64_t>("int64.npy", {2}, {INT64_MIN, INT64_MAX});
  ExpectTensor<float>("empty.npy", {0, 3}, {});
  std::vector<int32_t> counting(24);
  for (size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<int32_t>(i);
  ExpectTensor<int32_t>("fortran.npy", {2, 3, 4}, counting);
  const auto boolean = Read(Fixture("bool.npy"));
  ASSERT_TRUE(boolean.ok());
  EXPECT_EQ(boolean->dtype(), DType::kBool);
  EXPECT_EQ(boolean->view().data()[0], std::byte{1});
}

TEST(NpyTest, ReadsStringsWithoutTheirPadding) {
  const auto bytes = Read(Fixture("bytes.npy"));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_THAT(*bytes->view().AsStrings(), ElementsAre("ab", "", std::string_view("a\0c", 3)));
  const auto unicode = Read(Fixture("unicode.npy"));
  ASSERT_TRUE(unicode.ok()) << unicode.status();
  EXPECT_EQ(unicode->shape(), (Shape{2, 2}));
  EXPECT_THAT(*unicode->view().AsStrings(), ElementsAre("aé", "", "😀", "xyz"));
  const auto swapped = Read(Fixture("unicode_big_endian.npy"));
  ASSERT_TRUE(swapped.ok()) << swapped.status();
  EXPECT_THAT(*swapped->view().AsStrings(), ElementsAre("aé", ""));
}

TEST(NpyTest, RefusesWhatIsNoTensor) {
  for (const char* name : {"object.npy", "complex.npy", "record.npy"}) {
    EXPECT_EQ(Read(Fixture(name)).status().code(), StatusCode::kUnimplemented) << name;
  }
}

std::string File(std::string_view dictionary, std::string_view data = "") {
  std::string file("\x93NUMPY\x01\x00", 8);
  file.push_back(static_cast<char>(dictionary.size() & 0xFF));
  file.push_back(static_cast<char>(dictionary.size() >> 8));
  return file.append(dictionary).append(data);
}

TEST(NpyTest, RefusesHostileHeaders) {
  for (const char* dictionary :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '|S0', 'fortran_order': False, 'shape': (9000000000000,)}",
        "{'descr': '|S99999999999', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"}) {
    EXPECT_FALSE(Read(File(dictionary, "abcd")).ok()) << dictionary;
  }
  EXPECT_TRUE(
      Read(File("{'shape': (1L,), \"fortran_order\": False, 'descr': '=f4'}", "abcd")).ok());
  EXPECT_FALSE(Read("").ok());
  EXPECT_FALSE(Read("\x93NUMPY").ok());
  EXPECT_FALSE(Read(std::string("\x93NUMPY\x09\x00\x00\x00", 10)).ok());
  const std::string whole = Fixture("float32.npy");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).ok()) << size;
  }
  NpyLimits small;
  small.max_tensor_bytes = 23;
  EXPECT_EQ(Read(whole, small).status().code(), StatusCode::kResourceExhausted);
  small = {};
  small.max_header_bytes = 10;
  EXPECT_FALSE(Read(whole, small).ok());
}

TEST(NpyTest, WritesWhatItReads) {
  for (const char* name : {"float32.npy", "bool.npy", "float16.npy", "float64.npy", "uint8.npy",
                           "int64.npy", "empty.npy", "bytes.npy", "unicode.npy"}) {
    const auto tensor = Read(Fixture(name));
    ASSERT_TRUE(tensor.ok()) << name;
    const auto written = WriteNpy(tensor->view());
    ASSERT_TRUE(written.ok()) << name << written.status();
    const auto again = Read(*written);
    ASSERT_TRUE(again.ok()) << name << again.status();
    EXPECT_EQ(again->shape(), tensor->shape());
    EXPECT_EQ(again->dtype(), tensor->dtype());
    EXPECT_TRUE(std::ranges::equal(again->view().data(), tensor->view().data())) << name;
  }
  // Byte for byte as NumPy does.
  EXPECT_EQ(*WriteNpy(Read(Fixture("float32.npy"))->view()), Fixture("float32.npy"));
  EXPECT_EQ(*WriteNpy(Read(Fixture("unicode.npy"))->view()), Fixture("unicode.npy"));
}

TEST(NpyTest, WritesWhatNumPyHasNot) {
  const std::vector<Bf16> narrow = {{0x3F80}};
  const auto tensor = Tensor::FromValues<Bf16>({1}, narrow);
  EXPECT_EQ((*Read(*WriteNpy(tensor->view()))->view().As<float>())[0], 1.0F);
  const std::vector<std::string> binary = {"\xFF", "a"};
  EXPECT_THAT(*WriteNpy(Tensor::FromStrings({2}, binary)->view()), HasSubstr("|S1"));
  const std::vector<std::string> zero = {std::string("a\0", 2)};
  EXPECT_EQ(WriteNpy(Tensor::FromStrings({1}, zero)->view()).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(NpzTest, ReadsWhatNumPyWrites) {
  const std::string stored = Fixture("stored.npz");
  const auto two = ReadNpz(std::as_bytes(std::span(stored)));
  ASSERT_TRUE(two.ok()) << two.status();
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ((*two)[0].name, "x");
  EXPECT_THAT(*(*two)[0].tensor.view().As<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(*(*two)[1].tensor.view().AsStrings(), ElementsAre("a", "bc"));
  const std::string deflated = Fixture("deflated.npz");
  const auto packed = ReadNpz(std::as_bytes(std::span(deflated)));
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ((*packed)[0].tensor.shape(), (Shape{100, 100}));
  EXPECT_EQ((*packed)[1].tensor.dtype(), DType::kInt64);
}

TEST(NpzTest, RefusesDamagedArchives) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = Fixture(name);
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string cut = whole.substr(0, size);
      EXPECT_FALSE(ReadNpz(std::as_bytes(std::span(cut))).ok()) << name << size;
    }
    std::string flipped = whole;  // in the data: the checksum finds it
    flipped[200] = static_cast<char>(flipped[200] ^ 1);
    EXPECT_FALSE(ReadNpz(std::as_bytes(std::span(flipped))).ok()) << name;
    NpyLimits limits;
    limits.max_tensor_bytes = 200;
    EXPECT_EQ(ReadNpz(std::as_bytes(std::span(whole)), limits).status().code(),
              StatusCode::kResourceExhausted);
    limits = {};
    limits.max_entries = 1;
    EXPECT_EQ(ReadNpz(std::as_bytes(std::span(whole)), limits).status().code(),
              StatusCode::kResourceExhausted);
  }
}

TEST(NpzTest, WritesArchives) {
  const auto x = Read(Fixture("float32.npy"));
  const auto y = Read(Fixture("unicode.npy"));
  const std::vector<NamedView> views = {{"x", x->view()}, {"y", y->view()}};
  const auto written = WriteNpz(views);
  ASSERT_TRUE(written.ok()) << written.status();
  const auto again = ReadNpz(std::as_bytes(std::span(*written)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)[1].name, "y");
  EXPECT_EQ((*again)[1].tensor.shape(), (Shape{2, 2}));
}

}  // namespace
}  // namespace slipway::tensor

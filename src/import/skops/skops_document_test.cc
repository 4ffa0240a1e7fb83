#include "import/skops/skops_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/pickle/policy.h"
#include "import/skops/archive.h"

namespace slipway::import::skops {
namespace {

using base::StatusCode;
using base::StrCat;
using pickle::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = pickle::Value::Kind;
using Members = std::vector<std::pair<std::string, std::string>>;

// ---- files by hand: archives without compression

template <typename T>
void Append(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// What a local header and the directory have in common. Bit 0 of the flags says encrypted.
std::string Common(std::string_view content, std::string_view name, uint16_t flags,
                   uint16_t method) {
  std::string out;
  for (const uint16_t field : {uint16_t{20}, flags, method, uint16_t{0}, uint16_t{0x21}}) {
    Append(field, out);
  }
  Append(static_cast<uint32_t>(
             crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size())),
         out);
  Append(static_cast<uint32_t>(content.size()), out);
  Append(static_cast<uint32_t>(content.size()), out);
  Append(static_cast<uint16_t>(name.size()), out);
  Append(uint16_t{0}, out);
  return out;
}

std::string Zip(const Members& members, uint16_t flags = 0, uint16_t method = 0) {
  std::string out;
  std::string directory;
  for (const auto& [name, content] : members) {
    const std::string common = Common(content, name, flags, method);
    directory += StrCat(std::string("PK\x01\x02", 4), std::string("\x14\0", 2), common,
                        std::string(10, '\0'));
    Append(static_cast<uint32_t>(out.size()), directory);
    directory += name;
    out += StrCat(std::string("PK\x03\x04", 4), common, name, content);
  }
  const auto begin = static_cast<uint32_t>(out.size());
  out += directory;
  out += StrCat(std::string("PK\x05\x06", 4), std::string(4, '\0'));
  Append(static_cast<uint16_t>(members.size()), out);
  Append(static_cast<uint16_t>(members.size()), out);
  Append(static_cast<uint32_t>(directory.size()), out);
  Append(begin, out);
  return out + std::string(2, '\0');
}

std::string Node(std::string_view loader, std::string_view rest, std::string_view name = "x",
                 std::string_view module = "builtins") {
  return StrCat(R"({"__class__": ")", name, R"(", "__module__": ")", module,
                R"(", "__loader__": ")", loader, "\"", rest.empty() ? "" : ", ", rest, "}");
}
std::string Json(std::string_view content) {
  return Node("JsonNode", StrCat(R"("content": ")", content, "\""), "str");
}
std::string List(std::string_view items) {
  return Node("ListNode", StrCat(R"("content": [)", items, "]"), "list");
}
std::string Tuple(std::string_view items) {
  return Node("TupleNode", StrCat(R"("content": [)", items, "]"), "tuple");
}
std::string Type(std::string_view name) { return Node("TypeNode", "", name); }
std::string Dict(std::string_view members, std::string_view types) {
  return Node("DictNode", StrCat(R"("content": {)", members, R"(}, "key_types": )", List(types)),
              "dict");
}
std::string ArrayOf(std::string_view file) {
  return Node("NdArrayNode", StrCat(R"("type": "numpy", "file": ")", file, "\""), "ndarray",
              "numpy");
}

std::string Npy(std::string header, std::string_view data, char version = 1) {
  header += "\n";
  std::string out = StrCat("\x93NUMPY", std::string(1, version), std::string(1, '\0'));
  if (version == 1) {
    Append(static_cast<uint16_t>(header.size()), out);
  } else {
    Append(static_cast<uint32_t>(header.size()), out);
  }
  return StrCat(out, header, data);
}

auto Read(const std::string& file, const ImportLimits& limits = {}) {
  return ReadDocument(std::as_bytes(std::span(file)), limits);
}
std::string File(std::string schema, Members members = {}) {
  members.emplace_back("schema.json", std::move(schema));
  return Zip(members);
}
std::string Message(const std::string& file, StatusCode code = StatusCode::kInvalidArgument) {
  const auto document = Read(file);
  EXPECT_EQ(document.status().code(), code) << document.status();
  return std::string(document.status().message());
}

// ---- what is read

TEST(SkopsDocumentTest, RecognizesItsOwn) {
  const std::string own = File(Json("1"));
  EXPECT_TRUE(Recognizes(std::as_bytes(std::span(own))));
  const std::string arrays = Zip({{"x.npy", ""}});
  EXPECT_FALSE(Recognizes(std::as_bytes(std::span(arrays))));
  EXPECT_FALSE(Recognizes({}));
}

TEST(SkopsDocumentTest, ReadsPlainValues) {
  const std::string file =
      File(List(StrCat(Json("null"), ",", Json("true"), ",", Json("-7"), ",", Json("0.5"), ",",
                       Json("NaN"), ",", Json(R"(\"a \\u00e9\")"))));
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  const Value& root = (*document)->root();
  ASSERT_TRUE(root.Is(Kind::kList));
  const std::vector<Value>& items = root.node().items;
  ASSERT_EQ(items.size(), 6U);
  EXPECT_TRUE(items[0].Is(Kind::kNone));
  EXPECT_TRUE(items[1].Is(Kind::kBool) && items[1].boolean());
  EXPECT_EQ(items[2].integer(), -7);
  EXPECT_EQ(items[3].real(), 0.5);
  EXPECT_NE(items[4].real(), items[4].real());
  EXPECT_EQ(items[5].node().text, "a \xC3\xA9");
}

TEST(SkopsDocumentTest, GivesKeysTheirTypes) {
  const std::string file =
      File(Dict(StrCat(R"("a": )", Json("1"), R"(, "7": )", Json("2"), R"(, "2.5": )", Json("3"),
                       R"(, "null": )", Json("4"), R"(, "true": )", Json("5")),
                StrCat(Type("str"), ",", Type("int64"), ",", Type("float"), ",", Type("NoneType"),
                       ",", Type("bool"))));
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  const std::vector<Value>& pairs = (*document)->root().node().items;
  ASSERT_EQ(pairs.size(), 10U);
  EXPECT_EQ(pairs[0].node().text, "a");
  EXPECT_EQ(pairs[2].integer(), 7);
  EXPECT_EQ(pairs[4].real(), 2.5);
  EXPECT_TRUE(pairs[6].Is(Kind::kNone));
  EXPECT_TRUE(pairs[8].Is(Kind::kBool));
}

TEST(SkopsDocumentTest, ReadsArrays) {
  const std::string data("\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0", 16);
  const std::string header = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2), }";
  for (const char version : {'\1', '\2', '\3'}) {
    const std::string file = File(ArrayOf("1.npy"), {{"1.npy", Npy(header, data, version)}});
    const auto document = Read(file);
    ASSERT_TRUE(document.ok()) << document.status();
    const auto array = pickle::ReadArray((*document)->root());
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_THAT(*pickle::ToIntegers(*array), ElementsAre(1, 3, 2, 4));
  }
}

TEST(SkopsDocumentTest, ReadsArraysOfRecordsWithGaps) {
  const std::string header =
      "{'descr': [('a', '<i2'), ('', '|V2'), ('b', '<f4')], 'fortran_order': False, "
      "'shape': (1,), }";
  const std::string data("\x05\0\0\0\0\0\x80\x3f", 8);
  const auto file = File(ArrayOf("1.npy"), {{"1.npy", Npy(header, data)}});
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  const auto array = pickle::ReadArray((*document)->root());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(*pickle::ToIntegers(*pickle::FieldOf(*array, "a")), ElementsAre(5));
  EXPECT_THAT(*pickle::ToDoubles(*pickle::FieldOf(*array, "b")), ElementsAre(1.0));
}

TEST(SkopsDocumentTest, ReadsArraysOfObjectsRowByRow) {
  const std::string rows =
      StrCat(List(StrCat(Json("1"), ",", Json("2"))), ",", List(StrCat(Json("3"), ",", Json("4"))));
  const std::string shape = Tuple(StrCat(Json("2"), ",", Json("2")));
  const std::string file = File(
      Node("NdArrayNode", StrCat(R"("type": "json", "content": [)", rows, R"(], "shape": )", shape),
           "ndarray", "numpy"));
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  const auto array = pickle::ReadArray((*document)->root());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(*pickle::ToIntegers(*array), ElementsAre(1, 2, 3, 4));
}

TEST(SkopsDocumentTest, SharesNodesThatComeBefore) {
  std::string first = Json("5");
  first.insert(first.size() - 1, R"(, "__id__": 12)");
  const std::string again = Node("CachedNode", R"("__id__": 12)");
  const std::string file = File(List(StrCat(first, ",", again)));
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ((*document)->root().node().items[1].integer(), 5);
  EXPECT_THAT(Message(File(List(StrCat(again, ",", first)))), HasSubstr("before"));
}

// ---- what is refused

TEST(SkopsDocumentTest, NamesWhatAFileAsksFor) {
  const std::string evil = Node("TypeNode", "", "system", "os");
  const std::string object =
      Node("ObjectNode", StrCat(R"("content": )", Dict(StrCat(R"("f": )", evil), Type("str"))),
           "Popen", "subprocess");
  const std::string file = File(object);
  const auto document = Read(file);
  ASSERT_TRUE(document.ok()) << document.status();
  const auto lines = pickle::FindUnknown(**document, [](auto, auto) { return false; });
  EXPECT_THAT(lines, ElementsAre("'subprocess.Popen'", "'os.system' at f"));
}

TEST(SkopsDocumentTest, RefusesNamesThatLeadOutOfTheArchive) {
  for (const char* name : {"../1.npy", "a/b", "/etc/passwd", "..", "a\\b"}) {
    EXPECT_THAT(Message(File(Json("1"), {{name, "x"}})), HasSubstr("plain file names")) << name;
  }
  EXPECT_THAT(Message(File(Json("1"), {{"a", "x"}, {"a", "y"}})), HasSubstr("two members"));
  EXPECT_THAT(Message(File(ArrayOf("2.npy"), {{"1.npy", "x"}})), HasSubstr("no member '2.npy'"));
  EXPECT_THAT(Message(Zip({{"a", "x"}})), HasSubstr("no member 'schema.json'"));
}

TEST(SkopsDocumentTest, RefusesWhatItCannotUnpack) {
  const Members members = {{"schema.json", Json("1")}};
  EXPECT_THAT(Message(Zip(members, 1), StatusCode::kUnimplemented), HasSubstr("encrypted"));
  EXPECT_THAT(Message(Zip(members, 0, 12), StatusCode::kUnimplemented),
              HasSubstr("compression method 12"));
  const std::string file = File(Json("1"), {{"a", std::string(1000, 'x')}});
  ImportLimits limits;
  limits.max_unpacked_bytes = 500;
  EXPECT_EQ(Read(file, limits).status().code(), StatusCode::kResourceExhausted);
  limits = {};
  limits.max_file_bytes = 10;
  EXPECT_EQ(Read(file, limits).status().code(), StatusCode::kResourceExhausted);
}

TEST(SkopsDocumentTest, RefusesObjectsInArrays) {
  const std::string header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
  EXPECT_THAT(Message(File(ArrayOf("1.npy"), {{"1.npy", Npy(header, "\x80\x04.")}})),
              HasSubstr("pickle"));
}

TEST(SkopsDocumentTest, SaysWhatIsWrongWithAHeader) {
  for (const char* header :
       {"", "{", "[", "{'descr'}", "{'descr': }", "{'a': 1}", "{'descr': 'f4", "((((((((((((",
        "{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': [('a', [('b', '<f4')])], 'fortran_order': False, 'shape': (1,)}"}) {
    const auto document = Read(File(ArrayOf("1.npy"), {{"1.npy", Npy(header, "1234")}}));
    EXPECT_FALSE(document.ok()) << header;
    EXPECT_THAT(document.status().message(), HasSubstr("schema.json: ")) << header;
  }
}

TEST(SkopsDocumentTest, NamesNodesThatItDoesNotKnow) {
  EXPECT_THAT(Message(File(List(Node("MethodNode", ""))), StatusCode::kUnimplemented),
              HasSubstr("schema.json.content[0]: nodes of kind 'MethodNode'"));
  EXPECT_THAT(Message(File(R"({"protocol": 3})"), StatusCode::kUnimplemented),
              HasSubstr("protocol 3"));
  EXPECT_THAT(Message(File(Node("ListNode", R"("content": 1)", "list"))), HasSubstr("content"));
  EXPECT_THAT(Message(File(Dict(R"("a": 1)", ""))), HasSubstr("types of keys"));
  EXPECT_THAT(Message(File("{}")), HasSubstr("__loader__"));
}

TEST(SkopsDocumentTest, EndsOnNodesInNodes) {
  std::string schema = Json("1");
  for (int i = 0; i < 300; ++i) schema = List(schema);
  EXPECT_FALSE(Read(File(schema)).ok());
}

TEST(SkopsDocumentTest, EveryTruncationIsAnError) {
  const std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }";
  const std::string whole = File(List(ArrayOf("1.npy")), {{"1.npy", Npy(header, "1234")}});
  ASSERT_TRUE(Read(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto document = Read(whole.substr(0, size));
    ASSERT_FALSE(document.ok()) << size;
    ASSERT_TRUE(base::IsValidUtf8(document.status().message())) << size;
  }
}

}  // namespace
}  // namespace slipway::import::skops

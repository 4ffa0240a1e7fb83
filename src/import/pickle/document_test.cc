#include "import/pickle/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/pickle/policy.h"

namespace slipway::import::pickle {
namespace {

using base::StatusCode;
using base::StrCat;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Value::Kind;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): zeros in texts

base::Result<std::unique_ptr<const Document>> Read(std::string_view pickle,
                                                   const ImportLimits& limits = {}) {
  return Document::Read(std::as_bytes(std::span(pickle)), limits);
}

// The root of a pickle that is expected to be good. The document lives as long as this.
class Loaded {
 public:
  explicit Loaded(std::string pickle) : bytes_(std::move(pickle)), document_(Read(bytes_)) {
    EXPECT_TRUE(document_.ok()) << document_.status();
  }
  const Value& root() const { return (*document_)->root(); }
  const Document& document() const { return **document_; }

 private:
  const std::string bytes_;
  const base::Result<std::unique_ptr<const Document>> document_;
};

base::Status StatusOf(std::string_view pickle, const ImportLimits& limits = {}) {
  return Read(pickle, limits).status();
}

bool KnowsNothing(std::string_view, std::string_view) { return false; }

// ---- values

TEST(PickleTest, ReadsNumbersOfEveryProtocol) {
  EXPECT_EQ(Loaded("I42\n.").root().integer(), 42);
  EXPECT_EQ(Loaded("I-7\n.").root().integer(), -7);
  EXPECT_TRUE(Loaded("I01\n.").root().boolean());
  EXPECT_EQ(Loaded("L123L\n.").root().integer(), 123);
  EXPECT_EQ(Loaded("F0.5\n.").root().real(), 0.5);
  EXPECT_EQ(Loaded("K\xff.").root().integer(), 255);
  EXPECT_EQ(Loaded("M\x01\x02.").root().integer(), 513);
  EXPECT_EQ(Loaded("J\xff\xff\xff\xff.").root().integer(), -1);
  EXPECT_EQ(Loaded("G\x3f\xe0\0\0\0\0\0\0."s).root().real(), 0.5);
  EXPECT_TRUE(Loaded("\x80\x02\x88.").root().boolean());
  EXPECT_EQ(Loaded("\x80\x02\x8a\0."s).root().integer(), 0);
  EXPECT_EQ(Loaded("\x80\x02\x8a\x02\x00\xff."s).root().integer(), -256);
  EXPECT_TRUE(Loaded("\x8a\x09\1\1\1\1\1\1\1\1\1."s).root().Is(Kind::kBigInt));
  EXPECT_TRUE(Loaded("L123456789012345678901234567890L\n.").root().Is(Kind::kBigInt));
  EXPECT_TRUE(Loaded("N.").root().Is(Kind::kNone));
}

TEST(PickleTest, ReadsTextsAndBytes) {
  EXPECT_EQ(Loaded("X\3\0\0\0abc."s).root().node().text, "abc");
  EXPECT_EQ(Loaded("\x8c\3abc.").root().node().text, "abc");
  EXPECT_EQ(Loaded("\x8d\3\0\0\0\0\0\0\0abc."s).root().node().text, "abc");
  EXPECT_EQ(Loaded("Vh\\u00e9\n.").root().node().text, "hé");
  EXPECT_EQ(Loaded("V\xe9\n.").root().node().text, "é");
  EXPECT_EQ(Loaded("S'a\\n\\x41'\n.").root().node().text, "a\nA");
  const Loaded bytes("C\2\0\xff."s);
  EXPECT_TRUE(bytes.root().Is(Kind::kBytes));
  EXPECT_EQ(bytes.root().node().text, "\0\xff"s);
  EXPECT_EQ(Loaded("\x96\2\0\0\0\0\0\0\0hi."s).root().node().text, "hi");
}

TEST(PickleTest, ReadsContainers) {
  EXPECT_EQ(Loaded("(K\1K\2l.").root().node().items.size(), 2U);
  EXPECT_EQ(Loaded("](K\1K\2K\3e.").root().node().items.size(), 3U);
  EXPECT_EQ(Loaded("K\1K\2\x86.").root().node().items[1].integer(), 2);
  EXPECT_TRUE(Loaded(").").root().node().items.empty());
  EXPECT_EQ(Loaded("\x8f(K\1K\2\x90.").root().node().items.size(), 2U);
  const Loaded dict("}(X\1\0\0\0aK\1X\1\0\0\0bK\2u."s);
  EXPECT_EQ(FindKey(dict.root().node().items, "b")->integer(), 2);
  EXPECT_EQ(FindKey(dict.root().node().items, "c"), nullptr);
  const Loaded twice("}X\1\0\0\0aK\1sX\1\0\0\0aK\2s."s);
  EXPECT_EQ(FindKey(twice.root().node().items, "a")->integer(), 2) << "the last one counts";
}

TEST(PickleTest, FillsSharedValuesAfterTheyWereMemoized) {
  // a = []; b = (a, a); a.append(7)
  const Loaded tuple("]\x94h\0\x86\x94h\0K\7a0."s);
  const std::vector<Value>& items = tuple.root().node().items;
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(&items[0].node(), &items[1].node());
  EXPECT_EQ(items[0].node().items.front().integer(), 7);
}

TEST(PickleTest, AcceptsSparseAndRepeatedMemoIndices) {
  EXPECT_EQ(Loaded("K\1r\xff\xff\xff\xff"s + "0K\2q\5" + "0j\xff\xff\xff\xff.").root().integer(),
            1);
  EXPECT_EQ(Loaded("K\1q\0000K\2q\0000h\0."s).root().integer(), 2);
  EXPECT_EQ(Loaded("I1\np0\n0g0\n.").root().integer(), 1);
}

TEST(PickleTest, KeepsClassesAsNamesAndCallsAsData) {
  const Loaded object("cos\nsystem\n(X\2\0\0\0lstR."s);
  ASSERT_TRUE(object.root().Is(Kind::kObject));
  EXPECT_TRUE(IsCallOf(object.root(), "os", "system"));
  EXPECT_EQ(object.root().node().args.node().items[0].node().text, "ls");
  ASSERT_EQ(object.document().globals().size(), 1U);
}

TEST(PickleTest, GivesObjectsTheirState) {
  const Loaded object("\x80\2csklearn.a\nB\n)\x81}X\1\0\0\0xK\5sb."s);
  EXPECT_EQ(FindKey(object.root().node().state.node().items, "x")->integer(), 5);
  EXPECT_THAT(StatusOf("\x80\2ca\nB\n)\x81}b}b."s).message(), HasSubstr("second state"));
}

TEST(PickleTest, ReadsPlainDataOfOldProtocols) {
  const Loaded bytes("c_codecs\nencode\n(V\xe9\\u0000\nVlatin1\ntR."s);
  EXPECT_TRUE(bytes.root().Is(Kind::kBytes));
  EXPECT_EQ(bytes.root().node().text, "\xe9\0"s);
  EXPECT_TRUE(Loaded("c__builtin__\nset\n((lp0\nI1\natR.").root().Is(Kind::kSet));
  const Loaded old(
      "ccopy_reg\n_reconstructor\n(csklearn.x\nY\nc__builtin__\nobject\nNtR(dVa\nI3\nsb.");
  EXPECT_TRUE(IsGlobal(old.root().node().callable, "sklearn.x", "Y"));
  EXPECT_EQ(FindKey(old.root().node().state.node().items, "a")->integer(), 3);
  const Loaded tuple(
      "ccopy_reg\n_reconstructor\n(csklearn.x\nY\nc__builtin__\ntuple\n(I3\nI4\nttR.");
  EXPECT_TRUE(IsCallOf(tuple.root(), "sklearn.x", "Y"));
  ASSERT_EQ(tuple.root().node().args.node().items.size(), 2u);
  EXPECT_EQ(tuple.root().node().args.node().items[1].integer(), 4);
  EXPECT_FALSE(StatusOf("c_codecs\nencode\n(Va\nVrot13\ntR.").ok());
}

TEST(PickleTest, TakesNamesOfClassesFromTheMemo) {
  const Loaded object(
      "\x80\4\x8c\2os\x94\x8c\6system\x94"
      "00h\0h\1\x93."s);
  EXPECT_TRUE(IsGlobal(object.root(), "os", "system"));
}

// ---- damage

TEST(PickleTest, NamesThePlaceOfDamage) {
  EXPECT_THAT(StatusOf("K\1\xfe.").message(), HasSubstr("byte 2"));
  EXPECT_THAT(StatusOf("0.").message(), HasSubstr("empty stack"));
  EXPECT_THAT(StatusOf("K\1K\2.").message(), HasSubstr("2 values"));
  EXPECT_THAT(StatusOf("t.").message(), HasSubstr("mark"));
  EXPECT_THAT(StatusOf("h\0."s).message(), HasSubstr("memo"));
  EXPECT_THAT(StatusOf("\x80\x09N.").message(), HasSubstr("protocol 9"));
  EXPECT_THAT(StatusOf("Pid\n.").message(), HasSubstr("persistent"));
  EXPECT_THAT(StatusOf("\x82\1.").message(), HasSubstr("extension"));
  EXPECT_THAT(StatusOf("\x97.").message(), HasSubstr("out of band"));
  EXPECT_EQ(StatusOf("").code(), StatusCode::kInvalidArgument);
}

TEST(PickleTest, RefusesWhatDoesNotFitTogether) {
  EXPECT_FALSE(StatusOf("K\1}b."s).ok());        // a state for a number
  EXPECT_FALSE(StatusOf(")K\1a."s).ok());        // append to a tuple
  EXPECT_FALSE(StatusOf("]K\1K\2s."s).ok());     // an item of a list
  EXPECT_FALSE(StatusOf("}(K\1u."s).ok());       // a key without a value
  EXPECT_FALSE(StatusOf("ca\nb\nK\1R."s).ok());  // arguments that are no tuple
  EXPECT_FALSE(StatusOf("K\1K\2\x93."s).ok());   // a class named by numbers
  EXPECT_FALSE(StatusOf("I9999999999999999999999\n.").ok());
  EXPECT_FALSE(StatusOf("Fabc\n.").ok());
  EXPECT_FALSE(StatusOf("V\\u12\n.").ok());
}

TEST(PickleTest, ChecksLengthsBeforeItTakesMemory) {
  EXPECT_THAT(StatusOf("\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."s).message(), HasSubstr("cut off"));
  EXPECT_THAT(StatusOf("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."s).message(), HasSubstr("cut off"));
  EXPECT_THAT(StatusOf("\x8b\xff\xff\xff\x7f."s).message(), HasSubstr("cut off"));
  EXPECT_THAT(StatusOf("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."s).message(), HasSubstr("frame"));
}

TEST(PickleTest, ReportsEveryTruncation) {
  const std::string whole =
      "\x80\4\x95\x20\0\0\0\0\0\0\0\x8c\5numpy\x94\x8c\3foo\x94\x93\x94)\x81\x94}\x94(\x8c\1a\x94"
      "K\1\x8c\1b\x94G\x3f\xe0\0\0\0\0\0\0ub."s;
  ASSERT_TRUE(StatusOf(whole).ok()) << StatusOf(whole);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(StatusOf(whole.substr(0, size)).code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(PickleTest, SurvivesEveryFlippedBit) {
  const std::string whole =
      "\x80\4\x8c\5numpy\x94\x8c\3foo\x94\x93\x94)\x81\x94}\x94(\x8c\1a\x94](K\1K\2e\x8c\1b\x94"
      "G\x3f\xe0\0\0\0\0\0\0ub."s;
  int good = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const base::Status status = StatusOf(flipped);
    good += status.ok() ? 1 : 0;
    EXPECT_TRUE(base::IsValidUtf8(status.message())) << bit;
  }
  EXPECT_GT(good, 0) << "some bits are in texts and numbers";
}

// ---- hostile sizes and shapes

TEST(PickleTest, EndsDeepNestingWithoutRecursion) {
  constexpr size_t kDeep = 200'000;
  std::string nested(kDeep, ']');
  nested.append(kDeep - 1, 'a');
  EXPECT_TRUE(StatusOf(nested + ".").ok());
  std::string tuples = ")" + std::string(kDeep, '\x85');
  EXPECT_TRUE(StatusOf(tuples + ".").ok());
  EXPECT_FALSE(StatusOf(std::string(kDeep, '(') + ".").ok());
  // The path to a class at the bottom is found without recursion too.
  const Loaded deep("cos\nsystem\n" + std::string(kDeep, '\x85') + ".");
  EXPECT_THAT(CheckKnown(deep.document(), KnowsNothing).message(), HasSubstr("'os.system'"));
}

TEST(PickleTest, TakesCyclesAndDoublingsAsTheyAre) {
  const Loaded cycle("]\x94h\0a."s);
  EXPECT_EQ(&cycle.root().node().items.front().node(), &cycle.root().node());
  EXPECT_TRUE(CheckKnown(cycle.document(), KnowsNothing).ok());
  // 2^64 values when written out: each tuple holds the one before it twice.
  std::string laughs = "K\1\x94";
  for (int i = 0; i < 64; ++i) laughs += "h"s + static_cast<char>(i) + "\x86\x94";
  const Loaded doubled(laughs + ".");
  EXPECT_TRUE(CheckKnown(doubled.document(), KnowsNothing).ok());
}

TEST(PickleTest, HoldsTheLimitOfValues) {
  ImportLimits limits;
  limits.max_values = 1000;
  const base::Status status = StatusOf("]" + std::string(2000, 'N') + "0.", limits);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  // A byte makes a list, which takes a hundred: no real file is like that.
  EXPECT_EQ(StatusOf(std::string(5'000'000, ']')).code(), StatusCode::kResourceExhausted);
  limits.max_file_bytes = 10;
  EXPECT_EQ(StatusOf(std::string(20, 'N'), limits).code(), StatusCode::kResourceExhausted);
}

// Of its doubles protocol 0 makes a text of Latin-1, in which half of all bytes take two, and of
// that bytes again.
TEST(PickleTest, ReadsLargeArraysOfOldProtocols) {
  std::string data;
  for (int i = 0; i < 100'000; ++i) data.push_back(static_cast<char>(0x80 + i % 0x80));
  const Loaded bytes("c_codecs\nencode\n(V" + data + "\nVlatin1\ntR.");
  EXPECT_EQ(bytes.root().node().text, data);
}

TEST(PickleTest, DecodesNoTextOverAndOver) {
  std::string pickle = "X"s + "\xff\xff\0\0"s + std::string(65535, 'a') + "\x94" + "0(";
  for (int i = 0; i < 100; ++i) pickle += "c_codecs\nencode\nh\0Vlatin1\n\x86R"s;
  EXPECT_EQ(StatusOf(pickle + "t.").code(), StatusCode::kResourceExhausted);
}

// ---- what a file may name

struct Malice {
  const char* what;
  std::string pickle;
  const char* name;
  const char* place;
};

class PickleMaliceTest : public testing::TestWithParam<Malice> {};

TEST_P(PickleMaliceTest, IsRefusedWithClassAndPlace) {
  const Loaded loaded(GetParam().pickle);
  const base::Status status = CheckKnown(loaded.document(), KnowsNothing);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().name));
  EXPECT_THAT(status.message(), HasSubstr(GetParam().place));
}

const std::string kArray =  // an object array of one item, up to that item
    "\x80\4cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"
    "C\1btR"
    "(K\1K\1\x85"
    "cnumpy\ndtype\n(X\2\0\0\0O8K\0K\1tR\x89]"s;

const Malice kMalice[] = {
    {"reduce", "cos\nsystem\n(Vid\ntR.", "'os.system'", "byte 0"},
    {"posix", "cposix\nsystem\n(Vid\ntR.", "'posix.system'", "byte 0"},
    {"eval", "c__builtin__\neval\n(V1\ntR.", "'__builtin__.eval'", "byte 0"},
    {"stack_global", "\x80\4\x8c\10builtins\x8c\4exec\x93\x8c\1x\x85R.", "'builtins.exec'",
     "byte 18"},
    {"attribute", "\x80\2cnumpy\ndtype\n)\x81}V_func\ncos\npopen\nsb.", "'os.popen'", "_func"},
    {"popped", "cos\nsystem\n0N.", "'os.system'", "byte 0"},
    {"in_memo_only", "cos\nsystem\nq\0000N."s, "'os.system'", "byte 0"},
    {"dotted", "\x80\4\x8c\5numpy\x8c\15f2py.os.popen\x93.", "f2py.os.popen", "byte"},
    {"gadget", "cnumpy.testing._private.utils\nrunstring\n(VX\n}tR.", "runstring", "byte 0"},
    {"joblib_load", "cjoblib\nload\n(Vx\ntR.", "'joblib.load'", "byte 0"},
    {"partial", "cfunctools\npartial\n(cos\nsystem\ntR.", "'os.system'", "[0]"},
    {"instance", "(Vid\nios\nsystem\n.", "'os.system'", "byte"},
    {"object", "(cos\nsystem\nVid\no.", "'os.system'", "byte"},
    {"in_object_array", kArray + "cos\nsystem\nVid\n\x85Ratb.", "'os.system'", "[4][0]"},
    {"in_key", "}cos\nsystem\nK\1s.", "'os.system'", "[0]"},
};

INSTANTIATE_TEST_SUITE_P(Kinds, PickleMaliceTest, testing::ValuesIn(kMalice),
                         [](const auto& malice) { return malice.param.what; });

TEST(PickleTest, NamesEverythingThatIsRefused) {
  const Loaded loaded("(cos\nsystem\ncposix\nfork\ncnumpy\nndarray\nl.");
  const std::vector<std::string> unknown = FindUnknown(loaded.document(), KnowsNothing);
  EXPECT_THAT(unknown, ElementsAre(HasSubstr("os.system"), HasSubstr("posix.fork")));
}

// ---- arrays

std::string DtypeText(std::string_view name, std::string_view order) {
  return StrCat("cnumpy\ndtype\n(V", name, "\nI00\nI01\ntR(I3\nV", order, "\nNNNI-1\nI-1\nI0\ntb");
}

TEST(PickleArrayTest, ReadsNumPyOneAndTwo) {
  for (const std::string core : {"core", "_core"}) {
    const std::string pickle =
        StrCat("cnumpy.", core, ".multiarray\n_reconstruct\n(cnumpy\nndarray\n",
               "(I0\ntC\1btR(I1\n(I2\nI2\nt", DtypeText("i2", "<"), "I01\nC\10") +
        "\1\0\2\0\3\0\4\0tb."s;
    const Loaded loaded(pickle);
    const auto array = ReadArray(loaded.root());
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_THAT(array->shape, ElementsAre(2, 2));
    EXPECT_THAT(*ToIntegers(*array), ElementsAre(1, 3, 2, 4)) << "written in Fortran's order";
  }
}

TEST(PickleArrayTest, ReadsBuffersScalarsAndBigEndian) {
  const Loaded buffer("cnumpy._core.numeric\n_frombuffer\n(\x96\4\0\0\0\0\0\0\0\0\1\0\2"s +
                      DtypeText("u2", ">") + "(I2\ntVC\ntR.");
  EXPECT_THAT(*ToDoubles(*ReadArray(buffer.root())), ElementsAre(1, 2));
  const Loaded scalar("cnumpy.core.multiarray\nscalar\n("s + DtypeText("f4", "<") +
                      "C\4\0\0\xc0\x3ftR."s);
  EXPECT_EQ(*ReadNumber(scalar.root()), 1.5);
  EXPECT_FALSE(ReadInteger(scalar.root()).ok());
  const Loaded text(
      "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VU2\nI00\nI01\ntR(I3\nV<\nNNN"
      "I8\nI4\nI8\ntbC\10\xe9\0\0\0\0\0\0\0tR."s);
  EXPECT_EQ(*ReadText(text.root()), "é");
  const Loaded empty(
      "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VU0\nI00\nI01\ntR(I3\nV<\nNNN"
      "I0\nI4\nI8\ntbc__builtin__\nbytes\n(tRtR."s);
  EXPECT_EQ(*ReadText(empty.root()), "");
}

TEST(PickleArrayTest, ReadsRecordsByNameAndOffset) {
  // A record of 16 bytes: "a" int8 at 1, "b" float64 at 8.
  const std::string dtype =
      StrCat("cnumpy\ndtype\n(VV16\nI00\nI01\ntR(I3\nV|\nN(Va\nVb\nt(dVa\n(", DtypeText("i1", "|"),
             "I1\ntsVb\n(", DtypeText("f8", "<"), "I8\ntsI16\nI8\nI16\ntb");
  const std::string record = "\x7f\5\0\0\0\0\0\0\0\0\0\0\0\0\xe0\x3f"s;
  const Loaded loaded("cnumpy.core.numeric\n_frombuffer\n(\x96\x10\0\0\0\0\0\0\0"s + record +
                      dtype + "(I1\ntVC\ntR.");
  const auto array = ReadArray(loaded.root());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(*ToIntegers(*FieldOf(*array, "a")), ElementsAre(5));
  EXPECT_THAT(*ToDoubles(*FieldOf(*array, "b")), ElementsAre(0.5));
  EXPECT_EQ(FieldOf(*array, "c"), std::nullopt);
}

std::string Buffer(std::string_view dtype, std::string_view shape) {
  return StrCat("cnumpy.core.numeric\n_frombuffer\n(C\4abcd", dtype, shape, "VC\ntR.");
}

TEST(PickleArrayTest, RefusesSizesThatDoNotFit) {
  for (const std::string& pickle :
       {Buffer(DtypeText("f8", "<"), "(I1\nt"), Buffer(DtypeText("f4", "<"), "(I-1\nt"),
        Buffer(DtypeText("f4", "<"), "(I4611686018427387904\nI4611686018427387904\nt"),
        Buffer(DtypeText("U2147483647", "<"), "(I1\nt"), Buffer(DtypeText("f3", "<"), "(I1\nt"),
        Buffer(DtypeText("q", "<"), "(I1\nt"), Buffer(DtypeText("O8", "|"), "(I1\nt"),
        Buffer("N", "(I1\nt"), Buffer(DtypeText("f4", "<"), "N")}) {
    const Loaded loaded(pickle);
    EXPECT_FALSE(ReadArray(loaded.root()).ok()) << base::Printable(pickle, 200);
  }
  const Loaded empty(Buffer(DtypeText("V0", "|"), "(I999999999999\nt"));
  EXPECT_FALSE(ReadArray(empty.root()).ok());
}

// ---- joblib

std::string Wrapper(std::string_view dtype, std::string_view shape, std::string_view more) {
  return StrCat(
      "\x80\4cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(Vsubclass\ncnumpy\nndarray\n",
      "Vshape\n", shape, "Vorder\nVC\nVdtype\n", dtype, "Vallow_mmap\n\x88", more, "ub");
}

TEST(JoblibTest, TakesTheDataBehindTheWrapper) {
  const Loaded old("]" + Wrapper(DtypeText("i1", "|"), "(I3\nt", "") + "\1\2\3aK\7a."s);
  ASSERT_EQ(old.root().node().items.size(), 2U);
  EXPECT_THAT(*ToIntegers(*ReadArray(old.root().node().items[0])), ElementsAre(1, 2, 3));
  EXPECT_TRUE(old.document().has_payloads());
  const Loaded padded(
      Wrapper(DtypeText("i1", "|"), "(I2\nt", "Vnumpy_array_alignment_bytes\nI16\n") +
      "\3\xff\xff\xff\4\5."s);
  EXPECT_THAT(*ToIntegers(*ReadArray(padded.root())), ElementsAre(4, 5));
}

TEST(JoblibTest, ReadsAPickleInPlaceOfObjects) {
  const std::string inner =
      "\x80\2cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\1btR(I1\n(I2\nt"s +
      DtypeText("O8", "|") + "I00\n](Va\nNetb.";
  const Loaded loaded(Wrapper(DtypeText("O8", "|"), "(I2\nt", "") + inner + ".");
  const auto array = ReadArray(loaded.root());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->objects[0].node().text, "a");
  EXPECT_TRUE(array->objects[1].Is(Kind::kNone));
}

TEST(JoblibTest, SeesWhatTheInnerPickleNames) {
  const Loaded loaded(Wrapper(DtypeText("O8", "|"), "(I2\nt", "") + "cos\nsystem\n(Vid\ntR..");
  EXPECT_THAT(CheckKnown(loaded.document(), KnowsNothing).message(), HasSubstr("'os.system'"));
}

TEST(JoblibTest, RefusesWrappersThatPromiseTooMuch) {
  EXPECT_FALSE(StatusOf(Wrapper(DtypeText("f8", "<"), "(I9\nt", "") + "1234.").ok());
  EXPECT_FALSE(StatusOf(Wrapper(DtypeText("f8", "<"), "(I4611686018427387904\nt", "") + ".").ok());
  EXPECT_FALSE(StatusOf(Wrapper("N", "(I1\nt", "") + ".").ok());
  // A wrapper in the pickle of objects reads no data, so nothing nests any further.
  const Loaded inner(Wrapper(DtypeText("O8", "|"), "(I1\nt", "") +
                     Wrapper(DtypeText("O8", "|"), "(I1\nt", "") + "..");
  EXPECT_FALSE(ReadArray(inner.root()).ok());
}

}  // namespace
}  // namespace slipway::import::pickle

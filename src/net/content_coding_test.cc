#include "net/content_coding.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace slipway::net {
namespace {

std::string Compressed(ContentCoding coding, const std::string& text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(coding, pieces, out));
  return out;
}

// Inflates in input pieces of `step` and output pieces of `room` bytes.
std::string Inflated(std::string_view data, size_t step, size_t room, Inflater& inflater) {
  std::string text;
  std::vector<std::byte> out(room);
  for (size_t at = 0; at < data.size() && !inflater.corrupt(); at += step) {
    std::string_view piece = data.substr(at, step);
    size_t written = 0;
    do {
      written = inflater.Inflate(piece, out);
      text.append(reinterpret_cast<const char*>(out.data()), written);
    } while (!inflater.corrupt() && (!piece.empty() || written == room));
  }
  return text;
}

TEST(ContentCodingTest, UndoesGzipAndZlibHoweverTheyAreCut) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i);
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kDeflate}) {
    const std::string data = Compressed(coding, text);
    for (const size_t step : {size_t{1}, size_t{7}, data.size()}) {
      for (const size_t room : {size_t{1}, size_t{1000}, size_t{100'000}}) {
        Inflater inflater;
        EXPECT_EQ(Inflated(data, step, room, inflater), text);
        EXPECT_TRUE(inflater.finished());
      }
    }
  }
}

TEST(ContentCodingTest, TakesSeveralGzipMembersAsOneBody) {
  const std::string member = Compressed(ContentCoding::kGzip, std::string(1000, 'a'));
  for (const size_t step : {size_t{1}, size_t{1000}}) {
    Inflater inflater;
    EXPECT_EQ(Inflated(member + member, step, 300, inflater), std::string(2000, 'a'));
    EXPECT_TRUE(inflater.finished());
  }
}

TEST(ContentCodingTest, NoticesCorruptAndIncompleteData) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i * i);
  std::string data = Compressed(ContentCoding::kGzip, text);
  Inflater cut;
  Inflated(data.substr(0, data.size() - 1), 100, 100, cut);
  EXPECT_FALSE(cut.finished());
  EXPECT_FALSE(cut.corrupt());
  Inflater trailing;
  Inflated(data + "x", 100, 100, trailing);
  EXPECT_TRUE(trailing.corrupt());
  data[data.size() - 6] = static_cast<char>(data[data.size() - 6] ^ 1);  // in the checksum
  Inflater changed;
  Inflated(data, 100, 100, changed);
  EXPECT_TRUE(changed.corrupt());
  Inflater text_only;
  Inflated("{\"inputs\": []}", 100, 100, text_only);
  EXPECT_TRUE(text_only.corrupt());
}

TEST(ContentCodingTest, CompressesOnlyWhatGetsSmaller) {
  Deflater deflater;
  std::string out = "before";
  const std::string_view random_like[] = {"q8x", "7Zp", "m2"};
  EXPECT_FALSE(deflater.Compress(ContentCoding::kGzip, random_like, out));
  EXPECT_EQ(out, "before");
  const std::string zeros(5000, '0');
  const std::string_view pieces[] = {"", zeros, "", zeros};
  EXPECT_TRUE(deflater.Compress(ContentCoding::kDeflate, pieces, out));
  Inflater inflater;
  EXPECT_TRUE(Inflated(std::string_view(out).substr(6), 100, 100, inflater) == zeros + zeros);
}

ContentCoding Choice(std::initializer_list<const char*> headers) {
  AcceptedCodings accepted;
  for (const char* header : headers) accepted.Add(header);
  return accepted.Choice();
}

struct AcceptCase {
  const char* accept;
  ContentCoding coding;
};

TEST(ContentCodingTest, ChoosesTheHighestWeightAndTheFirstOfEquals) {
  const AcceptCase cases[] = {
      {"", ContentCoding::kIdentity},
      {"gzip", ContentCoding::kGzip},
      {"deflate, gzip", ContentCoding::kDeflate},
      {"gzip, deflate", ContentCoding::kGzip},
      {"gzip;q=0.5, deflate;q=0.8", ContentCoding::kDeflate},
      {"gzip;q=0.5, identity", ContentCoding::kIdentity},
      {"identity;q=0.1, gzip;q=0.100", ContentCoding::kIdentity},
      {"gzip;q=0", ContentCoding::kIdentity},
      {"GZIP ; Q=0.3", ContentCoding::kGzip},
      {"*", ContentCoding::kIdentity},
      {"br, zstd, *;q=0.1", ContentCoding::kIdentity},
      {"deflate, gzip, br, zstd", ContentCoding::kDeflate},
      {"gzip;q=x", ContentCoding::kIdentity},
      {"gzip;q=", ContentCoding::kGzip},
      {"gzip;q=2", ContentCoding::kIdentity},
      {",,gzip,,", ContentCoding::kGzip},
      {";q=1", ContentCoding::kIdentity},
      {"gzip;q=0.001, deflate;q=0.002", ContentCoding::kDeflate},
      {"gzip;q=0, *", ContentCoding::kIdentity},
      {"identity;q=0, *;q=0.5", ContentCoding::kGzip},
      {"identity;q=0, gzip;q=0, *", ContentCoding::kDeflate},
      {"identity;q=0, gzip;q=0, deflate;q=0, *", ContentCoding::kIdentity},
      {"identity;q=0, *;q=0", ContentCoding::kIdentity},
      {"identity;q=0", ContentCoding::kIdentity},
  };
  for (const AcceptCase& c : cases) EXPECT_EQ(Choice({c.accept}), c.coding) << c.accept;
}

TEST(ContentCodingTest, SeveralHeadersAreOneList) {
  EXPECT_EQ(Choice({}), ContentCoding::kIdentity);
  EXPECT_EQ(Choice({"br", "gzip"}), ContentCoding::kGzip);
  EXPECT_EQ(Choice({"gzip;q=0.5", "deflate"}), ContentCoding::kDeflate);
  EXPECT_EQ(Choice({"identity;q=0", "*"}), ContentCoding::kGzip);
}

}  // namespace
}  // namespace slipway::net

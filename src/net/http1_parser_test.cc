#include "net/http1_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/chunked_decoder.h"

namespace slipway::net {
namespace {

using std::string_literals::operator""s;

constexpr HeadLimits kLimits{.max_bytes = 1024, .max_count = 8, .max_target_bytes = 256};

struct Parsed {
  HttpError error;
  bool complete = false;
  size_t head_bytes = 0;
  RequestHead head;
};

// Parses `bytes` as a connection does, when they come in pieces of `step`. The views point into
// `bytes`.
Parsed ParseInSteps(std::string_view bytes, size_t step) {
  Parsed parsed;
  HeadScanner scanner(kLimits);
  for (size_t size = std::min(step, bytes.size());; size = std::min(size + step, bytes.size())) {
    switch (scanner.Scan(bytes.substr(0, size))) {
      case HeadScanner::Outcome::kError:
        parsed.error = scanner.error();
        return parsed;
      case HeadScanner::Outcome::kComplete:
        parsed.complete = true;
        parsed.head_bytes = scanner.end();
        parsed.error = ParseRequestHead(
            bytes.substr(scanner.begin(), scanner.end() - scanner.begin()), kLimits, parsed.head);
        return parsed;
      case HeadScanner::Outcome::kNeedMore:
        break;
    }
    if (size == bytes.size()) return parsed;
  }
}

Parsed Parse(std::string_view bytes) { return ParseInSteps(bytes, bytes.size()); }

struct Case {
  std::string bytes;
  int status;  // 0: accepted
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      // Plain requests.
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"GET / HTTP/1.0\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0},
      {"POST /v2/models/a%20b/infer?x=1&y=/? HTTP/1.1\r\nhost: a\r\ncontent-length: 007\r\n\r\n",
       0},
      {"GET http://example.com:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"GET HTTPS://example.com HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \t y z \t\r\nEmpty:\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xC3\xA9\r\n\r\n", 0},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChunKed\r\n\r\n", 0},
      // Line ends.
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // Request line.
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\r\nHost: a\r\n\r\n", 400},
      {"GET\r\nHost: a\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      // Target.
      {"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /<x> HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\x7F HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /" + std::string(256, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET /" + std::string(1100, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      // Headers.
      {"GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7F\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1100, 'a') + "\r\n\r\n", 431},
      // Host.
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      // Request smuggling: what two readers could frame in two ways.
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0B"
       "chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n : chunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
  };
  return kCases;
}

TEST(Http1ParserTest, AcceptsAndRefusesByTheGrammar) {
  for (const Case& c : Cases()) {
    const Parsed parsed = Parse(c.bytes);
    EXPECT_EQ(parsed.error.status, c.status) << c.bytes << "\n" << parsed.error.message;
    if (c.status == 0) {
      EXPECT_TRUE(parsed.complete) << c.bytes;
      EXPECT_EQ(parsed.head_bytes, c.bytes.size());
    }
  }
}

TEST(Http1ParserTest, GivesTheSameVerdictHoweverTheBytesAreCut) {
  for (const Case& c : Cases()) {
    const Parsed whole = Parse(c.bytes);
    for (size_t step = 1; step < std::min<size_t>(c.bytes.size(), 40); ++step) {
      const Parsed parts = ParseInSteps(c.bytes, step);
      EXPECT_EQ(parts.error.status, whole.error.status) << c.bytes << " in steps of " << step;
      EXPECT_EQ(parts.error.message, whole.error.message) << c.bytes << " in steps of " << step;
      EXPECT_EQ(parts.head_bytes, whole.head_bytes);
      EXPECT_EQ(parts.head.headers.size(), whole.head.headers.size());
    }
  }
}

TEST(Http1ParserTest, SplitsTheRequestLine) {
  const Parsed parsed = Parse("POST /a/b?c=d?e HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(parsed.head.method, HttpMethod::kPost);
  EXPECT_EQ(parsed.head.method_name, "POST");
  EXPECT_EQ(parsed.head.path, "/a/b");
  EXPECT_EQ(parsed.head.query, "c=d?e");
}

TEST(Http1ParserTest, ReducesAnAbsoluteTargetToItsPath) {
  EXPECT_EQ(Parse("GET http://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n").head.path, "/a");
  EXPECT_EQ(Parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").head.path, "/");
  const Parsed query_only = Parse("GET http://h?b HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(query_only.head.path, "/");
  EXPECT_EQ(query_only.head.query, "b");
}

TEST(Http1ParserTest, TrimsHeaderValues) {
  const Parsed parsed = Parse("GET / HTTP/1.1\r\nHost: h\r\nX-Y: \t a b \t\r\nZ:\r\n\r\n");
  ASSERT_EQ(parsed.head.headers.size(), 3U);
  EXPECT_EQ(parsed.head.headers[1].name, "X-Y");
  EXPECT_EQ(parsed.head.headers[1].value, "a b");
  EXPECT_EQ(parsed.head.headers[2].value, "");
}

struct KeepAliveCase {
  const char* version;
  const char* connection;
  bool keep_alive;
};

TEST(Http1ParserTest, KeepsTheConnectionAsVersionAndConnectionHeaderSay) {
  const KeepAliveCase cases[] = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: x, CLOSE ,y\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
  };
  for (const KeepAliveCase& c : cases) {
    const std::string bytes =
        "GET / HTTP/"s + c.version + "\r\nHost: h\r\n" + c.connection + "\r\n";
    EXPECT_EQ(Parse(bytes).head.keep_alive, c.keep_alive) << bytes;
  }
}

TEST(Http1ParserTest, ReadsExpectAndContentEncoding) {
  EXPECT_TRUE(
      Parse("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n").head.expect_continue);
  EXPECT_TRUE(Parse("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n").head.expect_unknown);
  EXPECT_FALSE(
      Parse("PUT / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").head.expect_continue);
  const auto coding = [](const char* field) {
    return Parse("PUT / HTTP/1.1\r\nHost: h\r\n"s + field + "\r\n\r\n").head.coding;
  };
  EXPECT_EQ(coding("Content-Encoding: gzip"), ContentCoding::kGzip);
  EXPECT_EQ(coding("Content-Encoding: DEFLATE"), ContentCoding::kDeflate);
  EXPECT_EQ(coding("Content-Encoding: identity"), ContentCoding::kIdentity);
  EXPECT_EQ(coding("Content-Encoding: br"), ContentCoding::kUnknown);
  EXPECT_EQ(coding("Content-Encoding: gzip, gzip"), ContentCoding::kUnknown);
  EXPECT_EQ(coding("Content-Encoding: gzip\r\nContent-Encoding: gzip"), ContentCoding::kUnknown);
}

TEST(Http1ParserTest, ForgetsTheRequestBefore) {
  RequestHead head;
  const std::string_view first =
      "POST /a?b HTTP/1.0\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\n";
  ASSERT_FALSE(ParseRequestHead(first, kLimits, head));
  ASSERT_FALSE(ParseRequestHead("GET /c HTTP/1.1\r\nHost: h\r\n\r\n", kLimits, head));
  EXPECT_EQ(head.content_length, 0U);
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.coding, ContentCoding::kIdentity);
  EXPECT_FALSE(head.http_1_0);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.headers.size(), 1U);
}

// Decodes as a connection does, when the bytes come in pieces of `step`.
struct Decoded {
  int status = 0;
  bool done = false;
  std::string body;
  size_t left = 0;  // bytes after the body
};

Decoded DecodeInSteps(std::string_view bytes, size_t step) {
  Decoded decoded;
  ChunkedDecoder decoder;
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string_view input = bytes.substr(at, step);
    std::string_view data;
    ChunkedDecoder::Outcome outcome;
    while ((outcome = decoder.Decode(input, data)) == ChunkedDecoder::Outcome::kData) {
      decoded.body += data;
    }
    decoded.status = decoder.error().status;
    decoded.done = outcome == ChunkedDecoder::Outcome::kDone;
    decoded.left = bytes.size() - std::min(at + step, bytes.size()) + input.size();
    if (decoded.done || decoded.status != 0) return decoded;
  }
  return decoded;
}

TEST(ChunkedDecoderTest, AcceptsAndRefusesByTheGrammar) {
  struct ChunkedCase {
    std::string bytes;
    int status;
    std::string body;
  };
  const ChunkedCase cases[] = {
      {"0\r\n\r\n", 0, ""},
      {"5\r\nhello\r\n0\r\n\r\n", 0, "hello"},
      {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 0, "hello world"},
      {"00A\r\n0123456789\r\n000\r\n\r\n", 0, "0123456789"},
      {"5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", 0, "hello"},
      {"5 \t; a\r\nhello\r\n0\r\n\r\n", 0, "hello"},
      {"0\r\nX: y\r\nZ:\r\n\r\n", 0, ""},
      {"5\nhello\r\n0\r\n\r\n", 400, ""},
      {"5\r\nhello\n0\r\n\r\n", 400, "hello"},
      {"5\r\nhelloo\r\n0\r\n\r\n", 400, "hello"},
      {"5\r\nhello\r\n0\r\n\n", 400, "hello"},
      {"5\rhello\r\n0\r\n\r\n", 400, ""},
      {"5 \r\nhello\r\n0\r\n\r\n", 400, ""},
      {" 5\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"+5\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"0x5\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"\r\nhello\r\n0\r\n\r\n", 400, ""},
      {";x\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"-1\r\n\r\n", 400, ""},
      {"5;a\nb\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"5;a\rb\r\nhello\r\n0\r\n\r\n", 400, ""},
      {"FFFFFFFFFFFFFFFF\r\n", 400, ""},
      {"0000000000000005\r\n", 400, ""},
      {"10000000000000000\r\n", 400, ""},
      {"1;" + std::string(5000, 'x') + "\r\n", 400, ""},
      {"0\r\n folded\r\n\r\n", 400, ""},
      {"0\r\nX : y\r\n\r\n", 400, ""},
      {"0\r\n: y\r\n\r\n", 400, ""},
      {"0\r\nX: \x01\r\n\r\n", 400, ""},
      {"0\r\nX: y\nZ: 1\r\n\r\n", 400, ""},
      {"0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 431, ""},
  };
  for (const ChunkedCase& c : cases) {
    for (const size_t step : {c.bytes.size(), size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
      const Decoded decoded = DecodeInSteps(c.bytes, step);
      EXPECT_EQ(decoded.status, c.status) << c.bytes;
      EXPECT_EQ(decoded.body, c.body) << c.bytes;
      EXPECT_EQ(decoded.done, c.status == 0) << c.bytes;
    }
  }
}

TEST(ChunkedDecoderTest, LeavesWhatFollowsTheBody) {
  EXPECT_EQ(DecodeInSteps("1\r\nx\r\n0\r\n\r\nGET /", 100).left, 5U);
}

TEST(ChunkedDecoderTest, BoundsTheExtensionsOfAllChunksTogether) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "1;" + std::string(100, 'x') + "\r\ny\r\n";
  EXPECT_EQ(DecodeInSteps(bytes, bytes.size()).status, 400);
}

TEST(PercentDecodeTest, UndoesEscapesAndRefusesMalformedOnes) {
  std::string out;
  EXPECT_TRUE(PercentDecode("a%2Fb%20c+%41", out));
  EXPECT_EQ(out, "a/b c+A");
  for (const char* bad : {"%", "%4", "%zz", "%00", "x%0"})
    EXPECT_FALSE(PercentDecode(bad, out)) << bad;
}

TEST(HttpRequestTest, FindsHeadersWithoutCase) {
  const HttpHeader headers[] = {{"Content-Type", "a"}, {"X", "b"}, {"x", "c"}};
  HttpRequest request;
  request.headers = headers;
  EXPECT_EQ(request.Header("content-type"), "a");
  EXPECT_EQ(request.Header("x"), "b");
  EXPECT_EQ(request.Header("y"), "");
  EXPECT_TRUE(request.HasHeader("CONTENT-TYPE"));
  EXPECT_FALSE(request.HasHeader("y"));
}

}  // namespace
}  // namespace slipway::net

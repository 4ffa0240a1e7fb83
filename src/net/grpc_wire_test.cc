#include "net/grpc_wire.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

TEST(GrpcWireTest, ReadsTimeoutsInEveryUnit) {
  EXPECT_EQ(ParseGrpcTimeout("2H"), 2h);
  EXPECT_EQ(ParseGrpcTimeout("3M"), 3min);
  EXPECT_EQ(ParseGrpcTimeout("4S"), 4s);
  EXPECT_EQ(ParseGrpcTimeout("500m"), 500ms);
  EXPECT_EQ(ParseGrpcTimeout("600u"), 600us);
  EXPECT_EQ(ParseGrpcTimeout("99999999n"), 99'999'999ns);
  EXPECT_EQ(ParseGrpcTimeout("0S"), 0ns);
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), std::chrono::hours(250 * 365 * 24));  // no overflow
}

TEST(GrpcWireTest, RefusesTimeoutsThatTheGrammarDoesNotHave) {
  for (const char* text :
       {"", "S", "1", "1s", "1.5S", "-1S", "+1S", " 1S", "1S ", "123456789S", "1SS", "0x1S"}) {
    EXPECT_FALSE(ParseGrpcTimeout(text).has_value()) << text;
  }
}

TEST(GrpcWireTest, KnowsItsContentTypes) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;a=b",
                           "application/grpc+proto; charset=utf-8"}) {
    EXPECT_TRUE(IsGrpcContentType(type)) << type;
    EXPECT_TRUE(IsKnownGrpcContentType(type)) << type;
  }
  for (const char* type : {"application/grpc+json", "application/grpc+protobuf"}) {
    EXPECT_TRUE(IsGrpcContentType(type)) << type;
    EXPECT_FALSE(IsKnownGrpcContentType(type)) << type;
  }
  for (const char* type : {"", "application/json", "application/grpc-web", "application/grp"}) {
    EXPECT_FALSE(IsGrpcContentType(type)) << type;
    EXPECT_FALSE(IsKnownGrpcContentType(type)) << type;
  }
}

TEST(GrpcWireTest, PrefixesComeBackAsTheyWere) {
  const auto bytes = FormatGrpcPrefix({.flag = 1, .length = 0x01020304});
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), std::string("\1\1\2\3\4", 5));
  EXPECT_EQ(ParseGrpcPrefix(bytes).flag, 1);
  EXPECT_EQ(ParseGrpcPrefix(bytes).length, 0x01020304U);
  EXPECT_EQ(ParseGrpcPrefix(FormatGrpcPrefix({.length = UINT32_MAX})).length, UINT32_MAX);
}

TEST(GrpcWireTest, EncodesWhatATrailerCannotCarry) {
  std::string out = "x";
  AppendGrpcMessage(out, "100% of 'a b'~\n\x7F\xC3\xA9");
  EXPECT_EQ(out, "x100%25 of 'a b'~%0A%7F%C3%A9");
}

TEST(GrpcWireTest, LimitsAreExhaustedResources) {
  for (const int status : {413, 414, 429, 431}) {
    EXPECT_EQ(GrpcCodeOfHttpStatus(status), base::StatusCode::kResourceExhausted) << status;
  }
  EXPECT_EQ(GrpcCodeOfHttpStatus(400), base::StatusCode::kInternal);
  EXPECT_EQ(GrpcCodeOfHttpStatus(408), base::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GrpcCodeOfHttpStatus(501), base::StatusCode::kUnimplemented);
  EXPECT_EQ(GrpcCodeOfHttpStatus(503), base::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace slipway::net

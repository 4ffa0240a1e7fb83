#include "app/server/browser_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace slipway::app {
namespace {

using testing::HasSubstr;

base::Status Check(const BrowserGuard& guard, std::vector<net::HttpHeader> headers) {
  net::HttpRequest request;
  request.headers = headers;
  return guard.Check(request);
}

bool Allows(const BrowserGuard& guard, std::string_view host) {
  return Check(guard, {{"accept", "*/*"}, {"Host", host}}).ok();
}

TEST(BrowserGuardTest, HostsThatNobodyCanRegisterPass) {
  const BrowserGuard guard({}, /*any_host=*/false);
  for (const char* host : {"127.0.0.1:8000", "10.1.2.3", "[::1]:8000", "[fe80::1]", "localhost",
                           "LocalHost:8000", "localhost.", "a.localhost:80", "slipway:8000",
                           "box.local", "host.docker.internal:8000", "nas.home.arpa", ""}) {
    EXPECT_TRUE(Allows(guard, host)) << host;
  }
  EXPECT_TRUE(Check(guard, {}).ok());
}

TEST(BrowserGuardTest, OtherHostsAreRefusedUnlessTheyAreNamed) {
  const BrowserGuard guard({}, /*any_host=*/false);
  for (const char* host : {"evil.example", "evil.example:8000", "127.0.0.1.evil.example",
                           "127.0.0.1.nip.io", "notlocalhost.com", "xlocal.example.", "1.2.3"}) {
    EXPECT_FALSE(Allows(guard, host)) << host;
  }
  EXPECT_THAT(Check(guard, {{"host", "evil.example:80"}}).message(),
              HasSubstr("'evil.example:80'; if that is this server, name it in allowed_hosts"));
  const BrowserGuard named({"Models.Example.com", "*.prod.example.com"}, /*any_host=*/true);
  EXPECT_TRUE(Allows(named, "models.example.COM:443"));
  EXPECT_TRUE(Allows(named, "a.prod.example.com"));
  EXPECT_FALSE(Allows(named, "prod.example.com"));
  EXPECT_FALSE(Allows(named, "evilprod.example.com"));
  EXPECT_FALSE(Allows(named, "example.com"));
  EXPECT_TRUE(Allows(BrowserGuard({"*"}, false), "evil.example"));
  EXPECT_TRUE(Allows(BrowserGuard({}, /*any_host=*/true), "models.example.com"));
}

TEST(BrowserGuardTest, PagesOfOtherSitesAreRefused) {
  const BrowserGuard guard({}, /*any_host=*/true);
  EXPECT_TRUE(Check(guard, {{"host", "h:8000"}, {"origin", "http://h:8000"}}).ok());
  EXPECT_TRUE(Check(guard, {{"Origin", "https://H:8000"}, {"Host", "h:8000"}}).ok());
  for (const char* origin :
       {"http://evil.example", "http://h", "http://h:8001", "null", "", "file://", "http://"}) {
    const base::Status status = Check(guard, {{"host", "h:8000"}, {"origin", origin}});
    EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied) << origin;
  }
  EXPECT_FALSE(Check(guard, {{"origin", "http://evil.example"}}).ok());
  EXPECT_FALSE(Check(guard, {{"origin", "http://"}}).ok());
}

TEST(BrowserGuardTest, NoPageComesThroughAUnixSocket) {
  net::HttpRequest request;
  const std::vector<net::HttpHeader> headers = {{"host", "evil.example"}, {"origin", "null"}};
  request.headers = headers;
  EXPECT_FALSE(BrowserGuard({}, false).Check(request).ok());
  request.peer = "unix";
  EXPECT_TRUE(BrowserGuard({}, false).Check(request).ok());
}

TEST(BrowserGuardTest, PatternsOfHosts) {
  for (const char* good : {"*", "a", "a.example.com", "*.example.com", "a_b-c.1"}) {
    EXPECT_TRUE(BrowserGuard::IsHostPattern(good)) << good;
  }
  for (const char* bad : {"", "*.", "**", "a*", "http://a", "a:8000", "a/b", "[::1]", "*a"}) {
    EXPECT_FALSE(BrowserGuard::IsHostPattern(bad)) << bad;
  }
}

}  // namespace
}  // namespace slipway::app

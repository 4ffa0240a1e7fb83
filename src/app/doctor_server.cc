#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/client/server_client.h"
#include "app/doctor_check.h"
#include "app/engines/engines.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "net/listen_address.h"

namespace slipway::app {
namespace {

using base::StrCat;
using Level = DoctorCheck::Level;

// "slipway 0.1.0": what a server at `url` says it is; "" when nothing speaks our protocol there.
std::string WhoAnswers(const std::string& url, const base::Clock& clock) {
  auto client = ServerClient::Create(url, clock, std::chrono::seconds(2));
  if (!client.ok()) return "";
  const auto answer = client->Get("/v2");
  if (!answer.ok()) return "";
  const std::string name = JsonText(*answer, "name");
  return name.empty() ? "" : base::Printable(StrCat(name, " ", JsonText(*answer, "version")));
}

}  // namespace

DoctorCheck CheckEngine(const base::FileSystem& fs) {
  const auto log = base::Logger::Null();
  const auto factory = MakeEngineFactory(fs, *log);
  if (!factory.ok()) {
    return {.name = "engine",
            .level = Level::kFail,
            .found = factory.status().message(),
            .advice = "install ONNX Runtime beside the program (lib/libonnxruntime.so)"};
  }
  DoctorCheck check{
      .name = "engine",
      .found = StrCat((*factory)->name(), " ", (*factory)->version(), ", providers:")};
  for (const std::string& provider : (*factory)->providers()) check.found += " " + provider;
  return check;
}

DoctorCheck CheckPort(const std::string& address, const base::Clock& clock) {
  DoctorCheck check{.name = "port", .found = StrCat(address, " is free")};
  const auto parsed = net::ListenAddress::Parse(address);
  const base::Status free = parsed.ok() ? net::CheckFree(*parsed) : parsed.status();
  if (free.ok()) return check;
  check.level = Level::kWarn;
  const std::string who = WhoAnswers("http://" + address, clock);
  if (free.code() != base::StatusCode::kFailedPrecondition) {
    check.found = free.message();
    check.advice = "serve elsewhere: --listen 127.0.0.1:PORT";
  } else if (who.starts_with("slipway ")) {
    check.found = StrCat(address, " is in use: ", who, " serves there");
    check.advice = "look at it with 'slipway status', or serve elsewhere: --listen 127.0.0.1:PORT";
  } else {
    check.found = StrCat(address, " is in use by ", who.empty() ? "another program" : who);
    check.advice = "serve elsewhere: --listen 127.0.0.1:PORT";
  }
  return check;
}

}  // namespace slipway::app

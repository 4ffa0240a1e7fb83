#include "app/doctor_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/console/version.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

constexpr const char* kDefaultAddress = "127.0.0.1:8000";

void Append(std::vector<DoctorCheck> more, std::vector<DoctorCheck>& checks) {
  for (DoctorCheck& check : more) checks.push_back(std::move(check));
}

nlohmann::json ChecksJson(std::span<const DoctorCheck> checks) {
  nlohmann::json list = nlohmann::json::array();
  for (const DoctorCheck& check : checks) {
    list.push_back({{"name", check.name},
                    {"level", LevelName(check.level)},
                    {"found", check.found},
                    {"advice", check.advice}});
  }
  return {{"slipway", SlipwayVersion()}, {"ok", Verdict(checks).ok()}, {"checks", std::move(list)}};
}

}  // namespace

std::string_view LevelName(DoctorCheck::Level level) {
  switch (level) {
    case DoctorCheck::Level::kOk:
      return "ok";
    case DoctorCheck::Level::kWarn:
      return "warn";
    case DoctorCheck::Level::kFail:
      break;
  }
  return "fail";
}

void PrintChecks(std::span<const DoctorCheck> checks, std::ostream& out) {
  size_t width = 0;
  for (const DoctorCheck& check : checks) width = std::max(width, check.name.size());
  for (const DoctorCheck& check : checks) {
    const std::string level(LevelName(check.level));
    out << level << std::string(6 - level.size(), ' ') << check.name
        << std::string(width + 2 - check.name.size(), ' ') << base::Printable(check.found, 2000)
        << "\n";
    if (!check.advice.empty()) out << std::string(width + 8, ' ') << check.advice << "\n";
  }
}

base::Status Verdict(std::span<const DoctorCheck> checks) {
  std::string failed;
  for (const DoctorCheck& check : checks) {
    if (check.level != DoctorCheck::Level::kFail) continue;
    failed += base::StrCat(failed.empty() ? "" : ", ", check.name);
  }
  if (failed.empty()) return base::OkStatus();
  return base::FailedPrecondition(base::StrCat("this machine cannot serve models: ", failed));
}

void DoctorCommand::Configure(CLI::App& app) { app.add_flag("--json", json_, "Print JSON"); }

base::Status DoctorCommand::Run() {
  std::vector<DoctorCheck> checks;
  Append(CheckProcessor(context_.fs), checks);
  Append(CheckMemory(context_.fs), checks);
  Append(CheckKernel(context_.fs), checks);
  checks.push_back(CheckDisk());
  checks.push_back(CheckEngine(context_.fs));
  checks.push_back(CheckPort(kDefaultAddress, context_.clock));
  if (json_) {
    context_.out << ChecksJson(checks).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                 << "\n";
  } else {
    PrintChecks(checks, context_.out);
  }
  return Verdict(checks);
}

}  // namespace slipway::app

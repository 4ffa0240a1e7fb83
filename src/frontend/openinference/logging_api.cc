#include "frontend/openinference/logging_api.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_value.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::LogLevel;
using base::OkStatus;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

// The level of these settings; what they leave open is as `now` has it, or follows from what they
// ask for: infos bring warnings with them.
base::Result<LogLevel> LevelOf(const LogSettings& settings, LogLevel now) {
  const std::array<std::optional<bool>, 4> given = {
      settings.error, settings.warning, settings.info,
      settings.verbose ? std::optional(*settings.verbose > 0) : std::nullopt};
  constexpr std::array<LogLevel, 4> kLevels = {LogLevel::kError, LogLevel::kWarn, LogLevel::kInfo,
                                               LogLevel::kDebug};
  LogLevel level = LogLevel::kOff;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto rest = std::span(given).subspan(i);
    const bool asked_for =
        std::ranges::any_of(rest, [](const std::optional<bool>& flag) { return flag == true; });
    if (given[i] == false) {
      const bool more =
          asked_for || (i + 1 < given.size() && now <= kLevels[i + 1] && !given[i + 1].has_value());
      if (!more) return level;
      return InvalidArgument(
          "log lines are written down to one level: log_verbose_level needs log_info, that needs "
          "log_warning, that needs log_error");
    }
    if (!asked_for && now > kLevels[i]) return level;
    level = kLevels[i];
  }
  return level;
}

}  // namespace

LogSettings LogSettingsOf(LogLevel level) {
  return {.error = level <= LogLevel::kError,
          .warning = level <= LogLevel::kWarn,
          .info = level <= LogLevel::kInfo,
          .verbose = level == LogLevel::kDebug ? uint64_t{1} : uint64_t{0}};
}

Status ApplyLogSettings(const LogSettings& settings, base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(const LogLevel level, LevelOf(settings, log.level()));
  log.set_level(level);
  return OkStatus();
}

std::string LoggingJson(const base::Logger& log) {
  const LogSettings now = LogSettingsOf(log.level());
  return StrCat("{\"log_file\":\"\",\"log_info\":", now.info.value_or(false),
                ",\"log_warning\":", now.warning.value_or(false),
                ",\"log_error\":", now.error.value_or(false),
                ",\"log_verbose_level\":", now.verbose.value_or(0), ",\"log_format\":\"ISO8601\"}");
}

Status UpdateLogging(std::span<std::byte> body, base::Logger& log) {
  LogSettings settings;
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  JsonValue value(reader);
  SLIPWAY_RETURN_IF_ERROR(ReadObject(
      reader, [&](std::string_view key) { return ReadLogSetting(key, value, settings); }));
  if (!reader.Finish()) return reader.status();
  return ApplyLogSettings(settings, log);
}

}  // namespace slipway::frontend::openinference

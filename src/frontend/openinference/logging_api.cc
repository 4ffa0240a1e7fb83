#include "frontend/openinference/logging_api.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::LogLevel;
using base::OkStatus;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

// What is written: errors, warnings, infos and (verbose) debug lines, in this order.
struct Settings {
  std::optional<bool> error;
  std::optional<bool> warning;
  std::optional<bool> info;
  std::optional<uint64_t> verbose;
};

// The level of these settings; what they leave open is as `now` has it, or follows from what they
// ask for: infos bring warnings with them.
base::Result<LogLevel> LevelOf(const Settings& settings, LogLevel now) {
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

Status ReadSetting(JsonReader& reader, std::string_view key, Settings& settings) {
  std::string_view text;
  bool flag = false;
  uint64_t number = 0;
  if (key == "log_info") {
    if (reader.ReadBool(flag)) settings.info = flag;
  } else if (key == "log_warning") {
    if (reader.ReadBool(flag)) settings.warning = flag;
  } else if (key == "log_error") {
    if (reader.ReadBool(flag)) settings.error = flag;
  } else if (key == "log_verbose_level") {
    if (reader.ReadUint64(number)) settings.verbose = number;
  } else if (key == "log_format") {
    if (reader.ReadString(text) && text != "default" && text != "ISO8601") {
      return InvalidArgument(
          StrCat("log_format: expected 'default' or 'ISO8601', got '", base::Printable(text), "'"));
    }
  } else if (key == "log_file") {
    if (reader.Peek() == JsonReader::Kind::kString) {
      return base::Unimplemented("log_file can be set at start only (--log-file)");
    }
    reader.SkipValue();
  } else {
    return InvalidArgument(StrCat("unknown setting '", base::Printable(key), "'"));
  }
  return reader.status();
}

}  // namespace

std::string LoggingJson(const base::Logger& log) {
  const LogLevel level = log.level();
  return StrCat(
      "{\"log_file\":\"\",\"log_info\":", level <= LogLevel::kInfo,
      ",\"log_warning\":", level <= LogLevel::kWarn, ",\"log_error\":", level <= LogLevel::kError,
      ",\"log_verbose_level\":", level == LogLevel::kDebug ? 1 : 0, ",\"log_format\":\"ISO8601\"}");
}

Status UpdateLogging(std::span<std::byte> body, base::Logger& log) {
  Settings settings;
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(
      ReadObject(reader, [&](std::string_view key) { return ReadSetting(reader, key, settings); }));
  if (!reader.Finish()) return reader.status();
  SLIPWAY_ASSIGN_OR_RETURN(const LogLevel level, LevelOf(settings, log.level()));
  log.set_level(level);
  return OkStatus();
}

}  // namespace slipway::frontend::openinference

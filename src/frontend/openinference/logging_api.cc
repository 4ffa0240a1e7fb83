#include "frontend/openinference/logging_api.h"

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

struct Settings {
  bool info = false;
  bool warning = false;
  bool error = false;
  uint64_t verbose = 0;

  static Settings Of(LogLevel level) {
    return {.info = level <= LogLevel::kInfo,
            .warning = level <= LogLevel::kWarn,
            .error = level <= LogLevel::kError,
            .verbose = level == LogLevel::kDebug ? 1U : 0U};
  }

  base::Result<LogLevel> Level() const {
    if (info > warning || warning > error || (verbose > 0 && !info)) {
      return InvalidArgument(
          "each of log_verbose_level, log_info, log_warning, log_error needs those behind it: lines "
          "are written down to one level");
    }
    if (verbose > 0) return LogLevel::kDebug;
    if (info) return LogLevel::kInfo;
    if (warning) return LogLevel::kWarn;
    return error ? LogLevel::kError : LogLevel::kOff;
  }
};

Status ReadSetting(JsonReader& reader, std::string_view key, Settings& settings) {
  std::string_view text;
  if (key == "log_info") {
    reader.ReadBool(settings.info);
  } else if (key == "log_warning") {
    reader.ReadBool(settings.warning);
  } else if (key == "log_error") {
    reader.ReadBool(settings.error);
  } else if (key == "log_verbose_level") {
    reader.ReadUint64(settings.verbose);
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
  const Settings settings = Settings::Of(log.level());
  return StrCat("{\"log_file\":\"\",\"log_info\":", settings.info,
                ",\"log_warning\":", settings.warning, ",\"log_error\":", settings.error,
                ",\"log_verbose_level\":", settings.verbose, ",\"log_format\":\"ISO8601\"}");
}

Status UpdateLogging(std::span<std::byte> body, base::Logger& log) {
  Settings settings = Settings::Of(log.level());
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(ReadObject(
      reader, [&](std::string_view key) { return ReadSetting(reader, key, settings); }));
  if (!reader.Finish()) return reader.status();
  SLIPWAY_ASSIGN_OR_RETURN(const LogLevel level, settings.Level());
  log.set_level(level);
  return OkStatus();
}

}  // namespace slipway::frontend::openinference

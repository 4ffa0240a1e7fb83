#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/status.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::openinference {

// The logging extension over our one level. log_info, log_warning and log_error say down to where
// lines are written, so each needs the ones above it; log_verbose_level > 0 is our DEBUG. Times are
// always written as ISO 8601. Source: Triton, "Logging Extension".

// What is written: errors, warnings, infos and (verbose) debug lines, in this order.
struct LogSettings {
  std::optional<bool> error;
  std::optional<bool> warning;
  std::optional<bool> info;
  std::optional<uint64_t> verbose;
};

// The settings of a level.
LogSettings LogSettingsOf(base::LogLevel level);

// Reads one setting from a value as parameter_rules.h has it. kInvalidArgument; kUnimplemented for
// log_file.
template <typename Value>
base::Status ReadLogSetting(std::string_view key, Value& value, LogSettings& settings) {
  std::string_view text;
  bool flag = false;
  uint64_t number = 0;
  if (key == "log_info") {
    if (value.ReadBool(flag)) settings.info = flag;
  } else if (key == "log_warning") {
    if (value.ReadBool(flag)) settings.warning = flag;
  } else if (key == "log_error") {
    if (value.ReadBool(flag)) settings.error = flag;
  } else if (key == "log_verbose_level") {
    if (value.ReadUint64(number)) settings.verbose = number;
  } else if (key == "log_format") {
    if (value.ReadString(text) && text != "default" && text != "ISO8601") {
      return base::InvalidArgument(base::StrCat(
          "log_format: expected 'default' or 'ISO8601', got '", base::Printable(text), "'"));
    }
  } else if (key == "log_file") {
    if (value.IsString()) {
      return base::Unimplemented("log_file can be set at start only (--log-file)");
    }
    return value.SkipAny();
  } else {
    return base::InvalidArgument(base::StrCat("unknown setting '", base::Printable(key), "'"));
  }
  return value.status();
}

// Applies what is set. kInvalidArgument when the levels do not fit together; nothing is changed
// then.
base::Status ApplyLogSettings(const LogSettings& settings, base::Logger& log);

std::string LoggingJson(const base::Logger& log);
// Applies {"log_info": bool, ...}; nothing is changed on an error.
base::Status UpdateLogging(std::span<std::byte> body, base::Logger& log);

}  // namespace slipway::frontend::openinference

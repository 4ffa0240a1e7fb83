#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/log.h"
#include "base/status.h"

namespace slipway::frontend::openinference {

// The logging extension over our one level. log_info, log_warning and log_error say down to where
// lines are written, so each needs the ones above it; log_verbose_level > 0 is our DEBUG. Times are
// always written as ISO 8601. Source: protocols.md 1.12.
std::string LoggingJson(const base::Logger& log);

// Applies {"log_info": bool, ...}; nothing is changed on an error. kInvalidArgument; kUnimplemented
// for log_file.
base::Status UpdateLogging(std::span<std::byte> body, base::Logger& log);

}  // namespace slipway::frontend::openinference

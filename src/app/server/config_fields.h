#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/str_cat.h"

namespace slipway::app {

// Configuration fields bound to a variable, which must outlive them: setting one sets the variable,
// printing one writes the variable's value as YAML that sets it again.

base::ConfigField Text(std::string_view path, std::string_view comment, std::string& target);
base::ConfigField Texts(std::string_view path, std::string_view comment,
                        std::vector<std::string>& target);
base::ConfigField Flag(std::string_view path, std::string_view comment, bool& target);
// Whole numbers of at least `least`, in any order.
base::ConfigField Counts(std::string_view path, std::string_view comment,
                         std::vector<int64_t>& target, int64_t least);
// "250us", "1500ms": in the largest unit that says it exactly.
std::string TimeText(std::chrono::nanoseconds time);

template <typename Number>
base::ConfigField Count(std::string_view path, std::string_view comment, Number& target,
                        int64_t least) {
  return {path, comment,
          [&target, least](const base::ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, value.AsInt(least, INT32_MAX));
            target = static_cast<Number>(number);
            return base::OkStatus();
          },
          [&target] { return base::StrCat(target); }};
}

template <typename Number>
base::ConfigField Bytes(std::string_view path, std::string_view comment, Number& target) {
  return {path, comment,
          [&target](const base::ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const uint64_t bytes, value.AsByteSize());
            target = static_cast<Number>(bytes);
            return base::OkStatus();
          },
          [&target] { return base::StrCat(target); }};
}

template <typename Duration>
base::ConfigField Time(std::string_view path, std::string_view comment, Duration& target) {
  return {path, comment,
          [&target](const base::ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const std::chrono::nanoseconds time, value.AsDuration());
            target = std::chrono::duration_cast<Duration>(time);
            return base::OkStatus();
          },
          [&target] { return TimeText(target); }};
}

}  // namespace slipway::app

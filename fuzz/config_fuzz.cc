// Any text is either a configuration tree within the limits or an error with a place; what
// PrintConfig writes can be read again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/config.h"

namespace slipway::base {
namespace {

struct Target {
  std::string text;
  std::vector<std::string> list;
  bool flag = false;
  int64_t number = 0;
  uint64_t size = 0;
  std::chrono::nanoseconds time{};

  std::vector<ConfigField> Fields() {
    const auto no_print = [] { return std::string("null"); };
    return {
        {"text", "", [this](const ConfigValue& v) { return Set(text, v.AsString()); }, no_print},
        {"list", "", [this](const ConfigValue& v) { return Set(list, v.AsStrings()); }, no_print},
        {"a.flag", "", [this](const ConfigValue& v) { return Set(flag, v.AsBool()); }, no_print},
        {"a.number", "", [this](const ConfigValue& v) { return Set(number, v.AsInt(-5, 5)); },
         no_print},
        {"b.size", "", [this](const ConfigValue& v) { return Set(size, v.AsByteSize()); },
         no_print},
        {"b.time", "", [this](const ConfigValue& v) { return Set(time, v.AsDuration()); },
         no_print}};
  }

  template <typename T>
  static Status Set(T& target, Result<T> result) {
    if (!result.ok()) return result.status();
    target = *std::move(result);
    return OkStatus();
  }
};

}  // namespace
}  // namespace slipway::base

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slipway::base;  // NOLINT(google-build-using-namespace)
  const auto document =
      ParseConfig(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!document.ok()) {
    SLIPWAY_CHECK(document.status().message().starts_with("fuzz:"));
    return 0;
  }
  Target target;
  const Status status = ReadConfig(*document, target.Fields());
  SLIPWAY_CHECK(status.ok() || status.code() == StatusCode::kInvalidArgument);
  SLIPWAY_CHECK(target.number >= -5 && target.number <= 5);
  return 0;
}

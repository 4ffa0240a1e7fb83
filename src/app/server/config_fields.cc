#include "app/server/config_fields.h"

#include "base/text.h"

namespace slipway::app {

using base::ConfigField;
using base::ConfigValue;
using base::OkStatus;
using base::StrCat;

ConfigField Text(std::string_view path, std::string_view comment, std::string& target) {
  return {path, comment,
          [&target](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(target, value.AsString());
            return OkStatus();
          },
          [&target] { return base::JsonString(target); }};
}

ConfigField Texts(std::string_view path, std::string_view comment,
                  std::vector<std::string>& target) {
  return {path, comment,
          [&target](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(target, value.AsStrings());
            return OkStatus();
          },
          [&target] {
            std::string list = "[";
            for (const std::string& item : target) {
              if (list.size() > 1) list.append(", ");
              base::AppendJsonString(list, item);
            }
            return list + "]";
          }};
}

ConfigField Flag(std::string_view path, std::string_view comment, bool& target) {
  return {path, comment,
          [&target](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(target, value.AsBool());
            return OkStatus();
          },
          [&target] { return std::string(target ? "true" : "false"); }};
}

ConfigField Counts(std::string_view path, std::string_view comment, std::vector<int64_t>& target,
                   int64_t least) {
  return {path, comment,
          [&target, least](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::string> texts, value.AsStrings());
            std::vector<int64_t> numbers;
            for (size_t i = 0; i < texts.size(); ++i) {
              const bool in_list = value.kind() == ConfigValue::Kind::kList;
              const ConfigValue& item = in_list ? value.list()[i] : value;
              SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, item.AsInt(least, INT32_MAX));
              numbers.push_back(number);
            }
            target = std::move(numbers);
            return OkStatus();
          },
          [&target] {
            std::string list = "[";
            for (const int64_t number : target) {
              list.append(StrCat(list.size() > 1 ? ", " : "", number));
            }
            return list + "]";
          }};
}

std::string TimeText(std::chrono::nanoseconds time) {
  const int64_t count = time.count();
  if (count % 1'000'000 == 0) return StrCat(count / 1'000'000, "ms");
  if (count % 1'000 == 0) return StrCat(count / 1'000, "us");
  return StrCat(count, "ns");
}

}  // namespace slipway::app

#include "app/server/padding_field.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {

base::ConfigField Padding(std::string_view path, std::string_view comment,
                          std::map<std::string, int64_t>& target) {
  return {path, comment,
          [&target](const base::ConfigValue& value) {
            if (value.kind() != base::ConfigValue::Kind::kMap) {
              return value.Error("expected values by the names of inputs, such as {input_ids: 0}");
            }
            std::map<std::string, int64_t> values;
            for (const auto& [name, number] : value.map()) {
              SLIPWAY_ASSIGN_OR_RETURN(values[name.text()], number.AsInt(INT32_MIN, INT32_MAX));
            }
            target = std::move(values);
            return base::OkStatus();
          },
          [&target] {
            std::string text = "{";
            for (const auto& [name, value] : target) {
              text.append(text.size() > 1 ? ", " : "")
                  .append(base::JsonString(name))
                  .append(": ")
                  .append(base::StrCat(value));
            }
            return text + "}";
          }};
}

}  // namespace slipway::app

#include "app/server/state_field.h"

#include <cstdint>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::ConfigField;
using base::ConfigValue;
using base::Result;
using base::Status;
using base::StrCat;

constexpr std::string_view kForm = "expected a list such as [{input: h_in, output: h_out}]";

Result<std::vector<int64_t>> ReadShape(const ConfigValue& value) {
  if (value.kind() != ConfigValue::Kind::kList || value.list().empty()) {
    return value.Error("expected a shape such as [1, 64]");
  }
  std::vector<int64_t> shape;
  for (const ConfigValue& dim : value.list()) {
    SLIPWAY_ASSIGN_OR_RETURN(shape.emplace_back(), dim.AsInt(1, INT32_MAX));
  }
  return shape;
}

Result<engine::StateOption> ReadState(const ConfigValue& value) {
  if (value.kind() != ConfigValue::Kind::kMap) return value.Error(kForm);
  engine::StateOption state;
  for (const auto& [key, field] : value.map()) {
    if (key.text() == "input") {
      SLIPWAY_ASSIGN_OR_RETURN(state.input, field.AsString());
    } else if (key.text() == "output") {
      SLIPWAY_ASSIGN_OR_RETURN(state.output, field.AsString());
    } else if (key.text() == "shape") {
      SLIPWAY_ASSIGN_OR_RETURN(state.shape, ReadShape(field));
    } else {
      return key.Error(StrCat("unknown field '", base::Printable(key.text()),
                              "'; a state has input, output and shape"));
    }
  }
  if (state.input.empty() || state.output.empty()) {
    return value.Error("expected both the name of an input and of an output");
  }
  return state;
}

std::string PrintState(const engine::StateOption& state) {
  std::string text = StrCat("{input: ", base::JsonString(state.input),
                            ", output: ", base::JsonString(state.output));
  for (size_t i = 0; i < state.shape.size(); ++i) {
    text.append(StrCat(i == 0 ? ", shape: [" : ", ", state.shape[i]));
  }
  return text.append(state.shape.empty() ? "}" : "]}");
}

}  // namespace

ConfigField States(std::string_view path, std::string_view comment,
                   std::vector<engine::StateOption>& target) {
  return {path, comment,
          [&target](const ConfigValue& value) -> Status {
            if (value.kind() != ConfigValue::Kind::kList) return value.Error(kForm);
            std::vector<engine::StateOption> states;
            for (const ConfigValue& item : value.list()) {
              SLIPWAY_ASSIGN_OR_RETURN(states.emplace_back(), ReadState(item));
            }
            target = std::move(states);
            return base::OkStatus();
          },
          [&target] {
            std::string list = "[";
            for (const engine::StateOption& state : target) {
              list.append(list.size() > 1 ? ", " : "").append(PrintState(state));
            }
            return list + "]";
          }};
}

}  // namespace slipway::app

#include "app/server/config_change.h"

#include <algorithm>
#include <string_view>

namespace slipway::app {
namespace {

constexpr std::string_view kOwnSettings = "model_settings";

bool IsOfModels(std::string_view field) {
  if (field == kOwnSettings) return true;
  ModelSettings scratch;
  const std::vector<base::ConfigField> fields = scratch.Fields();
  return std::ranges::find(fields, field, &base::ConfigField::path) != fields.end();
}

bool CanChange(std::string_view field) {
  const bool what_is_traced = field.starts_with("trace.") && field != "trace.file";
  return field == "log.level" || what_is_traced || IsOfModels(field);
}

}  // namespace

bool ConfigChange::models() const { return std::ranges::any_of(applied, IsOfModels); }

ConfigChange CompareConfigs(const ServerConfig& running, const ServerConfig& wanted) {
  ConfigChange change;
  change.next = running;
  change.next.model = wanted.model;
  change.next.own = wanted.own;
  change.next.log_level = wanted.log_level;
  change.next.trace.settings = wanted.trace.settings;
  // Fields are bound to the object that they are of.
  ServerConfig before = running;
  ServerConfig after = wanted;
  const std::vector<base::ConfigField> old_fields = before.Fields();
  const std::vector<base::ConfigField> new_fields = after.Fields();
  for (size_t i = 0; i < old_fields.size(); ++i) {
    if (old_fields[i].print() == new_fields[i].print()) continue;
    const std::string_view field = old_fields[i].path;
    (CanChange(field) ? change.applied : change.waiting).emplace_back(field);
  }
  return change;
}

}  // namespace slipway::app

#include "import/pickle/value.h"

#include <array>
#include <utility>

namespace slipway::import::pickle {
namespace {

// The part of a module name that was renamed, and what it is called today.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRenamed = {{
    {"numpy.core", "numpy._core"},
    {"__builtin__", "builtins"},
    {"copy_reg", "copyreg"},
    {"sklearn.externals.joblib", "joblib"},
}};

// Whether `module` means `wanted`, which is a name of today.
bool SameModule(std::string_view module, std::string_view wanted) {
  if (module == wanted) return true;
  for (const auto& [old_name, new_name] : kRenamed) {
    if (!module.starts_with(old_name) || !wanted.starts_with(new_name)) continue;
    return module.substr(old_name.size()) == wanted.substr(new_name.size());
  }
  return false;
}

}  // namespace

std::string_view KindName(Value::Kind kind) {
  constexpr std::array<std::string_view, 13> kNames = {
      "None",   "a bool",  "an integer", "a float", "a large integer", "a text",   "bytes",
      "a list", "a tuple", "a dict",     "a set",   "a class",         "an object"};
  return kNames[static_cast<size_t>(kind)];
}

bool IsGlobal(const Value& value, std::string_view module, std::string_view name) {
  return value.Is(Value::Kind::kGlobal) && value.node().name == name &&
         SameModule(value.node().text, module);
}

bool IsCallOf(const Value& value, std::string_view module, std::string_view name) {
  return value.Is(Value::Kind::kObject) && IsGlobal(value.node().callable, module, name);
}

const Value* FindKey(const std::vector<Value>& pairs, std::string_view key) {
  for (size_t i = pairs.size() / 2; i-- > 0;) {
    const Value& candidate = pairs[2 * i];
    if (candidate.Is(Value::Kind::kText) && candidate.node().text == key) return &pairs[2 * i + 1];
  }
  return nullptr;
}

}  // namespace slipway::import::pickle

#include "lifecycle/model_name.h"

#include <algorithm>
#include <charconv>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::lifecycle {
namespace {

constexpr size_t kMaxNameBytes = 128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

base::Status CheckModelName(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxNameBytes && IsAlphanumeric(name.front()) &&
      std::ranges::all_of(name, IsNameCharacter) && name.find("..") == std::string_view::npos) {
    return base::OkStatus();
  }
  return base::InvalidArgument(base::StrCat(
      "model name '", base::Printable(name), "': expected a letter or digit and then at most ",
      kMaxNameBytes - 1, " letters, digits, '.', '_' or '-', without '..'"));
}

base::Result<int64_t> ParseVersionName(std::string_view name) {
  const auto wrong = [name](std::string_view why) {
    return base::InvalidArgument(
        base::StrCat("version '", base::Printable(name), "': expected a decimal number, ", why));
  };
  if (name.empty() || !std::ranges::all_of(name, IsDigit)) {
    return wrong("got something else");
  }
  if (name.size() > 1 && name.front() == '0') return wrong("without leading zeros");
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || end != name.data() + name.size()) {
    return wrong("at most 9223372036854775807");
  }
  return version;
}

}  // namespace slipway::lifecycle

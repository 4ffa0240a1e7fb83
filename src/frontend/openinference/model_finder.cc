#include "frontend/openinference/model_finder.h"

#include <algorithm>
#include <charconv>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::openinference {

using base::Printable;
using base::Status;
using base::StrCat;

Status ParseVersion(std::string_view model, std::string_view text,
                    std::optional<int64_t>& version) {
  version.reset();
  if (text.empty()) return base::OkStatus();
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    return base::InvalidArgument(
        StrCat("model '", Printable(model),
               "': expected a version as digits, or an empty one for the latest, got '",
               Printable(text), "'"));
  }
  int64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return base::NotFound(StrCat("model '", Printable(model), "': no version ", Printable(text)));
  }
  version = number;
  return base::OkStatus();
}

Status FindModel(inference::Dispatcher& dispatcher, const ModelControl& control,
                 std::string_view name, std::optional<int64_t> version,
                 inference::InferCall& call) {
  Status found = dispatcher.Resolve(name, version, call);
  if (found.code() != base::StatusCode::kNotFound) return found;
  for (const ModelControl::Entry& entry : control.Find(name)) {
    if (!entry.version || (version && entry.version != version)) continue;
    return base::Unavailable(StrCat("model '", Printable(name), "' version ", *entry.version,
                                    " is not ready: ", entry.state,
                                    entry.reason.empty() ? "" : ", ", entry.reason));
  }
  return found;
}

}  // namespace slipway::frontend::openinference

#include "frontend/openinference/infer_request.h"

#include <algorithm>

#include "base/text.h"

namespace slipway::frontend::openinference {

void InferRequest::Reset() {
  id = {};
  outputs.clear();
  strict = false;
  literal_not_finite = false;
  timeout_us = 0;
  priority = 0;
  has_sequences = false;
  sequence = {};
  regions.Reset();
  shared_outputs.clear();
  ignored.clear();
}

void InferRequest::Ignore(std::string_view where, std::string_view name) {
  constexpr size_t kMaxBytes = 500;
  if (ignored.size() > kMaxBytes) {
    if (!ignored.ends_with("...")) ignored.append(", ...");
    return;
  }
  if (!ignored.empty()) ignored.append(", ");
  ignored.append(where);
  if (!where.empty()) ignored.push_back(' ');
  // The list goes into a header: visible ASCII only.
  std::string shown = base::Printable(name, 60);
  std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  ignored.append("'").append(shown).append("'");
}

}  // namespace slipway::frontend::openinference

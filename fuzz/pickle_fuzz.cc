// Any bytes as a pickle or joblib file: reading must end, in time and memory in proportion, with
// plain data or a Status whose message is printable; so must looking for what may not be named.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/pickle/document.h"
#include "import/pickle/policy.h"

namespace {

namespace pickle = slipway::import::pickle;

void CheckMessage(const slipway::base::Status& status) {
  SLIPWAY_CHECK(status.ok() || !status.message().empty());
  SLIPWAY_CHECK(slipway::base::IsValidUtf8(status.message()));
}

bool KnowsNothing(std::string_view, std::string_view) { return false; }

void ReadAsArray(const pickle::Value& value) {
  const auto array = pickle::ReadArray(value);
  CheckMessage(array.status());
  if (!array.ok()) return;
  CheckMessage(pickle::ToDoubles(*array).status());
  CheckMessage(pickle::ToIntegers(*array).status());
  CheckMessage(pickle::ToTexts(*array).status());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slipway::import::ImportLimits limits;
  limits.max_values = 1'000'000;
  limits.max_unpacked_bytes = 1 << 20;
  const auto document = pickle::Document::Read(std::as_bytes(std::span(data, size)), limits);
  CheckMessage(document.status());
  if (!document.ok()) return 0;
  CheckMessage(pickle::CheckKnown(**document, KnowsNothing));
  const pickle::Value& root = (*document)->root();
  ReadAsArray(root);
  if (root.Is(pickle::Value::Kind::kList)) {
    for (const pickle::Value& item : root.node().items) ReadAsArray(item);
  }
  return 0;
}

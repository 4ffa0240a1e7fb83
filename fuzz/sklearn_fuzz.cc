// Any bytes as a file of scikit-learn: the import must end with a model or a Status whose message
// is printable.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/text.h"
#include "import/sklearn/sklearn_importer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slipway::import::ImportOptions options;
  options.limits.max_values = 1'000'000;
  options.limits.max_unpacked_bytes = 1 << 20;
  const auto file = std::as_bytes(std::span(data, size));
  const auto& importer = slipway::import::sklearn::SklearnImporter();
  importer.recognizes(file);
  for (const char* member : {"", "0", "model/1"}) {
    options.member = member;
    const auto model = importer.import(file, options);
    if (model.ok()) {
      SLIPWAY_CHECK(!model->onnx.empty());
      return 0;
    }
    SLIPWAY_CHECK(!model.status().message().empty());
    SLIPWAY_CHECK(slipway::base::IsValidUtf8(model.status().message()));
  }
  return 0;
}

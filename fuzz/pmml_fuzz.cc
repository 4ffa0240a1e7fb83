// PMML files: an error that says something, or a model.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "import/pmml/pmml_importer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slipway::import::Importer;
  const Importer& importer = slipway::import::pmml::PmmlImporter();
  const auto bytes = std::as_bytes(std::span(data, size));
  importer.recognizes(bytes);
  const auto imported = importer.import(bytes, {});
  if (imported.ok() ? imported->onnx.empty() : imported.status().message().empty()) std::abort();
  return 0;
}

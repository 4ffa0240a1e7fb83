// ONNX files to be imported: an error that says something, or a file that reads as ONNX again and
// that another import leaves as it is.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "graph/onnx_summary.h"
#include "import/onnx/onnx_importer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slipway::import::Importer;
  const Importer& importer = slipway::import::onnx::OnnxImporter();
  const auto bytes = std::as_bytes(std::span(data, size));
  importer.recognizes(bytes);
  const auto imported = importer.import(bytes, {});
  if (!imported.ok()) {
    if (imported.status().message().empty()) std::abort();
    return 0;
  }
  const auto made = std::as_bytes(std::span(imported->onnx));
  if (!slipway::graph::ReadOnnxSummary(made).ok()) std::abort();
  const auto again = importer.import(made, {});
  if (!again.ok() || again->onnx != imported->onnx) std::abort();
  return 0;
}

// Any bytes as an ONNX file: the reader must end, in time and memory in proportion, with a summary
// or a Status whose message is printable.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/text.h"
#include "graph/onnx_summary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto summary = slipway::graph::ReadOnnxSummary(std::as_bytes(std::span(data, size)));
  if (!summary.ok()) {
    SLIPWAY_CHECK(!summary.status().message().empty());
    SLIPWAY_CHECK(slipway::base::IsValidUtf8(summary.status().message()));
    return 0;
  }
  uint64_t count = 0;
  for (const auto& op : summary->operators) count += op.count;
  SLIPWAY_CHECK(count == summary->node_count);
  SLIPWAY_CHECK(summary->external_bytes <= summary->parameter_bytes);
  return 0;
}

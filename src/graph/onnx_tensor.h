#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/protobuf_wire.h"
#include "base/status.h"
#include "graph/element_type.h"

namespace slipway::graph {

// A TensorProto without its data. Borrows from the file.
struct OnnxTensor {
  std::string_view name;
  ElementType element_type = ElementType::kUndefined;
  std::vector<int64_t> dims;
  uint64_t element_count = 0;
  uint64_t byte_size = 0;  // in memory; for strings, the characters in the file

  bool external = false;  // the data lies in another file:
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

// Reads one TensorProto and checks that its data is as large as its shape. kInvalidArgument, with
// the tensor's name in front. Source: onnx.proto, message TensorProto; docs/ExternalData.md.
base::Result<OnnxTensor> ReadTensor(base::WireReader reader);

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::import::onnx {

// A ZipMap at an output of the graph. Borrows from the file.
struct ZippedOutput {
  std::string_view node;
  std::string_view tensor;           // what goes into ZipMap: [batch, classes]
  std::string_view output;           // of the graph
  std::vector<std::string> classes;  // names, or numbers as text
};

// What is to be different in a copy of an ONNX file. Borrows from the file.
struct ModelEdit {
  int64_t ir_version = 0;
  std::vector<ZippedOutput> unzip;         // their ZipMaps become Identity
  std::set<std::string_view> drop_inputs;  // of the graph
  // The bytes of a tensor that lie in another file: at `offset`, `size` of them. Empty: none is
  // to be taken in. What it gives must live as long as the call of ApplyEdit().
  std::function<base::Result<std::string_view>(std::string_view location, uint64_t offset,
                                               uint64_t size)>
      external;
};

// Writes a copy of a file that ReadOnnxSummary() has accepted. kInvalidArgument where the file is
// damaged after all, kUnimplemented for sparse tensors in other files; else what `external` says.
// Recursion as deep as OnnxLimits::max_depth allows.
base::Result<std::string> ApplyEdit(std::span<const std::byte> file, const ModelEdit& edit);

}  // namespace slipway::import::onnx

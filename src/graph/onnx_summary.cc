#include "graph/onnx_summary.h"

#include <string>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_reader.h"
#include "graph/what_it_is.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireReader;

namespace {

// ModelProto's fields by number, where a file can be cut off.
std::string_view FieldName(uint32_t number) {
  switch (number) {
    case 7:
      return "the graph";
    case 14:
      return "the metadata";
    case 25:
      return "a function";
    default:
      return "a field";
  }
}

// Every writer puts the IR version first: field 1, a varint.
bool BeginsLikeOnnx(std::span<const std::byte> file) {
  return file.size() > 2 && file[0] == std::byte{0x08} && file[1] < std::byte{0x80};
}

Status NotOnnx(std::span<const std::byte> file, std::string_view why) {
  const std::string what = WhatItIs(file);
  if (what.empty()) return InvalidArgument(StrCat("expected an ONNX model: ", why));
  return InvalidArgument(StrCat("expected an ONNX model, got ", what));
}

Status Damaged(std::span<const std::byte> file, const WireReader& reader, const Status& status) {
  if (!BeginsLikeOnnx(file)) return NotOnnx(file, status.message());
  // Only a field of the outermost message can be cut off by the end of the file.
  if (reader.missing_end() > file.size()) {
    return InvalidArgument(StrCat("the file is cut off: ", FieldName(reader.field_number()),
                                  " ends at byte ", reader.missing_end(), ", the file at byte ",
                                  file.size(), "; copy or download it again"));
  }
  return status;
}

}  // namespace

Result<OnnxSummary> ReadOnnxSummary(std::span<const std::byte> file, const OnnxLimits& limits) {
  if (file.size() > limits.max_file_bytes) {
    return InvalidArgument(StrCat("expected at most ", base::FormatByteSize(limits.max_file_bytes),
                                  ", got ", base::FormatByteSize(file.size()),
                                  "; save large weights as external data"));
  }
  if (file.empty()) return NotOnnx(file, "");
  OnnxReader onnx(limits);
  WireReader reader(file, limits.max_depth);
  const Status status = onnx.ReadModel(reader);
  if (!reader.status().ok()) return Damaged(file, reader, status);
  if (!status.ok()) return BeginsLikeOnnx(file) ? status : NotOnnx(file, status.message());
  if (!onnx.has_graph()) return NotOnnx(file, "it has no graph");
  OnnxSummary summary = onnx.Finish();
  summary.file_bytes = file.size();
  return summary;
}

}  // namespace slipway::graph

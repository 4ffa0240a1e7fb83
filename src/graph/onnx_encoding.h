#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/graph_builder.h"

namespace slipway::graph {

// Pieces of a file, each as the bytes of its message. For the builder and for changes to a model.
// Source: onnx.proto of ONNX 1.20.

// A TensorProto, its numbers in raw_data. An empty name is left out.
std::string EncodeTensor(const Constant& constant, std::string_view name);

// An AttributeProto.
std::string EncodeAttribute(const Attribute& attribute);

// A ValueInfoProto of a tensor.
std::string EncodeValueInfo(std::string_view name, ElementType type, std::span<const Dim> dims);

}  // namespace slipway::graph

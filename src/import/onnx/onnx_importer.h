#pragma once

#include <cstddef>
#include <span>

#include "import/importer.h"

namespace slipway::import::onnx {

// ONNX files that are not yet what a server wants. Importing one
//
// - turns outputs of ZipMap (a sequence of maps, which no request protocol carries) into tensors of
//   [batch, classes] and keeps the classes' names in the metadata;
// - makes constants of inputs that have an initializer, as some exporters list every weight;
// - takes in tensors whose bytes lie in other files, if ImportOptions says where files are;
// - puts the bodies of functions that the file defines in the places of their calls, and brings
//   those of other operator sets than the model's to one set;
// - removes what no output needs, follows types and shapes, refuses what cannot fit and tells the
//   outputs' types and shapes where the file does not;
// - rewrites the standard's operators to set 21 where every node can be said exactly; else they
//   stay, and warnings name the nodes. The sets of other domains stay;
// - raises the IR version to 10.
//
// ImportOptions::keep_zip_maps, keep_optional_inputs and keep_opset leave these as they are.
// Weights and everything else are copied as they lie in the file.
//
// recognizes() is true only for files that answer less or something else without the import: those
// with a ZipMap, and those with functions that runtimes misread, as an operator in them changed
// between the function's set and the model's. import() takes any ONNX file. Beyond the errors of
// Importer: kPermissionDenied and kNotFound for files of tensors, and those of
// graph::InlineFunctions() and InferTypes(). Source: onnx.proto; docs/Operators-ml.md (ZipMap),
// docs/ExternalData.md, docs/IR.md.
const Importer& OnnxImporter();

// Whether the file is ONNX, damaged or not: its first field is one that ONNX files begin with, and
// it has a graph. Time linear in the number of its outermost fields.
bool LooksLikeOnnx(std::span<const std::byte> file);

}  // namespace slipway::import::onnx

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph_builder.h"
#include "tensor/signature.h"

namespace slipway::graph {

// What an imported tabular model says about itself beyond ONNX, kept in the metadata of the file
// under keys that begin with "slipway.": lists as JSON. A value.
struct TabularMetadata {
  std::string source;             // slipway.source: "scikit-learn joblib"
  std::string framework;          // slipway.framework
  std::string framework_version;  // slipway.framework_version
  // slipway.columns: names of the columns that the model was trained on, in their order. Empty
  // where it has none.
  std::vector<std::string> columns;
  std::vector<std::string> classes;  // slipway.classes: in the order of the probabilities
};

// How the model was held to the framework's answers, as JSON: rows, errors, tolerance. Appended by
// `slipway import --verify`.
inline constexpr std::string_view kProofKey = "slipway.proof";

// Its keys and values. Empty fields are left out.
std::map<std::string, std::string> MetadataEntries(const TabularMetadata& metadata);

void WriteTabularMetadata(const TabularMetadata& metadata, GraphBuilder& graph);

// Adds an entry to the metadata of a whole ONNX file, which must not have that key yet.
void AppendMetadata(std::string_view key, std::string_view value, std::string& onnx);

// From OnnxSummary::metadata. Fields that are not there, or lists that are not what we write, stay
// empty: metadata is for people and for matching names, and a model runs without it.
TabularMetadata ReadTabularMetadata(const std::map<std::string, std::string>& metadata);

// Sets what a signature says beyond inputs and outputs, from OnnxSummary::metadata: columns and
// classes, and as properties these, the origin and the proof.
void DescribeSignature(const std::map<std::string, std::string>& metadata,
                       tensor::Signature& signature);

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/element_type.h"

namespace slipway::graph {

// An input or output of the graph, as the file declares it.
struct OnnxValue {
  enum class Kind : uint8_t { kUndeclared, kTensor, kSequence, kMap, kOptional, kSparse, kOpaque };

  std::string name;
  Kind kind = Kind::kUndeclared;
  ElementType element_type = ElementType::kUndefined;  // for kTensor and kSparse
  bool has_shape = false;                              // false: the rank is free
  std::vector<int64_t> dims;                           // -1: any size
  std::vector<std::string> dim_names;  // as long as dims; "" where the file names none
  bool has_initializer = false;        // for an input: an initializer has the same name
};

// "FLOAT[batch,3,224,224]", "a sequence", "INT64[...]" where the rank is free.
std::ostream& operator<<(std::ostream& out, const OnnxValue& value);

// How often an operator is used, in the graph, its subgraphs and the bodies of functions.
struct OnnxOperator {
  std::string domain;  // "ai.onnx" for the standard's own, which files write as ""
  std::string type;
  uint64_t count = 0;
};

// A tensor whose bytes lie in another file.
struct ExternalTensor {
  enum class Place : uint8_t { kInitializer, kSubgraph, kAttribute, kSparse, kFunction };

  std::string name;
  Place place = Place::kInitializer;  // kInitializer: of the main graph
  ElementType element_type = ElementType::kUndefined;
  std::vector<int64_t> dims;
  uint64_t byte_size = 0;  // what element_type and dims need
  std::string location;    // the file as written: not checked, may try to leave the directory
  uint64_t offset = 0;
  std::optional<uint64_t> length;  // as written; equal to byte_size when given
};

// What an ONNX file holds, without its weights. A value.
struct OnnxSummary {
  uint64_t file_bytes = 0;
  int64_t ir_version = 0;
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  int64_t model_version = 0;
  std::string graph_name;
  std::map<std::string, int64_t> opsets;  // by domain; "ai.onnx" for the standard's own
  std::vector<OnnxValue> inputs;          // in the file's order, with those that have initializers
  std::vector<OnnxValue> outputs;
  std::vector<OnnxOperator> operators;  // most frequent first, then by domain and type
  uint64_t node_count = 0;              // everywhere, as counted in `operators`
  uint64_t subgraph_count = 0;          // bodies of If, Loop, Scan, ...
  std::vector<std::string> functions;   // "domain.name" of functions that the file defines
  uint64_t initializer_count = 0;       // of the graph and its subgraphs
  uint64_t parameter_count = 0;         // elements of all tensors in the file, constants included
  uint64_t parameter_bytes = 0;         // their size in memory; strings count their characters
  uint64_t external_bytes = 0;          // the part of parameter_bytes that lies in other files
  std::vector<ExternalTensor> external;
  std::map<std::string, std::string> metadata;

  // Whether a caller may leave this input out, because it has a default. Before IR version 4 every
  // initializer had to be listed among the inputs too: such an input is none.
  bool IsOptional(const OnnxValue& input) const { return input.has_initializer && ir_version >= 4; }
};

// What a reader accepts. The defaults are far above any real model and bound memory to some hundred
// megabytes, whatever the file.
struct OnnxLimits {
  uint64_t max_file_bytes = (uint64_t{1} << 31) - 1;  // protobuf's own limit
  int max_depth = 100;  // of messages in messages: 32 nested subgraphs
  uint64_t max_nodes = 1'000'000;
  uint64_t max_tensors = 1'000'000;
  uint64_t max_names = 5'000'000;  // inputs and outputs of all nodes together
  uint64_t max_entries = 100'000;  // inputs, outputs, functions, metadata: of each so many
};

// Reads and checks an ONNX file. Weights are checked for their size and not touched otherwise, so
// that a mapped file costs the pages of its structure only.
//
// Found here, so that a runtime is never asked: a file that is no ONNX (says what it looks like),
// is cut off or damaged; a cyclic graph; a value that nothing produces or that two nodes produce; a
// tensor whose data is not as large as its shape; external data without location or with numbers
// that are none. Not checked: operators, attributes, types.
//
// Errors: kInvalidArgument, for whatever the bytes are. Thread-safe. No recursion deeper than
// max_depth, time n log n in the size of the file.
base::Result<OnnxSummary> ReadOnnxSummary(std::span<const std::byte> file,
                                          const OnnxLimits& limits = {});

}  // namespace slipway::graph

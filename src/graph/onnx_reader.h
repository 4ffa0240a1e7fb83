#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/protobuf_wire.h"
#include "base/status.h"
#include "graph/onnx_summary.h"
#include "graph/onnx_tensor.h"
#include "graph/value_scope.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

// Walks the messages of one ONNX file and gathers its summary; one function for each message of
// onnx.proto. Used once, by ReadOnnxSummary(), which checks what the file is as a whole.
// Source: onnx.proto of ONNX 1.20.
class OnnxReader {
 public:
  explicit OnnxReader(const OnnxLimits& limits) : limits_(limits) {}

  // `reader` stands at the start of the ModelProto.
  base::Status ReadModel(base::WireReader& reader);
  bool has_graph() const { return has_graph_; }
  // What has been read; call once, after ReadModel().
  OnnxSummary Finish();

 private:
  using Place = ExternalTensor::Place;
  using Missing = std::vector<ValueScope::Need>;

  base::Status ReadModelField(const base::WireReader& reader, const base::WireField& field);
  base::Status ReadOpset(base::WireReader reader);
  base::Status ReadMetadata(base::WireReader reader);
  base::Status ReadFunction(base::WireReader reader);
  base::Status ReadMainGraph(base::WireReader reader);
  // A graph of any kind; `place` is what its initializers are.
  base::Status ReadGraph(base::WireReader reader, Place place, ValueScope& scope);
  base::Status ReadGraphField(const base::WireReader& reader, const base::WireField& field,
                              Place place, ValueScope& scope);
  base::Status ReadGraphValue(base::WireReader reader, bool is_input, bool is_main,
                              ValueScope& scope);
  base::Status ReadInitializer(base::WireReader reader, Place place, ValueScope& scope);
  base::Status ReadSparse(base::WireReader reader, ValueScope* scope);
  base::Status ReadNode(base::WireReader reader, Place place, ValueScope& scope);
  base::Status ReadAttribute(base::WireReader reader, const NodeLabel& label, Place place,
                             Missing& missing);
  base::Status ReadSubgraph(base::WireReader reader, Place place, Missing& missing);
  base::Status AddTensor(base::WireReader reader, Place place, std::string_view& name);
  base::Status Count(uint64_t& counter, uint64_t limit, std::string_view what) const;

  const OnnxLimits limits_;
  OnnxSummary summary_;
  SingularFields model_fields_;
  bool has_graph_ = false;
  uint64_t tensor_count_ = 0;
  uint64_t name_count_ = 0;
  uint64_t opset_count_ = 0;
  uint64_t metadata_count_ = 0;
  uint64_t function_count_ = 0;
  uint64_t value_count_ = 0;
  std::map<std::pair<std::string_view, std::string_view>, uint64_t> operators_;
  std::vector<std::string_view> initializers_;  // of the main graph
};

// A ValueInfoProto. kInvalidArgument when it is damaged or has an absurd number of dimensions.
base::Result<OnnxValue> ReadValueInfo(base::WireReader reader);

}  // namespace slipway::graph

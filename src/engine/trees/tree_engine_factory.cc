#include "engine/trees/tree_engine_factory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/model_bytes.h"
#include "engine/trees/operators.h"
#include "engine/trees/program_builder.h"
#include "engine/trees/tree_engine.h"
#include "graph/onnx_graph.h"
#include "graph/onnx_summary.h"
#include "graph/tabular_metadata.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::Unimplemented;
using graph::OnnxSummary;

namespace {

// From this opset on our operators mean what they do here (Softmax changed in 13), and from the
// older one on those that converters write behind their trees.
constexpr int64_t kMinOpset = 13;
constexpr int64_t kMinOldOpset = 7;
constexpr std::string_view kOldOperators[] = {"Identity", "Cast", "Add", "Sub", "Mul", "Div"};

bool HasOldOperatorsOnly(const OnnxSummary& summary) {
  return std::ranges::all_of(summary.operators, [](const graph::OnnxOperator& one) {
    return one.domain != "ai.onnx" || std::ranges::count(kOldOperators, one.type) > 0;
  });
}

bool HasTrees(const OnnxSummary& summary) {
  return std::ranges::any_of(summary.operators, [](const graph::OnnxOperator& one) {
    return IsTrees(one.type, one.domain);
  });
}

// What a look at the summary tells.
Status CheckSummary(const OnnxSummary& summary) {
  const auto opset = summary.opsets.find("ai.onnx");
  if (opset != summary.opsets.end() &&
      opset->second < (HasOldOperatorsOnly(summary) ? kMinOldOpset : kMinOpset)) {
    return Unimplemented(StrCat("opset ", opset->second));
  }
  if (!summary.functions.empty() || summary.subgraph_count > 0 || summary.external_bytes > 0) {
    return Unimplemented("functions, subgraphs or external data");
  }
  const auto has_default = [](const graph::OnnxValue& input) { return input.has_initializer; };
  if (summary.inputs.empty() || std::ranges::any_of(summary.inputs, has_default)) {
    return Unimplemented("no inputs, or inputs with defaults");
  }
  return OkStatus();
}

Result<tensor::TensorSpec> SpecOf(const graph::OnnxValue& value) {
  const std::optional<tensor::DType> dtype = graph::ToDType(value.element_type);
  if (!dtype) return Unimplemented(StrCat("'", base::Printable(value.name), "' is ", value));
  tensor::TensorSpec spec;
  spec.name = value.name;
  spec.dtype = *dtype;
  SLIPWAY_ASSIGN_OR_RETURN(spec.shape, tensor::Shape::Create(value.dims));
  spec.dim_names = value.dim_names;
  return spec;
}

Result<tensor::Signature> SignatureOf(const graph::OnnxGraph& graph) {
  tensor::Signature signature;
  for (const graph::OnnxValue& input : graph.inputs) {
    SLIPWAY_ASSIGN_OR_RETURN(tensor::TensorSpec spec, SpecOf(input));
    signature.inputs.push_back(std::move(spec));
  }
  for (const graph::OnnxValue& output : graph.outputs) {
    SLIPWAY_ASSIGN_OR_RETURN(tensor::TensorSpec spec, SpecOf(output));
    signature.outputs.push_back(std::move(spec));
  }
  return signature;
}

Result<std::unique_ptr<Engine>> BuildEngine(std::span<const std::byte> file,
                                            const OnnxSummary& summary, int threads,
                                            base::CpuLevel level) {
  SLIPWAY_ASSIGN_OR_RETURN(const graph::OnnxGraph graph, graph::ReadOnnxGraph(file));
  SLIPWAY_ASSIGN_OR_RETURN(Program program, ProgramBuilder(graph, level).Build());
  SLIPWAY_ASSIGN_OR_RETURN(tensor::Signature signature, SignatureOf(graph));
  graph::DescribeSignature(summary.metadata, signature);
  return std::unique_ptr<Engine>(new TreeEngine(std::move(program), std::move(signature), threads));
}

}  // namespace

Result<std::unique_ptr<Engine>> MakeTreeEngine(std::span<const std::byte> file, int threads,
                                               base::CpuLevel level) {
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxSummary summary, graph::ReadOnnxSummary(file));
  SLIPWAY_RETURN_IF_ERROR(CheckSummary(summary));
  return BuildEngine(file, summary, threads, level);
}

Result<std::unique_ptr<Engine>> TreeEngineFactory::Load(const ModelFiles& files,
                                                        const EngineOptions& options) const {
  if (options.provider != "cpu" || !options.provider_options.empty()) {
    return Unimplemented(StrCat("provider '", base::Printable(options.provider), "' with trees"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const ModelBytes bytes, ModelBytes::Open(files_, files));
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxSummary summary, graph::ReadOnnxSummary(bytes.model()));
  if (!HasTrees(summary)) return Unimplemented("no trees");
  SLIPWAY_RETURN_IF_ERROR(CheckSummary(summary));
  return BuildEngine(bytes.model(), summary, options.intra_op_threads, level_);
}

Result<uint64_t> TreeEngineFactory::EstimateBytes(const ModelFiles& files) const {
  SLIPWAY_ASSIGN_OR_RETURN(const ModelBytes bytes, ModelBytes::Open(files_, files));
  // Reading takes 70 bytes a node, of which a file has 15 or more; running takes less.
  return uint64_t{bytes.model().size()} * 6;
}

}  // namespace slipway::engine

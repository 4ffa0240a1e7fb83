#include "engine/trees/operators.h"

#include <memory>
#include <utility>

#include "base/str_cat.h"
#include "engine/trees/forest_runner.h"
#include "graph/tree_ensemble_reader.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using graph::ElementType;
using graph::OnnxNode;
using graph::TreeEnsemble;

namespace {

template <typename T>
void AddForest(ProgramBuilder& builder, const TreeEnsemble& ensemble, size_t in, size_t out) {
  auto runner = std::make_shared<const ForestRunner<T>>(ensemble, builder.level());
  builder.NeedScratch(runner->scratch_row_size() * sizeof(T));
  builder.AddStep([runner = std::move(runner), in, out](const Frame& frame) {
    runner->Run(frame.As<T>(in), frame.rows, frame.As<T>(out), reinterpret_cast<T*>(frame.scratch));
  });
}

}  // namespace

Status AddTrees(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot slot = builder.slot(in);
  if (!slot.per_row || slot.rank != 2 || slot.width > INT32_MAX) {
    return NotUnderstood(node, "rows of another shape");
  }
  Result<TreeEnsemble> ensemble = graph::ReadTreeEnsemble(node, static_cast<uint32_t>(slot.width));
  if (!ensemble.ok()) return NotUnderstood(node, ensemble.status().message());
  if (ensemble->type != slot.type) return NotUnderstood(node, "rows of another type");
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ensemble->type, 2, ensemble->targets));
  builder.CountTreeNodes(ensemble->nodes.size());
  if (ensemble->type == ElementType::kFloat) {
    AddForest<float>(builder, *ensemble, in, out);
  } else {
    AddForest<double>(builder, *ensemble, in, out);
  }
  return OkStatus();
}

Status AddOperator(ProgramBuilder& builder, const OnnxNode& node) {
  if (graph::IsTreeEnsemble(node)) return AddTrees(builder, node);
  if (IsElementwise(node)) return AddElementwise(builder, node);
  if (IsColumns(node)) return AddColumns(builder, node);
  if (IsRowwise(node)) return AddRowwise(builder, node);
  return NotUnderstood(node, "an operator of another engine");
}

}  // namespace slipway::engine

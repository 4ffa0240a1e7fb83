#include "engine/trees/operators.h"

namespace slipway::engine {

base::Status AddOperator(ProgramBuilder& builder, const graph::OnnxNode& node) {
  if (IsTrees(node.op_type, node.domain)) return AddTrees(builder, node);
  if (IsElementwise(node)) return AddElementwise(builder, node);
  if (IsColumns(node)) return AddColumns(builder, node);
  if (IsRowwise(node)) return AddRowwise(builder, node);
  return NotUnderstood(node, "an operator of another engine");
}

}  // namespace slipway::engine

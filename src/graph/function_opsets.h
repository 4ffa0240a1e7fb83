#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/function_table.h"
#include "graph/onnx_model.h"

namespace slipway::graph {

// The operator sets that the functions of a file are written in, and the way to one for all. Used
// by InlineFunctions(): Mark() before the bodies are in their places, Unify() when they are.
//
// A function says itself which sets its nodes are of; runtimes read them as of the model's set, and
// then refuse them or answer something else. Nodes of ai.onnx are therefore brought to the newest
// set that the model or a function it calls has. A function that does not import a domain takes the
// model's set of it; a domain that only functions import comes into the model.
class FunctionOpsets {
 public:
  FunctionOpsets(const FunctionTable& functions, OnnxModel& model)
      : functions_(functions), model_(model) {}

  // Notes in the nodes of called functions which set they are of. kUnimplemented, with all of them:
  // functions with another set of another domain, or with sets of ai.onnx that UpgradeOpset() does
  // not know.
  base::Status Mark();
  // Brings the model to one set. kUnimplemented, with all of them: nodes that cannot be said
  // exactly in it; and the errors of InferTypes().
  base::Status Unify();

 private:
  void VisitGraph(const ModelGraph& graph, const ModelFunction* within);
  void VisitSubgraphs(const ModelNode& node, const ModelFunction* within);
  void VisitNode(const ModelNode& node, const ModelFunction* within);
  void Compare(const ModelFunction& function, std::string_view domain);
  base::Status Refuse(const std::vector<std::string>& obstacles) const;

  const FunctionTable& functions_;
  OnnxModel& model_;
  std::set<const ModelFunction*> seen_;
  std::vector<ModelFunction*> called_;
  std::set<std::pair<const ModelFunction*, std::string_view>> compared_;
  std::vector<std::string> differences_;  // "'test.A' has ai.onnx 13, the model has 17"
  bool can_unify_ = true;                 // as far as the sets say
  int64_t newest_ = 0;                    // set of ai.onnx, where there are differences
};

// Whether a function has a node of ai.onnx whose form or meaning changed between the function's set
// and the model's: a runtime would misread it.
bool HasMisreadFunctions(const OnnxModel& model);

}  // namespace slipway::graph

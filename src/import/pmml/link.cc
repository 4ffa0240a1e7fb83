#include "import/pmml/link.h"

#include <numbers>

#include "import/answer.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {

using graph::GraphBuilder;
using graph::Value;

Value InverseLink(GraphBuilder& graph, std::string_view link, const Value& x) {
  const Value one = Number(graph, 1);
  const auto exp = [&](const Value& of) { return graph.Node("Exp", {of}); };
  const auto minus = [&](const Value& of) { return graph.Node("Neg", {of}); };
  if (link == "logit") return Logistic(graph, x);
  if (link == "exp" || link == "log") return exp(x);
  if (link == "logc") return Binary(graph, "Sub", one, exp(x));
  if (link == "cloglog") return Binary(graph, "Sub", one, exp(minus(exp(x))));
  if (link == "loglog") return exp(minus(exp(minus(x))));
  if (link == "cauchit") {
    const Value angle = Binary(graph, "Div", ArcTangent(graph, x), Number(graph, std::numbers::pi));
    return Binary(graph, "Add", Number(graph, 0.5), angle);
  }
  return x;
}

}  // namespace slipway::import::pmml

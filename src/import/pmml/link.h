#pragma once

#include <string_view>

#include "graph/graph_builder.h"

namespace slipway::import::pmml {

// The inverse of a link function, elementwise on doubles: "none" and "identity", "logit", "exp" and
// "log", "cloglog", "loglog", "logc", "cauchit". Others are for the caller to refuse.
// Source: PMML 4.4, Regression and General Regression.
graph::Value InverseLink(graph::GraphBuilder& graph, std::string_view link, const graph::Value& x);

}  // namespace slipway::import::pmml

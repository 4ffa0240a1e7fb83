#pragma once

#include <span>

#include "graph/graph_builder.h"

namespace slipway::import::sklearn {

// Functions that ONNX Runtime lacks for doubles, or has with less precision, as nodes of a graph.
// All take and give doubles of any shape, NaN for NaN, to within a few units of the last place.

// Coefficients from the highest power down.
graph::Value Polynomial(graph::GraphBuilder& graph, const graph::Value& x,
                        std::span<const double> coefficients);

// log(1 + x) and exp(x) - 1 without the loss of small x.
graph::Value Log1p(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value Expm1(graph::GraphBuilder& graph, const graph::Value& x);

// The error function, and the inverse of the normal distribution's cumulative function for
// arguments of at least 1e-13 and at most 1 - 1e-13; -inf for 0 and inf for 1.
// Source: the approximations of Moshier, Methods and Programs for Mathematical Functions (Cephes
// 2.8, ndtr.c and ndtri.c), which SciPy uses, too.
graph::Value Erf(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value NormalQuantile(graph::GraphBuilder& graph, const graph::Value& p);

}  // namespace slipway::import::sklearn

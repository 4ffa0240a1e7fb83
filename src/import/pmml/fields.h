#pragma once

#include "base/status.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// The DataDictionary and the MiningSchema of the file's model: adds an input for each active field
// and defines what the model sees of it: missing, invalid and outlying values as the MiningField
// says. Numbers are FP64 [batch, 1] and missing when NaN; texts are STRING [batch, 1] and missing
// when empty, unless the DataField lists the empty text.
base::Status DefineInputs(ModelScope& scope, const Element& pmml, const Element& schema);

// The MiningSchema of a model within another: its own replacements, on top of the outer fields.
base::Status DefineInnerInputs(ModelScope& scope, const Element& schema);

// x is one of the values: BOOL [batch, 1].
graph::Value IsIn(graph::GraphBuilder& graph, const graph::Value& x,
                  std::span<const double> values);
// x lies in the Interval.
base::Result<graph::Value> IsWithin(graph::GraphBuilder& graph, const graph::Value& x,
                                    const Element& interval);

}  // namespace slipway::import::pmml

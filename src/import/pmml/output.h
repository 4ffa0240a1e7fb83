#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {

// An OutputField as a value of the graph.
struct OutputValue {
  std::string name;
  std::string feature;
  std::string value = {};  // of which it is: the class of a probability
  bool is_final = true;    // false: only for expressions after it
  Field field;
};

// The OutputFields of a model, in order: predictedValue, probability,
// entityId, affinity, transformedValue and decision. Expressions see earlier ones. Each is defined
// in `scope`. Others are noted as problems.
base::Result<std::vector<OutputValue>> MakeOutputs(ModelScope& scope, const Element& model,
                                                   const ModelAnswer& answer);

}  // namespace slipway::import::pmml

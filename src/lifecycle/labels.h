#pragma once

#include <map>
#include <string>
#include <vector>

#include "tensor/signature.h"

namespace slipway::lifecycle {

// Class names by output, as ModelConfig::labels has them.
using Labels = std::map<std::string, std::vector<std::string>>;

// Replaces labels[""], names that came without saying for which output, by an entry for each output
// whose last dimension is their number; when there is none, for each whose last dimension is free
// and that has more than one dimension. Outputs with an entry of their own keep it.
Labels ResolveLabels(Labels labels, const tensor::Signature& signature);

}  // namespace slipway::lifecycle

#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::import::lightgbm {

// What each column is worth to the trees of a text model: how many of its splits gain anything
// ("split"), or what they gain ("gain"). kInvalidArgument names the line, kUnimplemented any other
// type. Source: LightGBM 4.7, src/boosting/gbdt_model_text.cpp (FeatureImportance).
base::Result<std::vector<double>> ColumnImportances(std::string_view text, std::string_view type);

}  // namespace slipway::import::lightgbm

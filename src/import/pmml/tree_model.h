#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "import/pmml/model.h"
#include "import/pmml/tree_compiler.h"

namespace slipway::import::pmml {

// What the ends of a TreeCompiler's trees say.
struct TreeScores {
  std::vector<double> scores;         // for each end: the number, or the position of the class; NaN
  std::vector<double> fails;          // 1 where the end is an error
  std::vector<double> probabilities;  // for each end a row of one number for each class
  bool all_have_probabilities = false;
  bool may_be_missing = false;  // some end has no score
  bool may_fail = false;
  std::vector<std::string> classes;
};

base::Result<TreeScores> ReadScores(const TreeCompiler& compiler, bool classifies, bool as_float,
                                    std::vector<std::string> classes);

}  // namespace slipway::import::pmml

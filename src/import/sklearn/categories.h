#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// The categories of one column, as an encoder learned them, in their order.
struct Categories {
  bool text = false;
  std::vector<std::string> texts;  // "" where the category is a missing value
  std::vector<double> numbers;     // NaN where the category is a missing value
  std::optional<size_t> missing;   // the position of None or NaN, the first of them

  size_t size() const { return text ? texts.size() : numbers.size(); }
};

// categories_: an array for each column. kInvalidArgument unless there are `width`.
base::Result<std::vector<Categories>> ReadCategories(const Record& record, int64_t width);

// Looks the values of a column up among the categories: position i gives values[i], a value that is
// none of them `otherwise`. In a column of texts an empty one stands for a missing value, unless it
// is a category itself. int64 or double, [batch, 1].
base::Result<graph::Value> LookUp(Scope& scope, const Record& record, const Frame& input,
                                  int64_t column, const Categories& categories,
                                  std::span<const int64_t> values, int64_t otherwise);
base::Result<graph::Value> LookUpNumbers(Scope& scope, const Record& record, const Frame& input,
                                         int64_t column, const Categories& categories,
                                         std::span<const double> values, double otherwise);

// `code` of [batch, 1] as `width` columns of 0 and 1; a code outside of them gives zeros.
graph::Value OneHot(Scope& scope, const graph::Value& code, int64_t width);

}  // namespace slipway::import::sklearn

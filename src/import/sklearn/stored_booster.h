#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "import/importer.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// What a pickle holds of a model of XGBoost, LightGBM or CatBoost: its bytes, in the object of the
// class itself or in the Booster within it.

inline constexpr ImportLimits kBoosterLimits = {};

// What predict() makes of a booster's answer.
enum class Role : uint8_t {
  kClassifier,  // a label
  kRegressor,   // the numbers
  kBooster,     // what suits the objective
};

// Where a model lies: the object that holds its bytes, and these. Borrows from the document.
struct StoredBooster {
  Record holder;
  std::string_view bytes;
};

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The booster within a wrapper, or the record itself. kInvalidArgument when there is none,
// kResourceExhausted when the same bytes are read too often.
base::Result<StoredBooster> FindStored(const Record& record);

// 0, 1, 2, ...
Labels Numbered(int64_t count);

// The classes that a wrapper learned; nullopt where it names none, which then are 0, 1, 2, ...
base::Result<std::optional<Labels>> LearnedLabels(const Record& record);

// The same for a model of `count` classes. kInvalidArgument unless there are as many.
base::Result<Labels> WrapperLabels(const Record& record, int64_t count);

}  // namespace slipway::import::sklearn

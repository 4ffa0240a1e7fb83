#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// A predicate of PMML, its fields found and its constants read as values of these fields.
struct Predicate {
  enum class Kind : uint8_t {
    kTrue,
    kFalse,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kEqual,
    kNotEqual,
    kMissing,
    kNotMissing,
    kIn,
    kNotIn,
    kAnd,
    kOr,
    kXor,
    kSurrogate,
  };
  Kind kind = Kind::kTrue;
  const Field* field = nullptr;
  double constant = 0;
  std::vector<double> members = {};
  std::vector<Predicate> parts = {};  // of a CompoundPredicate
};

// The predicate among an element's children (of a Node, Segment, SimpleRule, Attribute).
base::Result<Predicate> ReadPredicateOf(ModelScope& scope, const Element& holder);

// Where the predicate is true, and where it is unknown because of missing values: BOOL [batch, 1];
// nothing for `unknown` is nowhere, nothing for `yes` is everywhere.
struct Truth {
  graph::Value yes;
  graph::Value unknown;
};
Truth Evaluate(Conversion& all, const Predicate& predicate);

}  // namespace slipway::import::pmml

#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// Names that an expression sees instead of fields: the parameters of a DefineFunction.
using Parameters = std::map<std::string, Field>;

// An expression of the transformation dictionary as nodes: Constant, FieldRef, NormContinuous,
// NormDiscrete, Discretize, MapValues, Apply. With `parameters`, fields are not seen.
base::Result<Field> MakeExpression(ModelScope& scope, const Element& at,
                                   const Parameters* parameters = nullptr);

// A DerivedField, or anything that has an expression as child and may have a dataType.
base::Result<Field> MakeDerivedField(ModelScope& scope, const Element& at);

// The value as another type. kUnimplemented between text and numbers.
base::Result<Field> CastTo(Conversion& all, const Element& at, Field field, DataType type);

// Apply: the built-in functions and those that the file defines (apply.cc).
base::Result<Field> MakeApply(ModelScope& scope, const Element& at, const Parameters* parameters);

// A constant of that type, [batch, 1] by broadcast.
Field ConstantField(Conversion& all, DataType type, double value);

}  // namespace slipway::import::pmml

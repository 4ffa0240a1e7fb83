#include "import/pickle/payload.h"

#include <string_view>
#include <vector>

#include "base/str_cat.h"
#include "import/pickle/array.h"

namespace slipway::import::pickle {

using base::InvalidArgument;
using base::Result;
using base::StrCat;

bool IsArrayWrapper(const Value& value) {
  return IsCallOf(value, "joblib.numpy_pickle", "NumpyArrayWrapper");
}

Result<PayloadLayout> ReadWrapper(const Value& wrapper) {
  const Value& state = wrapper.node().state;
  if (!state.Is(Value::Kind::kDict)) return InvalidArgument("joblib array: expected a dict");
  const std::vector<Value>& attributes = state.node().items;
  const Value* dtype = FindKey(attributes, "dtype");
  const Value* shape = FindKey(attributes, "shape");
  if (dtype == nullptr || shape == nullptr) {
    return InvalidArgument("joblib array: expected a dtype and a shape");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const ArrayType type, ReadArrayType(*dtype));
  SLIPWAY_ASSIGN_OR_RETURN(const auto dims, ReadShape(*shape));
  PayloadLayout layout;
  layout.of_objects = type.kind == 'O';
  if (layout.of_objects) return layout;
  const Value* alignment = FindKey(attributes, "numpy_array_alignment_bytes");
  layout.padded = alignment != nullptr && !alignment->Is(Value::Kind::kNone);
  SLIPWAY_ASSIGN_OR_RETURN(layout.bytes, ByteSize(type, dims));
  return layout;
}

}  // namespace slipway::import::pickle

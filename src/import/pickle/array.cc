#include "import/pickle/array.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::pickle {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using Kind = Value::Kind;

constexpr size_t kMaxDimensions = 32;
constexpr size_t kMaxFields = 256;

std::span<const Value> Items(const Value& value) {
  return value.has_node() ? std::span<const Value>(value.node().items) : std::span<const Value>();
}

std::optional<int64_t> PlainInteger(const Value& value) {
  if (value.Is(Kind::kInt) || value.Is(Kind::kBool)) return value.integer();
  return std::nullopt;
}

bool IsText(const Value& value) { return value.Is(Kind::kText) || value.Is(Kind::kBytes); }

// "f8", "<i4", "U10", "V64", "O8", "b1", "?".
Result<ArrayType> ParseTypeName(std::string_view name) {
  ArrayType type;
  if (!name.empty() && std::string_view("<>=|").find(name.front()) != std::string_view::npos) {
    type.big_endian = name.front() == '>';
    name.remove_prefix(1);
  }
  if (name == "?") name = "b1";
  if (name == "O") name = "O8";
  constexpr std::string_view kKinds = "biufcSUVMmO";
  const auto refuse = [&] {
    return InvalidArgument(StrCat("dtype '", base::Printable(name), "' is not known"));
  };
  if (name.size() < 2 || kKinds.find(name.front()) == std::string_view::npos) return refuse();
  type.kind = name.front();
  const auto [end, error] =
      std::from_chars(name.data() + 1, name.data() + name.size(), type.item_bytes);
  if (error != std::errc() || (end != name.data() + name.size() && *end != '[')) return refuse();
  if (type.kind == 'U') {
    if (type.item_bytes > std::numeric_limits<int32_t>::max() / 4) return refuse();
    type.item_bytes *= 4;
  }
  const uint32_t size = type.item_bytes;
  const bool power = size == 1 || size == 2 || size == 4 || size == 8;
  if ((type.kind == 'i' || type.kind == 'u') && !power) return refuse();
  if (type.kind == 'f' && (!power || size == 1)) return refuse();
  if (type.kind == 'b' && size != 1) return refuse();
  return type;
}

// dtype's fields: a dict of name to (dtype, offset[, title]).
Status ReadFields(const Value& fields, ArrayType& type) {
  const std::span<const Value> pairs = Items(fields);
  if (!fields.Is(Kind::kDict) || pairs.size() > 2 * kMaxFields) {
    return InvalidArgument("dtype: fields that are no dict, or more than 256");
  }
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const std::span<const Value> parts = Items(pairs[i + 1]);
    if (!pairs[i].Is(Kind::kText) || parts.size() < 2) {
      return InvalidArgument("dtype: a field without name, type or offset");
    }
    // A field's own type has no fields, so that this does not nest.
    if (!IsCallOf(parts[0], "numpy", "dtype")) return InvalidArgument("dtype: a field without one");
    const std::span<const Value> state = Items(parts[0].node().state);
    if (state.size() > 4 && !state[4].Is(Kind::kNone)) {
      return base::Unimplemented("dtype: records in records");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const ArrayType own, ReadArrayType(parts[0]));
    const auto offset = PlainInteger(parts[1]);
    if (!offset || *offset < 0 || static_cast<uint64_t>(*offset) > type.item_bytes ||
        own.item_bytes > type.item_bytes - static_cast<uint64_t>(*offset)) {
      return InvalidArgument(StrCat("dtype: field '", base::Printable(pairs[i].node().text),
                                    "' lies outside of its record of ", type.item_bytes, " bytes"));
    }
    type.fields.push_back({.name = pairs[i].node().text,
                           .kind = own.kind,
                           .item_bytes = own.item_bytes,
                           .big_endian = own.big_endian,
                           .offset = static_cast<uint64_t>(*offset)});
  }
  return base::OkStatus();
}

Result<Array> MakeArray(ArrayType type, std::vector<int64_t> shape, bool fortran_order,
                        const Value& data) {
  Array out{.type = std::move(type),
            .shape = std::move(shape),
            .fortran_order = fortran_order,
            .count = 0,
            .bytes = {},
            .stride = 0,
            .objects = {}};
  if (out.type.kind == 'O') {
    out.type.item_bytes = sizeof(void*);  // whatever the file says, which may be 0
    out.objects = Items(data);
    out.count = out.objects.size();
    SLIPWAY_ASSIGN_OR_RETURN(const uint64_t bytes, ByteSize(out.type, out.shape));
    if (bytes / out.type.item_bytes != out.count || !data.Is(Kind::kList)) {
      return InvalidArgument(
          StrCat("array of ", bytes / out.type.item_bytes, " objects: holds ", out.count));
    }
    return out;
  }
  if (!IsText(data)) return InvalidArgument(StrCat("array: its data is ", KindName(data.kind())));
  out.bytes = data.node().text;
  out.stride = out.type.item_bytes;
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t bytes, ByteSize(out.type, out.shape));
  if (bytes != out.bytes.size()) {
    return InvalidArgument(
        StrCat("array: expected ", bytes, " bytes of data, got ", out.bytes.size()));
  }
  out.count = out.stride == 0 ? 0 : bytes / out.stride;
  return out;
}

// _reconstruct(class, (0,), b"b") and a state: (version, shape, dtype, is_fortran, data).
Result<Array> ReadReconstructed(const Node& node) {
  const std::span<const Value> state = Items(node.state);
  if (state.size() < 5) return InvalidArgument("array: its state is not one of NumPy's");
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<int64_t> shape, ReadShape(state[1]));
  SLIPWAY_ASSIGN_OR_RETURN(ArrayType type, ReadArrayType(state[2]));
  return MakeArray(std::move(type), std::move(shape),
                   state[3].Is(Kind::kBool) && state[3].boolean(), state[4]);
}

// _frombuffer(data, dtype, shape, "C" or "F")
Result<Array> ReadFromBuffer(const Node& node) {
  const std::span<const Value> args = Items(node.args);
  if (args.size() != 4 || !args[3].Is(Kind::kText)) {
    return InvalidArgument("array: its buffer is not described as NumPy does");
  }
  SLIPWAY_ASSIGN_OR_RETURN(ArrayType type, ReadArrayType(args[1]));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<int64_t> shape, ReadShape(args[2]));
  return MakeArray(std::move(type), std::move(shape), args[3].node().text == "F", args[0]);
}

// scalar(dtype, data)
Result<Array> ReadScalar(const Node& node) {
  const std::span<const Value> args = Items(node.args);
  if (args.size() != 2) return InvalidArgument("NumPy scalar: expected a dtype and its data");
  SLIPWAY_ASSIGN_OR_RETURN(ArrayType type, ReadArrayType(args[0]));
  if (type.kind != 'O') {
    SLIPWAY_ASSIGN_OR_RETURN(Array one, MakeArray(std::move(type), {}, false, args[1]));
    one.count = 1;  // also where it takes no bytes: the empty text
    return one;
  }
  Array out;
  out.type = std::move(type);
  out.count = 1;
  out.objects = args.subspan(1, 1);
  return out;
}

Result<Array> ReadWrapped(const Node& node) {
  if (!node.has_payload) return InvalidArgument("joblib array: its data does not follow");
  const Value* dtype = FindKey(node.state.node().items, "dtype");
  const Value* shape = FindKey(node.state.node().items, "shape");
  const Value* order = FindKey(node.state.node().items, "order");
  if (dtype == nullptr || shape == nullptr) return InvalidArgument("joblib array: no dtype");
  if (!node.items.empty()) {
    // The pickle in its place is a plain array, never a wrapper: that one reads no data.
    if (IsCallOf(node.items.front(), "joblib.numpy_pickle", "NumpyArrayWrapper")) {
      return InvalidArgument("joblib array: a wrapper in the pickle of objects");
    }
    return ReadArray(node.items.front());
  }
  SLIPWAY_ASSIGN_OR_RETURN(ArrayType type, ReadArrayType(*dtype));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<int64_t> dims, ReadShape(*shape));
  Array out{
      .type = std::move(type),
      .shape = std::move(dims),
      .fortran_order = order != nullptr && order->Is(Kind::kText) && order->node().text == "F",
      .count = 0,
      .bytes = node.text,
      .stride = 0,
      .objects = {}};
  out.stride = out.type.item_bytes;
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t bytes, ByteSize(out.type, out.shape));
  if (bytes != out.bytes.size()) return InvalidArgument("joblib array: data of another size");
  out.count = out.stride == 0 ? 0 : bytes / out.stride;
  return out;
}

struct ArrayForm {
  std::string_view module;
  std::string_view name;
  Result<Array> (*read)(const Node&);
};

constexpr std::array<ArrayForm, 5> kArrayForms = {{
    {"numpy._core.multiarray", "_reconstruct", ReadReconstructed},
    {"numpy._core.numeric", "_frombuffer", ReadFromBuffer},
    {"numpy._core.multiarray", "scalar", ReadScalar},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", ReadWrapped},
    {"numpy.ma.core", "_mareconstruct", ReadReconstructed},
}};

const ArrayForm* FormOf(const Value& value) {
  for (const ArrayForm& form : kArrayForms) {
    if (IsCallOf(value, form.module, form.name)) return &form;
  }
  return nullptr;
}

}  // namespace

Result<ArrayType> ReadArrayType(const Value& dtype) {
  if (!IsCallOf(dtype, "numpy", "dtype")) {
    return InvalidArgument(StrCat("expected a dtype, got ", KindName(dtype.kind())));
  }
  const std::span<const Value> args = Items(dtype.node().args);
  if (args.empty() || !IsText(args[0])) return InvalidArgument("a dtype without a name");
  SLIPWAY_ASSIGN_OR_RETURN(ArrayType type, ParseTypeName(args[0].node().text));
  const Value& given = dtype.node().state;
  if (given.Is(Kind::kNone)) return type;
  const std::span<const Value> state = Items(given);
  if (!given.Is(Kind::kTuple) || state.size() < 5) {
    return InvalidArgument("dtype: its state is not one of NumPy's");
  }
  if (state[1].Is(Kind::kText)) type.big_endian = state[1].node().text == ">";
  if (type.kind != 'V') return type;
  if (state.size() > 2 && !state[2].Is(Kind::kNone)) {
    return base::Unimplemented("dtype: arrays in records");
  }
  if (!state[4].Is(Kind::kNone)) SLIPWAY_RETURN_IF_ERROR(ReadFields(state[4], type));
  return type;
}

Result<std::vector<int64_t>> ReadShape(const Value& shape) {
  if (const auto one = PlainInteger(shape); one && *one >= 0) return std::vector<int64_t>{*one};
  const std::span<const Value> items = Items(shape);
  if (!shape.Is(Kind::kTuple) || items.size() > kMaxDimensions) {
    return InvalidArgument("array: expected a shape of at most 32 dimensions");
  }
  std::vector<int64_t> dims;
  for (const Value& item : items) {
    const auto dim = PlainInteger(item);
    if (!dim || *dim < 0) return InvalidArgument("array: a dimension that is no size");
    dims.push_back(*dim);
  }
  return dims;
}

Result<uint64_t> ByteSize(const ArrayType& type, std::span<const int64_t> shape) {
  uint64_t bytes = type.item_bytes;
  for (const int64_t dim : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dim), &bytes) ||
        bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return InvalidArgument("array: its size does not fit 63 bits");
    }
  }
  return bytes;
}

bool IsArray(const Value& value) { return FormOf(value) != nullptr; }

Result<Array> ReadArray(const Value& value) {
  const ArrayForm* form = FormOf(value);
  if (form == nullptr) {
    return InvalidArgument(StrCat("expected an array, got ", KindName(value.kind())));
  }
  return form->read(value.node());
}

std::optional<Array> FieldOf(const Array& records, std::string_view name) {
  for (const ArrayField& field : records.type.fields) {
    if (field.name != name) continue;
    Array out = records;
    out.type = {.kind = field.kind,
                .item_bytes = field.item_bytes,
                .big_endian = field.big_endian,
                .fields = {}};
    out.bytes.remove_prefix(std::min<size_t>(field.offset, out.bytes.size()));
    return out;
  }
  return std::nullopt;
}

}  // namespace slipway::import::pickle

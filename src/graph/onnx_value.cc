// ValueInfoProto, TypeProto and TensorShapeProto of onnx.proto.
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_reader.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using Kind = OnnxValue::Kind;

namespace {

constexpr size_t kMaxDims = 64;

Status ReadDimension(WireReader reader, OnnxValue& value) {
  if (value.dims.size() == kMaxDims) {
    return InvalidArgument(StrCat("expected at most ", kMaxDims, " dimensions"));
  }
  int64_t size = -1;
  std::string_view name;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, size));
    if (field.number == 2) SLIPWAY_RETURN_IF_ERROR(ReadField(field, name));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  value.dims.push_back(name.empty() && size >= 0 ? size : -1);
  value.dim_names.emplace_back(name);
  return OkStatus();
}

Status ReadShape(WireReader reader, OnnxValue& value) {
  value.has_shape = true;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadDimension(reader.Enter(field), value));
  }
  return reader.status();
}

// TypeProto.Tensor and TypeProto.SparseTensor.
Status ReadTensorType(WireReader reader, OnnxValue& value) {
  SingularFields seen;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) {
      int64_t type = 0;
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, type));
      value.element_type = static_cast<ElementType>(static_cast<int32_t>(type));
    } else if (field.number == 2) {
      SLIPWAY_RETURN_IF_ERROR(seen.See(field));
      SLIPWAY_RETURN_IF_ERROR(ReadShape(reader.Enter(field), value));
    }
  }
  return reader.status();
}

Kind KindOfField(uint32_t number) {
  switch (number) {
    case 1:
      return Kind::kTensor;
    case 4:
      return Kind::kSequence;
    case 5:
      return Kind::kMap;
    case 7:
      return Kind::kOpaque;
    case 8:
      return Kind::kSparse;
    case 9:
      return Kind::kOptional;
    default:
      return Kind::kUndeclared;
  }
}

Status ReadType(WireReader reader, OnnxValue& value) {
  for (WireField field; reader.Next(field);) {
    const Kind kind = KindOfField(field.number);
    if (kind == Kind::kUndeclared) continue;
    if (value.kind != Kind::kUndeclared) return InvalidArgument("expected one type, got two");
    value.kind = kind;
    if (kind == Kind::kTensor || kind == Kind::kSparse) {
      SLIPWAY_RETURN_IF_ERROR(ReadTensorType(reader.Enter(field), value));
    }
  }
  return reader.status();
}

Status ReadInto(WireReader reader, OnnxValue& value) {
  SingularFields seen;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) {
      std::string_view name;
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, name));
      value.name = name;
    } else if (field.number == 2) {
      SLIPWAY_RETURN_IF_ERROR(seen.See(field));
      SLIPWAY_RETURN_IF_ERROR(ReadType(reader.Enter(field), value));
    }
  }
  return reader.status();
}

}  // namespace

Result<OnnxValue> ReadValueInfo(WireReader reader) {
  OnnxValue value;
  const Status status = ReadInto(std::move(reader), value);
  if (!status.ok()) return status.WithContext(StrCat("value '", base::Printable(value.name), "'"));
  return value;
}

std::ostream& operator<<(std::ostream& out, const OnnxValue& value) {
  switch (value.kind) {
    case Kind::kUndeclared:
      return out << "undeclared";
    case Kind::kSequence:
      return out << "a sequence";
    case Kind::kMap:
      return out << "a map";
    case Kind::kOptional:
      return out << "an optional value";
    case Kind::kOpaque:
      return out << "an opaque value";
    case Kind::kSparse:
      out << "sparse ";
      break;
    case Kind::kTensor:
      break;
  }
  out << ElementTypeName(value.element_type);
  if (!value.has_shape) return out << "[...]";
  out << '[';
  for (size_t i = 0; i < value.dims.size(); ++i) {
    if (i > 0) out << ',';
    if (value.dim_names[i].empty()) {
      out << value.dims[i];
    } else {
      out << base::Printable(value.dim_names[i]);
    }
  }
  return out << ']';
}

}  // namespace slipway::graph

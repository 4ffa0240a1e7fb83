// The values of attributes (AttributeProto) and tensors (TensorProto) of onnx.proto.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_graph.h"
#include "graph/onnx_tensor.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

namespace {

// Numbers of AttributeProto's fields.
enum AttributeField : uint8_t {
  kFloatField = 2,
  kIntField = 3,
  kTextField = 4,
  kTensorField = 5,
  kFloatsField = 7,
  kIntsField = 8,
  kTextsField = 9,
};

Status WrongType(std::string_view attribute) {
  return InvalidArgument(
      StrCat("attribute '", base::Printable(attribute), "': damaged, or of another type"));
}

// Calls `use(field)`, which returns whether it could, for each field of that number.
template <typename Use>
Status ForEach(const OnnxAttribute& attribute, uint32_t number, const Use& use) {
  WireReader reader(attribute.message);
  for (WireField field; reader.Next(field);) {
    if (field.number == number && !use(field)) return WrongType(attribute.name);
  }
  return reader.status();
}

// In the file an integer takes a byte at least, here eight: more than this no list may have.
constexpr size_t kMaxInts = 64'000'000;

// Appends a list of varints, packed or one field each.
bool AppendInts(const WireField& field, std::vector<int64_t>& out) {
  if (field.type == WireType::kVarint) {
    out.push_back(field.signed_value());
    return out.size() <= kMaxInts;
  }
  if (field.type != WireType::kBytes) return false;
  std::span<const std::byte> rest = field.bytes;
  const auto count = std::ranges::count_if(
      rest, [](std::byte byte) { return (byte & std::byte{0x80}) == std::byte{0}; });
  if (out.size() + static_cast<size_t>(count) > kMaxInts) return false;
  out.reserve(out.size() + static_cast<size_t>(count));
  while (!rest.empty()) {
    uint64_t value = 0;
    if (!base::TakeVarint(rest, value)) return false;
    out.push_back(static_cast<int64_t>(value));
  }
  return true;
}

// Appends a list of numbers of fixed size, packed or one field each.
template <typename T>
bool AppendFixed(const WireField& field, std::vector<T>& out) {
  constexpr WireType kOne = sizeof(T) == 4 ? WireType::kFixed32 : WireType::kFixed64;
  if (field.type == kOne) {
    T value;
    std::memcpy(&value, &field.value, sizeof(T));
    out.push_back(value);
    return true;
  }
  if (field.type != WireType::kBytes || field.bytes.size() % sizeof(T) != 0) return false;
  const size_t before = out.size();
  out.resize(before + field.bytes.size() / sizeof(T));
  if (!field.bytes.empty()) std::memcpy(&out[before], field.bytes.data(), field.bytes.size());
  return true;
}

template <typename To, typename From>
void AppendAs(std::string& bytes, std::span<const From> values) {
  for (const From value : values) {
    const To to = static_cast<To>(value);
    bytes.append(reinterpret_cast<const char*>(&to), sizeof(to));
  }
}

// The typed fields of a tensor: numbers that share a list whatever their size is.
struct TypedData {
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int64_t> ints;

  bool Read(const WireField& field, Constant& out) {
    switch (field.number) {
      case 4:
        return AppendFixed(field, floats);
      case 5:
      case 7:
      case 11:
        return AppendInts(field, ints);
      case 6:
        out.texts.emplace_back(field.text());
        return field.type == WireType::kBytes;
      case 9:
        out.bytes = field.text();
        return field.type == WireType::kBytes;
      case 10:
        return AppendFixed(field, doubles);
      default:
        return true;
    }
  }

  void AppendTo(Constant& out) const {
    AppendAs<float, float>(out.bytes, floats);
    AppendAs<double, double>(out.bytes, doubles);
    switch (BitsOf(out.type)) {
      case 8:
        return AppendAs<uint8_t, int64_t>(out.bytes, ints);
      case 16:
        return AppendAs<uint16_t, int64_t>(out.bytes, ints);
      case 32:
        return AppendAs<uint32_t, int64_t>(out.bytes, ints);
      default:
        return AppendAs<int64_t, int64_t>(out.bytes, ints);
    }
  }
};

}  // namespace

Result<Constant> ReadConstant(std::span<const std::byte> message) {
  SLIPWAY_ASSIGN_OR_RETURN(OnnxTensor tensor, ReadTensor(WireReader(message)));
  const std::string context = StrCat("tensor '", base::Printable(tensor.name), "'");
  if (tensor.external) return base::Unimplemented(StrCat(context, ": data in another file"));
  const bool is_text = tensor.element_type == ElementType::kString;
  if (!is_text && BitsOf(tensor.element_type) < 8) {
    return base::Unimplemented(StrCat(context, ": ", ElementTypeName(tensor.element_type)));
  }
  Constant out{
      .type = tensor.element_type, .dims = std::move(tensor.dims), .bytes = {}, .texts = {}};
  TypedData typed;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (!typed.Read(field, out)) return InvalidArgument(StrCat(context, ": damaged data"));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  if (!is_text) typed.AppendTo(out);
  const bool fits = is_text ? out.texts.size() == tensor.element_count && out.bytes.empty()
                            : out.bytes.size() == tensor.byte_size && out.texts.empty();
  if (!fits) return InvalidArgument(StrCat(context, ": its data does not fit its shape"));
  return out;
}

const OnnxAttribute* OnnxNode::Find(std::string_view attribute) const {
  const auto found = std::ranges::find(attributes, attribute, &OnnxAttribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

Result<int64_t> OnnxNode::Int(std::string_view attribute, int64_t otherwise) const {
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return otherwise;
  int64_t value = otherwise;
  SLIPWAY_RETURN_IF_ERROR(ForEach(*found, kIntField, [&](const WireField& field) {
    value = field.signed_value();
    return field.type == WireType::kVarint;
  }));
  return value;
}

Result<float> OnnxNode::Float(std::string_view attribute, float otherwise) const {
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return otherwise;
  float value = otherwise;
  SLIPWAY_RETURN_IF_ERROR(ForEach(*found, kFloatField, [&](const WireField& field) {
    value = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    return field.type == WireType::kFixed32;
  }));
  return value;
}

Result<std::string_view> OnnxNode::Text(std::string_view attribute,
                                        std::string_view otherwise) const {
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return otherwise;
  std::string_view value = otherwise;
  SLIPWAY_RETURN_IF_ERROR(ForEach(*found, kTextField, [&](const WireField& field) {
    value = field.text();
    return field.type == WireType::kBytes;
  }));
  return value;
}

Result<std::vector<int64_t>> OnnxNode::Ints(std::string_view attribute) const {
  std::vector<int64_t> values;
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return values;
  SLIPWAY_RETURN_IF_ERROR(ForEach(
      *found, kIntsField, [&](const WireField& field) { return AppendInts(field, values); }));
  return values;
}

Result<std::vector<float>> OnnxNode::Floats(std::string_view attribute) const {
  std::vector<float> values;
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return values;
  SLIPWAY_RETURN_IF_ERROR(ForEach(
      *found, kFloatsField, [&](const WireField& field) { return AppendFixed(field, values); }));
  return values;
}

Result<std::vector<std::string>> OnnxNode::Texts(std::string_view attribute) const {
  std::vector<std::string> values;
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return values;
  SLIPWAY_RETURN_IF_ERROR(ForEach(*found, kTextsField, [&](const WireField& field) {
    values.emplace_back(field.text());
    return field.type == WireType::kBytes;
  }));
  return values;
}

Result<std::optional<std::span<const std::byte>>> OnnxNode::TensorMessage(
    std::string_view attribute) const {
  std::optional<std::span<const std::byte>> message;
  const OnnxAttribute* found = Find(attribute);
  if (found == nullptr) return message;
  SLIPWAY_RETURN_IF_ERROR(ForEach(*found, kTensorField, [&](const WireField& field) {
    message = field.bytes;
    return field.type == WireType::kBytes;
  }));
  if (!message) return WrongType(attribute);
  return message;
}

Result<std::optional<Constant>> OnnxNode::Tensor(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto message, TensorMessage(attribute));
  if (!message) return std::optional<Constant>();
  SLIPWAY_ASSIGN_OR_RETURN(Constant constant, ReadConstant(*message));
  return std::optional<Constant>(std::move(constant));
}

}  // namespace slipway::graph

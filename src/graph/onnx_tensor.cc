#include "graph/onnx_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/wire_fields.h"
#include "tensor/shape.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

namespace {

constexpr size_t kMaxDims = 64;

// What the data fields of a TensorProto hold, by counting only.
struct DataFields {
  std::optional<uint64_t> raw_bytes;
  uint64_t values = 0;   // in float_data, int32_data, ...
  uint64_t strings = 0;  // in string_data
  uint64_t string_bytes = 0;
};

Status AppendDim(int64_t dim, std::vector<int64_t>& dims) {
  if (dims.size() == kMaxDims) {
    return InvalidArgument(StrCat("expected at most ", kMaxDims, " dimensions"));
  }
  dims.push_back(dim);
  return OkStatus();
}

// `dims` may come one by one or as a packed list.
Status ReadDims(const WireField& field, std::vector<int64_t>& dims) {
  if (field.type == WireType::kVarint) return AppendDim(field.signed_value(), dims);
  if (field.type != WireType::kBytes) return InvalidArgument("dims: expected integers");
  std::span<const std::byte> rest = field.bytes;
  while (!rest.empty()) {
    uint64_t dim = 0;
    if (!base::TakeVarint(rest, dim)) return InvalidArgument("dims: damaged list");
    SLIPWAY_RETURN_IF_ERROR(AppendDim(static_cast<int64_t>(dim), dims));
  }
  return OkStatus();
}

// Values in a typed data field, which is a packed list or one field for each value.
uint64_t CountValues(const WireField& field, size_t fixed_bytes) {
  if (field.type != WireType::kBytes) return 1;
  if (fixed_bytes > 0) return field.bytes.size() / fixed_bytes;
  return static_cast<uint64_t>(std::ranges::count_if(
      field.bytes, [](std::byte b) { return (b & std::byte{0x80}) == std::byte{0}; }));
}

Result<uint64_t> ParseBytes(std::string_view key, std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > INT64_MAX) {
    return InvalidArgument(StrCat("external data, ", key, ": expected a number of bytes, got '",
                                  Printable(text), "'"));
  }
  return value;
}

// One key and value of external_data, a StringStringEntryProto.
Status ReadExternalEntry(WireReader reader, OnnxTensor& tensor,
                         std::vector<std::string_view>& keys) {
  std::string_view key;
  std::string_view value;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, key));
    if (field.number == 2) SLIPWAY_RETURN_IF_ERROR(ReadField(field, value));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  if (std::ranges::find(keys, key) != keys.end()) {
    return InvalidArgument(StrCat("external data: key '", Printable(key), "' came twice"));
  }
  if (key == "location") tensor.location = value;
  if (key == "offset") {
    SLIPWAY_ASSIGN_OR_RETURN(tensor.offset, ParseBytes(key, value));
  }
  if (key == "length") {
    SLIPWAY_ASSIGN_OR_RETURN(tensor.length, ParseBytes(key, value));
  }
  if (keys.size() < 16) keys.push_back(key);
  return OkStatus();
}

// data_location: 0 inside, 1 in another file.
Status ReadDataLocation(const WireField& field, OnnxTensor& tensor) {
  int64_t location = 0;
  SLIPWAY_RETURN_IF_ERROR(ReadField(field, location));
  if (location != 0 && location != 1) {
    return InvalidArgument(StrCat("data_location: expected 0 or 1, got ", location));
  }
  tensor.external = location == 1;
  return OkStatus();
}

class TensorReader {
 public:
  Status Read(WireReader& reader) {
    for (WireField field; reader.Next(field);) SLIPWAY_RETURN_IF_ERROR(ReadOne(reader, field));
    SLIPWAY_RETURN_IF_ERROR(reader.status());
    SLIPWAY_RETURN_IF_ERROR(CheckSize());
    return tensor_.external ? CheckExternal() : CheckData();
  }

  OnnxTensor& tensor() { return tensor_; }

 private:
  Status ReadOne(const WireReader& reader, const WireField& field) {
    switch (field.number) {
      case 1:
        return ReadDims(field, tensor_.dims);
      case 2: {
        int64_t type = 0;
        SLIPWAY_RETURN_IF_ERROR(ReadField(field, type));
        tensor_.element_type = static_cast<ElementType>(static_cast<int32_t>(type));
        return OkStatus();
      }
      case 4:  // float_data
        data_.values += CountValues(field, sizeof(float));
        return OkStatus();
      case 5:   // int32_data
      case 7:   // int64_data
      case 11:  // uint64_data
        data_.values += CountValues(field, 0);
        return OkStatus();
      case 6:  // string_data
        ++data_.strings;
        data_.string_bytes += field.bytes.size();
        return OkStatus();
      case 8:
        return ReadField(field, tensor_.name);
      case 9: {  // raw_data
        std::string_view raw;
        SLIPWAY_RETURN_IF_ERROR(ReadField(field, raw));
        data_.raw_bytes = raw.size();
        return OkStatus();
      }
      case 10:  // double_data
        data_.values += CountValues(field, sizeof(double));
        return OkStatus();
      case 13:
        return ReadExternalEntry(reader.Enter(field), tensor_, external_keys_);
      case 14:
        return ReadDataLocation(field, tensor_);
      default:
        return OkStatus();
    }
  }

  Status CheckSize() {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(tensor_.dims));
    tensor_.element_count = static_cast<uint64_t>(count);
    if (tensor_.element_type == ElementType::kString) {
      tensor_.byte_size = data_.string_bytes;
    } else if (BitsOf(tensor_.element_type) > 0) {
      SLIPWAY_ASSIGN_OR_RETURN(tensor_.byte_size, ByteSizeOf(tensor_.element_type, tensor_.dims));
    }
    return OkStatus();
  }

  Status CheckExternal() const {
    if (tensor_.location.empty()) {
      return InvalidArgument("external data: expected a location, got none");
    }
    if (BitsOf(tensor_.element_type) == 0) {
      return InvalidArgument(StrCat("external data of type ", ElementTypeName(tensor_.element_type),
                                    ": expected a type of fixed size"));
    }
    if (tensor_.length && *tensor_.length != tensor_.byte_size) {
      return InvalidArgument(StrCat("external data: its shape needs ", tensor_.byte_size,
                                    " bytes, its length says ", *tensor_.length));
    }
    return OkStatus();
  }

  Status CheckData() const {
    if (tensor_.element_type == ElementType::kString) {
      return CheckCount(tensor_.element_count, data_.strings);
    }
    if (BitsOf(tensor_.element_type) == 0)
      return OkStatus();  // the runtime refuses the type by name
    if (data_.raw_bytes) {
      if (*data_.raw_bytes == tensor_.byte_size) return OkStatus();
      return InvalidArgument(StrCat("expected ", tensor_.byte_size, " bytes for ", Described(),
                                    ", got ", *data_.raw_bytes));
    }
    // Two numbers for a complex one; one for two of 4 bits, four of 2 bits.
    const bool complex = tensor_.element_type == ElementType::kComplex64 ||
                         tensor_.element_type == ElementType::kComplex128;
    if (complex) return CheckCount(2 * tensor_.element_count, data_.values);
    const int bits = BitsOf(tensor_.element_type);
    return CheckCount(bits < 8 ? tensor_.byte_size : tensor_.element_count, data_.values);
  }

  Status CheckCount(uint64_t expected, uint64_t got) const {
    if (expected == got) return OkStatus();
    return InvalidArgument(
        StrCat("expected ", expected, " values for ", Described(), ", got ", got));
  }

  std::string Described() const {
    std::string text = ElementTypeName(tensor_.element_type);
    for (size_t i = 0; i < tensor_.dims.size(); ++i)
      text += StrCat(i == 0 ? "[" : ",", tensor_.dims[i]);
    return text + (tensor_.dims.empty() ? "[]" : "]");
  }

  OnnxTensor tensor_;
  DataFields data_;
  std::vector<std::string_view> external_keys_;
};

}  // namespace

Result<OnnxTensor> ReadTensor(WireReader reader) {
  TensorReader tensor;
  const Status status = tensor.Read(reader);
  if (!status.ok()) {
    return status.WithContext(StrCat("tensor '", Printable(tensor.tensor().name), "'"));
  }
  return std::move(tensor.tensor());
}

}  // namespace slipway::graph

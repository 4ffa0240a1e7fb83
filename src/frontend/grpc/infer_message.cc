#include "frontend/grpc/infer_message.h"

#include <algorithm>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::grpc {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

bool Is(const WireField& field, uint32_t number, WireType type) {
  return field.number == number && field.type == type;
}

// Names and the like are nearly always ASCII.
bool IsUtf8(std::string_view text) {
  const bool ascii = std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
  return ascii || base::IsValidUtf8(text);
}

Status ReadText(const WireField& field, std::string_view& text) {
  text = field.text();
  if (IsUtf8(text)) return OkStatus();
  return InvalidArgument(
      StrCat("damaged at byte ", field.offset, ": field ", field.number, " is not UTF-8"));
}

Status TooMany(size_t limit, std::string_view what) {
  return InvalidArgument(StrCat("expected at most ", limit, " ", what, " in one request"));
}

// The value message of a map entry; adds to what the entry has said so far.
Status ReadParameterValue(WireReader reader, InferParameter& parameter) {
  using Form = InferParameter::Form;
  for (WireField field; reader.Next(field);) {
    if (Is(field, 1, WireType::kVarint)) {
      parameter.form = Form::kBool;
      parameter.bits = field.value != 0 ? 1 : 0;
    } else if (Is(field, 2, WireType::kVarint)) {
      parameter.form = Form::kInt64;
      parameter.bits = field.value;
    } else if (Is(field, 3, WireType::kBytes)) {
      parameter.form = Form::kString;
      SLIPWAY_RETURN_IF_ERROR(ReadText(field, parameter.text));
    } else if (Is(field, 4, WireType::kFixed64)) {
      parameter.form = Form::kDouble;
      parameter.bits = field.value;
    } else if (Is(field, 5, WireType::kVarint)) {
      parameter.form = Form::kUint64;
      parameter.bits = field.value;
    }
  }
  return reader.status();
}

// One entry of a map of parameters, whose other entries stand in `list` from `begin` on.
Status ReadParameter(WireReader reader, size_t begin, std::vector<InferParameter>& list) {
  InferParameter parameter;
  for (WireField field; reader.Next(field);) {
    if (Is(field, 1, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(ReadText(field, parameter.name));
    } else if (Is(field, 2, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(ReadParameterValue(reader.Enter(field), parameter));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  const auto others = std::span(list).subspan(begin);
  const auto same = std::ranges::find(others, parameter.name, &InferParameter::name);
  if (same != others.end()) {
    *same = parameter;
    return OkStatus();
  }
  if (others.size() == InferMessage::kMaxParameters) {
    return TooMany(InferMessage::kMaxParameters, "parameters in one place");
  }
  if (list.size() == InferMessage::kMaxTensorParameters) {
    return TooMany(InferMessage::kMaxTensorParameters, "parameters of tensors");
  }
  list.push_back(parameter);
  return OkStatus();
}

Status BadList(const WireField& field) {
  return InvalidArgument(StrCat("damaged at byte ", field.offset, ": the list in field ",
                                field.number,
                                " does not end where a number does, or one is too long"));
}

void AddDimension(uint64_t value, InferInput& input) {
  ++input.dimensions;
  input.shape.Append(static_cast<int64_t>(value));
}

Status ReadShape(const WireField& field, InferInput& input) {
  if (field.type == WireType::kVarint) {
    AddDimension(field.value, input);
    return OkStatus();
  }
  for (std::span<const std::byte> rest = field.bytes; !rest.empty();) {
    uint64_t value = 0;
    if (!base::TakeVarint(rest, value)) return BadList(field);
    AddDimension(value, input);
  }
  return OkStatus();
}

// Bytes of one element where it has a fixed size, else 0 (varints).
size_t FixedSize(uint32_t field) {
  if (field == 6) return sizeof(float);
  return field == 7 ? sizeof(double) : 0;
}

WireType UnpackedType(uint32_t field) {
  if (field == 6) return WireType::kFixed32;
  return field == 7 ? WireType::kFixed64 : WireType::kVarint;
}

// Checks one message InferTensorContents and counts its elements.
Status CountContents(WireReader reader, InferInput& input) {
  for (WireField field; reader.Next(field);) {
    if (field.number > kContentsFields) continue;
    uint64_t& count = input.counts[field.number];
    if (field.number == 8) {
      count += field.type == WireType::kBytes ? 1 : 0;
    } else if (field.type == UnpackedType(field.number)) {
      ++count;
    } else if (field.type == WireType::kBytes) {
      if (const size_t size = FixedSize(field.number); size > 0) {
        if (field.bytes.size() % size != 0) return BadList(field);
        count += field.bytes.size() / size;
        continue;
      }
      uint64_t value = 0;
      for (std::span<const std::byte> rest = field.bytes; !rest.empty(); ++count) {
        if (!base::TakeVarint(rest, value)) return BadList(field);
      }
    }
  }
  return reader.status();
}

Status ReadInput(WireReader reader, InferMessage& message) {
  if (message.inputs.size() == InferMessage::kMaxTensors) {
    return TooMany(InferMessage::kMaxTensors, "inputs");
  }
  InferInput& input = message.inputs.emplace_back();
  input.parameters.begin = static_cast<uint32_t>(message.tensor_parameters.size());
  input.contents.begin = static_cast<uint32_t>(message.contents.size());
  for (WireField field; reader.Next(field);) {
    if (Is(field, 1, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(ReadText(field, input.name));
    } else if (Is(field, 2, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(ReadText(field, input.datatype));
    } else if (Is(field, 3, WireType::kBytes) || Is(field, 3, WireType::kVarint)) {
      SLIPWAY_RETURN_IF_ERROR(ReadShape(field, input));
    } else if (Is(field, 4, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(
          ReadParameter(reader.Enter(field), input.parameters.begin, message.tensor_parameters));
    } else if (Is(field, 5, WireType::kBytes)) {
      if (message.contents.size() == InferMessage::kMaxTensors) {
        return TooMany(InferMessage::kMaxTensors, "contents");
      }
      SLIPWAY_RETURN_IF_ERROR(CountContents(reader.Enter(field), input));
      message.contents.push_back(field.bytes);
    }
  }
  input.parameters.end = static_cast<uint32_t>(message.tensor_parameters.size());
  input.contents.end = static_cast<uint32_t>(message.contents.size());
  return reader.status();
}

Status ReadOutput(WireReader reader, InferMessage& message) {
  if (message.outputs.size() == InferMessage::kMaxTensors) {
    return TooMany(InferMessage::kMaxTensors, "outputs");
  }
  InferOutput& output = message.outputs.emplace_back();
  output.parameters.begin = static_cast<uint32_t>(message.tensor_parameters.size());
  for (WireField field; reader.Next(field);) {
    if (Is(field, 1, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(ReadText(field, output.name));
    } else if (Is(field, 2, WireType::kBytes)) {
      SLIPWAY_RETURN_IF_ERROR(
          ReadParameter(reader.Enter(field), output.parameters.begin, message.tensor_parameters));
    }
  }
  output.parameters.end = static_cast<uint32_t>(message.tensor_parameters.size());
  return reader.status();
}

// A field of the request itself; all that we know are of this one wire type.
Status ReadField(const WireReader& reader, const WireField& field, InferMessage& message) {
  if (field.type != WireType::kBytes) return OkStatus();
  switch (field.number) {
    case 1:
      return ReadText(field, message.model_name);
    case 2:
      return ReadText(field, message.model_version);
    case 3:
      return ReadText(field, message.id);
    case 4:
      return ReadParameter(reader.Enter(field), 0, message.parameters);
    case 5:
      return ReadInput(reader.Enter(field), message);
    case 6:
      return ReadOutput(reader.Enter(field), message);
    case 7:
      if (message.raw_inputs.size() == InferMessage::kMaxTensors) {
        return TooMany(InferMessage::kMaxTensors, "raw_input_contents");
      }
      message.raw_inputs.push_back(field.bytes);
      return OkStatus();
    default:
      return OkStatus();
  }
}

}  // namespace

std::string_view ContentsFieldName(size_t field) {
  constexpr std::array<std::string_view, kContentsFields + 1> kNames = {"",
                                                                        "bool_contents",
                                                                        "int_contents",
                                                                        "int64_contents",
                                                                        "uint_contents",
                                                                        "uint64_contents",
                                                                        "fp32_contents",
                                                                        "fp64_contents",
                                                                        "bytes_contents"};
  return kNames[field];
}

void InferMessage::Clear() {
  model_name = model_version = id = {};
  parameters.clear();
  inputs.clear();
  outputs.clear();
  raw_inputs.clear();
  tensor_parameters.clear();
  contents.clear();
}

Status InferMessage::Read(std::span<const std::byte> bytes) {
  Clear();
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    const Status status = ReadField(reader, field, *this);
    if (!status.ok()) return status.WithContext("ModelInferRequest");
  }
  return reader.status().WithContext("ModelInferRequest");
}

}  // namespace slipway::frontend::grpc

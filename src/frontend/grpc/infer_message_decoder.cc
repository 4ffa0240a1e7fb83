#include "frontend/grpc/infer_message_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/grpc/parameter_value.h"
#include "frontend/openinference/output_selection.h"
#include "frontend/openinference/parameter_rules.h"
#include "frontend/openinference/shared_tensor.h"

namespace slipway::frontend::grpc {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;
using openinference::InferRequest;
using openinference::InputMatcher;
using tensor::DType;
using tensor::TensorView;

// Which field of InferTensorContents carries a dtype; 0: none does.
size_t ContentsFieldOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 1;
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return 2;
    case DType::kInt64:
      return 3;
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return 4;
    case DType::kUint64:
      return 5;
    case DType::kFp32:
      return 6;
    case DType::kFp64:
      return 7;
    case DType::kBytes:
      return 8;
    case DType::kFp16:
    case DType::kBf16:
      return 0;
  }
  return 0;
}

// What JSON is asked for by these names is always so here.
bool IsAboutJson(std::string_view name) {
  return name == "binary_data" || name == "binary_data_output" || name == "binary_data_size";
}

Status ReadRequestParameter(const InferParameter& parameter, InferRequest& request) {
  if (IsAboutJson(parameter.name)) return OkStatus();
  ParameterValue value(parameter);
  bool flag = false;
  Status status;
  if (parameter.name == kEmptyFinalResponse) {
    value.ReadBool(flag);
    status = value.status();
  } else {
    status = openinference::ReadRequestParameterValue(parameter.name, value, request);
  }
  return status.ok() ? status
                     : status.WithContext(StrCat("parameter '", Printable(parameter.name), "'"));
}

std::string Quoted(const InferOutput& output) {
  return StrCat("output '", Printable(output.name), "'");
}

Status ReadOutput(const InferMessage& message, const InferOutput& output,
                  const tensor::Signature& signature, InferRequest& request) {
  int64_t classes = 0;
  RegionPlace place;
  Status status;
  for (const InferParameter& parameter : message.ParametersOf(output.parameters)) {
    ParameterValue value(parameter);
    if (parameter.name == "classification") {
      status = openinference::ReadClassification(value, classes);
    } else if (openinference::IsAboutSharedMemory(parameter.name)) {
      status = openinference::ReadSharedMemoryParameter(parameter.name, value, place);
    } else if (!IsAboutJson(parameter.name)) {
      request.Ignore("output parameter", parameter.name);
    }
    if (!status.ok()) return status.WithContext(Quoted(output));
  }
  SLIPWAY_RETURN_IF_ERROR(
      openinference::AddOutput(signature, output.name, /*binary=*/true, classes, request));
  if (!place.asked) return OkStatus();
  return openinference::ShareLastOutput(place, request).WithContext(Quoted(output));
}

// Calls `on_value(bits)` for each number of the field, in order. The contents have been checked.
template <typename OnValue>
void ForEachNumber(std::span<const std::span<const std::byte>> contents, size_t number,
                   OnValue&& on_value) {
  for (const std::span<const std::byte> message : contents) {
    WireReader reader(message);
    for (WireField field; reader.Next(field);) {
      if (field.number != number) continue;
      if (field.type == WireType::kVarint) on_value(field.value);
      if (field.type != WireType::kBytes) continue;
      uint64_t value = 0;
      for (std::span<const std::byte> rest = field.bytes; base::TakeVarint(rest, value);) {
        on_value(value);
      }
    }
  }
}

// Writes fixed-size elements, which lie in packed lists as they lie in tensors.
void CopyFixed(std::span<const std::span<const std::byte>> contents, size_t number,
               size_t element_size, std::span<std::byte> out) {
  size_t at = 0;
  const WireType alone = element_size == sizeof(float) ? WireType::kFixed32 : WireType::kFixed64;
  for (const std::span<const std::byte> message : contents) {
    WireReader reader(message);
    for (WireField field; reader.Next(field);) {
      if (field.number != number) continue;
      if (field.type != WireType::kBytes && field.type != alone) continue;
      const bool packed = field.type == WireType::kBytes;
      const size_t size = packed ? field.bytes.size() : element_size;
      const void* const from = packed ? static_cast<const void*>(field.bytes.data()) : &field.value;
      if (size > 0) std::memcpy(out.data() + at, from, size);
      at += size;
    }
  }
}

// Writes elements of T; they are sent as Slot, 32 or 64 bits wide, of which the rest is dropped.
template <typename T, typename Slot>
Status CopyNumbers(std::span<const std::span<const std::byte>> contents, size_t number, DType dtype,
                   std::span<std::byte> out) {
  size_t at = 0;
  Status status;
  ForEachNumber(contents, number, [&](uint64_t bits) {
    const auto slot = static_cast<Slot>(bits);
    if constexpr (!std::is_same_v<T, Slot>) {
      if (slot < std::numeric_limits<T>::min() || slot > std::numeric_limits<T>::max()) {
        if (status.ok()) {
          status = InvalidArgument(StrCat(ContentsFieldName(number), ": element ", at / sizeof(T),
                                          " does not fit into ", dtype));
        }
        return;
      }
    }
    const auto value = static_cast<T>(slot);
    std::memcpy(out.data() + at, &value, sizeof(value));
    at += sizeof(value);
  });
  return status;
}

Status CopyContents(std::span<const std::span<const std::byte>> contents, size_t number,
                    DType dtype, std::span<std::byte> out) {
  switch (dtype) {
    case DType::kBool: {
      size_t at = 0;
      ForEachNumber(contents, number,
                    [&](uint64_t bits) { out[at++] = static_cast<std::byte>(bits != 0 ? 1 : 0); });
      return OkStatus();
    }
    case DType::kInt8:
      return CopyNumbers<int8_t, int32_t>(contents, number, dtype, out);
    case DType::kInt16:
      return CopyNumbers<int16_t, int32_t>(contents, number, dtype, out);
    case DType::kInt32:
      return CopyNumbers<int32_t, int32_t>(contents, number, dtype, out);
    case DType::kInt64:
      return CopyNumbers<int64_t, int64_t>(contents, number, dtype, out);
    case DType::kUint8:
      return CopyNumbers<uint8_t, uint32_t>(contents, number, dtype, out);
    case DType::kUint16:
      return CopyNumbers<uint16_t, uint32_t>(contents, number, dtype, out);
    case DType::kUint32:
      return CopyNumbers<uint32_t, uint32_t>(contents, number, dtype, out);
    case DType::kUint64:
      return CopyNumbers<uint64_t, uint64_t>(contents, number, dtype, out);
    default:
      CopyFixed(contents, number, tensor::SizeOf(dtype), out);
      return OkStatus();
  }
}

// The number of elements is right, and they are all in the field where they should be.
Status CheckCounts(const InferInput& input, DType dtype, int64_t count, size_t field) {
  for (size_t other = 1; other <= kContentsFields; ++other) {
    if (other == field || input.counts[other] == 0) continue;
    if (field == 0) {
      return InvalidArgument(StrCat(dtype, " has no typed contents: send raw_input_contents"));
    }
    return InvalidArgument(StrCat("expected the data of ", dtype, " in ", ContentsFieldName(field),
                                  ", got ", ContentsFieldName(other)));
  }
  const uint64_t got = field == 0 ? 0 : input.counts[field];
  if (got == static_cast<uint64_t>(count)) return OkStatus();
  return InvalidArgument(StrCat("expected ", count, " elements, got ", got,
                                got == 0 ? "; send contents or raw_input_contents" : ""));
}

bool IsShared(const InferMessage& message, const InferInput& input) {
  return std::ranges::any_of(message.ParametersOf(input.parameters),
                             openinference::IsAboutSharedMemory, &InferParameter::name);
}

// How many inputs lie in the request, which is all of them where no tensor has parameters.
size_t InputsInRequest(const InferMessage& message) {
  if (message.tensor_parameters.empty()) return message.inputs.size();
  const auto in_request = [&](const InferInput& input) { return !IsShared(message, input); };
  return static_cast<size_t>(std::ranges::count_if(message.inputs, in_request));
}

bool HasContents(const InferInput& input) {
  return std::ranges::any_of(input.counts, [](uint64_t count) { return count != 0; });
}

Status ReadInputParameters(const InferMessage& message, const InferInput& input,
                           InferRequest& request, RegionPlace& place) {
  for (const InferParameter& parameter : message.ParametersOf(input.parameters)) {
    if (openinference::IsAboutSharedMemory(parameter.name)) {
      ParameterValue value(parameter);
      SLIPWAY_RETURN_IF_ERROR(
          openinference::ReadSharedMemoryParameter(parameter.name, value, place));
    } else if (!IsAboutJson(parameter.name)) {
      request.Ignore("input parameter", parameter.name);
    }
  }
  return OkStatus();
}

Status CheckShape(const InferInput& input) {
  if (input.dimensions > tensor::kMaxRank) {
    return InvalidArgument(StrCat("shape: expected at most ", tensor::kMaxRank, " dimensions"));
  }
  for (size_t i = 0; i < input.shape.rank(); ++i) {
    if (input.shape[i] >= 0) continue;
    return InvalidArgument(
        StrCat("shape: expected dimension ", i, " to be at least 0, got ", input.shape[i]));
  }
  return OkStatus();
}

// With raw contents there is one entry for each input that is not in shared memory, and nothing
// else.
Status CheckRaw(const InferMessage& message) {
  if (message.raw_inputs.empty()) return OkStatus();
  for (const InferInput& input : message.inputs) {
    if (!HasContents(input)) continue;
    return InvalidArgument(
        StrCat(InputMatcher::Quoted(input.name),
               " has contents, but the request has raw_input_contents: send one of them"));
  }
  const size_t expected = InputsInRequest(message);
  if (message.raw_inputs.size() == expected) return OkStatus();
  return InvalidArgument(StrCat("expected ", expected, " raw_input_contents, one for each input",
                                expected == message.inputs.size() ? "" : " not in shared memory",
                                ", got ", message.raw_inputs.size()));
}

}  // namespace

Status InferMessageDecoder::Decode(const InferMessage& message, const tensor::Signature& signature,
                                   InferRequest& request, std::vector<TensorView>& inputs) {
  Reset();
  request.id = message.id;
  for (const InferParameter& parameter : message.parameters) {
    SLIPWAY_RETURN_IF_ERROR(ReadRequestParameter(parameter, request));
  }
  matcher_.Begin(signature);
  raw_taken_ = 0;
  inputs.assign(signature.inputs.size(), TensorView());
  SLIPWAY_RETURN_IF_ERROR(CheckRaw(message));
  for (const InferInput& input : message.inputs) {
    const Status status = DecodeInput(message, input, request, inputs);
    if (!status.ok()) return status.WithContext(InputMatcher::Quoted(input.name));
  }
  SLIPWAY_RETURN_IF_ERROR(matcher_.CheckComplete(inputs));
  for (const InferOutput& output : message.outputs) {
    SLIPWAY_RETURN_IF_ERROR(ReadOutput(message, output, signature, request));
  }
  if (message.outputs.empty()) AddAllOutputs(signature, /*binary=*/true, request);
  return OkStatus();
}

Status InferMessageDecoder::DecodeInput(const InferMessage& message, const InferInput& input,
                                        InferRequest& request, std::vector<TensorView>& inputs) {
  RegionPlace place;
  SLIPWAY_RETURN_IF_ERROR(ReadInputParameters(message, input, request, place));
  SLIPWAY_RETURN_IF_ERROR(CheckShape(input));
  openinference::MatchedInput match;
  SLIPWAY_RETURN_IF_ERROR(matcher_.Match(input.name, input.datatype, input.shape, match));
  if (place.asked) {
    SLIPWAY_ASSIGN_OR_RETURN(inputs[match.index],
                             DecodeShared(input, place, match, request.regions));
    return OkStatus();
  }
  std::span<const std::byte> data;
  if (!message.raw_inputs.empty()) {
    data = message.raw_inputs[raw_taken_++];  // CheckRaw() has counted them
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(data, DecodeContents(message, input, match));
  }
  SLIPWAY_ASSIGN_OR_RETURN(inputs[match.index], TensorView::Create(match.dtype, input.shape, data));
  return OkStatus();
}

Result<TensorView> InferMessageDecoder::DecodeShared(const InferInput& input,
                                                     const RegionPlace& place,
                                                     const openinference::MatchedInput& match,
                                                     RequestRegions& regions) {
  if (HasContents(input)) {
    return InvalidArgument("expected shared memory or contents, got both");
  }
  return openinference::ReadSharedInput(place, match, input.shape, regions, arena_);
}

Result<std::span<const std::byte>> InferMessageDecoder::DecodeContents(
    const InferMessage& message, const InferInput& input,
    const openinference::MatchedInput& match) {
  const size_t field = ContentsFieldOf(match.dtype);
  SLIPWAY_RETURN_IF_ERROR(CheckCounts(input, match.dtype, match.count, field));
  if (match.dtype == DType::kBytes) return GatherStrings(message, input);
  // As many as were counted in the message: no shape can ask for more.
  const std::span<std::byte> memory =
      arena_.Allocate(static_cast<size_t>(match.count) * tensor::SizeOf(match.dtype));
  SLIPWAY_RETURN_IF_ERROR(CopyContents(message.ContentsOf(input), field, match.dtype, memory));
  return std::span<const std::byte>(memory);
}

std::span<const std::byte> InferMessageDecoder::GatherStrings(const InferMessage& message,
                                                              const InferInput& input) {
  size_t size = 0;
  const auto for_each = [&](auto&& on_string) {
    for (const std::span<const std::byte> contents : message.ContentsOf(input)) {
      WireReader reader(contents);
      for (WireField field; reader.Next(field);) {
        if (field.number == 8 && field.type == WireType::kBytes) on_string(field.bytes);
      }
    }
  };
  for_each([&](std::span<const std::byte> text) { size += sizeof(uint32_t) + text.size(); });
  const std::span<std::byte> memory = arena_.Allocate(size);
  size_t at = 0;
  for_each([&](std::span<const std::byte> text) {
    const auto length = static_cast<uint32_t>(text.size());
    std::memcpy(memory.data() + at, &length, sizeof(length));
    at += sizeof(length);
    if (!text.empty()) std::memcpy(memory.data() + at, text.data(), text.size());
    at += text.size();
  });
  return memory;
}

}  // namespace slipway::frontend::grpc

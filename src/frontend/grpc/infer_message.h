#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/shape.h"

namespace slipway::frontend::grpc {

// One value of message InferParameter: at most one of its forms is set, the last one that was sent.
struct InferParameter {
  enum class Form : uint8_t { kNone, kBool, kInt64, kString, kDouble, kUint64 };  // field numbers

  std::string_view name;
  Form form = Form::kNone;
  uint64_t bits = 0;      // kBool, kInt64, kUint64: the value; kDouble: its bits
  std::string_view text;  // kString
};

// Fields of message InferTensorContents, by their numbers.
inline constexpr size_t kContentsFields = 8;
std::string_view ContentsFieldName(size_t field);  // 1: "bool_contents"

// Message InferInputTensor. Ranges are positions in the lists of InferMessage.
struct InferInput {
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };
  std::string_view name;
  std::string_view datatype;
  tensor::Shape shape;      // the first tensor::kMaxRank dimensions
  uint64_t dimensions = 0;  // all of them
  Range parameters;
  Range contents;                                      // in contents
  std::array<uint64_t, kContentsFields + 1> counts{};  // elements, by number of the field
};

// Message InferRequestedOutputTensor.
struct InferOutput {
  std::string_view name;
  InferInput::Range parameters;
};

// Message ModelInferRequest as it lies in the bytes it was read from: everything is a view. Reused,
// so that its memory is too. Thread-compatible.
struct InferMessage {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::vector<InferParameter> parameters;  // each name once
  std::vector<InferInput> inputs;
  std::vector<InferOutput> outputs;
  std::vector<std::span<const std::byte>> raw_inputs;
  std::vector<InferParameter> tensor_parameters;     // of inputs and outputs; in each, a name once
  std::vector<std::span<const std::byte>> contents;  // messages InferTensorContents, checked

  // As many as any model we know of has, with room to spare; more is refused.
  static constexpr size_t kMaxTensors = 4096;
  static constexpr size_t kMaxParameters = 128;  // of one message, as in one JSON object
  static constexpr size_t kMaxTensorParameters = 16384;

  std::span<const InferParameter> ParametersOf(const InferInput::Range& range) const {
    return std::span(tensor_parameters).subspan(range.begin, range.end - range.begin);
  }
  std::span<const std::span<const std::byte>> ContentsOf(const InferInput& input) const {
    return std::span(contents).subspan(input.contents.begin,
                                       input.contents.end - input.contents.begin);
  }

  // Reads a message, in one pass. What protoc's code would refuse is refused, and what it accepts
  // means the same: unknown fields and fields of another wire type are skipped, the last of several
  // values holds, lists and contents grow, the last of equal map keys replaces the others. Beyond
  // that, varints of more than 64 bits, groups nested 32 deep and counts above the limits are
  // refused. kInvalidArgument says what is wrong at which byte.
  base::Status Read(std::span<const std::byte> bytes);
  // Forgets everything but its memory.
  void Clear();
};

}  // namespace slipway::frontend::grpc

#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/request_regions.h"

namespace slipway::frontend::openinference {

// What the parameters of an infer request mean, whatever they are written in. A `Value` is the
// value of one parameter, to be read once:
//   bool IsString()
//   bool ReadBool(bool&), ReadInt64(int64_t&), ReadUint64(uint64_t&), ReadString(std::string_view&)
//        false when the value is no such thing: status() then says what was expected
//   base::Status SkipScalar()   an error unless it is a string, a number or a boolean
//   base::Status status()
// Source: Triton, "Parameters Extension".

// Whether a parameter of an input or output says that it lies in shared memory.
inline bool IsAboutSharedMemory(std::string_view key) { return key.starts_with("shared_memory_"); }

// Reads such a parameter.
template <typename Value>
base::Status ReadSharedMemoryParameter(std::string_view key, Value& value, RegionPlace& place) {
  place.asked = true;
  std::string_view text;
  uint64_t number = 0;
  if (key == "shared_memory_region") {
    if (value.ReadString(text)) place.region = text;
  } else if (key == "shared_memory_byte_size") {
    if (value.ReadUint64(number)) place.byte_size = number;
  } else if (key == "shared_memory_offset") {
    if (value.ReadUint64(number)) place.offset = number;
  } else {
    return base::InvalidArgument(base::StrCat(
        "parameter '", base::Printable(key),
        "': expected shared_memory_region, shared_memory_byte_size or shared_memory_offset"));
  }
  return value.status().WithContext(base::StrCat("parameter '", key, "'"));
}

// Whether a parameter of a request is about the sequence that it belongs to. For models without
// state it has no meaning: the wish is noted as ignored.
inline bool IsAboutSequence(std::string_view key) {
  return key == "sequence_id" || key == "sequence_start" || key == "sequence_end";
}

template <typename Value>
base::Status ReadSequenceId(Value& value, InferRequest& request) {
  std::string_view text;
  uint64_t number = 0;
  if (!(value.IsString() ? value.ReadString(text) : value.ReadUint64(number))) {
    return value.status();
  }
  if (request.has_sequences) {
    request.sequence.text = text;
    request.sequence.number = number;
  } else if (!text.empty() || number != 0) {
    request.Ignore("parameter", "sequence_id");
  }
  return base::OkStatus();
}

template <typename Value>
base::Status ReadSequenceFlag(Value& value, std::string_view key, InferRequest& request) {
  bool flag = false;
  if (!value.ReadBool(flag)) return value.status();
  if (request.has_sequences) {
    (key == "sequence_start" ? request.sequence.start : request.sequence.end) = flag;
  } else if (flag) {
    request.Ignore("parameter", key);
  }
  return base::OkStatus();
}

template <typename Value>
base::Status ReadNotFinite(Value& value, InferRequest& request) {
  std::string_view text;
  if (!value.ReadString(text)) return value.status();
  if (text != "literal" && text != "refuse") {
    return base::InvalidArgument(
        base::StrCat("expected 'literal' or 'refuse', got '", base::Printable(text), "'"));
  }
  request.literal_not_finite = text == "literal";
  return base::OkStatus();
}

// The parameter `key` of a request, without the key's name in front of errors.
template <typename Value>
base::Status ReadRequestParameterValue(std::string_view key, Value& value, InferRequest& request) {
  if (IsAboutSequence(key)) {
    return key == "sequence_id" ? ReadSequenceId(value, request)
                                : ReadSequenceFlag(value, key, request);
  }
  if (key == "nan") return ReadNotFinite(value, request);
  if (key == "timeout") {
    value.ReadUint64(request.timeout_us);
    return value.status();
  }
  if (key == "priority") {
    value.ReadUint64(request.priority);
    return value.status();
  }
  if (key == "strict") {
    bool strict = false;
    if (value.ReadBool(strict)) request.strict = request.strict || strict;
    return value.status();
  }
  if (key == "headers" || key.starts_with("triton_")) {
    return base::InvalidArgument("the name is reserved");
  }
  SLIPWAY_RETURN_IF_ERROR(value.SkipScalar());
  request.Ignore("parameter", key);
  return base::OkStatus();
}

// The output parameter "classification".
template <typename Value>
base::Status ReadClassification(Value& value, int64_t& classes) {
  if (!value.ReadInt64(classes)) return value.status();
  if (classes > 0) return base::OkStatus();
  return base::InvalidArgument(
      base::StrCat("output parameter 'classification': expected at least 1, got ", classes));
}

}  // namespace slipway::frontend::openinference

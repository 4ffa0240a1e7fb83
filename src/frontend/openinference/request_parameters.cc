#include "frontend/openinference/request_parameters.h"

#include <algorithm>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

std::string NamesOf(const std::vector<tensor::TensorSpec>& specs) {
  std::string names;
  for (const tensor::TensorSpec& spec : specs) {
    if (!names.empty()) names.append(", ");
    names.append(StrCat("'", spec.name, "'"));
  }
  return names;
}

// Sequences have no meaning for models without state: the wish is noted as ignored.
Status ReadSequenceId(JsonReader& reader, InferRequest& request) {
  std::string_view text;
  uint64_t number = 0;
  const bool is_text = reader.Peek() == JsonReader::Kind::kString;
  if (!(is_text ? reader.ReadString(text) : reader.ReadUint64(number))) return reader.status();
  if (!text.empty() || number != 0) request.Ignore("parameter", "sequence_id");
  return OkStatus();
}

Status ReadSequenceFlag(JsonReader& reader, std::string_view key, InferRequest& request) {
  bool flag = false;
  if (!reader.ReadBool(flag)) return reader.status();
  if (flag) request.Ignore("parameter", key);
  return OkStatus();
}

Status ReadNotFinite(JsonReader& reader, InferRequest& request) {
  std::string_view value;
  if (!reader.ReadString(value)) return reader.status();
  if (value != "literal" && value != "refuse") {
    return InvalidArgument(StrCat("expected 'literal' or 'refuse', got '", Printable(value), "'"));
  }
  request.literal_not_finite = value == "literal";
  return OkStatus();
}

Status ReadUnknown(JsonReader& reader, std::string_view key, InferRequest& request) {
  if (key == "headers" || key.starts_with("triton_")) {
    return InvalidArgument("the name is reserved");
  }
  const JsonReader::Kind kind = reader.Peek();
  if (kind == JsonReader::Kind::kObject || kind == JsonReader::Kind::kArray ||
      kind == JsonReader::Kind::kNull) {
    return InvalidArgument("expected a string, a number or a boolean");
  }
  request.Ignore("parameter", key);
  reader.SkipValue();
  return reader.status();
}

Status ReadKnownOrUnknown(JsonReader& reader, std::string_view key, InferRequest& request,
                          OutputWishes* wishes) {
  if (key == "binary_data_output" && wishes != nullptr) {
    bool binary = false;
    if (reader.ReadBool(binary)) wishes->set_binary_default(binary);
    return reader.status();
  }
  if (key == "sequence_id") return ReadSequenceId(reader, request);
  if (key == "sequence_start" || key == "sequence_end")
    return ReadSequenceFlag(reader, key, request);
  if (key == "nan") return ReadNotFinite(reader, request);
  if (key == "timeout") {
    reader.ReadUint64(request.timeout_us);
  } else if (key == "priority") {
    // Calls of one model run in the order in which they came.
    if (reader.ReadUint64(request.priority) && request.priority != 0) {
      request.Ignore("parameter", key);
    }
  } else if (key == "strict") {
    bool strict = false;
    if (reader.ReadBool(strict)) request.strict = request.strict || strict;
  } else {
    return ReadUnknown(reader, key, request);
  }
  return reader.status();
}

}  // namespace

Status SharedMemoryRefused() {
  return base::Unimplemented(
      "shared memory is not supported; send the tensor in the request (binary_data_size)");
}

Status ReadRequestParameter(JsonReader& reader, std::string_view key, InferRequest& request,
                            OutputWishes* wishes) {
  const Status status = ReadKnownOrUnknown(reader, key, request, wishes);
  return status.ok() ? status : status.WithContext(StrCat("parameter '", Printable(key), "'"));
}

Status OutputWishes::Read(JsonReader& reader) {
  if (!reader.BeginArray()) return reader.status();
  while (reader.NextElement()) {
    Wish wish;
    SLIPWAY_RETURN_IF_ERROR(ReadOne(reader, wish));
    SLIPWAY_RETURN_IF_ERROR(Add(wish));
  }
  return reader.status();
}

Status OutputWishes::ReadOne(JsonReader& reader, Wish& wish) {
  return ReadObject(reader, [&](std::string_view key) -> Status {
    if (key == "name") {
      std::string_view name;
      if (reader.ReadString(name)) wish.name = name;
      return reader.status();
    }
    if (key == "parameters") return ReadParameters(reader, wish);
    // Clients that echo metadata send these two; they change nothing.
    if (key != "datatype" && key != "shape") request_.Ignore("output field", key);
    reader.SkipValue();
    return reader.status();
  });
}

Status OutputWishes::ReadParameters(JsonReader& reader, Wish& wish) {
  return ReadObject(reader, [&](std::string_view key) -> Status {
    if (key == "binary_data") {
      bool binary = false;
      if (reader.ReadBool(binary)) wish.binary = binary;
      return reader.status();
    }
    if (key == "classification") {
      if (!reader.ReadInt64(wish.classes)) return reader.status();
      if (wish.classes > 0) return OkStatus();
      return InvalidArgument(
          StrCat("output parameter 'classification': expected at least 1, got ", wish.classes));
    }
    if (key.starts_with("shared_memory_")) return SharedMemoryRefused();
    request_.Ignore("output parameter", key);
    reader.SkipValue();
    return reader.status();
  });
}

Status OutputWishes::Add(const Wish& wish) {
  if (!wish.name) return InvalidArgument("'outputs': each element needs a 'name'");
  const std::optional<size_t> index = signature_.FindOutput(*wish.name);
  if (!index) {
    return InvalidArgument(StrCat("output '", Printable(*wish.name),
                                  "': the model has no such output; it has ",
                                  NamesOf(signature_.outputs)));
  }
  const auto same = [&](const RequestedOutput& output) { return output.index == *index; };
  if (std::ranges::any_of(request_.outputs, same)) {
    return InvalidArgument(StrCat("output '", Printable(*wish.name), "' is there twice"));
  }
  request_.outputs.push_back(
      {.index = *index, .binary = wish.binary.value_or(false), .classes = wish.classes});
  undecided_.push_back(!wish.binary.has_value());
  return OkStatus();
}

Status OutputWishes::Finish() {
  if (request_.outputs.empty()) {
    for (size_t i = 0; i < signature_.outputs.size(); ++i) {
      request_.outputs.push_back({.index = i, .binary = binary_default_, .classes = 0});
    }
    return OkStatus();
  }
  for (size_t i = 0; i < undecided_.size(); ++i) {
    if (undecided_[i]) request_.outputs[i].binary = binary_default_;
  }
  return OkStatus();
}

}  // namespace slipway::frontend::openinference

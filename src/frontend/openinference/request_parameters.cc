#include "frontend/openinference/request_parameters.h"

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_value.h"
#include "frontend/openinference/output_selection.h"
#include "frontend/openinference/shared_tensor.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

Status ReadKnownOrUnknown(JsonReader& reader, std::string_view key, InferRequest& request,
                          OutputWishes* wishes) {
  if (key == "binary_data_output" && wishes != nullptr) {
    bool binary = false;
    if (reader.ReadBool(binary)) wishes->set_binary_default(binary);
    return reader.status();
  }
  JsonValue value(reader);
  return ReadRequestParameterValue(key, value, request);
}

}  // namespace

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
      JsonValue value(reader);
      return ReadClassification(value, wish.classes);
    }
    if (IsAboutSharedMemory(key)) {
      JsonValue value(reader);
      return ReadSharedMemoryParameter(key, value, wish.place);
    }
    request_.Ignore("output parameter", key);
    reader.SkipValue();
    return reader.status();
  });
}

Status OutputWishes::Add(const Wish& wish) {
  if (!wish.name) return InvalidArgument("'outputs': each element needs a 'name'");
  SLIPWAY_RETURN_IF_ERROR(
      AddOutput(signature_, *wish.name, wish.binary.value_or(false), wish.classes, request_));
  undecided_.push_back(!wish.binary.has_value());
  return wish.place.asked ? Share(wish) : OkStatus();
}

Status OutputWishes::Share(const Wish& wish) {
  const Status status =
      wish.binary.value_or(false)
          ? InvalidArgument("expected shared memory or 'binary_data': true, got both")
          : ShareLastOutput(wish.place, request_);
  return status.WithContext(StrCat("output '", Printable(wish.name.value_or("")), "'"));
}

Status OutputWishes::Finish() {
  if (request_.outputs.empty()) {
    AddAllOutputs(signature_, binary_default_, request_);
    return OkStatus();
  }
  for (size_t i = 0; i < undecided_.size(); ++i) {
    if (undecided_[i]) request_.outputs[i].binary = binary_default_;
  }
  return OkStatus();
}

}  // namespace slipway::frontend::openinference

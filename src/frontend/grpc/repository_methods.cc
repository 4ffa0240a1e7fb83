// Methods that list, load and unload models.

#include <string>
#include <string_view>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/openinference/repository_api.h"

namespace slipway::frontend::grpc {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

// The value of a ModelRepositoryParameter: the last of its forms that was sent.
Status ReadParameter(WireReader reader, WireField& choice) {
  for (WireField field; reader.Next(field);) {
    const bool number = field.number <= 2 && field.type == WireType::kVarint;
    const bool bytes = (field.number == 3 || field.number == 4) && field.type == WireType::kBytes;
    if (field.number == 3 && bytes) SLIPWAY_RETURN_IF_ERROR(CheckText(field));
    if (number || bytes) choice = field;
  }
  return reader.status();
}

// Reads a RepositoryModelLoadRequest or RepositoryModelUnloadRequest; `on_parameter(key, choice)`
// for each parameter.
template <typename OnParameter>
Status ReadRequest(std::span<const std::byte> message, std::string& model,
                   OnParameter&& on_parameter) {
  std::string_view repository;
  std::string_view name;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.type != WireType::kBytes) continue;
    if (field.number == 1 || field.number == 2) {
      SLIPWAY_RETURN_IF_ERROR(CheckText(field));
      (field.number == 1 ? repository : name) = field.text();
    } else if (field.number == 3) {
      std::string_view key;
      WireField value;
      SLIPWAY_RETURN_IF_ERROR(ReadMapEntry(reader.Enter(field), key, value));
      WireField choice;
      SLIPWAY_RETURN_IF_ERROR(ReadParameter(reader.Enter(value), choice));
      SLIPWAY_RETURN_IF_ERROR(on_parameter(key, choice));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  // KServe's messages have the model's name where Triton's have the repository's.
  if (name.empty()) std::swap(name, repository);
  if (name.empty()) return InvalidArgument("model_name is missing");
  if (!repository.empty()) return openinference::NamedRepositoryRefused(repository);
  model = name;
  return base::OkStatus();
}

Status ReadLoadParameter(std::string_view key, const WireField& choice,
                         ModelControl::LoadRequest& request) {
  if (key == "config") {
    if (choice.number != 3) return InvalidArgument("parameter 'config': expected string_param");
    request.config_json = choice.text();
    return base::OkStatus();
  }
  if (!key.starts_with("file:")) return openinference::UnknownLoadParameter(key);
  int64_t version = 0;
  std::string path;
  SLIPWAY_RETURN_IF_ERROR(openinference::ParseFileKey(key, version, path));
  if (choice.number != 4) {
    return InvalidArgument(StrCat("parameter '", Printable(key), "': expected bytes_param"));
  }
  request.files[version][path] = choice.text();
  return base::OkStatus();
}

// The answers that KServe's clients read; Triton's skip the fields.
void WriteOutcome(std::string_view model, std::string& out) {
  WriteText(1, model, out);
  WriteFlag(2, true, out);
}

}  // namespace

void RepositoryIndex(UnaryCall& call) {
  std::string_view repository;
  bool ready_only = false;
  Status status;
  WireReader reader(call.message());
  for (WireField field; status.ok() && reader.Next(field);) {
    if (field.number == 1 && field.type == WireType::kBytes) {
      status = CheckText(field);
      repository = field.text();
    } else if (field.number == 2 && field.type == WireType::kVarint) {
      ready_only = field.value != 0;
    }
  }
  if (status.ok()) status = reader.status();
  if (status.ok() && !repository.empty()) {
    status = openinference::NamedRepositoryRefused(repository);
  }
  if (!status.ok()) {
    call.Finish(status);
    return;
  }
  for (const ModelControl::Entry& entry : call.services().control.Index()) {
    if (ready_only && entry.state != "READY") continue;
    std::string model;
    WriteText(1, entry.name, model);
    if (entry.version) {
      WriteText(2, StrCat(*entry.version), model);
      WriteText(3, entry.state, model);
      WriteText(4, entry.reason, model);
    }
    WriteMessage(1, model, call.reply());
  }
  call.Finish(status);
}

void RepositoryModelLoad(UnaryCall& call) {
  ModelControl::LoadRequest request;
  Status status =
      ReadRequest(call.message(), request.name, [&](std::string_view key, const WireField& choice) {
        return ReadLoadParameter(key, choice, request);
      });
  if (status.ok()) status = openinference::CheckLoadRequest(request);
  if (!status.ok()) {
    call.Finish(status);
    return;
  }
  WriteOutcome(request.name, call.reply());
  call.services().control.Load(std::move(request), call.FinishLater());
}

// No model depends on another here, so unload_dependents changes nothing.
void RepositoryModelUnload(UnaryCall& call) {
  std::string name;
  const Status status =
      ReadRequest(call.message(), name, [](std::string_view key, const WireField& choice) {
        if (key != "unload_dependents") return openinference::UnknownUnloadParameter(key);
        if (choice.number == 1) return base::OkStatus();
        return InvalidArgument("parameter 'unload_dependents': expected bool_param");
      });
  if (!status.ok()) {
    call.Finish(status);
    return;
  }
  WriteOutcome(name, call.reply());
  call.services().control.Unload(std::move(name), call.FinishLater());
}

}  // namespace slipway::frontend::grpc

#include "frontend/grpc/reflection.h"

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/method_table.h"
#include "frontend/grpc/text_fields.h"

namespace slipway::frontend::grpc {
namespace {

using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

// Field numbers of ServerReflectionRequest and ServerReflectionResponse.
constexpr uint32_t kHost = 1;
constexpr uint32_t kFileByFilename = 3;
constexpr uint32_t kFileContainingSymbol = 4;
constexpr uint32_t kFileContainingExtension = 5;
constexpr uint32_t kAllExtensionNumbers = 6;
constexpr uint32_t kListServices = 7;
constexpr uint32_t kValidHost = 1;
constexpr uint32_t kOriginalRequest = 2;
constexpr uint32_t kFileDescriptors = 4;
constexpr uint32_t kServices = 6;
constexpr uint32_t kError = 7;

void WriteNotFound(base::StatusCode code, std::string_view text, std::string& response) {
  std::string error;
  WriteNumber(1, static_cast<uint64_t>(code), error);
  WriteText(2, text, error);
  WriteMessage(kError, error, response);
}

void WriteFile(const ProtoSchema& schema, const ProtoSchema::File* file, std::string_view asked,
               std::string& response) {
  if (file == nullptr) {
    WriteNotFound(base::StatusCode::kNotFound,
                  StrCat("'", base::Printable(asked), "' is not declared here"), response);
    return;
  }
  std::string files;
  // The file that was asked for comes first.
  const std::vector<const ProtoSchema::File*> all = schema.WithImports(*file);
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    WriteMessage(1, {reinterpret_cast<const char*>((*each)->bytes.data()), (*each)->bytes.size()},
                 files);
  }
  WriteMessage(kFileDescriptors, files, response);
}

void WriteServices(std::string& response) {
  std::string services;
  std::string_view last;
  for (const Method& method : Methods()) {
    if (method.service() == last) continue;
    last = method.service();
    std::string service;
    WriteText(1, last, service);
    WriteMessage(1, service, services);
  }
  WriteMessage(kServices, services, response);
}

}  // namespace

Status AnswerReflection(const ProtoSchema& schema, std::span<const std::byte> request,
                        std::string& response) {
  WireReader reader(request);
  std::string_view host;
  WireField asked;
  for (WireField field; reader.Next(field);) {
    if (field.type != WireType::kBytes || field.number > kListServices) continue;
    if (field.number != kFileContainingExtension) SLIPWAY_RETURN_IF_ERROR(CheckText(field));
    if (field.number == kHost) host = field.text();
    if (field.number >= kFileByFilename) asked = field;
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  WriteText(kValidHost, host, response);
  WriteMessage(kOriginalRequest, {reinterpret_cast<const char*>(request.data()), request.size()},
               response);
  switch (asked.number) {
    case kFileByFilename:
      WriteFile(schema, schema.FindFile(asked.text()), asked.text(), response);
      break;
    case kFileContainingSymbol:
      WriteFile(schema, schema.FindFileOf(asked.text()), asked.text(), response);
      break;
    case kFileContainingExtension:
    case kAllExtensionNumbers:
      WriteNotFound(base::StatusCode::kNotFound, "there are no extensions", response);
      break;
    case kListServices:
      WriteServices(response);
      break;
    default:
      WriteNotFound(base::StatusCode::kInvalidArgument, "the request asks for nothing we know",
                    response);
  }
  return base::OkStatus();
}

void ReflectionCall::OnMessage(net::GrpcMessage message) {
  const Status status =
      AnswerReflection(pool_.services().schema, message.bytes, call_->reply().body);
  if (status.ok()) {
    if (!call_->Send()) call_->HoldMessages(true);
    return;
  }
  call_->reply().body.clear();
  End(status);
}

void ReflectionCall::OnEndOfMessages() { End(base::OkStatus()); }

void ReflectionCall::OnWritable() { call_->HoldMessages(false); }

void ReflectionCall::OnCancelled() { End(base::Cancelled("the client cancelled the call")); }

void ReflectionCall::End(const Status& status) {
  call_->Finish(status);
  pool_.Give(*this);
}

void ReflectionCall::Recycle() { call_ = nullptr; }

}  // namespace slipway::frontend::grpc

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/openinference/trace_api.h"

namespace slipway::frontend::grpc {
namespace {

using base::Status;
using base::WireField;
using base::WireReader;
using base::WireType;

// TraceSettingRequest: settings = 1, a map to SettingValue { repeated value = 1 }; model_name = 2.
// A setting without values is taken back.
Status ReadTraceSettings(std::span<const std::byte> message, std::string& model,
                         std::vector<openinference::TraceWish>& wishes) {
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.type != WireType::kBytes) continue;
    if (field.number == 2) {
      SLIPWAY_RETURN_IF_ERROR(CheckText(field));
      model = field.text();
    }
    if (field.number != 1) continue;
    std::string_view key;
    WireField value_field;
    SLIPWAY_RETURN_IF_ERROR(ReadMapEntry(reader.Enter(field), key, value_field));
    openinference::TraceWish& wish =
        wishes.emplace_back(openinference::TraceWish{.name = std::string(key), .values = {}});
    WireReader values = reader.Enter(value_field);
    for (WireField value; values.Next(value);) {
      if (value.number != 1 || value.type != WireType::kBytes) continue;
      SLIPWAY_RETURN_IF_ERROR(CheckText(value));
      if (!wish.values) wish.values.emplace();
      wish.values->emplace_back(value.text());
    }
    SLIPWAY_RETURN_IF_ERROR(values.status());
  }
  return reader.status();
}

Status AnswerTraceSetting(UnaryCall& call) {
  std::string model;
  std::vector<openinference::TraceWish> wishes;
  SLIPWAY_RETURN_IF_ERROR(ReadTraceSettings(call.message(), model, wishes));
  if (!model.empty() && call.services().dispatcher.snapshot().Find(model) == nullptr) {
    return base::NotFound(
        base::StrCat("model '", base::Printable(model), "': not found or not ready"));
  }
  monitor::RequestTracer* const tracer = call.services().tracer;
  if (tracer == nullptr) return base::Unimplemented("requests are not traced here");
  SLIPWAY_RETURN_IF_ERROR(openinference::ApplyTraceWishes(model, wishes, *tracer));
  for (const auto& [name, values] : openinference::TraceSettingTexts(model, *tracer)) {
    std::string setting;
    for (const std::string& value : values) WriteText(1, value, setting);
    std::string entry;
    WriteText(1, name, entry);
    WriteMessage(2, setting, entry);
    WriteMessage(1, entry, call.reply());
  }
  return base::OkStatus();
}

}  // namespace

void TraceSetting(UnaryCall& call) { call.Finish(AnswerTraceSetting(call)); }

}  // namespace slipway::frontend::grpc

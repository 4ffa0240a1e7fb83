// Methods about the server as a whole: health, metadata, settings.

#include <array>
#include <string>
#include <string_view>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/openinference/logging_api.h"
#include "frontend/openinference/metadata_json.h"

namespace slipway::frontend::grpc {
namespace {

using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;

// One LogSettingsRequest.SettingValue, as openinference/parameter_rules.h has values.
class SettingValue {
 public:
  // Reads `field`'s message.
  Status Read(const WireReader& outer, const WireField& field) {
    WireReader reader = outer.Enter(field);
    for (WireField choice; reader.Next(choice);) {
      const bool text = choice.number == 3 && choice.type == WireType::kBytes;
      const bool number =
          (choice.number == 1 || choice.number == 2) && choice.type == WireType::kVarint;
      if (!text && !number) continue;
      if (text) SLIPWAY_RETURN_IF_ERROR(CheckText(choice));
      choice_ = choice;
    }
    return reader.status();
  }

  bool IsString() const { return choice_.number == 3; }
  bool ReadBool(bool& value) {
    value = choice_.value != 0;
    return choice_.number == 1 || Fail("bool_param");
  }
  bool ReadUint64(uint64_t& value) {
    value = static_cast<uint32_t>(choice_.value);
    return choice_.number == 2 || Fail("uint32_param");
  }
  bool ReadString(std::string_view& value) {
    value = choice_.text();
    return choice_.number == 3 || Fail("string_param");
  }
  static Status SkipAny() { return base::OkStatus(); }
  const Status& status() const { return status_; }

 private:
  bool Fail(std::string_view expected) {
    status_ = base::InvalidArgument(StrCat("expected ", expected));
    return false;
  }

  WireField choice_;
  Status status_;
};

Status ReadLogSettings(std::span<const std::byte> message, openinference::LogSettings& settings) {
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.number != 1 || field.type != WireType::kBytes) continue;
    std::string_view key;
    WireField value_field;
    SLIPWAY_RETURN_IF_ERROR(ReadMapEntry(reader.Enter(field), key, value_field));
    SettingValue value;
    SLIPWAY_RETURN_IF_ERROR(value.Read(reader, value_field));
    const Status status = openinference::ReadLogSetting(key, value, settings);
    if (!status.ok()) return status.WithContext(StrCat("'", base::Printable(key), "'"));
  }
  return reader.status();
}

// One entry of LogSettingsResponse.settings; `field` is the number of the value's form.
void WriteSetting(std::string_view name, uint32_t field, uint64_t value, std::string& out) {
  std::string entry;
  std::string setting;
  if (field == 3) {
    base::WireWriter(setting).Bytes(field, value != 0 ? "ISO8601" : "");
  } else {
    base::WireWriter(setting).Varint(field, value);
  }
  WriteText(1, name, entry);
  WriteMessage(2, setting, entry);
  WriteMessage(1, entry, out);
}

}  // namespace

void ServerLive(UnaryCall& call) {
  WriteFlag(1, call.services().state.live(), call.reply());
  call.Finish(base::OkStatus());
}

void ServerReady(UnaryCall& call) {
  const ServerState& state = call.services().state;
  WriteFlag(1, state.ready() && !state.draining(), call.reply());
  call.Finish(base::OkStatus());
}

void ServerMetadata(UnaryCall& call) {
  const ServerState& state = call.services().state;
  std::string& out = call.reply();
  WriteText(1, state.name(), out);
  WriteText(2, state.version(), out);
  for (const std::string_view extension : openinference::Extensions(call.services())) {
    WriteText(3, extension, out);
  }
  call.Finish(base::OkStatus());
}

void LogSettings(UnaryCall& call) {
  openinference::LogSettings asked;
  Status status = ReadLogSettings(call.message(), asked);
  if (status.ok()) status = openinference::ApplyLogSettings(asked, call.services().log);
  const openinference::LogSettings now = openinference::LogSettingsOf(call.services().log.level());
  std::string& out = call.reply();
  WriteSetting("log_file", 3, 0, out);
  WriteSetting("log_info", 1, now.info.value_or(false) ? 1 : 0, out);
  WriteSetting("log_warning", 1, now.warning.value_or(false) ? 1 : 0, out);
  WriteSetting("log_error", 1, now.error.value_or(false) ? 1 : 0, out);
  WriteSetting("log_verbose_level", 2, now.verbose.value_or(0), out);
  WriteSetting("log_format", 3, 1, out);
  call.Finish(status);
}

}  // namespace slipway::frontend::grpc

#include "frontend/grpc/model_config_message.h"

#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/protobuf_wire.h"
#include "frontend/openinference/model_config_json.h"

namespace slipway::frontend::grpc {
namespace {

using Json = nlohmann::ordered_json;
using Type = ProtoSchema::Type;

std::optional<uint64_t> Integer(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_number_integer()) return static_cast<uint64_t>(value.get<int64_t>());
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.get_ref<const std::string&>();
  const char* const end = text.data() + text.size();
  int64_t number = 0;
  if (const auto read = std::from_chars(text.data(), end, number);
      read.ec == std::errc() && read.ptr == end) {
    return static_cast<uint64_t>(number);
  }
  uint64_t large = 0;
  if (const auto read = std::from_chars(text.data(), end, large);
      read.ec == std::errc() && read.ptr == end) {
    return large;
  }
  return std::nullopt;
}

// Encodes JSON values by a schema.
class Encoder {
 public:
  explicit Encoder(const ProtoSchema& schema) : schema_(schema) {}

  void Message(const ProtoSchema::Message& message, const Json& object, std::string& out) const {
    if (!object.is_object()) return;
    for (const ProtoSchema::Field& field : message.fields) {
      const auto found = object.find(std::string(field.name));
      if (found != object.end()) FieldValue(field, *found, out);
    }
  }

 private:
  void FieldValue(const ProtoSchema::Field& field, const Json& value, std::string& out) const {
    if (!field.repeated) {
      Element(field, value, out);
      return;
    }
    const ProtoSchema::Message* const entry =
        field.type == Type::kMessage ? schema_.FindMessage(field.type_name) : nullptr;
    if (entry != nullptr && entry->map_entry && value.is_object()) {
      for (const auto& [key, element] : value.items()) {
        Entry(field, *entry, {{"key", key}, {"value", element}}, out);
      }
    } else if (value.is_array()) {
      for (const Json& element : value) Element(field, element, out);
    }
  }

  void Entry(const ProtoSchema::Field& field, const ProtoSchema::Message& entry, const Json& value,
             std::string& out) const {
    std::string message;
    Message(entry, value, message);
    base::WireWriter(out).Bytes(field.number, message);
  }

  void Element(const ProtoSchema::Field& field, const Json& value, std::string& out) const {
    base::WireWriter writer(out);
    switch (field.type) {
      case Type::kString:
      case Type::kBytes:
        if (value.is_string()) writer.Bytes(field.number, value.get_ref<const std::string&>());
        return;
      case Type::kBool:
        if (value.is_boolean()) writer.Varint(field.number, value.get<bool>() ? 1 : 0);
        return;
      case Type::kDouble:
        if (value.is_number()) {
          writer.Fixed64(field.number, std::bit_cast<uint64_t>(value.get<double>()));
        }
        return;
      case Type::kFloat:
        if (value.is_number()) {
          writer.Fixed32(field.number, std::bit_cast<uint32_t>(value.get<float>()));
        }
        return;
      case Type::kEnum:
        if (const auto number = EnumValue(field, value)) writer.Varint(field.number, *number);
        return;
      case Type::kMessage:
        if (const auto* message = schema_.FindMessage(field.type_name)) {
          if (value.is_object()) Entry(field, *message, value, out);
        }
        return;
      case Type::kInt64:
      case Type::kUint64:
      case Type::kInt32:
      case Type::kUint32:
        if (const auto number = Integer(value)) writer.Varint(field.number, *number);
        return;
    }
  }

  std::optional<uint64_t> EnumValue(const ProtoSchema::Field& field, const Json& value) const {
    if (!value.is_string()) return Integer(value);
    const ProtoSchema::Enumeration* const names = schema_.FindEnumeration(field.type_name);
    if (names == nullptr) return std::nullopt;
    const auto found = names->find(value.get_ref<const std::string&>());
    if (found == names->end()) return std::nullopt;
    return found->second;
  }

  const ProtoSchema& schema_;
};

}  // namespace

std::string EncodeJson(const ProtoSchema& schema, std::string_view message, std::string_view json) {
  std::string out;
  const Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const ProtoSchema::Message* const type = schema.FindMessage(message);
  if (type != nullptr) Encoder(schema).Message(*type, object, out);
  return out;
}

std::string ModelConfigMessage(const ProtoSchema& schema, const lifecycle::LoadedModel& model,
                               std::string_view backend) {
  return EncodeJson(schema, "inference.ModelConfig",
                    openinference::ModelConfigJson(model, backend));
}

}  // namespace slipway::frontend::grpc

#include "frontend/grpc/proto_schema.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/protobuf_wire.h"
#include "base/str_cat.h"

namespace slipway::frontend::grpc {

using base::StrCat;
using base::WireField;
using base::WireReader;

namespace {

// "inference" and "DataType": "inference.DataType"
std::string Join(std::string_view scope, std::string_view name) {
  return scope.empty() ? std::string(name) : StrCat(scope, ".", name);
}

// Types are written with a leading dot.
std::string_view TypeName(std::string_view text) {
  return text.starts_with('.') ? text.substr(1) : text;
}

// The text in field `number` of a message, "" when there is none.
std::string_view TextOf(WireReader reader, uint32_t number) {
  std::string_view text;
  for (WireField field; reader.Next(field);) {
    if (field.number == number) text = field.text();
  }
  SLIPWAY_CHECK(reader.status().ok());
  return text;
}

template <typename Map>
auto FindIn(const Map& map, std::string_view name) -> const typename Map::mapped_type* {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

// Fills in a schema, file by file. The numbers are those of descriptor.proto's fields.
class ProtoSchema::Reader {
 public:
  explicit Reader(ProtoSchema& schema) : schema_(schema) {}

  void ReadFile(WireReader reader, std::span<const std::byte> bytes) {
    File& file = schema_.files_.emplace_back();
    file.bytes = bytes;
    const std::string_view package = TextOf(reader, 2);
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) file.name = field.text();
      if (field.number == 3) file.imports.push_back(field.text());
      if (field.number == 4) ReadMessage(reader.Enter(field), package);
      if (field.number == 5) ReadEnumeration(reader.Enter(field), package);
      if (field.number == 6) ReadService(reader.Enter(field), package);
    }
  }

 private:
  void Declare(std::string_view scope, std::string_view name) {
    schema_.symbols_.emplace(Join(scope, name), schema_.files_.size() - 1);
  }

  void ReadMessage(WireReader reader, std::string_view scope) {
    const std::string_view name = TextOf(reader, 1);
    const std::string full = Join(scope, name);
    Declare(scope, name);
    Message message;
    for (WireField field; reader.Next(field);) {
      if (field.number == 2) message.fields.push_back(ReadField(reader.Enter(field), full));
      if (field.number == 3) ReadMessage(reader.Enter(field), full);
      if (field.number == 4) ReadEnumeration(reader.Enter(field), full);
      if (field.number == 7) message.map_entry = IsMapEntry(reader.Enter(field));
    }
    schema_.messages_.emplace(full, std::move(message));
  }

  Field ReadField(WireReader reader, std::string_view scope) {
    Field made;
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) made.name = field.text();
      if (field.number == 3) made.number = static_cast<uint32_t>(field.value);
      if (field.number == 4) made.repeated = field.value == 3;  // LABEL_REPEATED
      if (field.number == 5) made.type = static_cast<Type>(field.value);
      if (field.number == 6) made.type_name = TypeName(field.text());
    }
    Declare(scope, made.name);
    return made;
  }

  static bool IsMapEntry(WireReader options) {
    bool map_entry = false;
    for (WireField field; options.Next(field);) {
      if (field.number == 7) map_entry = field.value != 0;
    }
    return map_entry;
  }

  // The values of an enumeration are declared beside it, not within it.
  void ReadEnumeration(WireReader reader, std::string_view scope) {
    const std::string_view name = TextOf(reader, 1);
    Declare(scope, name);
    Enumeration values;
    for (WireField field; reader.Next(field);) {
      if (field.number != 2) continue;
      std::string_view value_name;
      uint64_t value = 0;
      WireReader value_reader = reader.Enter(field);
      for (WireField part; value_reader.Next(part);) {
        if (part.number == 1) value_name = part.text();
        if (part.number == 2) value = part.value;
      }
      values.emplace(value_name, value);
      Declare(scope, value_name);
    }
    schema_.enumerations_.emplace(Join(scope, name), std::move(values));
  }

  void ReadService(WireReader reader, std::string_view scope) {
    const std::string_view name = TextOf(reader, 1);
    const std::string full = Join(scope, name);
    Declare(scope, name);
    std::vector<Method> methods;
    for (WireField field; reader.Next(field);) {
      if (field.number != 2) continue;
      Method& method = methods.emplace_back();
      WireReader parts = reader.Enter(field);
      for (WireField part; parts.Next(part);) {
        if (part.number == 1) method.name = part.text();
        if (part.number == 2) method.request = TypeName(part.text());
        if (part.number == 3) method.response = TypeName(part.text());
        if (part.number == 5) method.client_streams = part.value != 0;
        if (part.number == 6) method.server_streams = part.value != 0;
      }
      Declare(full, method.name);
    }
    schema_.services_.emplace(full, std::move(methods));
  }

  ProtoSchema& schema_;
};

ProtoSchema::ProtoSchema(std::span<const std::byte> descriptor_set) {
  WireReader reader(descriptor_set);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) Reader(*this).ReadFile(reader.Enter(field), field.bytes);
  }
  SLIPWAY_CHECK(reader.status().ok());
}

const ProtoSchema::Message* ProtoSchema::FindMessage(std::string_view name) const {
  return FindIn(messages_, name);
}

const ProtoSchema::Enumeration* ProtoSchema::FindEnumeration(std::string_view name) const {
  return FindIn(enumerations_, name);
}

const std::vector<ProtoSchema::Method>* ProtoSchema::FindService(std::string_view name) const {
  return FindIn(services_, name);
}

const ProtoSchema::File* ProtoSchema::FindFile(std::string_view path) const {
  const auto found = std::ranges::find(files_, path, &File::name);
  return found == files_.end() ? nullptr : &*found;
}

const ProtoSchema::File* ProtoSchema::FindFileOf(std::string_view symbol) const {
  const size_t* const position = FindIn(symbols_, symbol);
  return position == nullptr ? nullptr : &files_[*position];
}

std::vector<const ProtoSchema::File*> ProtoSchema::WithImports(const File& file) const {
  // Files stand after what they import: going backwards meets every importer first.
  std::vector<const File*> wanted = {&file};
  for (size_t i = files_.size(); i > 0; --i) {
    const File& candidate = files_[i - 1];
    const auto imports = [&](const File* other) {
      return std::ranges::find(other->imports, candidate.name) != other->imports.end();
    };
    if (std::ranges::any_of(wanted, imports)) wanted.push_back(&candidate);
  }
  std::ranges::reverse(wanted);
  return wanted;
}

}  // namespace slipway::frontend::grpc

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::frontend::grpc {

// The messages, enumerations, services and files of a FileDescriptorSet. Borrows its bytes, which
// are our own: damage is a broken invariant. Immutable, so thread-safe.
// Source: google/protobuf/descriptor.proto.
class ProtoSchema {
 public:
  // As FieldDescriptorProto.Type numbers them; the ones that our messages use.
  enum class Type : uint8_t {
    kDouble = 1,
    kFloat = 2,
    kInt64 = 3,
    kUint64 = 4,
    kInt32 = 5,
    kBool = 8,
    kString = 9,
    kMessage = 11,
    kBytes = 12,
    kUint32 = 13,
    kEnum = 14,
  };
  struct Field {
    std::string_view name;
    uint32_t number = 0;
    Type type = Type::kInt64;
    bool repeated = false;
    std::string_view type_name;  // kMessage, kEnum: "inference.DataType"
  };
  struct Message {
    std::vector<Field> fields;
    bool map_entry = false;
  };
  using Enumeration = std::map<std::string_view, uint64_t>;  // values by their names
  struct Method {
    std::string_view name;
    std::string_view request;
    std::string_view response;
    bool client_streams = false;
    bool server_streams = false;
  };
  struct File {
    std::string_view name;
    std::span<const std::byte> bytes;  // its FileDescriptorProto
    std::vector<std::string_view> imports;
  };

  explicit ProtoSchema(std::span<const std::byte> descriptor_set);

  // By full name, without a leading dot; nullptr when there is none.
  const Message* FindMessage(std::string_view name) const;
  const Enumeration* FindEnumeration(std::string_view name) const;
  const std::vector<Method>* FindService(std::string_view name) const;
  // By path: "inference/grpc_service.proto".
  const File* FindFile(std::string_view path) const;
  // The file that declares a message, field, enumeration, value, service or method.
  const File* FindFileOf(std::string_view symbol) const;
  // A file and all it imports, each after what it imports.
  std::vector<const File*> WithImports(const File& file) const;

 private:
  class Reader;

  std::vector<File> files_;
  std::map<std::string, Message, std::less<>> messages_;
  std::map<std::string, Enumeration, std::less<>> enumerations_;
  std::map<std::string, std::vector<Method>, std::less<>> services_;
  std::map<std::string, size_t, std::less<>> symbols_;  // positions in files_
};

}  // namespace slipway::frontend::grpc

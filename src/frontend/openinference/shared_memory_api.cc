#include "frontend/openinference/shared_memory_api.h"

#include <optional>
#include <string_view>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_text.h"
#include "tensor/json_reader.h"

namespace slipway::frontend::openinference {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

Result<RegisterRequest> ReadRegisterRequest(std::span<std::byte> body) {
  std::optional<std::string_view> object;
  std::optional<uint64_t> byte_size;
  uint64_t offset = 0;
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(ReadObject(reader, [&](std::string_view key) -> Status {
    if (key == "key") {
      std::string_view text;
      if (reader.ReadString(text)) object = text;
    } else if (key == "offset") {
      reader.ReadUint64(offset);
    } else if (key == "byte_size") {
      uint64_t size = 0;
      if (reader.ReadUint64(size)) byte_size = size;
    } else {
      return InvalidArgument(StrCat("expected 'key', 'offset' and 'byte_size', got the key '",
                                    base::Printable(key), "'"));
    }
    return reader.status();
  }));
  if (!reader.Finish()) return reader.status();
  if (!object) return InvalidArgument("'key' is missing: the name of the shared memory object");
  if (!byte_size) return InvalidArgument("'byte_size' is missing");
  return RegisterRequest{.key = std::string(*object), .offset = offset, .byte_size = *byte_size};
}

std::string RegionsJson(std::span<const SharedMemoryRegistry::Region> regions) {
  std::string out = "[";
  for (const SharedMemoryRegistry::Region& region : regions) {
    if (out.size() > 1) out.push_back(',');
    out.append("{\"name\":");
    base::AppendJsonString(out, region->name);
    out.append(",\"key\":");
    base::AppendJsonString(out, region->key);
    out.append(",\"offset\":");
    AppendNumber(region->file.offset(), out);
    out.append(",\"byte_size\":");
    AppendNumber(region->file.size(), out);
    out.push_back('}');
  }
  out.push_back(']');
  return out;
}

}  // namespace slipway::frontend::openinference

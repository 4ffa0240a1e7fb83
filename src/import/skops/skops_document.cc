#include "import/skops/skops_document.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "import/skops/archive.h"
#include "import/skops/schema.h"

namespace slipway::import::skops {
namespace {

using base::Result;
using base::StrCat;
using pickle::Document;

constexpr std::string_view kSchema = "schema.json";
// A schema takes more memory than its text, so that the text itself may be packed only so far.
constexpr uint64_t kFreeSchemaBytes = uint64_t{8} << 20;
constexpr uint64_t kMaxSchemaRatio = 200;
// What sparse matrices, which are archives in the archive, may unpack to beyond its size.
constexpr uint64_t kFreeKeptBytes = uint64_t{64} << 20;

}  // namespace

bool Recognizes(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with("PK\x03\x04")) return false;
  // skops writes the schema last, and the directory follows in the same order.
  constexpr size_t kTail = 4096;
  return text.substr(text.size() - std::min(text.size(), kTail)).find(kSchema) != text.npos;
}

Result<std::unique_ptr<const Document>> ReadDocument(std::span<const std::byte> file,
                                                     const ImportLimits& limits) {
  if (file.size() > limits.max_file_bytes) {
    return base::ResourceExhausted(
        StrCat("file of ", file.size(), " bytes: at most ", limits.max_file_bytes, " are read"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Archive archive, Archive::Open(file, limits));
  auto document = std::make_unique<Document>(limits);
  // Texts of the schema and headers of arrays are kept beside the members themselves.
  document->HoldTo(2 * archive.total_bytes() + kFreeKeptBytes);
  document->set_unpacked_bytes(archive.total_bytes());
  const uint64_t schema_bytes = archive.SizeOf(kSchema);
  if (schema_bytes > std::max<uint64_t>(kFreeSchemaBytes, kMaxSchemaRatio * file.size())) {
    return base::ResourceExhausted(
        StrCat("skops: ", kSchema, " of ", schema_bytes, " bytes in a file of ", file.size()));
  }
  std::string unpacked;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view schema,
                           archive.Read(std::string(kSchema), unpacked));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value root,
                           ReadSchema(schema, archive, limits, *document));
  document->set_root(root);
  return std::unique_ptr<const Document>(std::move(document));
}

}  // namespace slipway::import::skops

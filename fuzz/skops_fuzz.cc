// Any bytes as a skops file: reading must end, in time and memory in proportion, with plain data or
// a Status whose message is printable; so must the import of what was read. Input that begins with
// '{' is the schema alone, in an archive with one small array, so that the checksum of ZIP does not
// keep the fuzzer from it.
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "import/sklearn/sklearn_importer.h"
#include "import/skops/skops_document.h"

namespace {

template <typename T>
void Append(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// An archive of stored members.
std::string Archive(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out;
  std::string directory;
  for (const auto& [name, content] : members) {
    std::string common(10, '\0');
    Append(static_cast<uint32_t>(
               crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size())),
           common);
    Append(static_cast<uint32_t>(content.size()), common);
    Append(static_cast<uint32_t>(content.size()), common);
    Append(static_cast<uint16_t>(name.size()), common);
    Append(uint16_t{0}, common);
    directory.append("PK\x01\x02").append(2, '\0').append(common).append(10, '\0');
    Append(static_cast<uint32_t>(out.size()), directory);
    directory += name;
    out.append("PK\x03\x04").append(common).append(name).append(content);
  }
  const auto begin = static_cast<uint32_t>(out.size());
  out.append(directory).append("PK\x05\x06").append(4, '\0');
  Append(static_cast<uint16_t>(members.size()), out);
  Append(static_cast<uint16_t>(members.size()), out);
  Append(static_cast<uint32_t>(directory.size()), out);
  Append(begin, out);
  return out.append(2, '\0');
}

// A vector of four doubles.
std::string SmallArray() {
  const std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }\n";
  std::string out("\x93NUMPY\1\0", 8);
  Append(static_cast<uint16_t>(header.size()), out);
  out += header;
  for (const double value : {0.5, -1.0, 2.0, 3.5}) Append(value, out);
  return out;
}

void CheckMessage(const slipway::base::Status& status) {
  SLIPWAY_CHECK(status.ok() || !status.message().empty());
  SLIPWAY_CHECK(slipway::base::IsValidUtf8(status.message()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slipway::import::ImportOptions options;
  options.limits.max_values = 1'000'000;
  options.limits.max_unpacked_bytes = 1 << 20;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with('{')) {
    bytes = Archive({{"1.npy", SmallArray()}, {"schema.json", std::move(bytes)}});
  }
  const auto file = std::as_bytes(std::span(bytes));
  CheckMessage(slipway::import::skops::ReadDocument(file, options.limits).status());
  if (!slipway::import::skops::Recognizes(file)) return 0;
  CheckMessage(slipway::import::sklearn::SklearnImporter().import(file, options).status());
  return 0;
}

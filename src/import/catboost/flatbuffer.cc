#include "import/catboost/flatbuffer.h"

#include <utility>

#include "base/str_cat.h"

namespace slipway::import::catboost {

using base::Result;
using base::Status;
using base::StrCat;

Status FlatTable::Error(size_t at, std::string_view message) const {
  return base::InvalidArgument(StrCat("FlatBuffers, byte ", at, ": ", message));
}

Result<uint32_t> FlatTable::Offset(size_t at) const {
  if (at > file_.size() || file_.size() - at < 4) return Error(at, "the file ends here");
  uint32_t offset = 0;
  std::memcpy(&offset, file_.data() + at, 4);
  return offset;
}

Result<FlatTable> FlatTable::Root(std::span<const std::byte> file) {
  FlatTable table(file, 0, std::make_shared<uint64_t>(2 * uint64_t{file.size()}));
  SLIPWAY_ASSIGN_OR_RETURN(const uint32_t root, table.Offset(0));
  table.at_ = root;
  SLIPWAY_RETURN_IF_ERROR(table.Offset(root).status());
  return table;
}

Result<std::optional<size_t>> FlatTable::FieldAt(int field, size_t size) const {
  SLIPWAY_ASSIGN_OR_RETURN(const uint32_t back, Offset(at_));
  // The list of fields lies before the table, or behind it: the distance has a sign.
  const int64_t list = static_cast<int64_t>(at_) - static_cast<int32_t>(back);
  const auto file_size = static_cast<int64_t>(file_.size());
  if (list < 0 || list > file_size - 4) return Error(at_, "a table without a list of its fields");
  uint16_t sizes[2] = {};  // of the list, and of the table
  std::memcpy(sizes, file_.data() + list, 4);
  const int64_t entry = 4 + 2 * int64_t{field};
  if (entry + 2 > sizes[0]) return std::optional<size_t>();
  if (list + entry + 2 > file_size) return Error(at_, "the list of fields ends with the file");
  uint16_t offset = 0;
  std::memcpy(&offset, file_.data() + list + entry, 2);
  if (offset == 0) return std::optional<size_t>();
  if (file_.size() - at_ < offset + size) return Error(at_, "a field outside of the file");
  return std::optional<size_t>(at_ + offset);
}

Result<std::optional<size_t>> FlatTable::Target(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto at, FieldAt(field, 4));
  if (!at) return std::optional<size_t>();
  SLIPWAY_ASSIGN_OR_RETURN(const uint32_t offset, Offset(*at));
  return std::optional<size_t>(*at + offset);
}

Result<std::span<const std::byte>> FlatTable::VectorAt(size_t at, size_t element_size) const {
  SLIPWAY_ASSIGN_OR_RETURN(const uint32_t count, Offset(at));
  const uint64_t bytes = uint64_t{count} * element_size;
  if (bytes > file_.size() - at - 4) {
    return Error(at, StrCat("a vector of ", bytes, " bytes with ", file_.size() - at - 4, " left"));
  }
  if (bytes > *budget_) return Error(at, "vectors that lie on top of each other");
  *budget_ -= bytes;
  return file_.subspan(at + 4, static_cast<size_t>(bytes));
}

Result<std::span<const std::byte>> FlatTable::VectorBytes(int field, size_t element_size) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto at, Target(field));
  if (!at) return std::span<const std::byte>();
  return VectorAt(*at, element_size);
}

Result<std::vector<size_t>> FlatTable::Targets(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, VectorBytes(field, 4));
  const auto first = static_cast<size_t>(bytes.data() - file_.data());
  std::vector<size_t> out(bytes.size() / 4);
  for (size_t i = 0; i < out.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint32_t offset, Offset(first + i * 4));
    out[i] = first + i * 4 + offset;
  }
  return out;
}

Result<std::string> FlatTable::Text(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, VectorBytes(field, 1));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::optional<FlatTable>> FlatTable::Table(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto at, Target(field));
  if (!at) return std::optional<FlatTable>();
  SLIPWAY_RETURN_IF_ERROR(Offset(*at).status());
  return std::optional<FlatTable>(FlatTable(file_, *at, budget_));
}

Result<std::vector<FlatTable>> FlatTable::Tables(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto targets, Targets(field));
  std::vector<FlatTable> out;
  out.reserve(targets.size());
  for (const size_t target : targets) {
    SLIPWAY_RETURN_IF_ERROR(Offset(target).status());
    out.push_back(FlatTable(file_, target, budget_));
  }
  return out;
}

Result<std::vector<std::string>> FlatTable::Texts(int field) const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto targets, Targets(field));
  std::vector<std::string> out;
  out.reserve(targets.size());
  for (const size_t target : targets) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, VectorAt(target, 1));
    out.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return out;
}

}  // namespace slipway::import::catboost

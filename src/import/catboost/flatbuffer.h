#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"

namespace slipway::import::catboost {

// A table of a FlatBuffers file, read field by field. A field is a position in the table's schema;
// one that the file leaves out has its default value, or is empty.
//
// Every offset is held against the bytes of the file before it is followed. A small file may point
// to the same bytes over and over; what all vectors and texts that were read take together is
// therefore limited to twice the file. Borrows the bytes. Errors: kInvalidArgument with the byte.
// Thread-compatible. Source: FlatBuffers, "Internals".
class FlatTable {
 public:
  static base::Result<FlatTable> Root(std::span<const std::byte> file);

  template <typename T>
  base::Result<T> Scalar(int field, T otherwise) const {
    SLIPWAY_ASSIGN_OR_RETURN(const auto at, FieldAt(field, sizeof(T)));
    if (!at) return otherwise;
    T value;
    std::memcpy(&value, file_.data() + *at, sizeof(T));
    return value;
  }
  // A vector of numbers, or of structs of such.
  template <typename T>
  base::Result<std::vector<T>> Vector(int field) const {
    static_assert(std::is_trivially_copyable_v<T>);
    SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, VectorBytes(field, sizeof(T)));
    std::vector<T> out(bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  base::Result<std::string> Text(int field) const;
  base::Result<std::optional<FlatTable>> Table(int field) const;
  base::Result<std::vector<FlatTable>> Tables(int field) const;
  base::Result<std::vector<std::string>> Texts(int field) const;

 private:
  FlatTable(std::span<const std::byte> file, size_t at, std::shared_ptr<uint64_t> budget)
      : file_(file), at_(at), budget_(std::move(budget)) {}

  base::Status Error(size_t at, std::string_view message) const;
  base::Result<uint32_t> Offset(size_t at) const;
  // Where the field is, with `size` bytes there; nullopt where the file leaves it out.
  base::Result<std::optional<size_t>> FieldAt(int field, size_t size) const;
  // What the offset in the field points to; nullopt where the file leaves it out.
  base::Result<std::optional<size_t>> Target(int field) const;
  base::Result<std::span<const std::byte>> VectorAt(size_t at, size_t element_size) const;
  base::Result<std::span<const std::byte>> VectorBytes(int field, size_t element_size) const;
  // The places that a vector of offsets points to.
  base::Result<std::vector<size_t>> Targets(int field) const;

  std::span<const std::byte> file_;
  size_t at_ = 0;
  std::shared_ptr<uint64_t> budget_;  // bytes that may still be read; shared by all tables
};

}  // namespace slipway::import::catboost

#include "tensor/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/str_cat.h"

// Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16, 4.5.3. What the central directory
// says counts; local headers only tell where the data begins.
namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using Bytes = std::span<const std::byte>;

constexpr uint32_t kLocalSignature = 0x04034B50;
constexpr uint32_t kCentralSignature = 0x02014B50;
constexpr uint32_t kEndSignature = 0x06054B50;
constexpr size_t kLocalBytes = 30;
constexpr size_t kCentralBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kMaxComment = 65535;
constexpr uint32_t kInZip64 = 0xFFFFFFFF;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr uint16_t kVersion = 20;  // 2.0, to make and to read a stored member

template <typename T>
T Read(Bytes file, size_t at) {
  T value{};
  std::memcpy(&value, file.data() + at, sizeof(value));
  return value;
}

Status Damaged(std::string_view what) { return InvalidArgument(StrCat("ZIP: ", what)); }

Result<size_t> FindEnd(Bytes file) {
  if (file.size() < kEndBytes) return Damaged("not a ZIP archive: too short");
  const size_t last = file.size() - kEndBytes;
  const size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (size_t at = last + 1; at-- > first;) {
    if (Read<uint32_t>(file, at) == kEndSignature) return at;
  }
  return Damaged("not a ZIP archive: no end of central directory");
}

// Replaces sizes that a 32-bit field could not hold by those of the extra field (id 1).
Status ReadZip64(Bytes extra, ZipMember& member) {
  while (extra.size() >= 4) {
    const auto id = Read<uint16_t>(extra, 0);
    const auto size = Read<uint16_t>(extra, 2);
    if (size > extra.size() - 4) break;
    Bytes field = extra.subspan(4, size);
    extra = extra.subspan(4 + size_t{size});
    if (id != 1) continue;
    for (uint64_t* value : {&member.size, &member.packed, &member.offset}) {
      if (*value != kInZip64) continue;
      if (field.size() < 8) return Damaged("a ZIP64 field is cut off");
      *value = Read<uint64_t>(field, 0);
      field = field.subspan(8);
    }
    return base::OkStatus();
  }
  return Damaged("a ZIP64 field is missing");
}

Result<ZipMember> ReadEntry(Bytes file, size_t& at, size_t end) {
  if (end - at < kCentralBytes || Read<uint32_t>(file, at) != kCentralSignature) {
    return Damaged("the central directory is damaged");
  }
  ZipMember member;
  member.encrypted = (Read<uint16_t>(file, at + 8) & 1) != 0;
  member.method = Read<uint16_t>(file, at + 10);
  member.crc = Read<uint32_t>(file, at + 16);
  member.packed = Read<uint32_t>(file, at + 20);
  member.size = Read<uint32_t>(file, at + 24);
  member.offset = Read<uint32_t>(file, at + 42);
  const size_t name = Read<uint16_t>(file, at + 28);
  const size_t extra = Read<uint16_t>(file, at + 30);
  const size_t comment = Read<uint16_t>(file, at + 32);
  at += kCentralBytes;
  if (end - at < name + extra + comment) return Damaged("the central directory is cut off");
  member.name.assign(reinterpret_cast<const char*>(file.data() + at), name);
  if (member.packed == kInZip64 || member.size == kInZip64 || member.offset == kInZip64) {
    SLIPWAY_RETURN_IF_ERROR(ReadZip64(file.subspan(at + name, extra), member));
  }
  at += name + extra + comment;
  return member;
}

// The member's bytes as they lie in the archive.
Result<Bytes> PackedBytes(Bytes file, const ZipMember& member) {
  const bool has_header = member.offset <= file.size() &&
                          file.size() - member.offset >= kLocalBytes &&
                          Read<uint32_t>(file, member.offset) == kLocalSignature;
  if (!has_header) return Damaged("the local header is not where the directory says");
  const size_t skip = kLocalBytes + Read<uint16_t>(file, member.offset + 26) +
                      size_t{Read<uint16_t>(file, member.offset + 28)};
  const Bytes rest = file.subspan(member.offset);
  if (rest.size() < skip || rest.size() - skip < member.packed)
    return Damaged("the data is cut off");
  return rest.subspan(skip, member.packed);
}

Result<std::string> Inflate(Bytes packed, uint64_t size) {
  constexpr uint64_t kMaxRatio = 1032;  // of deflate: more is a lie about the size
  if (size / kMaxRatio > packed.size() + 1) return Damaged("the size does not fit the data");
  std::string out(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return base::ResourceExhausted("zlib: no memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  uint64_t in_left = packed.size();
  uint64_t out_left = size;
  int result = Z_OK;
  while (result == Z_OK) {  // zlib counts in 32 bits
    constexpr uint64_t kStep = uint64_t{1} << 30;
    const auto in = static_cast<uInt>(std::min(in_left, kStep));
    const auto room = static_cast<uInt>(std::min(out_left, kStep));
    stream.avail_in = in;
    stream.avail_out = room;
    result = inflate(&stream, Z_NO_FLUSH);
    in_left -= in - stream.avail_in;
    out_left -= room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || out_left != 0) return Damaged("the compressed data is damaged");
  return out;
}

template <typename T>
void Append(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// What local header and central directory have in common, from "version needed" on.
void AppendCommon(uint32_t crc, uint32_t size, size_t name_bytes, std::string& out) {
  Append(kVersion, out);
  Append<uint16_t>(0, out);  // flags
  Append(kStored, out);
  Append<uint16_t>(0, out);       // time: midnight
  Append<uint16_t>(0x0021, out);  // date: 1980-01-01
  Append(crc, out);
  Append(size, out);
  Append(size, out);
  Append(static_cast<uint16_t>(name_bytes), out);
  Append<uint16_t>(0, out);  // extra
}

uint32_t ChecksumOf(Bytes content) {
  const auto* const data = reinterpret_cast<const Bytef*>(content.data());
  return static_cast<uint32_t>(crc32_z(0, data, content.size()));
}

}  // namespace

Result<std::vector<ZipMember>> ReadZipDirectory(Bytes file, size_t max_members) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t end, FindEnd(file));
  const size_t count = Read<uint16_t>(file, end + 10);
  const size_t begin = Read<uint32_t>(file, end + 16);
  if (count > max_members) {
    return base::ResourceExhausted(
        StrCat("ZIP: expected at most ", max_members, " members, got ", count));
  }
  if (begin > end) return Damaged("the central directory lies outside the file");
  std::vector<ZipMember> members;
  size_t at = begin;
  for (size_t i = 0; i < count; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(ZipMember member, ReadEntry(file, at, end));
    members.push_back(std::move(member));
  }
  return members;
}

Result<Bytes> ReadZipMember(Bytes file, const ZipMember& member, std::string& unpacked) {
  if (member.encrypted) return base::Unimplemented("ZIP: it is encrypted");
  SLIPWAY_ASSIGN_OR_RETURN(Bytes content, PackedBytes(file, member));
  if (member.method == kDeflated) {
    SLIPWAY_ASSIGN_OR_RETURN(unpacked, Inflate(content, member.size));
    content = std::as_bytes(std::span(unpacked));
  } else if (member.method != kStored) {
    return base::Unimplemented(
        StrCat("ZIP: compression method ", member.method, " is not supported"));
  }
  if (content.size() != member.size || ChecksumOf(content) != member.crc) {
    return Damaged("size or checksum do not fit");
  }
  return content;
}

Status ZipWriter::Add(std::string_view name, std::string_view content) {
  if (members_ == std::numeric_limits<uint16_t>::max()) {
    return base::Unimplemented(StrCat("ZIP: more than ", members_, " members cannot be written"));
  }
  const bool fits = content.size() < kInZip64 - kMaxComment &&
                    archive_.size() < kInZip64 - kMaxComment - content.size();
  if (!fits || name.size() > kMaxComment) {
    return base::Unimplemented("ZIP: archives of 4 GiB and more cannot be written");
  }
  const uint32_t crc = ChecksumOf(std::as_bytes(std::span(content)));
  const auto size = static_cast<uint32_t>(content.size());
  Append(kCentralSignature, directory_);
  Append(kVersion, directory_);
  AppendCommon(crc, size, name.size(), directory_);
  Append<uint16_t>(0, directory_);  // comment
  Append<uint16_t>(0, directory_);  // disk
  Append<uint16_t>(0, directory_);  // internal attributes
  Append<uint32_t>(0, directory_);  // external attributes
  Append(static_cast<uint32_t>(archive_.size()), directory_);
  directory_.append(name);
  Append(kLocalSignature, archive_);
  AppendCommon(crc, size, name.size(), archive_);
  archive_.append(name).append(content);
  ++members_;
  return base::OkStatus();
}

std::string ZipWriter::Finish() && {
  const auto begin = static_cast<uint32_t>(archive_.size());
  archive_.append(directory_);
  Append(kEndSignature, archive_);
  Append<uint32_t>(0, archive_);  // this disk, disk of the directory
  Append(members_, archive_);
  Append(members_, archive_);
  Append(static_cast<uint32_t>(directory_.size()), archive_);
  Append(begin, archive_);
  Append<uint16_t>(0, archive_);  // comment
  return std::move(archive_);
}

}  // namespace slipway::tensor

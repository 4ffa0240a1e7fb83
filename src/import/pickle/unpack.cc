#include "import/pickle/unpack.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/str_cat.h"

namespace slipway::import::pickle {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using Bytes = std::span<const std::byte>;

constexpr uint64_t kFreeBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxRatio = 1000;
constexpr size_t kOldHeaderBytes = 21;  // "ZF" and a size in hexadecimal, of joblib before 0.10

// What comes first in a file, and how such a file is packed.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kMagics = {{
    {std::string_view("\x1f\x8b", 2), "gzip"},
    {"BZh", "bz2"},
    {std::string_view("\xfd\x37zXZ\x00", 6), "xz"},
    {std::string_view("\x5d\x00\x00", 3), "lzma"},
    {std::string_view("\x04\x22\x4d\x18", 4), "lz4"},
    {"ZF0x", "joblib 0.9 zlib"},
    {"x", "zlib"},
}};

std::string_view AsText(Bytes file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

enum class Step : uint8_t { kMore, kEnd, kDamaged, kNoMemory };

// One kind of packing: Next() reads from the input and fills the output as far as either goes.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual Step Next(std::string_view& in, std::span<char>& out) = 0;
};

class ZlibUnpacker final : public Unpacker {
 public:
  ZlibUnpacker() { ready_ = inflateInit2(&stream_, 15 + 32) == Z_OK; }  // 32: zlib or gzip
  ~ZlibUnpacker() override { inflateEnd(&stream_); }
  Step Next(std::string_view& in, std::span<char>& out) override {
    if (!ready_) return Step::kNoMemory;
    const auto given = static_cast<uInt>(std::min<size_t>(in.size(), 1 << 30));
    const auto room = static_cast<uInt>(std::min<size_t>(out.size(), 1 << 30));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = given;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(given - stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    if (code == Z_STREAM_END) return Step::kEnd;
    if (code == Z_MEM_ERROR) return Step::kNoMemory;
    return code == Z_OK || code == Z_BUF_ERROR ? Step::kMore : Step::kDamaged;
  }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
};

class Bz2Unpacker final : public Unpacker {
 public:
  Bz2Unpacker() { ready_ = BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK; }
  ~Bz2Unpacker() override {
    if (ready_) BZ2_bzDecompressEnd(&stream_);
  }
  Step Next(std::string_view& in, std::span<char>& out) override {
    if (!ready_) return Step::kNoMemory;
    const auto given = static_cast<unsigned>(std::min<size_t>(in.size(), 1 << 30));
    const auto room = static_cast<unsigned>(std::min<size_t>(out.size(), 1 << 30));
    stream_.next_in = const_cast<char*>(in.data());
    stream_.avail_in = given;
    stream_.next_out = out.data();
    stream_.avail_out = room;
    const int code = BZ2_bzDecompress(&stream_);
    in.remove_prefix(given - stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    if (code == BZ_STREAM_END) return Step::kEnd;
    if (code == BZ_MEM_ERROR) return Step::kNoMemory;
    return code == BZ_OK ? Step::kMore : Step::kDamaged;
  }

 private:
  bz_stream stream_ = {};
  bool ready_ = false;
};

class LzmaUnpacker final : public Unpacker {
 public:
  LzmaUnpacker() {
    constexpr uint64_t kMaxDictionary = uint64_t{1} << 28;
    ready_ = lzma_auto_decoder(&stream_, kMaxDictionary, 0) == LZMA_OK;
  }
  ~LzmaUnpacker() override { lzma_end(&stream_); }
  Step Next(std::string_view& in, std::span<char>& out) override {
    if (!ready_) return Step::kNoMemory;
    stream_.next_in = reinterpret_cast<const uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
    in.remove_prefix(in.size() - stream_.avail_in);
    out = out.subspan(out.size() - stream_.avail_out);
    if (code == LZMA_STREAM_END) return Step::kEnd;
    if (code == LZMA_MEM_ERROR || code == LZMA_MEMLIMIT_ERROR) return Step::kNoMemory;
    return code == LZMA_OK ? Step::kMore : Step::kDamaged;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ready_ = false;
};

// Frames, as joblib writes them; not the older formats of the lz4 tool. Blocks are at most 4 MiB.
class Lz4Unpacker final : public Unpacker {
 public:
  Lz4Unpacker() {
    ready_ = LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0;
  }
  ~Lz4Unpacker() override { LZ4F_freeDecompressionContext(context_); }
  Lz4Unpacker(const Lz4Unpacker&) = delete;
  Lz4Unpacker& operator=(const Lz4Unpacker&) = delete;
  Step Next(std::string_view& in, std::span<char>& out) override {
    if (!ready_) return Step::kNoMemory;
    size_t used = in.size();
    size_t made = out.size();
    const size_t left = LZ4F_decompress(context_, out.data(), &made, in.data(), &used, nullptr);
    if (LZ4F_isError(left) != 0) return Step::kDamaged;
    in.remove_prefix(used);
    out = out.subspan(made);
    return left == 0 ? Step::kEnd : Step::kMore;
  }

 private:
  LZ4F_dctx* context_ = nullptr;
  bool ready_ = false;
};

std::unique_ptr<Unpacker> UnpackerFor(std::string_view packing) {
  if (packing == "bz2") return std::make_unique<Bz2Unpacker>();
  if (packing == "xz" || packing == "lzma") return std::make_unique<LzmaUnpacker>();
  if (packing == "lz4") return std::make_unique<Lz4Unpacker>();
  return std::make_unique<ZlibUnpacker>();
}

// Fills `out` up to `max_bytes`; true when the data ended before.
Result<bool> UnpackInto(std::string& out, std::string_view in, std::string_view packing,
                        uint64_t max_bytes) {
  if (packing == "joblib 0.9 zlib") in.remove_prefix(std::min(in.size(), kOldHeaderBytes));
  const std::unique_ptr<Unpacker> unpacker = UnpackerFor(packing);
  while (out.size() < max_bytes) {
    const size_t had = out.size();
    const uint64_t step = std::max<uint64_t>(64 * 1024, had);
    out.resize(had + std::min<uint64_t>(step, max_bytes - had));
    std::span<char> room(out.data() + had, out.size() - had);
    const size_t input_left = in.size();
    const Step result = unpacker->Next(in, room);
    const bool stuck = in.size() == input_left && room.size() == out.size() - had;
    out.resize(out.size() - room.size());
    if (result == Step::kEnd) return true;
    if (result == Step::kNoMemory) {
      return base::ResourceExhausted(StrCat(packing, ": no memory to unpack the file"));
    }
    if (result == Step::kDamaged) {
      return InvalidArgument(
          StrCat(packing, ": damaged after ", out.size(), " bytes of unpacked data"));
    }
    if (stuck) {
      return InvalidArgument(
          StrCat(packing, ": the file is cut off after ", out.size(), " bytes of unpacked data"));
    }
  }
  return false;
}

}  // namespace

std::string_view PackingOf(Bytes file) {
  for (const auto& [magic, packing] : kMagics) {
    if (AsText(file).starts_with(magic)) return packing;
  }
  return {};
}

Result<std::string> Unpack(Bytes file, uint64_t max_bytes) {
  const uint64_t by_ratio = std::max<uint64_t>(kFreeBytes, file.size() * kMaxRatio);
  const uint64_t limit = std::min(max_bytes, by_ratio);
  std::string out;
  SLIPWAY_ASSIGN_OR_RETURN(const bool ended,
                           UnpackInto(out, AsText(file), PackingOf(file), limit + 1));
  if (!ended) {
    return base::ResourceExhausted(StrCat(PackingOf(file), ": a file of ", file.size(),
                                          " bytes unpacks to more than ", limit, ", the limit"));
  }
  return out;
}

std::string UnpackStart(Bytes file, size_t count) {
  std::string out;
  const auto ended = UnpackInto(out, AsText(file), PackingOf(file), count);
  return ended.ok() || !out.empty() ? out : std::string();
}

}  // namespace slipway::import::pickle

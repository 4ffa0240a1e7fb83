#include "net/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/text.h"

namespace slipway::net {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzipFormat = 16;    // added to the window bits: write gzip
constexpr int kDetectFormat = 32;  // added to the window bits: read gzip or zlib
constexpr int kFastest = 1;        // answers are compressed on the IO thread
constexpr char kGzipMagic = 0x1F;

// The weight of "gzip;q=0.5" in thousandths; 1000 without a q, 0 when it is malformed.
int Weight(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = base::TrimWhitespace(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (parameter.size() < 3 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') continue;
    const std::string_view digits = parameter.substr(2);
    if (digits[0] != '0' && digits[0] != '1') return 0;
    if (digits.size() > 1 && digits[1] != '.') return 0;
    int weight = (digits[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < digits.size(); ++i, unit /= 10) {
      if (digits[i] < '0' || digits[i] > '9') return 0;
      weight += (digits[i] - '0') * static_cast<int>(unit);
    }
    return std::min(weight, 1000);
  }
  return 1000;
}

}  // namespace

ContentCoding ParseContentCoding(std::string_view value) {
  if (value.empty() || base::EqualsIgnoreCase(value, "identity")) return ContentCoding::kIdentity;
  if (base::EqualsIgnoreCase(value, "gzip") || base::EqualsIgnoreCase(value, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (base::EqualsIgnoreCase(value, "deflate")) return ContentCoding::kDeflate;
  return ContentCoding::kUnknown;
}

std::string_view ContentCodingName(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::kGzip:
      return "gzip";
    case ContentCoding::kDeflate:
      return "deflate";
    default:
      return "identity";
  }
}

void AcceptedCodings::Add(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view element = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const size_t name_end = std::min(element.find(';'), element.size());
    const std::string_view name = base::TrimWhitespace(element.substr(0, name_end));
    const ContentCoding coding = name.empty() ? ContentCoding::kUnknown : ParseContentCoding(name);
    const int weight = Weight(element.substr(name_end));
    if (name == "*") any_ = weight > 0;
    if (coding == ContentCoding::kUnknown) continue;
    refused_[static_cast<size_t>(coding)] = weight == 0;
    if (weight > best_weight_) {
      best_ = coding;
      best_weight_ = weight;
    }
  }
}

ContentCoding AcceptedCodings::Choice() const {
  if (best_weight_ > 0 || !refused(ContentCoding::kIdentity) || !any_) return best_;
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kDeflate}) {
    if (!refused(coding)) return coding;
  }
  return best_;
}

struct Inflater::Stream {
  z_stream z{};
  ~Stream() { inflateEnd(&z); }
};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {
  SLIPWAY_CHECK(inflateInit2(&stream_->z, kWindowBits + kDetectFormat) == Z_OK);
}

Inflater::~Inflater() = default;

// At the start, and wherever data follows the end of a gzip member.
bool Inflater::BeginMember(std::string_view input) {
  const bool gzip = input.front() == kGzipMagic;
  if (started_ && !(gzip && gzip_)) return false;
  if (started_) inflateReset(&stream_->z);
  started_ = true;
  gzip_ = gzip;
  finished_ = false;
  return true;
}

size_t Inflater::Inflate(std::string_view& input, std::span<std::byte> out) {
  z_stream& z = stream_->z;
  size_t written = 0;
  while (!corrupt_ && written < out.size()) {
    if ((!started_ || finished_) && (input.empty() || !BeginMember(input))) {
      corrupt_ = !input.empty();
      break;
    }
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    z.avail_in = static_cast<uInt>(std::min<size_t>(input.size(), UINT32_MAX));
    z.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    z.avail_out = static_cast<uInt>(std::min<size_t>(out.size() - written, UINT32_MAX));
    const uInt room = z.avail_out;
    const uInt offered = z.avail_in;
    const int result = inflate(&z, Z_NO_FLUSH);
    written += room - z.avail_out;
    input.remove_prefix(offered - z.avail_in);
    finished_ = result == Z_STREAM_END;
    if (result == Z_BUF_ERROR) break;  // no progress is possible: more input, please
    corrupt_ = result != Z_OK && result != Z_STREAM_END;
  }
  return written;
}

struct Deflater::Stream {
  explicit Stream(int window_bits) {
    SLIPWAY_CHECK(deflateInit2(&z, kFastest, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) ==
                  Z_OK);
  }
  ~Stream() { deflateEnd(&z); }
  z_stream z{};
};

Deflater::Deflater() = default;
Deflater::~Deflater() = default;

Deflater::Stream& Deflater::StreamFor(ContentCoding coding) {
  std::unique_ptr<Stream>& stream = coding == ContentCoding::kGzip ? gzip_ : zlib_;
  if (stream == nullptr) {
    stream = std::make_unique<Stream>(coding == ContentCoding::kGzip ? kWindowBits + kGzipFormat
                                                                     : kWindowBits);
  } else {
    deflateReset(&stream->z);
  }
  return *stream;
}

bool Deflater::Compress(ContentCoding coding, std::span<const std::string_view> pieces,
                        std::string& out) {
  constexpr size_t kLargest = size_t{1} << 31;
  z_stream& z = StreamFor(coding).z;
  size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  if (total == 0 || total > kLargest) return false;
  const size_t before = out.size();
  out.resize(before + total);  // a result that does not fit is of no use
  z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  z.avail_out = static_cast<uInt>(total);
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    z.avail_in = static_cast<uInt>(piece.size());
    deflate(&z, Z_NO_FLUSH);  // takes all of it unless `out` is full, and then the end will not fit
  }
  const int result = deflate(&z, Z_FINISH);
  const bool smaller = result == Z_STREAM_END && z.avail_out > 0;
  out.resize(smaller ? before + total - z.avail_out : before);
  return smaller;
}

}  // namespace slipway::net

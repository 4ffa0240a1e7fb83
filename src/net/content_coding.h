#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace slipway::net {

// How a body is compressed. kDeflate is the zlib format of RFC 1950, as RFC 9110 section 8.4.1.2
// says, not raw deflate.
enum class ContentCoding : uint8_t { kIdentity, kGzip, kDeflate, kUnknown };

// The coding that a Content-Encoding header names; a list of codings is kUnknown.
ContentCoding ParseContentCoding(std::string_view value);
// "identity", "gzip" or "deflate".
std::string_view ContentCodingName(ContentCoding coding);

// What a request's Accept-Encoding headers want, all of them being one list (RFC 9110, 5.3): of
// identity, gzip and deflate the one with the highest q, the first of equals. "*" counts only where
// identity is ruled out (q=0); other codings say nothing; no header, or an empty one, means
// identity, and so does a list that rules out everything we have. A value; thread-compatible.
class AcceptedCodings {
 public:
  // One header's value; call in the order of the headers.
  void Add(std::string_view accept_encoding);
  ContentCoding Choice() const;

 private:
  bool refused(ContentCoding coding) const { return refused_[static_cast<size_t>(coding)]; }

  ContentCoding best_ = ContentCoding::kIdentity;
  int best_weight_ = 0;  // in thousandths
  std::array<bool, 3> refused_ = {};
  bool any_ = false;  // "*"
};

// Decompresses gzip or zlib data, whichever it begins with, as it comes. Several gzip members one
// after the other are one body. Thread-compatible.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  // Takes from the front of `input` and writes to `out`; the number of bytes written. Call until
  // `input` is empty and less than all of `out` was written.
  size_t Inflate(std::string_view& input, std::span<std::byte> out);
  bool corrupt() const { return corrupt_; }
  // The end of the data was seen and its checksum holds.
  bool finished() const { return finished_; }

 private:
  struct Stream;
  bool BeginMember(std::string_view input);

  std::unique_ptr<Stream> stream_;
  bool started_ = false;
  bool gzip_ = false;
  bool finished_ = false;
  bool corrupt_ = false;
};

// Compresses answers. Keeps its tables from one answer to the next. Thread-compatible.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  // Compresses the pieces, as one, to the end of `out`. False, and `out` as it was, when the result
  // would not be smaller.
  bool Compress(ContentCoding coding, std::span<const std::string_view> pieces, std::string& out);

 private:
  struct Stream;
  Stream& StreamFor(ContentCoding coding);

  std::unique_ptr<Stream> gzip_;
  std::unique_ptr<Stream> zlib_;
};

}  // namespace slipway::net

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/http1_parser.h"

namespace slipway::net {

// Undoes the chunked transfer coding of RFC 9112 section 7.1, strictly: CRLF line ends only, sizes
// of at most 15 hexadecimal digits. Chunk extensions and trailers are checked, bounded and dropped.
//
//   while ((outcome = decoder.Decode(input, data)) == kData) body.append(data);
//
// The result does not depend on how the bytes were cut into pieces. Thread-compatible.
class ChunkedDecoder {
 public:
  enum class Outcome : uint8_t { kNeedMore, kData, kDone, kError };
  static constexpr size_t kMaxExtensionBytes = 4096;  // of all chunks of a body together
  static constexpr size_t kMaxTrailerBytes = 8192;

  // Takes bytes off the front of `input`. kData: `data` is the next piece of the body, a view into
  // what `input` was. kNeedMore: all of `input` was used.
  Outcome Decode(std::string_view& input, std::string_view& data);
  const HttpError& error() const { return error_; }
  void Reset() { *this = ChunkedDecoder(); }

 private:
  enum class State : uint8_t {
    kSizeStart,  // the first digit of a chunk size
    kSize,       // further digits, or what follows them
    kBlank,      // blanks after the size: an extension must follow
    kExtension,  // after ';'
    kSizeEnd,    // LF after the chunk size line
    kData,
    kDataCr,
    kDataEnd,
    kTrailerStart,  // the first character of a trailer line, or the empty line's CR
    kTrailerName,
    kTrailerValue,
    kTrailerEnd,
    kLastEnd,  // LF of the empty line
    kDone,
  };
  bool Step(char c);
  bool StepSize(char c);
  bool StepTrailer(char c);
  bool Expect(char c, char wanted, State next);
  bool Fail(int status, std::string_view message);

  State state_ = State::kSizeStart;
  uint64_t left_ = 0;  // of the current chunk
  int digits_ = 0;
  size_t extension_bytes_ = 0;
  size_t trailer_bytes_ = 0;
  HttpError error_;
};

}  // namespace slipway::net

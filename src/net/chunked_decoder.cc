#include "net/chunked_decoder.h"

#include <algorithm>

#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

constexpr int kMaxSizeDigits = 15;

int HexValue(char c) {
  if (c <= '9') return c - '0';
  return (c | 0x20) - 'a' + 10;
}

}  // namespace

ChunkedDecoder::Outcome ChunkedDecoder::Decode(std::string_view& input, std::string_view& data) {
  if (error_) return Outcome::kError;
  while (state_ != State::kDone) {
    if (input.empty()) return Outcome::kNeedMore;
    if (state_ == State::kData) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
      data = input.substr(0, size);
      input.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = State::kDataCr;
      return Outcome::kData;
    }
    const char c = input.front();
    input.remove_prefix(1);
    if (!Step(c)) return Outcome::kError;
  }
  return Outcome::kDone;
}

bool ChunkedDecoder::Step(char c) {
  switch (state_) {
    case State::kSizeEnd:
      return Expect(c, '\n', left_ == 0 ? State::kTrailerStart : State::kData);
    case State::kDataCr:
      return Expect(c, '\r', State::kDataEnd);
    case State::kDataEnd:
      digits_ = 0;
      return Expect(c, '\n', State::kSizeStart);
    case State::kTrailerStart:
    case State::kTrailerName:
    case State::kTrailerValue:
      return StepTrailer(c);
    case State::kTrailerEnd:
      return Expect(c, '\n', State::kTrailerStart);
    case State::kLastEnd:
      return Expect(c, '\n', State::kDone);
    default:
      return StepSize(c);
  }
}

// chunk-size [ BWS ";" anything printable ] CR
bool ChunkedDecoder::StepSize(char c) {
  if (state_ != State::kExtension && Is(c, kHexDigit) && state_ != State::kBlank) {
    if (++digits_ > kMaxSizeDigits) return Fail(400, "a chunk size is too large");
    left_ = left_ * 16 + static_cast<uint64_t>(HexValue(c));
    state_ = State::kSize;
    return true;
  }
  if (state_ == State::kSizeStart) return Fail(400, "a chunk size is not a hexadecimal number");
  if (c == '\r' && state_ != State::kBlank) {
    state_ = State::kSizeEnd;
    return true;
  }
  if (state_ == State::kExtension ? !Is(c, kFieldChar) : (c != ';' && c != ' ' && c != '\t')) {
    return Fail(400, "a chunk size is followed by something that is no extension");
  }
  if (++extension_bytes_ > kMaxExtensionBytes)
    return Fail(400, "the chunk extensions are too large");
  if (state_ != State::kExtension) state_ = c == ';' ? State::kExtension : State::kBlank;
  return true;
}

bool ChunkedDecoder::StepTrailer(char c) {
  if (++trailer_bytes_ > kMaxTrailerBytes) return Fail(431, "the trailers are too large");
  if (state_ == State::kTrailerValue) {
    if (c == '\r') {
      state_ = State::kTrailerEnd;
      return true;
    }
    return Is(c, kFieldChar) || Fail(400, "a trailer has a control character");
  }
  if (c == '\r' && state_ == State::kTrailerStart) {
    state_ = State::kLastEnd;
    return true;
  }
  if (c == ':' && state_ == State::kTrailerName) {
    state_ = State::kTrailerValue;
    return true;
  }
  state_ = State::kTrailerName;
  return Is(c, kTokenChar) || Fail(400, "a trailer name is not a token directly before a ':'");
}

bool ChunkedDecoder::Expect(char c, char wanted, State next) {
  if (c != wanted) return Fail(400, "a line of the chunked body does not end in CRLF");
  state_ = next;
  return true;
}

bool ChunkedDecoder::Fail(int status, std::string_view message) {
  error_ = {status, std::string(message)};
  return false;
}

}  // namespace slipway::net

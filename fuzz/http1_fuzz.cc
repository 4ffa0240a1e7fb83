// HTTP/1 requests, one after the other, as a connection reads them: however the bytes are cut into
// pieces, the requests and the verdict are the same, and no byte behind the last is looked at.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "net/chunked_decoder.h"
#include "net/http1_parser.h"

namespace slipway::net {
namespace {

constexpr HeadLimits kLimits{.max_bytes = 2048, .max_count = 16, .max_target_bytes = 512};

// Reads requests from a stream that grows, and writes down what it saw.
class Reader {
 public:
  // `bytes` is the whole stream so far.
  void Read(std::string_view bytes) {
    while (!ended_ && (in_body_ ? ReadBody(bytes) : ReadHead(bytes))) {
    }
  }
  const std::string& seen() const { return seen_; }

 private:
  bool ReadHead(std::string_view bytes) {
    const std::string_view unread = bytes.substr(at_);
    const HeadScanner::Outcome outcome = scanner_.Scan(unread);
    if (outcome == HeadScanner::Outcome::kNeedMore) return false;
    if (outcome == HeadScanner::Outcome::kError) return Fail(scanner_.error());
    const std::string_view head =
        unread.substr(scanner_.begin(), scanner_.end() - scanner_.begin());
    if (const HttpError error = ParseRequestHead(head, kLimits, head_)) return Fail(error);
    at_ += scanner_.end();
    scanner_.Reset();
    chunked_.Reset();
    left_ = head_.content_length;
    in_body_ = true;
    Note("method", head_.method_name);
    Note("path", head_.path);
    Note("query", head_.query);
    for (const HttpHeader& header : head_.headers) Note(header.name, header.value);
    seen_ += head_.keep_alive ? "keep" : "close";
    return true;
  }

  bool ReadBody(std::string_view bytes) {
    std::string_view input = bytes.substr(at_);
    bool done = false;
    if (head_.chunked) {
      std::string_view data;
      ChunkedDecoder::Outcome outcome;
      while ((outcome = chunked_.Decode(input, data)) == ChunkedDecoder::Outcome::kData)
        seen_ += data;
      if (outcome == ChunkedDecoder::Outcome::kError) return Fail(chunked_.error());
      done = outcome == ChunkedDecoder::Outcome::kDone;
    } else {
      const std::string_view piece =
          input.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, input.size())));
      seen_ += piece;
      left_ -= piece.size();
      input.remove_prefix(piece.size());
      done = left_ == 0;
    }
    at_ = bytes.size() - input.size();
    in_body_ = !done;
    ended_ = done && !head_.keep_alive;
    return done;
  }

  void Note(std::string_view name, std::string_view value) {
    seen_.append(name).append("=").append(value).append("\n");
  }
  bool Fail(const HttpError& error) {
    ended_ = true;
    seen_.append(std::to_string(error.status)).append(error.message);
    return false;
  }

  HeadScanner scanner_{kLimits};
  ChunkedDecoder chunked_;
  RequestHead head_;
  size_t at_ = 0;
  uint64_t left_ = 0;
  bool in_body_ = false;
  bool ended_ = false;
  std::string seen_;
};

// A copy without a byte to spare, so that the sanitizer sees whoever reads on.
void ReadCopy(Reader& reader, std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  reader.Read({copy.get(), bytes.size()});
}

}  // namespace
}  // namespace slipway::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slipway::net::Reader;
  if (size > 16 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Reader whole;
  ReadCopy(whole, bytes);
  uint64_t random = size * 0x9E3779B97F4A7C15U + 1;
  for (const char c : bytes) random = (random ^ static_cast<uint8_t>(c)) * 0x100000001B3U;
  Reader cut;
  for (size_t at = 0; at < size;) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    at = std::min(size, at + 1 + (random >> 33) % (1 + size / 8));
    ReadCopy(cut, bytes.substr(0, at));
  }
  if (size > 0 && whole.seen() != cut.seen()) std::abort();
  return 0;
}

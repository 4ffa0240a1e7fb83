#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace slipway::app {

// Reads one HTTP/1.1 answer as its bytes arrive, as cheaply as a load test needs: it knows where
// the answer ends (Content-Length, chunked, or the end of the connection) and keeps little of it.
//
// Thread-compatible. Interim 1xx answers are skipped.
class AnswerReader {
 public:
  enum class Progress : uint8_t { kMore, kDone, kBad };
  static constexpr size_t kMaxHeadBytes = 64 * 1024;

  // Keeps the first `max_kept_bytes` of the body, and the value of one header (in lower case).
  AnswerReader(size_t max_kept_bytes, std::string_view kept_header)
      : max_kept_bytes_(max_kept_bytes), kept_header_(kept_header) {}

  // Forgets the answer; the next byte begins another.
  void Reset();
  // Reads `bytes`. kDone: the answer is complete. kBad: not HTTP, or more bytes than the answer
  // has.
  Progress Feed(std::string_view bytes);
  // The connection has ended: whether that completes the answer.
  Progress FeedEnd() const;

  bool started() const { return started_; }
  int status() const { return status_; }
  // Whether the server keeps the connection for another request.
  bool keep_alive() const { return keep_alive_; }
  uint64_t body_bytes() const { return body_bytes_; }
  const std::string& kept_body() const { return kept_body_; }
  const std::string& kept_header_value() const { return kept_header_value_; }

 private:
  enum class Part : uint8_t { kHead, kLength, kUntilEnd, kChunkSize, kChunk, kChunkEnd, kTrailer };

  // Each takes what it understands off the front of `bytes`.
  Progress ReadHead(std::string_view& bytes);
  Progress ReadBody(std::string_view& bytes);
  Progress ReadChunkLine(std::string_view& bytes);
  bool ParseHead(std::string_view head);
  bool ParseField(std::string_view line);
  Progress BeginBody();
  void TakeBody(std::string_view& bytes);
  Progress EndLine(std::string_view line);

  const size_t max_kept_bytes_;
  const std::string_view kept_header_;
  Part part_ = Part::kHead;
  bool started_ = false;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  int status_ = 0;
  uint64_t left_ = 0;  // bytes of the body, or of the chunk
  uint64_t body_bytes_ = 0;
  std::string line_;  // a head or chunk line that has not all arrived
  std::string kept_body_;
  std::string kept_header_value_;
};

}  // namespace slipway::app

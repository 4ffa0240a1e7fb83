#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"

namespace slipway::net {

// So many events at once, and so many a second on average. Thread-compatible.
class RateCap {
 public:
  RateCap(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}
  // False when `cost` is more than what is left.
  bool Spend(double cost, base::SteadyTime now) {
    if (left_ < cost) Refill(now);
    left_ -= cost;
    return left_ >= 0;
  }
  void GiveBack(double amount) { left_ = left_ + amount < burst_ ? left_ + amount : burst_; }

 private:
  void Refill(base::SteadyTime now);

  const double burst_;
  const double per_second_;
  double left_;
  base::SteadyTime refilled_at_ = base::SteadyTime::min();
};

// Reads the frame headers that a client sends, before nghttp2 sees them, and refuses what costs the
// server much and the client little (floods of frames without use, endless header blocks), and what
// the RFCs forbid and nghttp2 does not check: to open a stream with an identifier that was skipped
// (RFC 9113 section 5.1.1), to go on with one that the client has closed (section 5.1), and, as it
// ignores priorities, PRIORITY frames for no stream or for one that depends on itself (RFC 7540
// sections 5.3.1 and 6.3). Thread-compatible.
class Http2FrameGuard {
 public:
  // `max_header_block_bytes`: of HEADERS and its CONTINUATIONs, compressed.
  explicit Http2FrameGuard(size_t max_header_block_bytes)
      : max_header_block_bytes_(max_header_block_bytes) {}

  // The next bytes of the connection, from the client's preface on. How many of them may be passed
  // on; less than all when error_code() is set.
  size_t Check(std::string_view bytes, base::SteadyTime now);
  // An error code of RFC 9113 section 7, and why; 0 while all is well.
  uint32_t error_code() const { return error_code_; }
  std::string_view reason() const { return reason_; }
  // A header block, or another frame than DATA, has begun and is not complete: since when.
  bool unfinished() const { return unfinished_; }
  base::SteadyTime unfinished_since() const { return unfinished_since_; }
  // The frame of DATA without padding that is coming, or has just come whole; nullopt when
  // something else has come since.
  struct DataFrame {
    uint32_t stream = 0;
    size_t length = 0;  // of its payload
    size_t left = 0;    // of that, what has not come
  };
  std::optional<DataFrame> data_frame() const {
    if (!data_frame_ || padded_ || header_size_ > 0) return std::nullopt;
    return DataFrame{.stream = stream_, .length = length_, .left = payload_left_};
  }
  // A frame of DATA was sent to the client, who may answer with window updates.
  void OnDataSent() { idle_frames_.GiveBack(kIdleFramesPerUseful); }

 private:
  static constexpr size_t kPrefaceBytes = 24;
  static constexpr size_t kFrameHeaderBytes = 9;
  // Frames that bring nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA and the like.
  static constexpr double kIdleFramesBurst = 2000;
  static constexpr double kIdleFramesPerSecond = 200;
  static constexpr double kIdleFramesPerUseful = 4;
  static constexpr size_t kMaxSkipped = 16;
  static constexpr size_t kMaxClosed = 256;
  static size_t SlotOf(uint32_t stream) { return stream / 2 % kMaxClosed; }

  struct Range {
    uint32_t from = 0;
    uint32_t to = 0;  // inclusive
  };

  bool OnFrameHeader(base::SteadyTime now);
  bool OnPayload(std::string_view bytes);
  bool OnData(uint32_t length, uint8_t flags, base::SteadyTime now);
  bool OnHeaders(uint32_t stream, uint32_t length, uint8_t flags);
  bool CheckOpen(uint32_t stream);
  bool CheckIdentifier(uint32_t stream);
  bool Fail(uint32_t code, std::string_view reason);

  const size_t max_header_block_bytes_;
  size_t preface_left_ = kPrefaceBytes;
  std::array<uint8_t, kFrameHeaderBytes> header_{};
  size_t header_size_ = 0;   // bytes of header_ that have come
  size_t payload_left_ = 0;  // of the current frame
  size_t length_ = 0;        // of its whole payload
  bool data_frame_ = false;
  bool padded_ = false;
  uint32_t stream_ = 0;         // of the current frame, unless it belongs to a header block
  uint32_t dependency_ = 0;     // what the current PRIORITY frame depends on
  size_t dependency_left_ = 0;  // bytes of that which have not come
  bool in_header_block_ = false;
  bool unfinished_ = false;
  size_t header_block_bytes_ = 0;
  base::SteadyTime unfinished_since_;
  uint32_t highest_stream_ = 0;
  std::array<Range, kMaxSkipped> skipped_{};  // identifiers that were never used; the latest
  size_t skips_ = 0;
  // Streams that the client has ended or reset, the latest of each slot.
  std::array<uint32_t, kMaxClosed> closed_by_client_{};
  RateCap idle_frames_{kIdleFramesBurst, kIdleFramesPerSecond};
  uint32_t error_code_ = 0;
  std::string_view reason_;
};

}  // namespace slipway::net

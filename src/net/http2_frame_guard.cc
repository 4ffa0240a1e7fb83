#include "net/http2_frame_guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace slipway::net {
namespace {

// Padding that hides how little a frame of DATA carries.
constexpr uint32_t kMaxPaddedBytes = 256;

}  // namespace

void RateCap::Refill(base::SteadyTime now) {
  if (refilled_at_ != base::SteadyTime::min()) {
    GiveBack(per_second_ * std::chrono::duration<double>(now - refilled_at_).count());
  }
  refilled_at_ = now;
}

size_t Http2FrameGuard::Check(std::string_view bytes, base::SteadyTime now) {
  size_t at = std::min(preface_left_, bytes.size());
  preface_left_ -= at;
  while (at < bytes.size()) {
    if (payload_left_ > 0) {
      const size_t taken = std::min(payload_left_, bytes.size() - at);
      if (!OnPayload(bytes.substr(at, taken))) return at;
      payload_left_ -= taken;
      at += taken;
    } else {
      const size_t frame = at;
      const size_t taken = std::min(kFrameHeaderBytes - header_size_, bytes.size() - at);
      std::memcpy(header_.data() + header_size_, bytes.data() + at, taken);
      header_size_ += taken;
      at += taken;
      if (header_size_ < kFrameHeaderBytes) break;
      header_size_ = 0;
      if (!OnFrameHeader(now)) return frame;
    }
  }
  const bool unfinished =
      in_header_block_ || header_size_ > 0 || (payload_left_ > 0 && !data_frame_);
  if (unfinished && !unfinished_) unfinished_since_ = now;
  unfinished_ = unfinished;
  return at;
}

bool Http2FrameGuard::Fail(uint32_t code, std::string_view reason) {
  error_code_ = code;
  reason_ = reason;
  return false;
}

bool Http2FrameGuard::OnFrameHeader(base::SteadyTime now) {
  const auto number = [this](size_t from, size_t to) {
    uint32_t value = 0;
    for (size_t i = from; i < to; ++i) value = value << 8 | header_[i];
    return value;
  };
  const uint32_t length = number(0, 3);
  const uint8_t type = header_[3];
  const uint8_t flags = header_[4];
  const uint32_t stream = number(5, 9) & 0x7FFFFFFFU;
  payload_left_ = length_ = length;
  data_frame_ = type == NGHTTP2_DATA;
  padded_ = (flags & NGHTTP2_FLAG_PADDED) != 0;
  if ((data_frame_ || type == NGHTTP2_HEADERS) && !CheckOpen(stream)) return false;
  if (type == NGHTTP2_RST_STREAM ||
      ((data_frame_ || type == NGHTTP2_HEADERS) && (flags & NGHTTP2_FLAG_END_STREAM) != 0)) {
    closed_by_client_[SlotOf(stream)] = stream;
  }
  // What does not belong into a header block is for nghttp2 to refuse.
  if (type == NGHTTP2_HEADERS || (type == NGHTTP2_CONTINUATION && in_header_block_)) {
    if (type == NGHTTP2_HEADERS && !CheckIdentifier(stream)) return false;
    return OnHeaders(stream, length, flags);
  }
  in_header_block_ = false;
  dependency_left_ = type == NGHTTP2_PRIORITY ? 4 : 0;
  if (type == NGHTTP2_PRIORITY && stream == 0) {
    return Fail(NGHTTP2_PROTOCOL_ERROR, "a PRIORITY frame without a stream");
  }
  stream_ = stream;
  if (data_frame_) return OnData(length, flags, now);
  if (!idle_frames_.Spend(1, now)) {
    return Fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that carry nothing");
  }
  return true;
}

bool Http2FrameGuard::OnPayload(std::string_view bytes) {
  for (; dependency_left_ > 0 && !bytes.empty(); bytes.remove_prefix(1)) {
    dependency_ = dependency_ << 8 | static_cast<uint8_t>(bytes[0]);
    if (--dependency_left_ == 0 && (dependency_ & 0x7FFFFFFFU) == stream_) {
      return Fail(NGHTTP2_PROTOCOL_ERROR, "a stream depends on itself");
    }
  }
  return true;
}

bool Http2FrameGuard::OnData(uint32_t length, uint8_t flags, base::SteadyTime now) {
  const bool empty =
      length == 0 || ((flags & NGHTTP2_FLAG_PADDED) != 0 && length <= kMaxPaddedBytes);
  if (!empty) {
    idle_frames_.GiveBack(kIdleFramesPerUseful);
  } else if ((flags & NGHTTP2_FLAG_END_STREAM) == 0 && !idle_frames_.Spend(1, now)) {
    return Fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many empty DATA frames");
  }
  return true;
}

bool Http2FrameGuard::OnHeaders(uint32_t stream, uint32_t length, uint8_t flags) {
  if (header_[3] == NGHTTP2_HEADERS) {
    header_block_bytes_ = 0;
    if (stream > highest_stream_) idle_frames_.GiveBack(kIdleFramesPerUseful);
    highest_stream_ = std::max(highest_stream_, stream);
  }
  header_block_bytes_ += length;
  in_header_block_ = (flags & NGHTTP2_FLAG_END_HEADERS) == 0;
  if (header_block_bytes_ > max_header_block_bytes_) {
    return Fail(NGHTTP2_ENHANCE_YOUR_CALM, "the header block is too large");
  }
  return true;
}

// What a client may have sent before it saw that we closed a stream is for nghttp2 to ignore; here
// is only what it sends after it has closed the stream itself.
bool Http2FrameGuard::CheckOpen(uint32_t stream) {
  if (stream == 0 || closed_by_client_[SlotOf(stream)] != stream) return true;
  return Fail(NGHTTP2_STREAM_CLOSED, "a frame for a stream that the client has closed");
}

// Opening a stream closes all idle ones with lower identifiers: those must not be opened later.
// That a stream was opened and has ended, nghttp2 knows.
bool Http2FrameGuard::CheckIdentifier(uint32_t stream) {
  if (stream > highest_stream_) {
    const uint32_t expected = highest_stream_ == 0 ? 1 : highest_stream_ + 2;
    if (stream > expected) skipped_[skips_++ % kMaxSkipped] = {expected, stream - 1};
    return true;
  }
  for (const Range& range : skipped_) {
    if (stream >= range.from && stream <= range.to) {
      return Fail(NGHTTP2_PROTOCOL_ERROR, "a stream was opened with a lower identifier");
    }
  }
  return true;
}

}  // namespace slipway::net

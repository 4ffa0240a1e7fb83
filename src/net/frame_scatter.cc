#include "net/frame_scatter.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

namespace slipway::net {

FrameScatter::FrameScatter(std::span<std::byte> room, const Http2FrameGuard::DataFrame& frame,
                           std::span<std::byte> rest)
    : stream_(frame.stream) {
  const auto add_payload = [&](size_t size) {
    AddPiece(room.data(), size);
    room = room.subspan(size);
  };
  if (frame.left > 0) add_payload(std::min(frame.left, room.size()));
  for (size_t i = 0; i < kMaxFrames && !room.empty(); ++i) {
    header_of_[count_] = &headers_[i];
    AddPiece(headers_[i].data(), kHeaderBytes);
    add_payload(std::min(frame.length, room.size()));
  }
  if (room.empty()) AddPiece(rest.data(), rest.size());
}

void FrameScatter::AddPiece(void* data, size_t size) {
  pieces_[count_++] = {.iov_base = data, .iov_len = size};
  size_ += size;
}

// A frame of DATA of that length for the stream, without padding.
bool FrameScatter::IsExpected(const FrameHeader& header, size_t length) const {
  const auto number = [&header](size_t from, size_t to) {
    uint32_t value = 0;
    for (size_t i = from; i < to; ++i) value = value << 8 | static_cast<uint32_t>(header[i]);
    return value;
  };
  const auto flags = static_cast<uint8_t>(header[4]);
  return number(0, 3) == length && static_cast<uint8_t>(header[3]) == NGHTTP2_DATA &&
         (flags & ~NGHTTP2_FLAG_END_STREAM) == 0 && number(5, 9) == stream_;
}

void FrameScatter::Sort(size_t received, BufferPool& pool) {
  for (size_t i = 0; i < count_ && received > 0; ++i) {
    const iovec& piece = pieces_[i];
    const size_t size = std::min(received, piece.iov_len);
    // Of a header that has not come whole nothing lies in a wrong place.
    if (header_of_[i] != nullptr && size == kHeaderBytes &&
        !IsExpected(*header_of_[i], pieces_[i + 1].iov_len)) {
      return Gather(i, received, pool);
    }
    received_[received_count_++] = {static_cast<const char*>(piece.iov_base), size};
    received -= size;
  }
}

// Puts `left` bytes, which lie in the pieces from `first` on, behind each other.
void FrameScatter::Gather(size_t first, size_t left, BufferPool& pool) {
  gathered_ = pool.TakeBlock(left);
  received_[received_count_++] = {reinterpret_cast<const char*>(gathered_.data()), left};
  std::byte* to = gathered_.data();
  for (size_t i = first; left > 0; ++i) {
    const size_t size = std::min(left, pieces_[i].iov_len);
    std::memcpy(to, pieces_[i].iov_base, size);
    to += size;
    left -= size;
  }
}

}  // namespace slipway::net

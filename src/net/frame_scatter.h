#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/buffer_pool.h"
#include "net/http2_frame_guard.h"

namespace slipway::net {

// One receive of a large message over HTTP/2 (RFC 9113 section 6.1), straight to where it belongs.
//
// A client that sends one goes on with frames of DATA, each as long as the one before. So each
// payload can be received behind the one before it, and the frame headers beside: what a read block
// would have needed a copy for. When another frame comes instead, what was received from there on
// lies in the wrong places, and is gathered in a block.
//
//   FrameScatter scatter(room, frame, rest);
//   const ssize_t received = ... recvmsg of scatter.pieces() ...
//   scatter.Sort(received, pool);
//   for (std::string_view bytes : scatter.received()) Feed(bytes);
//
// Thread-compatible; borrows `room` and `rest`.
class FrameScatter {
 public:
  // `room`: of the message, from its next byte on, not empty. `frame`: the one that is coming.
  // `rest`: for what comes behind the message.
  FrameScatter(std::span<std::byte> room, const Http2FrameGuard::DataFrame& frame,
               std::span<std::byte> rest);

  // Where to receive to, in this order.
  std::span<const iovec> pieces() const { return std::span(pieces_).first(count_); }
  // Bytes of all pieces.
  size_t size() const { return size_; }

  // Finds out what `received` bytes are. Once.
  void Sort(size_t received, BufferPool& pool);
  // They, in the order in which they came: payloads where they belong.
  std::span<const std::string_view> received() const {
    return std::span(received_).first(received_count_);
  }

 private:
  static constexpr size_t kHeaderBytes = 9;
  static constexpr size_t kMaxFrames = 32;
  static constexpr size_t kMaxPieces = 2 * kMaxFrames + 2;
  using FrameHeader = std::array<std::byte, kHeaderBytes>;

  void AddPiece(void* data, size_t size);
  bool IsExpected(const FrameHeader& header, size_t length) const;
  void Gather(size_t first, size_t left, BufferPool& pool);

  const uint32_t stream_;
  std::array<FrameHeader, kMaxFrames> headers_;
  std::array<iovec, kMaxPieces> pieces_;
  // The frame header that a piece is; null for payloads and the rest.
  std::array<const FrameHeader*, kMaxPieces> header_of_{};
  size_t count_ = 0;
  size_t size_ = 0;
  std::array<std::string_view, kMaxPieces> received_;
  size_t received_count_ = 0;
  PooledBuffer gathered_;
};

}  // namespace slipway::net

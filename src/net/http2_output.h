#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/buffer.h"

namespace slipway::net {

// Bytes on their way to a socket, in order: copies of small ones, and references to large ones that
// are sent from where they lie. Keeps the memory of copies from one round to the next.
// Thread-compatible.
class SendQueue {
 public:
  using Owner = std::variant<std::string, base::Buffer>;

  void Copy(std::string_view bytes);
  // `bytes` must stay until they are sent: Keep() their owner afterwards.
  void Refer(std::string_view bytes);
  // Destroys `owner` when everything before it is sent.
  void Keep(Owner owner);

  size_t unsent_bytes() const { return unsent_; }
  // Unsent bytes as up to `room` pieces; the number of them.
  size_t Gather(iovec* pieces, size_t room) const;
  // The first `bytes` were sent.
  void Consume(size_t bytes);
  void Clear();

 private:
  struct Segment {
    const char* data = nullptr;  // nullptr: the next `size` bytes of copies_
    size_t size = 0;
  };
  struct Kept {
    size_t before = 0;  // bytes of the queue, counted from its beginning, that come before
    Owner owner;
  };

  void DropSent();

  std::string copies_;
  size_t copies_begin_ = 0;  // of what is unsent
  std::vector<Segment> segments_;
  size_t first_ = 0;  // of segments_, not sent yet
  std::deque<Kept> kept_;
  size_t unsent_ = 0;
  size_t queued_total_ = 0;  // since the queue was empty
};

// What one stream has to send and flow control has not let go yet. Thread-compatible.
class StreamOutput {
 public:
  // Pieces below this size are copied, larger ones are sent from where they lie.
  static constexpr size_t kCopiedBytes = 8 * 1024;

  void Append(std::string_view bytes);
  // Takes `text`, unless it is small: then its memory stays where it is. Empty afterwards.
  void Take(std::string& text);
  void Take(base::Buffer buffer);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Moves the first `bytes` to `queue`.
  void MoveTo(SendQueue& queue, size_t bytes);
  // Drops everything, but `queue` keeps what it refers to.
  void Abandon(SendQueue& queue);

 private:
  struct Piece {
    size_t copied = 0;  // so many bytes of copies_ come first
    SendQueue::Owner owner;
  };

  static std::string_view BytesOf(const SendQueue::Owner& owner);
  void TakePiece(SendQueue::Owner owner);

  std::string copies_;
  size_t copies_begin_ = 0;
  size_t tail_copied_ = 0;  // of copies_, behind the last piece
  std::vector<Piece> pieces_;
  size_t first_ = 0;        // of pieces_, not moved yet
  size_t first_moved_ = 0;  // bytes of its owner that were
  size_t size_ = 0;
};

}  // namespace slipway::net

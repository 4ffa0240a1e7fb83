#include "net/http2_output.h"

#include <algorithm>
#include <utility>

namespace slipway::net {
namespace {

// Memory for copies that is kept although nothing is waiting.
constexpr size_t kKeptBytes = 64 * 1024;

void Empty(std::string& copies, size_t& begin) {
  if (copies.capacity() > 4 * kKeptBytes) copies = std::string();
  copies.clear();
  begin = 0;
}

}  // namespace

void SendQueue::Copy(std::string_view bytes) {
  if (bytes.empty()) return;
  if (copies_begin_ > kKeptBytes) {  // never empty under load: keep only what is unsent
    copies_.erase(0, std::exchange(copies_begin_, 0));
  }
  copies_.append(bytes);
  if (first_ < segments_.size() && segments_.back().data == nullptr) {
    segments_.back().size += bytes.size();
  } else {
    segments_.push_back({nullptr, bytes.size()});
  }
  unsent_ += bytes.size();
  queued_total_ += bytes.size();
}

void SendQueue::Refer(std::string_view bytes) {
  if (bytes.empty()) return;
  segments_.push_back({bytes.data(), bytes.size()});
  unsent_ += bytes.size();
  queued_total_ += bytes.size();
}

void SendQueue::Keep(Owner owner) {
  if (unsent_ > 0) kept_.push_back({queued_total_, std::move(owner)});
}

size_t SendQueue::Gather(iovec* pieces, size_t room) const {
  size_t count = 0;
  size_t copied = copies_begin_;
  for (size_t i = first_; i < segments_.size() && count < room; ++i) {
    const Segment& segment = segments_[i];
    const char* data = segment.data;
    if (data == nullptr) {
      data = copies_.data() + copied;
      copied += segment.size;
    }
    pieces[count++] = {const_cast<char*>(data), segment.size};
  }
  return count;
}

void SendQueue::Consume(size_t bytes) {
  unsent_ -= bytes;
  while (bytes > 0) {
    Segment& segment = segments_[first_];
    const size_t taken = std::min(bytes, segment.size);
    if (segment.data == nullptr) {
      copies_begin_ += taken;
    } else {
      segment.data += taken;
    }
    segment.size -= taken;
    bytes -= taken;
    if (segment.size == 0) ++first_;
  }
  DropSent();
}

void SendQueue::DropSent() {
  const size_t sent = queued_total_ - unsent_;
  while (!kept_.empty() && kept_.front().before <= sent) kept_.pop_front();
  if (unsent_ == 0) {
    segments_.clear();
    first_ = queued_total_ = 0;
    Empty(copies_, copies_begin_);
  } else if (first_ > 1024) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void SendQueue::Clear() {
  unsent_ = 0;
  DropSent();
  kept_.clear();
}

void StreamOutput::Append(std::string_view bytes) {
  copies_.append(bytes);
  tail_copied_ += bytes.size();
  size_ += bytes.size();
}

void StreamOutput::Take(std::string& text) {
  if (text.size() >= kCopiedBytes) {
    TakePiece(std::move(text));
  } else {
    Append(text);
  }
  text.clear();
}

void StreamOutput::Take(base::Buffer buffer) {
  if (buffer.size() >= kCopiedBytes) {
    TakePiece(std::move(buffer));
  } else {
    Append({reinterpret_cast<const char*>(buffer.data()), buffer.size()});
  }
}

void StreamOutput::TakePiece(SendQueue::Owner owner) {
  size_ += BytesOf(owner).size();
  pieces_.push_back({std::exchange(tail_copied_, 0), std::move(owner)});
}

std::string_view StreamOutput::BytesOf(const SendQueue::Owner& owner) {
  if (const auto* text = std::get_if<std::string>(&owner)) return *text;
  const auto& buffer = std::get<base::Buffer>(owner);
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

void StreamOutput::MoveTo(SendQueue& queue, size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    size_t& copied = first_ < pieces_.size() ? pieces_[first_].copied : tail_copied_;
    if (copied > 0) {
      const size_t taken = std::min(bytes, copied);
      queue.Copy(std::string_view(copies_).substr(copies_begin_, taken));
      copies_begin_ += taken;
      copied -= taken;
      bytes -= taken;
      continue;
    }
    Piece& piece = pieces_[first_];
    const std::string_view rest = BytesOf(piece.owner).substr(first_moved_);
    const size_t taken = std::min(bytes, rest.size());
    queue.Refer(rest.substr(0, taken));
    first_moved_ += taken;
    bytes -= taken;
    if (taken < rest.size()) break;
    queue.Keep(std::move(piece.owner));
    ++first_;
    first_moved_ = 0;
  }
  if (size_ == 0) {
    pieces_.clear();
    first_ = 0;
    Empty(copies_, copies_begin_);
  } else if (copies_begin_ > kKeptBytes) {
    copies_.erase(0, std::exchange(copies_begin_, 0));
  }
  if (first_ > 64) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void StreamOutput::Abandon(SendQueue& queue) {
  if (first_moved_ > 0) queue.Keep(std::move(pieces_[first_].owner));
  pieces_.clear();
  first_ = first_moved_ = tail_copied_ = size_ = 0;
  Empty(copies_, copies_begin_);
}

}  // namespace slipway::net

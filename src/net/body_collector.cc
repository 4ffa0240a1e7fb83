#include "net/body_collector.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::net {
namespace {

constexpr size_t kFirstBytes = BufferPool::kBlockBytes;
constexpr size_t kRatioCheckedBytes = size_t{1} << 20;

}  // namespace

HttpError BudgetError(const ByteBudget& budget, size_t cost) {
  if (cost > budget.limit())
    return {413, "the body is larger than the server's memory for requests"};
  return {429, "the server's memory for requests is used up; try again later"};
}

void BodyCollector::Begin(ContentCoding coding) {
  inflater_.reset();
  if (coding != ContentCoding::kIdentity) inflater_.emplace();
  buffer_ = PooledBuffer();
  size_ = received_ = 0;
}

HttpError TooLarge(std::string_view what, std::string_view limit, size_t bytes) {
  return {413, base::StrCat("the ", what, " is larger than ", limit, " (", bytes, " bytes)")};
}

HttpError BodyCollector::Append(std::string_view piece) {
  received_ += piece.size();
  if (received_ > limits_.max_body_bytes)
    return TooLarge("body", "max_body", limits_.max_body_bytes);
  return inflater_ ? AppendCompressed(*inflater_, piece) : AppendPlain(piece);
}

HttpError BodyCollector::AppendPlain(std::string_view piece) {
  if (HttpError error = Reserve(size_ + piece.size(), limits_.max_body_bytes)) return error;
  std::memcpy(buffer_.data() + size_, piece.data(), piece.size());
  size_ += piece.size();
  return {};
}

HttpError BodyCollector::AppendCompressed(Inflater& inflater, std::string_view piece) {
  while (true) {
    if (HttpError error = Reserve(size_ + 1, limits_.max_decompressed_bytes)) return error;
    const size_t room = buffer_.size() - size_;
    const size_t written = inflater.Inflate(piece, {buffer_.data() + size_, room});
    size_ += written;
    if (inflater.corrupt()) return {400, "the compressed body is corrupt"};
    if (size_ > limits_.max_decompressed_bytes) {
      return TooLarge("decompressed body", "max_decompressed_body", limits_.max_decompressed_bytes);
    }
    if (size_ > kRatioCheckedBytes && size_ / limits_.max_decompression_ratio > received_) {
      return {413, base::StrCat("the body is compressed more than max_decompression_ratio (",
                                limits_.max_decompression_ratio, ") allows")};
    }
    if (piece.empty() && written < room) return {};
  }
}

// Makes room for `bytes` in total. The buffer may be up to twice that, but not beyond `limit` by
// more than the block it starts with.
HttpError BodyCollector::Reserve(size_t bytes, size_t limit) {
  if (bytes <= buffer_.size()) return {};
  const size_t doubled =
      std::min(std::max(buffer_.size() * 2, kFirstBytes), std::max(limit, kFirstBytes));
  const size_t wanted = std::max(bytes, doubled);
  PooledBuffer larger = pool_.TryTake(wanted);
  if (larger.empty()) return BudgetError(budget_, BufferPool::CostOf(wanted));
  if (size_ > 0) std::memcpy(larger.data(), buffer_.data(), size_);
  buffer_ = std::move(larger);
  return {};
}

HttpError BodyCollector::Finish() {
  const bool incomplete = inflater_.has_value() && received_ > 0 && !inflater_->finished();
  inflater_.reset();
  if (incomplete) return {400, "the compressed body ends too early"};
  return {};
}

PooledBuffer BodyCollector::Take() {
  size_ = received_ = 0;
  return std::exchange(buffer_, PooledBuffer());
}

}  // namespace slipway::net

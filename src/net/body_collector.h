#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "net/buffer_pool.h"
#include "net/content_coding.h"
#include "net/http1_parser.h"
#include "net/limits.h"

namespace slipway::net {

// Why a body of `cost` bytes does not fit into the budget: 413 when it never will, else 429.
HttpError BudgetError(const ByteBudget& budget, size_t cost);
// 413: `what` is larger than the limit of that name, of so many bytes.
HttpError TooLarge(std::string_view what, std::string_view limit, size_t bytes);

// Collects a request body whose final size is not known beforehand, because it is chunked or
// compressed or both, into one contiguous buffer that grows by doubling. Decompresses on the way,
// so that the compressed form is never held. Thread-compatible.
//
// Errors: 413 (max_body, max_decompressed_body, max_decompression_ratio, larger than the budget),
// 429 (budget), 400 (corrupt or incomplete compressed data).
class BodyCollector {
 public:
  BodyCollector(BufferPool& pool, const ByteBudget& budget, const Limits& limits)
      : pool_(pool), budget_(budget), limits_(limits) {}

  void Begin(ContentCoding coding);
  HttpError Append(std::string_view piece);
  // No more pieces.
  HttpError Finish();
  size_t received_bytes() const { return received_; }
  size_t size() const { return size_; }
  // The body of size() bytes; the collector is empty afterwards.
  PooledBuffer Take();

 private:
  HttpError AppendPlain(std::string_view piece);
  HttpError AppendCompressed(Inflater& inflater, std::string_view piece);
  HttpError Reserve(size_t bytes, size_t limit);

  BufferPool& pool_;
  const ByteBudget& budget_;
  const Limits& limits_;
  std::optional<Inflater> inflater_;
  PooledBuffer buffer_;
  size_t size_ = 0;
  size_t received_ = 0;  // before decompression
};

}  // namespace slipway::net

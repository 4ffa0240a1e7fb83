#pragma once

#include <chrono>
#include <cstddef>

#include "base/status.h"

namespace slipway::net {

// What one client may cost. Every limit answers with an error that names it, or closes.
struct Limits {
  size_t max_header_bytes = 32 * 1024;                // request line and headers together: 431
  size_t max_header_count = 100;                      // 431
  size_t max_target_bytes = 8 * 1024;                 // 414
  std::chrono::milliseconds header_deadline{10'000};  // from the first byte to the empty line: 408
  std::chrono::milliseconds idle_timeout{120'000};    // keep-alive without a request: close
  // A body must bring this many bytes a second on average, after the grace: 408. 0: no limit.
  size_t min_body_bytes_per_second = 1024;
  std::chrono::milliseconds body_grace{5'000};
  // An answer that the client does not read: closed after this time without progress.
  std::chrono::milliseconds write_timeout{30'000};
  size_t max_body_bytes = size_t{64} << 20;          // as sent: 413
  size_t max_decompressed_bytes = size_t{64} << 20;  // 413
  size_t max_decompression_ratio = 200;              // checked beyond 1 MiB: 413
  size_t max_connections = 10'000;                   // 503 and close
  size_t max_connections_per_address = 10'000;       // 429 and close
  // Bytes of request buffers of all connections together: 429 before the body is read, 413 when a
  // single body is larger than the whole budget.
  size_t max_buffered_bytes = size_t{1} << 30;
  size_t max_pipelined = 64;  // requests of one HTTP/1.1 connection that are read ahead

  // HTTP/2 and gRPC.
  size_t max_streams = 256;  // requests of one connection at the same time: REFUSED_STREAM
  // What a client may send ahead of us, on one stream and on all of a connection: the product of
  // bandwidth and delay (10 Gbit/s times 3 ms). What has come counts against max_buffered_bytes.
  size_t stream_window_bytes = size_t{4} << 20;
  size_t connection_window_bytes = size_t{16} << 20;
  // Requests that a client cancels, or breaks so that we do; five times as many at once:
  // ENHANCE_YOUR_CALM and close.
  size_t max_resets_per_second = 100;

  base::Status Validate() const;
};

}  // namespace slipway::net

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
  std::chrono::milliseconds handshake_timeout{10'000};  // TLS, from the first byte: close
  std::chrono::milliseconds idle_timeout{120'000};      // keep-alive without a request: close
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
  size_t max_pipelined = 64;  // requests of one connection that are read ahead

  base::Status Validate() const;
};

}  // namespace slipway::net

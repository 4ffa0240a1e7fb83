#pragma once

#include "base/log.h"
#include "net/buffer_pool.h"
#include "net/connection.h"
#include "net/content_coding.h"
#include "net/exchange.h"
#include "net/http1_exchange.h"
#include "net/http1_parser.h"
#include "net/http1_response.h"
#include "net/http2_shared.h"
#include "net/limits.h"

namespace slipway::net {

struct IoCounters {
  Counter accepted;
  Counter refused;
  Counter requests;
  Counter protocol_errors;
  Counter timeouts;
  Counter bytes_received;
  Counter bytes_sent;
};

// What the connections of one IO thread share. Made by IoThread, used on its loop's thread only,
// counters excepted.
struct IoContext {
  IoContext(EventLoop& event_loop, ConnectionHost& connection_host, const Limits& all_limits,
            ByteBudget& byte_budget, base::Clock& clock, base::Logger& logger)
      : loop(event_loop),
        host(connection_host),
        limits(all_limits),
        head_limits{.max_bytes = all_limits.max_header_bytes,
                    .max_count = all_limits.max_header_count,
                    .max_target_bytes = all_limits.max_target_bytes},
        budget(byte_budget),
        log(logger),
        buffers(byte_budget),
        date(clock) {}

  EventLoop& loop;
  ConnectionHost& host;
  const Limits& limits;
  const HeadLimits head_limits;
  ByteBudget& budget;
  base::Logger& log;
  BufferPool buffers;
  Http1ExchangePool exchanges;
  Http2Shared http2;
  DateCache date;
  Deflater deflater;
  IoCounters counters;
  HttpHandler* handler = nullptr;  // set before the first connection
  bool closing = false;            // the last answer of each connection says so
  bool draining = false;           // and idle connections are closed
};

}  // namespace slipway::net

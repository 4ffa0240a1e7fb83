#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <vector>

#include "net/http2_exchange.h"
#include "net/http2_grpc_call.h"
#include "net/object_pool.h"

namespace slipway::net {

// What the HTTP/2 connections of one loop share. Thread-compatible.
struct Http2Shared {
  Http2Shared();

  struct Delete {
    void operator()(nghttp2_session_callbacks* object) const {
      nghttp2_session_callbacks_del(object);
    }
    void operator()(nghttp2_option* object) const { nghttp2_option_del(object); }
  };
  std::unique_ptr<nghttp2_session_callbacks, Delete> callbacks;
  std::unique_ptr<nghttp2_option, Delete> option;
  ObjectPool<Http2Exchange> exchanges;
  ObjectPool<Http2GrpcCall> calls;
  std::vector<nghttp2_nv> fields;  // of the head or the trailers that are being submitted

  // Drops what handlers hung onto streams that are still open.
  void ForgetHandlers();
};

}  // namespace slipway::net

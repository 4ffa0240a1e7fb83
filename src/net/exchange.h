#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "net/http_message.h"

namespace slipway::net {

class EventLoop;
class GrpcHandler;

// One request and its answer, whatever protocol carries it.
//
// Belongs to its connection's event loop: every call is made on that loop's thread. Who answers
// from another thread posts to loop() first. Lifetime: from HttpHandler::OnRequest() until Send()
// or EndStream() returns, also when the client has gone meanwhile (the answer is then dropped); the
// answer must come exactly once.
class Exchange {
 public:
  using OnClientGone = std::function<void()>;

  virtual ~Exchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual EventLoop& loop() = 0;

  // Fill this in, then Send().
  virtual HttpResponse& response() = 0;
  // Sends response() with a Content-Length, and ends the exchange.
  virtual void Send() = 0;

  // Instead of Send(): sends the head of response() and its body so far; pieces follow with
  // WriteStream() and the end with EndStream(). HTTP/1.1 uses chunked transfer coding.
  virtual void BeginStream() = 0;
  // False when the client has gone or reads so slowly that more than the write limit is waiting:
  // wait for set_on_writable's callback before the next piece.
  virtual bool WriteStream(std::string_view piece) = 0;
  virtual void EndStream() = 0;
  virtual void set_on_writable(std::function<void()> callback) = 0;

  // Called once on the loop's thread when the client goes before the answer was sent. Work for it
  // can be given up; Send() must still be called.
  virtual void set_on_client_gone(OnClientGone callback) = 0;
  virtual bool client_gone() const = 0;
};

// What a server does with requests. One handler per event loop, made on start-up, so it needs no
// locks: every call comes on its loop's thread.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // A whole request has arrived. Answer now or later.
  virtual void OnRequest(Exchange& exchange) = 0;
  // Who answers gRPC calls on the same loop; nullptr: nobody does.
  virtual GrpcHandler* grpc() { return nullptr; }
};

// Makes the handler of each event loop. Called once per loop before the first connection.
using HttpHandlerFactory = std::function<std::unique_ptr<HttpHandler>(EventLoop& loop)>;

}  // namespace slipway::net

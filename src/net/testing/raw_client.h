#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "net/tls_session.h"

namespace slipway::net {

// The text of a request: `headers` are whole lines.
std::string Get(std::string_view target, std::string_view headers = "");

// A client that sends exactly what it is told to, for tests. Blocks for up to 5 s.
class RawClient {
 public:
  struct Response {
    std::string head;  // status line and headers, in lower case
    std::string body;
    int status = 0;
    bool Has(std::string_view text) const { return head.find(text) != std::string::npos; }
  };

  // `receive_buffer`: bytes of the socket's receive buffer, 0 for the usual ones.
  explicit RawClient(std::string_view address, int receive_buffer = 0);

  // Goes through a TLS handshake as `ssl`, which it takes over, says; everything is encrypted from
  // then on. Empty when that went well, else why not.
  std::string StartTls(SSL* ssl);
  TlsSession& tls() { return *tls_; }

  // False when the server has closed the connection.
  bool Send(std::string_view bytes);
  // The next answer; nothing when the connection ended or 5 s went by. `no_body`: it is one to
  // HEAD.
  std::optional<Response> Read(bool no_body = false);
  std::optional<Response> Ask(std::string_view request) {
    Send(request);
    return Read();
  }
  // True when the server closes the connection, properly or by reset, and nothing more came.
  bool WaitForClose();
  // Everything until the end of the connection.
  std::string ReadToEnd();
  void ShutDownSending();
  // Closes so that the server gets a reset.
  void Reset();
  void Close() { fd_.Reset(); }
  int fd() const { return fd_.get(); }

 private:
  bool Receive();
  bool WaitFor(short events);

  base::UniqueFd fd_;
  std::unique_ptr<TlsBuffers> tls_buffers_;
  std::unique_ptr<TlsSession> tls_;
  std::string received_;
};

}  // namespace slipway::net

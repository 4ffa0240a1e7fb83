#pragma once

#include <openssl/types.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::net {

// Memory that the TLS sessions of one thread share while one of them encrypts. Thread-compatible;
// outlives the sessions.
class TlsBuffers {
 public:
  static constexpr size_t kRecordBytes = 16 * 1024;  // the most that one record carries
  static constexpr size_t kWriteBytes = 192 * 1024;  // records that leave in one system call
  static constexpr size_t kRecordsPerWrite = 8;      // and how many that are, with room to spare

 private:
  friend class TlsSession;
  friend struct TlsSocketBio;
  // Not touched, and so not in memory, before a session writes.
  std::unique_ptr<std::byte[]> plain_ = std::make_unique_for_overwrite<std::byte[]>(kRecordBytes);
  std::unique_ptr<std::byte[]> records_ = std::make_unique_for_overwrite<std::byte[]>(kWriteBytes);
  size_t used_ = 0;  // of records_; 0 between calls
};

// Who a client is, by the certificate that it has proved to own and that our client CA vouches for.
struct TlsIdentity {
  std::string subject;  // RFC 2253: "CN=scorer,O=Example"
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;  // "spiffe://example.org/scorer"
};

// One TLS connection over a socket that does not block, on either side of it: what Transport does
// when it is encrypted. Does not own the socket.
//
// Encryption never waits: records go into memory, leave in as few system calls as possible, and
// what the socket does not take stays here until the next call. So OpenSSL never asks for the
// socket to be writable, and the one thing it ever waits for is bytes.
//
// Thread-compatible: one thread at a time, the one that `buffers` belongs to. Source: RFC 8446.
class TlsSession {
 public:
  enum class Progress : uint8_t { kDone, kWantRead, kWantWrite, kFailed };

  // Takes over `ssl`, which knows its side (SSL_set_accept_state() or SSL_set_connect_state()).
  TlsSession(SSL* ssl, int fd, TlsBuffers& buffers);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Goes on with the handshake as far as it will go; kWantRead and kWantWrite say what to wait for.
  // kFailed: error() says why, and the alert is on its way.
  Progress ContinueHandshake();
  bool resumed() const;
  // What both sides agreed to speak (ALPN): "h2", "http/1.1", or "" when the client does not care.
  std::string_view protocol() const;
  // Null when the client has shown no certificate.
  std::unique_ptr<TlsIdentity> PeerIdentity() const;
  const std::string& error() const { return error_; }
  // The peer's certificate did not pass.
  bool peer_refused() const;

  // As in Transport, but that Send() must be called again with pieces that begin with the same
  // bytes when it has taken less than all. Receive() takes what is there, over as many records as
  // that is: less than `room` means that there is no more, unless pending().
  ssize_t Receive(std::byte* target, size_t room);
  ssize_t Peek(char* target, size_t room);
  ssize_t Send(std::span<const iovec> pieces);
  // Receive() has something to say even if the socket stays quiet.
  bool pending() const { return !peeked_.empty() || ended_ || failed_; }
  // Tells the peer that nothing follows (close_notify), as far as the socket takes it.
  void SendClose();

 private:
  friend struct TlsSocketBio;

  size_t Decrypt(std::byte* target, size_t room);
  ssize_t WhyNothing() const;
  ssize_t Encrypt(std::span<const iovec> pieces);
  // Sends what was encrypted. False when something is left, or the socket failed (errno).
  bool Flush();
  size_t unsent_bytes() const { return unsent_.size() - unsent_begin_; }
  void Fail();

  SSL* const ssl_;
  const int fd_;
  TlsBuffers& buffers_;
  std::vector<std::byte> unsent_;  // records that the socket did not take yet
  size_t unsent_begin_ = 0;
  size_t held_ = 0;  // bytes that are encrypted in unsent_, and that Send() has not reported
  std::string peeked_;
  bool socket_empty_ = false;  // in this call, a receive brought less than it could
  bool socket_ended_ = false;
  int socket_error_ = 0;  // errno of the socket's failure
  bool established_ = false;
  bool ended_ = false;  // the peer sends no more
  bool failed_ = false;
  bool close_sent_ = false;
  std::string error_;
};

// The first of this thread's OpenSSL errors, for people; takes all of them.
std::string TakeTlsError();

}  // namespace slipway::net

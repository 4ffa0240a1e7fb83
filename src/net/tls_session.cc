#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/tls_certificate.h"

namespace slipway::net {
namespace {

constexpr size_t kMaxUnsentBytes = 2 * TlsBuffers::kWriteBytes;

}  // namespace

// OpenSSL's view of the socket. Reading knows when the socket is empty without asking it again;
// writing only collects.
struct TlsSocketBio {
  static TlsSession& SessionOf(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* target, int room) {
    TlsSession& session = SessionOf(bio);
    BIO_clear_retry_flags(bio);
    while (!session.socket_empty_) {
      const ssize_t size = ::recv(session.fd_, target, static_cast<size_t>(room), 0);
      if (size > 0) {
        session.socket_empty_ = size < room;
        return static_cast<int>(size);
      }
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) {
        session.socket_empty_ = true;
        break;
      }
      session.socket_ended_ = size == 0;
      session.socket_error_ = size == 0 ? 0 : errno;
      return 0;
    }
    BIO_set_retry_read(bio);
    return -1;
  }

  static int Write(BIO* bio, const char* bytes, int size) {
    TlsBuffers& buffers = SessionOf(bio).buffers_;
    const auto count = static_cast<size_t>(size);
    if (count > TlsBuffers::kWriteBytes - buffers.used_) return -1;
    std::memcpy(buffers.records_.get() + buffers.used_, bytes, count);
    buffers.used_ += count;
    return size;
  }

  static long Control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return SessionOf(bio).socket_ended_ ? 1 : 0;
    return 0;
  }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const kMethod = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slipway");
      SLIPWAY_CHECK(method != nullptr);
      BIO_meth_set_read(method, &Read);
      BIO_meth_set_write(method, &Write);
      BIO_meth_set_ctrl(method, &Control);
      return method;
    }();
    return kMethod;
  }
};

TlsSession::TlsSession(SSL* ssl, int fd, TlsBuffers& buffers)
    : ssl_(ssl), fd_(fd), buffers_(buffers) {
  BIO* const bio = BIO_new(TlsSocketBio::Method());
  SLIPWAY_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Progress TlsSession::ContinueHandshake() {
  if (failed_) return Progress::kFailed;
  if (!established_) {
    socket_empty_ = false;
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) {
      established_ = true;
    } else if (SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ) {
      Fail();
    }
  }
  if (!Flush() && errno != EAGAIN) Fail();
  if (failed_) return Progress::kFailed;
  if (unsent_bytes() > 0) return Progress::kWantWrite;
  return established_ ? Progress::kDone : Progress::kWantRead;
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_) == 1; }

std::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::unique_ptr<TlsIdentity> TlsSession::PeerIdentity() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return nullptr;
  return std::make_unique<TlsIdentity>(IdentityOf(*certificate));
}

bool TlsSession::peer_refused() const {
  return SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl_) != X509_V_OK;
}

ssize_t TlsSession::Receive(std::byte* target, size_t room) {
  const size_t from_peek = std::min(room, peeked_.size());
  std::memcpy(target, peeked_.data(), from_peek);
  peeked_.erase(0, from_peek);
  const size_t got = from_peek + Decrypt(target + from_peek, room - from_peek);
  if (got > 0 || room == 0) return static_cast<ssize_t>(got);
  return WhyNothing();
}

// What a call that got nothing returns. It must not look again: what came meanwhile would be lost.
ssize_t TlsSession::WhyNothing() const {
  if (ended_ && !failed_) return 0;
  errno = EAGAIN;
  if (failed_) errno = socket_error_ != 0 ? socket_error_ : EPROTO;
  return -1;
}

// A record may bring a single byte, and SSL_peek() does not look beyond one.
ssize_t TlsSession::Peek(char* target, size_t room) {
  const size_t known = peeked_.size();
  if (known < room) {
    peeked_.resize(room);
    const size_t got = Decrypt(reinterpret_cast<std::byte*>(peeked_.data()) + known, room - known);
    peeked_.resize(known + got);
  }
  if (peeked_.empty()) return WhyNothing();
  const size_t size = std::min(room, peeked_.size());
  std::memcpy(target, peeked_.data(), size);
  return static_cast<ssize_t>(size);
}

size_t TlsSession::Decrypt(std::byte* target, size_t room) {
  if (ended_ || failed_) return 0;
  socket_empty_ = false;
  ERR_clear_error();
  size_t got = 0;
  while (got < room) {
    size_t size = 0;
    const int ok = SSL_read_ex(ssl_, target + got, room - got, &size);
    if (ok == 1) {
      got += size;
      continue;
    }
    const int reason = SSL_get_error(ssl_, ok);
    if (reason == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
    } else if (reason != SSL_ERROR_WANT_READ) {
      Fail();
    }
    break;
  }
  // An alert: each attempt to renegotiate gets one. What does not leave now goes before the next
  // answer, but a peer that only provokes and never reads is given up.
  if (buffers_.used_ > 0 && !Flush() && (errno != EAGAIN || unsent_bytes() > kMaxUnsentBytes)) {
    Fail();
  }
  return got;
}

ssize_t TlsSession::Send(std::span<const iovec> pieces) {
  if (failed_) {
    errno = EPROTO;
    return -1;
  }
  const size_t before = unsent_bytes();
  if (before > 0 && !Flush() && errno != EAGAIN) return -1;
  size_t sent = before - unsent_bytes();
  if (held_ == 0) {
    if (unsent_bytes() > 0) {
      errno = EAGAIN;
      return -1;
    }
    const ssize_t taken = Encrypt(pieces);
    if (taken < 0) return -1;
    held_ = static_cast<size_t>(taken);
    sent = buffers_.used_;
    if (!Flush() && errno != EAGAIN) return -1;
    sent -= unsent_bytes();
  }
  if (unsent_bytes() == 0) return static_cast<ssize_t>(std::exchange(held_, 0));
  // A part is on its way: whoever waits sees progress, but not the end before it is there.
  const size_t reported = std::min(sent, held_ - 1);
  held_ -= reported;
  if (reported > 0) return static_cast<ssize_t>(reported);
  errno = EAGAIN;
  return -1;
}

// Fills records to the brim: small pieces are gathered into one, large ones are taken as they lie.
ssize_t TlsSession::Encrypt(std::span<const iovec> pieces) {
  ERR_clear_error();
  size_t taken = 0;
  size_t at = 0;      // in pieces
  size_t offset = 0;  // in pieces[at]
  for (size_t records = 0; records < TlsBuffers::kRecordsPerWrite && at < pieces.size();) {
    const auto* from = static_cast<const std::byte*>(pieces[at].iov_base) + offset;
    size_t size = std::min(pieces[at].iov_len - offset, TlsBuffers::kRecordBytes);
    offset += size;
    if (offset == pieces[at].iov_len) {
      ++at;
      offset = 0;
    }
    if (size == 0) continue;
    if (size < TlsBuffers::kRecordBytes && at < pieces.size()) {
      std::byte* const gathered = buffers_.plain_.get();
      std::memcpy(gathered, from, size);
      from = gathered;
      while (size < TlsBuffers::kRecordBytes && at < pieces.size()) {
        const size_t more = std::min(pieces[at].iov_len - offset, TlsBuffers::kRecordBytes - size);
        std::memcpy(gathered + size, static_cast<const std::byte*>(pieces[at].iov_base) + offset,
                    more);
        size += more;
        offset += more;
        if (offset < pieces[at].iov_len) break;
        ++at;
        offset = 0;
      }
    }
    size_t written = 0;
    if (SSL_write_ex(ssl_, from, size, &written) != 1) {
      // Records only go to memory and renegotiation is off, so there is nothing to wait for.
      Fail();
      errno = EPROTO;
      return -1;
    }
    taken += written;
    ++records;
  }
  return static_cast<ssize_t>(taken);
}

bool TlsSession::Flush() {
  int error = 0;  // what stopped sending
  const auto send = [this, &error](const std::byte* bytes, size_t size) {
    size_t sent = 0;
    while (sent < size && error == 0) {
      const ssize_t taken = ::send(fd_, bytes + sent, size - sent, MSG_NOSIGNAL);
      if (taken >= 0) {
        sent += static_cast<size_t>(taken);
      } else if (errno != EINTR) {
        error = errno;
      }
    }
    return sent;
  };
  if (!unsent_.empty()) {
    unsent_begin_ += send(unsent_.data() + unsent_begin_, unsent_bytes());
    if (unsent_bytes() == 0) {
      unsent_ = {};
      unsent_begin_ = 0;
    }
  }
  const size_t used = std::exchange(buffers_.used_, 0);
  const std::byte* const records = buffers_.records_.get();
  const size_t sent = unsent_.empty() ? send(records, used) : 0;
  if (sent < used) unsent_.insert(unsent_.end(), records + sent, records + used);
  if (error != 0 && error != EAGAIN) socket_error_ = error;
  errno = error;
  return unsent_bytes() == 0;
}

void TlsSession::SendClose() {
  if (!established_ || failed_ || close_sent_ || unsent_bytes() > 0) return;
  close_sent_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  Flush();
}

void TlsSession::Fail() {
  if (failed_) return;
  failed_ = true;
  error_ = socket_error_ != 0 ? std::string(std::strerror(socket_error_))
           : socket_ended_    ? "the peer closed the connection"
                              : TakeTlsError();
  if (peer_refused()) {
    error_ += ": ";
    error_ += X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
  }
  ERR_clear_error();
}

std::string TakeTlsError() {
  const unsigned long code = ERR_get_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason != nullptr ? reason : "TLS failed";
}

}  // namespace slipway::net

#include "net/grpc_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/grpc_wire.h"

namespace slipway::net {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;
using Field = Http2ClientSession::Field;

constexpr size_t kMaxTextBytes = 4096;

// One call, as its answer arrives.
class UnaryCall final : public Http2ClientSession::Listener {
 public:
  explicit UnaryCall(size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  void OnField(int32_t /*stream*/, size_t /*tag*/, std::string_view name,
               std::string_view value) override {
    if (name == ":status") {
      std::from_chars(value.data(), value.data() + value.size(), http_status_);
    } else if (name == "grpc-status") {
      std::from_chars(value.data(), value.data() + value.size(), grpc_status_);
    } else if (name == "grpc-message") {
      message_ = value.substr(0, kMaxTextBytes);
    }
  }
  void OnBody(int32_t /*stream*/, size_t /*tag*/, std::string_view bytes) override {
    too_large_ = too_large_ || body_.size() + bytes.size() > max_body_bytes_;
    if (!too_large_) body_ += bytes;
  }
  void OnEnd(int32_t /*stream*/, size_t /*tag*/, uint32_t error_code) override {
    ended_ = true;
    error_code_ = error_code;
  }

  bool done() const { return ended_ || too_large_; }

  Result<std::string> Outcome(size_t max_body_bytes) const {
    if (too_large_) {
      return base::ResourceExhausted(
          StrCat("the answer is larger than ", base::FormatByteSize(max_body_bytes)));
    }
    if (grpc_status_ > 0 && grpc_status_ <= static_cast<int>(StatusCode::kUnauthenticated)) {
      return Status(static_cast<StatusCode>(grpc_status_), base::Printable(message_, 2000));
    }
    if (grpc_status_ != 0) {
      if (error_code_ != 0) {
        return base::Unavailable(StrCat("the call was reset: ", Http2ErrorName(error_code_)));
      }
      return base::DataLoss(StrCat("HTTP status ", http_status_,
                                   " and no gRPC status; does the "
                                   "server speak gRPC at this address?"));
    }
    return Message();
  }

 private:
  Result<std::string> Message() const {
    std::array<char, GrpcPrefix::kBytes> prefix{};
    if (body_.size() >= prefix.size()) {
      std::copy_n(body_.begin(), prefix.size(), prefix.begin());
      const GrpcPrefix parsed = ParseGrpcPrefix(prefix);
      if (parsed.flag == 0 && body_.size() == prefix.size() + parsed.length) {
        return body_.substr(prefix.size());
      }
    }
    return base::DataLoss("the answer is not one uncompressed gRPC message");
  }

  const size_t max_body_bytes_;
  int http_status_ = 0;
  int grpc_status_ = -1;
  std::string message_;
  std::string body_;
  bool too_large_ = false;
  bool ended_ = false;
  uint32_t error_code_ = 0;
};

Status SendOutput(Http2ClientSession& session, ClientSocket& socket) {
  for (std::string_view out = session.Output(); !out.empty(); out = session.Output()) {
    SLIPWAY_RETURN_IF_ERROR(socket.Write(out));
    session.Sent(out.size());
  }
  return base::OkStatus();
}

}  // namespace

std::vector<Field> GrpcCallFields(const ServerName& server, std::string_view path,
                                  std::span<const Field> more) {
  std::vector<Field> fields = {{":method", "POST"},
                               {":scheme", server.tls ? "https" : "http"},
                               {":path", std::string(path)},
                               {":authority", server.authority},
                               {"content-type", "application/grpc"},
                               {"te", "trailers"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string FrameGrpcMessage(std::string_view message) {
  const auto prefix = FormatGrpcPrefix({.length = static_cast<uint32_t>(message.size())});
  return std::string(prefix.data(), prefix.size()).append(message);
}

Result<std::string> GrpcClient::Call(std::string_view path, std::string_view message,
                                     std::span<const Field> fields) const {
  ClientSocket socket(clock_);
  socket.set_deadline(clock_.SteadyNow() + options_.timeout);
  SLIPWAY_RETURN_IF_ERROR(socket.Connect(server_, options_.tls));
  if (server_.tls && socket.protocol() != "h2") {
    return base::Unavailable("the server does not speak HTTP/2 inside TLS (ALPN)");
  }
  UnaryCall call(options_.max_response_bytes);
  SLIPWAY_ASSIGN_OR_RETURN(const auto session, Http2ClientSession::Create(call));
  const std::string body = FrameGrpcMessage(message);
  SLIPWAY_RETURN_IF_ERROR(session->Submit(GrpcCallFields(server_, path, fields), body, 0).status());
  for (std::string received; !call.done(); received.clear()) {
    SLIPWAY_RETURN_IF_ERROR(SendOutput(*session, socket));
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, socket.Receive(received));
    if (!more) return base::Unavailable("the server closed the connection without an answer");
    SLIPWAY_RETURN_IF_ERROR(session->Receive(received));
  }
  return call.Outcome(options_.max_response_bytes);
}

}  // namespace slipway::net

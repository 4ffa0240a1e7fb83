#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace slipway::net {

// An HTTP/2 client in cleartext with prior knowledge, for tests. Everything happens on the calling
// thread, inside the methods that wait; those have 5 s.
class Http2Client {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  struct Options {
    uint32_t stream_window = 65'535;
    bool open_windows = true;  // give back what was received; else when Consume() is called
    int receive_buffer = 0;    // bytes of the socket's, 0 for the usual ones
  };

  struct Answer {
    int status = 0;
    std::vector<int> interim;  // status of interim answers
    Fields headers;
    Fields trailers;
    std::string body;
    bool closed = false;  // and then:
    uint32_t error_code = 0;
    // The value of the first field of that name in headers, then trailers; "" when there is none.
    std::string Header(std::string_view name) const;
    bool Has(std::string_view name) const;
    // The gRPC status, -1 without one; the messages, each with its prefix taken off.
    int grpc_status() const;
    std::vector<std::string> messages() const;
  };

  explicit Http2Client(std::string_view address) : Http2Client(address, Options{}) {}
  Http2Client(std::string_view address, const Options& options);
  ~Http2Client();

  // Begins a request; `end`: it has no more than `body`. Its stream, or 0 when the connection takes
  // no more.
  int32_t Begin(const Fields& fields, std::string_view body = {}, bool end = true);
  void Write(int32_t stream, std::string_view bytes, bool end);
  void Reset(int32_t stream, uint32_t error_code = NGHTTP2_CANCEL);
  // Lets the server send `bytes` more, with open_windows off.
  void Consume(int32_t stream, size_t bytes);
  void Ping();
  // Sends what there is to send, and takes what has come; does not wait.
  void Poll() { Step(0); }

  // Waits until `condition` holds; whether it does.
  bool WaitUntil(const std::function<bool()>& condition);
  // Waits until the stream is closed, by whomever.
  const Answer& Wait(int32_t stream);
  const Answer& answer(int32_t stream) { return streams_[stream].answer; }
  Answer Ask(const Fields& fields, std::string_view body = {});

  // The server has closed the connection.
  bool closed() const { return closed_; }
  // Error code of the last GOAWAY, and how many came.
  std::optional<uint32_t> goaway() const { return goaway_; }
  int goaways() const { return goaways_; }
  int pongs() const { return pongs_; }
  uint32_t setting(nghttp2_settings_id id) const;
  int fd() const { return fd_.get(); }
  void Close() { fd_.Reset(); }

 private:
  struct Callbacks;
  struct Stream {
    Answer answer;
    std::string out;
    size_t out_at = 0;  // of `out`, not taken yet
    bool out_end = false;
  };
  struct DeleteSession {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void Step(int wait_ms);

  base::UniqueFd fd_;
  const Options options_;
  std::unique_ptr<nghttp2_session, DeleteSession> session_;
  std::map<int32_t, Stream> streams_;
  std::string out_;
  bool closed_ = false;
  std::optional<uint32_t> goaway_;
  int goaways_ = 0;
  int pongs_ = 0;
};

// The fields of a plain request, and of a gRPC call.
Http2Client::Fields HttpFields(std::string_view method, std::string_view path,
                               const Http2Client::Fields& more = {});
Http2Client::Fields GrpcFields(std::string_view path, const Http2Client::Fields& more = {});
// A message with its prefix.
std::string GrpcFrame(std::string_view message, bool compressed = false);

// Bytes for a RawClient: what a client begins with (the preface and empty SETTINGS), a frame, and a
// header block without compression.
std::string Http2Preface();
std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);
std::string Http2HeaderBlock(const Http2Client::Fields& fields);
std::string Http2Number(uint32_t value);  // 4 bytes
// The error code of the last GOAWAY among the frames in `received`.
std::optional<uint32_t> GoawayIn(std::string_view received);

}  // namespace slipway::net

#include "net/http2_client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/str_cat.h"

namespace slipway::net {
namespace {

constexpr uint32_t kStreamWindow = 4 << 20;
constexpr int32_t kConnectionWindow = 64 << 20;
constexpr size_t kOutputBytes = size_t{64} << 10;

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

nghttp2_nv ToEntry(const Http2ClientSession::Field& field) {
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(field.first), bytes(field.second), field.first.size(), field.second.size(),
          NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

struct Http2ClientSession::Callbacks {
  static Http2ClientSession& Self(void* user_data) {
    return *static_cast<Http2ClientSession*>(user_data);
  }
  static Request* RequestOf(nghttp2_session* session, int32_t stream) {
    return static_cast<Request*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/,
                      void* user_data) {
    const int32_t stream = frame->hd.stream_id;
    if (const Request* request = RequestOf(session, stream)) {
      Self(user_data).listener_.OnField(stream, request->tag, View(name, name_size),
                                        View(value, value_size));
    }
    return 0;
  }
  static int OnData(nghttp2_session* session, uint8_t /*flags*/, int32_t stream,
                    const uint8_t* data, size_t size, void* user_data) {
    if (const Request* request = RequestOf(session, stream)) {
      Self(user_data).listener_.OnBody(stream, request->tag, View(data, size));
    }
    return 0;
  }
  static int OnClose(nghttp2_session* session, int32_t stream, uint32_t error_code,
                     void* user_data) {
    Http2ClientSession& self = Self(user_data);
    Request* const request = RequestOf(session, stream);
    if (request == nullptr) return 0;
    const size_t tag = request->tag;
    self.requests_.Give(*request);
    self.listener_.OnEnd(stream, tag, error_code);
    return 0;
  }
  static int OnFrame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(user_data).closing_ = true;
    return 0;
  }
  // nghttp2 says goodbye by itself only when the server broke the protocol.
  static int OnSent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(user_data).broken_ = true;
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session* /*session*/, int32_t /*stream*/, uint8_t* buffer,
                          size_t room, uint32_t* flags, nghttp2_data_source* source,
                          void* /*user_data*/) {
    auto& request = *static_cast<Request*>(source->ptr);
    const size_t size = std::min(room, request.unsent.size());
    if (size > 0) std::memcpy(buffer, request.unsent.data(), size);
    request.unsent.remove_prefix(size);
    if (request.unsent.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

void Http2ClientSession::DeleteSession::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2ClientSession::~Http2ClientSession() = default;

base::Result<std::unique_ptr<Http2ClientSession>> Http2ClientSession::Create(Listener& listener) {
  std::unique_ptr<Http2ClientSession> self(new Http2ClientSession(listener));
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return base::ResourceExhausted("HTTP/2");
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnClose);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::OnSent);
  nghttp2_session* session = nullptr;
  const int made = nghttp2_session_client_new(&session, callbacks, self.get());
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) return base::ResourceExhausted("HTTP/2");
  self->session_.reset(session);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return self;
}

base::Result<int32_t> Http2ClientSession::Submit(std::span<const Field> fields,
                                                 std::string_view body, size_t tag) {
  if (closing_) return base::Unavailable("the server takes no more requests (GOAWAY)");
  std::vector<nghttp2_nv> entries(fields.size());
  std::ranges::transform(fields, entries.begin(), ToEntry);
  Request& request = requests_.Take();
  request.unsent = body;
  request.tag = tag;
  nghttp2_data_provider provider{};
  provider.source.ptr = &request;
  provider.read_callback = Callbacks::ReadBody;
  const int32_t stream =
      nghttp2_submit_request(session_.get(), nullptr, entries.data(), entries.size(),
                             body.empty() ? nullptr : &provider, &request);
  if (stream > 0) return stream;
  requests_.Give(request);
  closing_ = true;
  return base::Unavailable(base::StrCat("HTTP/2: ", nghttp2_strerror(stream)));
}

void Http2ClientSession::Reset(int32_t stream) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

base::Status Http2ClientSession::Receive(std::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  Output();  // where nghttp2 says so if it did not like what came
  if (taken >= 0 && !broken_) return base::OkStatus();
  return base::DataLoss(base::StrCat("the server's bytes are not HTTP/2", taken < 0 ? ": " : "",
                                     taken < 0 ? nghttp2_strerror(static_cast<int>(taken)) : ""));
}

std::string_view Http2ClientSession::Output() {
  if (out_begin_ == out_.size()) {
    out_.clear();
    out_begin_ = 0;
    const uint8_t* data = nullptr;
    for (ssize_t size = 0; out_.size() < kOutputBytes &&
                           (size = nghttp2_session_mem_send(session_.get(), &data)) > 0;) {
      out_.append(View(data, static_cast<size_t>(size)));
    }
  }
  return std::string_view(out_).substr(out_begin_);
}

std::string Http2ErrorName(uint32_t error_code) {
  const std::string_view name = nghttp2_http2_strerror(error_code);
  return name == "unknown" ? base::StrCat("error ", error_code) : std::string(name);
}

}  // namespace slipway::net

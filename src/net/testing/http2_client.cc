#include "net/testing/http2_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "net/grpc_wire.h"
#include "net/socket_address.h"

namespace slipway::net {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> ToNghttp2(const Http2Client::Fields& fields) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
    };
    out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace

struct Http2Client::Callbacks {
  static Http2Client& Self(void* user_data) { return *static_cast<Http2Client*>(user_data); }

  static int OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/,
                      void* user_data) {
    Answer& answer = Self(user_data).streams_[frame->hd.stream_id].answer;
    const std::string_view field = View(name, name_size);
    if (field == ":status") {
      if (answer.status != 0) answer.interim.push_back(answer.status);
      answer.status = std::atoi(std::string(View(value, value_size)).c_str());
      return 0;
    }
    const bool trailer = frame->headers.cat == NGHTTP2_HCAT_HEADERS && answer.status >= 200 &&
                         !answer.headers.empty();
    (trailer ? answer.trailers : answer.headers)
        .emplace_back(std::string(field), std::string(View(value, value_size)));
    return 0;
  }
  static int OnDataChunk(nghttp2_session* session, uint8_t /*flags*/, int32_t id,
                         const uint8_t* data, size_t size, void* user_data) {
    Http2Client& self = Self(user_data);
    self.streams_[id].answer.body.append(View(data, size));
    if (self.options_.open_windows) nghttp2_session_consume(session, id, size);
    return 0;
  }
  static int OnStreamClose(nghttp2_session* /*session*/, int32_t id, uint32_t error_code,
                           void* user_data) {
    Answer& answer = Self(user_data).streams_[id].answer;
    answer.closed = true;
    answer.error_code = error_code;
    return 0;
  }
  static int OnFrame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user_data) {
    Http2Client& self = Self(user_data);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self.goaway_ = frame->goaway.error_code;
      ++self.goaways_;
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ++self.pongs_;
    return 0;
  }
  static ssize_t OnReadData(nghttp2_session* /*session*/, int32_t id, uint8_t* buffer, size_t room,
                            uint32_t* flags, nghttp2_data_source* /*source*/, void* user_data) {
    Stream& stream = Self(user_data).streams_[id];
    const size_t size = std::min(room, stream.out.size() - stream.out_at);
    if (size == 0 && !stream.out_end) return NGHTTP2_ERR_DEFERRED;
    std::copy_n(stream.out.data() + stream.out_at, size, buffer);
    stream.out_at += size;
    if (stream.out_at == stream.out.size() && stream.out_end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

Http2Client::Http2Client(std::string_view address, const Options& options) : options_(options) {
  const SocketAddress where = *SocketAddress::Parse(address);
  fd_.Reset(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (options.receive_buffer > 0) {
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
  }
  SLIPWAY_CHECK(fd_.valid() && ::connect(fd_.get(), where.get(), where.size()) == 0);

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  SLIPWAY_CHECK(nghttp2_session_client_new2(&session, callbacks, this, option) == 0);
  session_.reset(session);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
  if (options.open_windows) {
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 64 << 20);
  }
  Poll();
}

Http2Client::~Http2Client() = default;

int32_t Http2Client::Begin(const Fields& fields, std::string_view body, bool end) {
  const std::vector<nghttp2_nv> entries = ToNghttp2(fields);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::OnReadData;
  const bool no_body = body.empty() && end;
  const int32_t id = nghttp2_submit_request(session_.get(), nullptr, entries.data(), entries.size(),
                                            no_body ? nullptr : &provider, nullptr);
  if (id <= 0) return 0;
  streams_[id].out = body;
  streams_[id].out_end = end;
  Poll();
  return id;
}

void Http2Client::Write(int32_t stream, std::string_view bytes, bool end) {
  streams_[stream].out.append(bytes);
  streams_[stream].out_end = end;
  nghttp2_session_resume_data(session_.get(), stream);
  Poll();
}

void Http2Client::Reset(int32_t stream, uint32_t error_code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, error_code);
  Poll();
}

void Http2Client::Consume(int32_t stream, size_t bytes) {
  nghttp2_session_consume(session_.get(), stream, bytes);
  Poll();
}

void Http2Client::Ping() {
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  Poll();
}

uint32_t Http2Client::setting(nghttp2_settings_id id) const {
  return nghttp2_session_get_remote_settings(session_.get(), id);
}

void Http2Client::Step(int wait_ms) {
  if (closed_ || !fd_.valid()) return;
  const uint8_t* data = nullptr;
  for (ssize_t size = 0;
       out_.size() < 1'000'000 && (size = nghttp2_session_mem_send(session_.get(), &data)) > 0;) {
    out_.append(View(data, static_cast<size_t>(size)));
  }
  pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (!out_.empty()) entry.events |= POLLOUT;
  if (::poll(&entry, 1, wait_ms) != 1) return;
  if ((entry.revents & POLLOUT) != 0) {
    const ssize_t sent = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) out_.erase(0, static_cast<size_t>(sent));
    if (sent < 0 && errno != EAGAIN) out_.clear();
  }
  if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  std::vector<uint8_t> bytes(256 * 1024);
  const ssize_t received = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (received < 0 && errno == EAGAIN) return;
  closed_ = received <= 0 || nghttp2_session_mem_recv(session_.get(), bytes.data(),
                                                      static_cast<size_t>(received)) < 0;
}

bool Http2Client::WaitUntil(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    Step(closed_ ? 0 : 5);
  }
  return true;
}

const Http2Client::Answer& Http2Client::Wait(int32_t stream) {
  WaitUntil([&] { return streams_[stream].answer.closed || closed_; });
  return streams_[stream].answer;
}

Http2Client::Answer Http2Client::Ask(const Fields& fields, std::string_view body) {
  return Wait(Begin(fields, body));
}

std::string Http2Client::Answer::Header(std::string_view name) const {
  for (const Fields* fields : {&headers, &trailers}) {
    for (const auto& [field, value] : *fields) {
      if (field == name) return value;
    }
  }
  return {};
}

bool Http2Client::Answer::Has(std::string_view name) const {
  for (const Fields* fields : {&headers, &trailers}) {
    for (const auto& [field, value] : *fields) {
      if (field == name) return true;
    }
  }
  return false;
}

int Http2Client::Answer::grpc_status() const {
  return Has("grpc-status") ? std::atoi(Header("grpc-status").c_str()) : -1;
}

std::vector<std::string> Http2Client::Answer::messages() const {
  std::vector<std::string> messages;
  std::string_view rest = body;
  while (rest.size() >= GrpcPrefix::kBytes) {
    std::array<char, GrpcPrefix::kBytes> prefix{};
    std::memcpy(prefix.data(), rest.data(), prefix.size());
    const uint32_t length = ParseGrpcPrefix(prefix).length;
    messages.emplace_back(rest.substr(GrpcPrefix::kBytes, length));
    rest.remove_prefix(std::min<size_t>(GrpcPrefix::kBytes + length, rest.size()));
  }
  return messages;
}

Http2Client::Fields HttpFields(std::string_view method, std::string_view path,
                               const Http2Client::Fields& more) {
  Http2Client::Fields fields = {{":method", std::string(method)},
                                {":scheme", "http"},
                                {":authority", "h"},
                                {":path", std::string(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Http2Client::Fields GrpcFields(std::string_view path, const Http2Client::Fields& more) {
  Http2Client::Fields fields =
      HttpFields("POST", path, {{"content-type", "application/grpc"}, {"te", "trailers"}});
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string GrpcFrame(std::string_view message, bool compressed) {
  const auto prefix = FormatGrpcPrefix({.flag = static_cast<uint8_t>(compressed ? 1 : 0),
                                        .length = static_cast<uint32_t>(message.size())});
  return std::string(prefix.data(), prefix.size()).append(message);
}

std::string Http2Number(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<uint8_t>(value >> shift)));
  }
  return out;
}

std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out = Http2Number(static_cast<uint32_t>(payload.size())).substr(1);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out.append(Http2Number(stream)).append(payload);
}

std::string Http2Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Frame(NGHTTP2_SETTINGS, 0, 0, "");
}

// RFC 7541: each field as a literal without indexing, its length as an integer with a 7 bit prefix.
std::string Http2HeaderBlock(const Http2Client::Fields& fields) {
  std::string out;
  const auto append = [&out](const std::string& text) {
    size_t size = text.size();
    if (size < 127) {
      out.push_back(static_cast<char>(size));
    } else {
      out.push_back(127);
      for (size -= 127; size >= 128; size /= 128) {
        out.push_back(static_cast<char>(static_cast<uint8_t>(size % 128 + 128)));
      }
      out.push_back(static_cast<char>(size));
    }
    out += text;
  };
  for (const auto& [name, value] : fields) {
    out.push_back(0);
    append(name);
    append(value);
  }
  return out;
}

std::optional<uint32_t> GoawayIn(std::string_view received) {
  std::optional<uint32_t> code;
  while (received.size() >= 9) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(received[at]); };
    const size_t length =
        static_cast<size_t>(byte(0)) << 16 | static_cast<size_t>(byte(1)) << 8 | byte(2);
    if (byte(3) == NGHTTP2_GOAWAY && received.size() >= 17) code = byte(16);
    received.remove_prefix(std::min(received.size(), 9 + length));
  }
  return code;
}

}  // namespace slipway::net

// Http2Connection, second half: between nghttp2 and the streams. The first is in
// http2_connection.cc.

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "net/http2_connection.h"

namespace slipway::net {
namespace {

constexpr size_t kMaxSentFrameBytes = 64 * 1024;
// Answers that a client asked for and does not take. Beyond, its new requests are refused.
constexpr size_t kMaxUnsentBytes = size_t{64} << 20;
// Times max_streams: requests that were cancelled count as long as a handler works on them.
constexpr size_t kMaxStreamsFactor = 2;

}  // namespace

// The functions that nghttp2 calls. User data of a session is its connection, of a stream its
// Http2Stream, once its request head is complete.
struct Http2Callbacks {
  static Http2Connection& Connection(void* user_data) {
    return *static_cast<Http2Connection*>(user_data);
  }
  static Http2Stream* Stream(nghttp2_session* session, int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnBeginHeaders(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                            void* user_data) {
    Http2Connection& connection = Connection(user_data);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    connection.head_.Reset();
    connection.head_since_ =
        connection.guard_.unfinished() ? connection.guard_.unfinished_since() : connection.now();
    return 0;
  }

  static int OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/,
                      void* user_data) {
    Http2Connection& connection = Connection(user_data);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers say nothing to us
    connection.head_.Add({reinterpret_cast<const char*>(name), name_size},
                         {reinterpret_cast<const char*>(value), value_size},
                         connection.io_.head_limits);
    return 0;
  }

  // A name or value with characters that must not be there: the request is malformed.
  static int OnInvalidHeader(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                             const uint8_t* /*name*/, size_t /*name_size*/,
                             const uint8_t* /*value*/, size_t /*value_size*/, uint8_t /*flags*/,
                             void* /*user_data*/) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int OnFrameReceived(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                             void* user_data) {
    Http2Connection& connection = Connection(user_data);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          connection.OnRequestHead(frame->hd.stream_id, end);
        }
        [[fallthrough]];
      case NGHTTP2_DATA:
        if (end) connection.OnEndOfStream(frame->hd.stream_id);
        break;
      case NGHTTP2_SETTINGS:
        connection.settled_ = true;
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) connection.FinishShutdown();
        break;
      default:
        break;
    }
    return connection.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int OnDataChunk(nghttp2_session* session, uint8_t /*flags*/, int32_t id,
                         const uint8_t* data, size_t size, void* user_data) {
    // The connection's window is never held back: what one stream does not take must not keep the
    // others from theirs.
    nghttp2_session_consume_connection(session, size);
    if (Http2Stream* stream = Stream(session, id)) {
      stream->OnData({reinterpret_cast<const char*>(data), size});
    }
    return Connection(user_data).failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error_code,
                           void* user_data) {
    return Connection(user_data).OnStreamClosed(Stream(session, id), error_code)
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    const uint8_t type = frame->hd.type;
    if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        frame->goaway.error_code != NGHTTP2_ENHANCE_YOUR_CALM) {  // nghttp2's, not a timeout
      Connection(user_data).io_.counters.protocol_errors.Add(1);
    }
    if ((type != NGHTTP2_DATA && type != NGHTTP2_HEADERS) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
      return 0;
    }
    // The answer is whole before the request is: the client need not send the rest (RFC 9113
    // section 8.1).
    Http2Stream* stream = Stream(session, frame->hd.stream_id);
    if (stream != nullptr && !stream->end_received_ && stream->StopsClientAtOnce()) {
      stream->StopClient();
    }
    return 0;
  }

  static ssize_t ReadLength(nghttp2_session* /*session*/, uint8_t /*type*/, int32_t /*id*/,
                            int32_t /*connection_window*/, int32_t /*stream_window*/,
                            uint32_t max_frame_bytes, void* /*user_data*/) {
    return static_cast<ssize_t>(std::min<size_t>(max_frame_bytes, kMaxSentFrameBytes));
  }

  static ssize_t OnReadData(nghttp2_session* /*session*/, int32_t /*id*/, uint8_t* /*buffer*/,
                            size_t room, uint32_t* flags, nghttp2_data_source* source,
                            void* user_data) {
    return Connection(user_data).ReadData(*static_cast<Http2Stream*>(source->ptr), room, *flags);
  }

  static int OnSendData(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/,
                        const uint8_t* frame_header, size_t size, nghttp2_data_source* source,
                        void* user_data) {
    return Connection(user_data).SendData(*static_cast<Http2Stream*>(source->ptr), frame_header,
                                          size)
               ? 0
               : NGHTTP2_ERR_WOULDBLOCK;
  }
};

Http2Shared::Http2Shared() {
  nghttp2_session_callbacks* new_callbacks = nullptr;
  nghttp2_option* new_option = nullptr;
  SLIPWAY_CHECK(nghttp2_session_callbacks_new(&new_callbacks) == 0 &&
                nghttp2_option_new(&new_option) == 0);
  callbacks.reset(new_callbacks);
  option.reset(new_option);
  using Use = Http2Callbacks;
  nghttp2_session_callbacks_set_on_begin_headers_callback(new_callbacks, Use::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(new_callbacks, Use::OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(new_callbacks, Use::OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(new_callbacks, Use::OnFrameReceived);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(new_callbacks, Use::OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(new_callbacks, Use::OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(new_callbacks, Use::OnFrameSent);
  nghttp2_session_callbacks_set_data_source_read_length_callback(new_callbacks, Use::ReadLength);
  nghttp2_session_callbacks_set_send_data_callback(new_callbacks, Use::OnSendData);
  nghttp2_option_set_no_auto_window_update(new_option, 1);
  // Resets are counted by the connection, which says ENHANCE_YOUR_CALM.
  nghttp2_option_set_stream_reset_rate_limit(new_option, UINT64_MAX, UINT64_MAX);
}

void Http2Shared::ForgetHandlers() {
  exchanges.ForEach([](Http2Exchange& exchange) { exchange.ForgetCallbacks(); });
  calls.ForEach([](Http2GrpcCall& call) { call.ForgetReceiver(); });
}

void Http2Stream::SubmitHead(std::span<const nghttp2_nv> fields, bool end) {
  if (closed_) return;
  head_submitted_ = true;
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = Http2Callbacks::OnReadData;
  nghttp2_submit_response(connection_->session_.get(), id_, fields.data(), fields.size(),
                          end ? nullptr : &provider);
  connection_->OnOutput();
}

bool Http2Connection::StartSession() {
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new2(&session, io_.http2.callbacks.get(), this,
                                  io_.http2.option.get()) != 0) {
    return false;
  }
  session_.reset(session);
  const Limits& limits = io_.limits;
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<uint32_t>(limits.max_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(limits.stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits.max_header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) ==
             0 &&
         nghttp2_session_set_local_window_size(
             session, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(limits.connection_window_bytes)) ==
             0;
}

void Http2Connection::Feed(std::string_view bytes) {
  const size_t good = guard_.Check(bytes, now());
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), good);
  if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    Fail(NGHTTP2_PROTOCOL_ERROR);
  } else if (used == NGHTTP2_ERR_FLOODED) {
    Fail(NGHTTP2_ENHANCE_YOUR_CALM);
  } else if (used < 0) {
    Fail(NGHTTP2_INTERNAL_ERROR);
  } else if (guard_.error_code() != 0) {
    Fail(guard_.error_code());
  }
  if (failed_) LoseStreams();
}

// Where what comes for the stream of `frame` belongs; empty when it must be looked at first.
std::span<std::byte> Http2Connection::DataRoom(const Http2FrameGuard::DataFrame& frame) {
  if (client_.transport.encrypted()) return {};
  Http2Stream* stream = Http2Callbacks::Stream(session_.get(), static_cast<int32_t>(frame.stream));
  return stream == nullptr ? std::span<std::byte>() : stream->DataRoom();
}

// Ends the connection with an error of ours. nghttp2 is not asked any more, as it may be in any
// state, so the GOAWAY is written here: RFC 9113 section 6.8.
void Http2Connection::Fail(uint32_t error_code) {
  if (std::exchange(failed_, true)) return;
  io_.counters.protocol_errors.Add(1);
  std::array<char, 17> frame{0, 0, 8, NGHTTP2_GOAWAY};
  const auto write = [&frame](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) {
      frame[at + i] = static_cast<char>(static_cast<uint8_t>(value >> (24 - 8 * i)));
    }
  };
  write(9, static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_.get())));
  write(13, error_code);
  queue_.Copy({frame.data(), frame.size()});
}

void Http2Connection::OnRequestHead(int32_t id, bool end) {
  if (streams_ >= kMaxStreamsFactor * io_.limits.max_streams || unsent_bytes_ > kMaxUnsentBytes) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  Http2Stream* stream = nullptr;
  if (head_.is_grpc_call()) {
    stream = &io_.http2.calls.Take();
  } else {
    stream = &io_.http2.exchanges.Take();
  }
  stream->connection_ = this;
  stream->id_ = id;
  stream->end_received_ = end;
  stream->first_byte_at_ = head_since_;
  std::swap(stream->head_, head_);
  Link(*stream);
  nghttp2_session_set_stream_user_data(session_.get(), id, stream);
  if (const HttpError error = stream->head_.Finish(io_.head_limits)) {
    io_.counters.protocol_errors.Add(1);
    stream->Refuse(error);
  } else {
    stream->OnHead();
  }
}

void Http2Connection::OnEndOfStream(int32_t id) {
  Http2Stream* stream = Http2Callbacks::Stream(session_.get(), id);
  if (stream == nullptr) return;
  stream->end_received_ = true;
  stream->OnEnd();
}

// False when the client resets, or makes us reset, more streams than is decent. The stream may have
// ended well, too.
bool Http2Connection::OnStreamClosed(Http2Stream* stream, uint32_t error_code) {
  if (stream != nullptr) {
    stream->closed_ = true;
    stream->output_.Abandon(queue_);
    Account(*stream);
    if (stream->in_use()) stream->OnGone();
    if (!stream->in_use()) Retire(*stream);
  }
  if (error_code != NGHTTP2_NO_ERROR && !resets_.Spend(1, now())) Fail(NGHTTP2_ENHANCE_YOUR_CALM);
  return !failed_;
}

// How much of the stream's output goes into the next frame; SendData() follows.
ssize_t Http2Connection::ReadData(Http2Stream& stream, size_t room, uint32_t& flags) {
  const size_t size = std::min(room, stream.output_.size());
  if (size == 0 && !stream.output_ended_) return NGHTTP2_ERR_DEFERRED;
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.output_ended_ && size == stream.output_.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.SubmitTrailers()) flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(size);
}

// False when enough is queued for now: nghttp2 comes again.
bool Http2Connection::SendData(Http2Stream& stream, const uint8_t* frame_header, size_t size) {
  constexpr size_t kFrameHeaderBytes = 9;
  constexpr size_t kEnoughQueuedBytes = 256 * 1024;
  if (queue_.unsent_bytes() >= kEnoughQueuedBytes) return false;
  queue_.Copy({reinterpret_cast<const char*>(frame_header), kFrameHeaderBytes});
  stream.output_.MoveTo(queue_, size);
  stream.output_since_ = now();
  Account(stream);
  guard_.OnDataSent();
  return true;
}

void Http2Connection::Link(Http2Stream& stream) {
  stream.previous_ = nullptr;
  stream.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &stream;
  first_ = &stream;
  ++streams_;
}

void Http2Connection::Unlink(Http2Stream& stream) {
  (stream.previous_ == nullptr ? first_ : stream.previous_->next_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  --streams_;
  if (first_ == nullptr) idle_since_ = now();
}

// Keeps the sum of what streams have to send, and the time since when one waits.
void Http2Connection::Account(Http2Stream& stream) {
  const size_t size = stream.output_.size();
  if (size == stream.counted_output_) return;
  if (stream.counted_output_ == 0) {
    stream.output_since_ = now();
    Watch(now() + io_.limits.write_timeout);
  }
  unsent_bytes_ += size - stream.counted_output_;
  stream.counted_output_ = size;
}

void Http2Connection::Retire(Http2Stream& stream) {
  if (std::exchange(stream.releasing_, true)) return;
  releasing_.push_back(&stream);
}

}  // namespace slipway::net

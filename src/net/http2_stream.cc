#include "net/http2_stream.h"

#include <algorithm>

#include "net/http2_connection.h"

namespace slipway::net {

void BlankControlCharacters(std::string& value) {
  std::ranges::replace_if(
      value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
}

void Http2Stream::ResetStream() {
  id_ = 0;
  closed_ = end_received_ = head_submitted_ = output_ended_ = releasing_ = false;
  head_.Reset();
}

IoContext& Http2Stream::io() const { return connection_->io_; }

base::SteadyTime Http2Stream::now() const { return connection_->now(); }

std::string_view Http2Stream::peer() const { return connection_->client_.peer; }

uint64_t Http2Stream::client() const { return connection_->client_.number; }

void Http2Stream::SubmitInterim(std::span<const nghttp2_nv> fields) {
  if (closed_) return;
  nghttp2_submit_headers(connection_->session_.get(), NGHTTP2_FLAG_NONE, id_, nullptr,
                         fields.data(), fields.size(), nullptr);
}

void Http2Stream::SubmitTrailerFields(std::span<const nghttp2_nv> fields) {
  nghttp2_submit_trailer(connection_->session_.get(), id_, fields.data(), fields.size());
}

void Http2Stream::Flush() {
  if (closed_) return;
  connection_->Account(*this);
  // Fails when nothing was put off: then the data is asked for anyway.
  if (head_submitted_) nghttp2_session_resume_data(connection_->session_.get(), id_);
  connection_->OnOutput();
}

void Http2Stream::NoteAnswer(bool refused) {
  if (closed_) return;
  connection_->NoteAnswer(connection_->io_.loop, connection_->client_.transport.fd(), refused);
}

void Http2Stream::StopClient() {
  if (closed_) return;
  nghttp2_submit_rst_stream(connection_->session_.get(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
}

void Http2Stream::Consume(size_t bytes) {
  if (!closed_) nghttp2_session_consume_stream(connection_->session_.get(), id_, bytes);
}

void Http2Stream::RequestAttention() {
  connection_->attention_ = true;
  connection_->OnOutput();
}

void Http2Stream::Watch(base::SteadyTime deadline) { connection_->Watch(deadline); }

void Http2Stream::Release() {
  if (!closed_) return;
  connection_->Retire(*this);
  connection_->OnOutput();
}

}  // namespace slipway::net

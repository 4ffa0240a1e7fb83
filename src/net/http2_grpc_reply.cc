// Http2GrpcCall, second half: what goes to the client.

#include <charconv>
#include <utility>

#include "base/check.h"
#include "net/http2_grpc_call.h"
#include "net/io_context.h"

namespace slipway::net {
namespace {

constexpr size_t kWorthCompressingBytes = 1024;
constexpr size_t kKeptReplyBytes = 256 * 1024;
// Clients refuse trailers of more than 8 KiB, and a byte may become three.
constexpr size_t kMaxStatusMessageBytes = 2048;

}  // namespace

void Http2GrpcCall::AddMetadata(std::string_view name, std::string_view value) {
  if (head_submitted()) return;
  metadata_.push_back({name, std::string(value)});
  BlankControlCharacters(metadata_.back().value);
}

// With the first message. A status without any message goes with the head instead.
void Http2GrpcCall::SendHead() {
  std::vector<nghttp2_nv>& fields = io().http2.fields;
  fields.clear();
  fields.push_back(Http2Field(":status", "200"));
  fields.push_back(Http2Field("content-type", "application/grpc"));
  if (gzip_answers_) fields.push_back(Http2Field("grpc-encoding", "gzip"));
  fields.push_back(Http2Field("grpc-accept-encoding", "identity,gzip"));
  for (const Metadata& entry : metadata_) fields.push_back(Http2Field(entry.name, entry.value));
  SubmitHead(fields, /*end=*/false);
}

// Makes the body of the reply the compressed form of all of it, if that is smaller.
bool Http2GrpcCall::CompressReply() {
  size_t total = reply_.body.size();
  for (const base::Buffer& buffer : reply_.tail) total += buffer.size();
  if (!gzip_answers_ || total < kWorthCompressingBytes) return false;
  std::vector<std::string_view> pieces = {reply_.body};
  for (const base::Buffer& buffer : reply_.tail) {
    pieces.emplace_back(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  std::string compressed;
  if (!io().deflater.Compress(ContentCoding::kGzip, pieces, compressed)) return false;
  reply_.body = std::move(compressed);
  reply_.tail.clear();
  return true;
}

bool Http2GrpcCall::Send() {
  SLIPWAY_CHECK(state_ == State::kOpen);
  bool writable = false;
  if (!cancelled_) {
    if (!head_submitted()) SendHead();
    GrpcPrefix prefix;
    prefix.flag = CompressReply() ? 1 : 0;
    size_t total = reply_.body.size();
    for (const base::Buffer& buffer : reply_.tail) total += buffer.size();
    if (total > UINT32_MAX) {
      reply_ = GrpcReply();
      SendStatus(
          base::ResourceExhausted("the answer is larger than a gRPC message can be (4 GiB)"));
      cancelled_ = true;
      return false;
    }
    prefix.length = static_cast<uint32_t>(total);
    const auto bytes = FormatGrpcPrefix(prefix);
    output().Append({bytes.data(), bytes.size()});
    output().Take(reply_.body);
    for (base::Buffer& buffer : reply_.tail) output().Take(std::move(buffer));
    Flush();
    want_writable_ = output().size() > kMaxUnsentBytes;
    if (want_writable_) RequestAttention();
    writable = !want_writable_;
  }
  if (reply_.body.capacity() > kKeptReplyBytes) reply_.body = std::string();
  reply_.body.clear();
  reply_.tail.clear();
  return writable;
}

void Http2GrpcCall::Finish(const base::Status& status) {
  SLIPWAY_CHECK(state_ == State::kOpen);
  state_ = State::kFinished;
  receiver_ = nullptr;
  want_writable_ = resume_ = false;
  if (!cancelled_) SendStatus(status);
  DropInput();
  Release();
}

void Http2GrpcCall::AddStatusFields(std::vector<nghttp2_nv>& fields) {
  fields.push_back(Http2Field("grpc-status", {status_code_, status_code_size_}));
  if (!status_message_.empty()) fields.push_back(Http2Field("grpc-message", status_message_));
}

void Http2GrpcCall::SendStatus(const base::Status& status) {
  if (closed()) return;
  NoteAnswer(status.code() == base::StatusCode::kResourceExhausted);
  const auto [end, error] = std::to_chars(status_code_, status_code_ + sizeof(status_code_),
                                          static_cast<int>(status.code()));
  status_code_size_ = static_cast<size_t>(end - status_code_);
  AppendGrpcMessage(status_message_,
                    std::string_view(status.message()).substr(0, kMaxStatusMessageBytes));
  EndOutput();
  if (head_submitted()) return Flush();  // the trailers follow the last message
  std::vector<nghttp2_nv>& fields = io().http2.fields;
  fields.clear();
  fields.push_back(Http2Field(":status", "200"));
  fields.push_back(Http2Field("content-type", "application/grpc"));
  if (status.code() == base::StatusCode::kUnimplemented) {
    fields.push_back(Http2Field("grpc-accept-encoding", "identity,gzip"));
  }
  AddStatusFields(fields);
  for (const Metadata& entry : metadata_) fields.push_back(Http2Field(entry.name, entry.value));
  SubmitHead(fields, /*end=*/true);
  Flush();
}

bool Http2GrpcCall::SubmitTrailers() {
  std::vector<nghttp2_nv>& fields = io().http2.fields;
  fields.clear();
  AddStatusFields(fields);
  SubmitTrailerFields(fields);
  return true;
}

void Http2GrpcCall::Refuse(const HttpError& error) {
  if (state_ == State::kNew) {
    SendStatus({GrpcCodeOfHttpStatus(error.status), error.message});
  } else if (taking_messages()) {
    Cancel({GrpcCodeOfHttpStatus(error.status), error.message});
  }
}

void Http2GrpcCall::Cancel(const base::Status& status) {
  SendStatus(status);
  TellCancelled();
}

void Http2GrpcCall::OnGone() {
  if (!cancelled_) TellCancelled();
}

void Http2GrpcCall::TellCancelled() {
  cancelled_ = true;
  want_writable_ = resume_ = false;
  DropInput();
  if (receiver_ != nullptr) receiver_->OnCancelled();
}

}  // namespace slipway::net

#include "app/bench/answer.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace slipway::app {
namespace {

template <typename T>
bool ParseWhole(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void AnswerReader::Reset() {
  part_ = Part::kHead;
  started_ = chunked_ = has_length_ = false;
  keep_alive_ = true;
  status_ = 0;
  left_ = body_bytes_ = 0;
  line_.clear();
  kept_body_.clear();
  kept_header_value_.clear();
}

AnswerReader::Progress AnswerReader::Feed(std::string_view bytes) {
  started_ = started_ || !bytes.empty();
  Progress progress = Progress::kMore;
  while (!bytes.empty() && progress == Progress::kMore) {
    progress = part_ == Part::kHead ? ReadHead(bytes) : ReadBody(bytes);
  }
  return progress == Progress::kDone && !bytes.empty() ? Progress::kBad : progress;
}

AnswerReader::Progress AnswerReader::FeedEnd() const {
  return part_ == Part::kUntilEnd ? Progress::kDone : Progress::kBad;
}

AnswerReader::Progress AnswerReader::ReadHead(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (line_.empty()) {  // as a rule the whole head is here
    if (const size_t end = bytes.find(kEnd); end != std::string_view::npos) {
      const std::string_view head = bytes.substr(0, end + 2);
      bytes.remove_prefix(end + kEnd.size());
      return ParseHead(head) ? BeginBody() : Progress::kBad;
    }
  }
  const size_t before = line_.size();
  line_.append(bytes);
  const size_t end = line_.find(kEnd, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    bytes = {};
    return line_.size() > kMaxHeadBytes ? Progress::kBad : Progress::kMore;
  }
  bytes.remove_prefix(end + kEnd.size() - before);
  line_.resize(end + 2);
  const bool good = ParseHead(line_);
  line_.clear();
  return good ? BeginBody() : Progress::kBad;
}

bool AnswerReader::ParseHead(std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return false;
  if (!ParseWhole(head.substr(9, 3), status_)) return false;
  keep_alive_ = head[7] != '0';
  head.remove_prefix(head.find("\r\n") + 2);
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    if (!ParseField(head.substr(0, end))) return false;
    head.remove_prefix(end + 2);
  }
  return true;
}

bool AnswerReader::ParseField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const auto is = [&](std::string_view known) {
    return name.size() == known.size() && base::EqualsIgnoreCase(name, known);
  };
  if (is("content-length")) {
    has_length_ = true;
    return ParseWhole(base::TrimWhitespace(line.substr(colon + 1)), left_);
  }
  if (is("transfer-encoding")) {
    chunked_ = base::EqualsIgnoreCase(base::TrimWhitespace(line.substr(colon + 1)), "chunked");
    return chunked_;
  }
  if (is("connection")) {
    const std::string_view value = base::TrimWhitespace(line.substr(colon + 1));
    if (base::EqualsIgnoreCase(value, "close")) keep_alive_ = false;
    if (base::EqualsIgnoreCase(value, "keep-alive")) keep_alive_ = true;
  } else if (!kept_header_.empty() && is(kept_header_)) {
    kept_header_value_ = base::TrimWhitespace(line.substr(colon + 1));
  }
  return true;
}

AnswerReader::Progress AnswerReader::BeginBody() {
  if (status_ >= 100 && status_ < 200) {
    chunked_ = has_length_ = false;
    return Progress::kMore;  // an interim answer; the real one follows
  }
  if (status_ == 204 || status_ == 304) return Progress::kDone;
  if (chunked_) {
    part_ = Part::kChunkSize;
    left_ = 0;
  } else if (has_length_) {
    part_ = Part::kLength;
    if (left_ == 0) return Progress::kDone;
  } else {
    part_ = Part::kUntilEnd;
    keep_alive_ = false;
  }
  return Progress::kMore;
}

AnswerReader::Progress AnswerReader::ReadBody(std::string_view& bytes) {
  switch (part_) {
    case Part::kUntilEnd:
      left_ = bytes.size();
      TakeBody(bytes);
      return Progress::kMore;
    case Part::kLength:
      TakeBody(bytes);
      return left_ == 0 ? Progress::kDone : Progress::kMore;
    case Part::kChunk:
      TakeBody(bytes);
      if (left_ == 0) part_ = Part::kChunkEnd;
      return Progress::kMore;
    default:
      return ReadChunkLine(bytes);
  }
}

void AnswerReader::TakeBody(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, left_);
  bytes.remove_prefix(part.size());
  left_ -= part.size();
  body_bytes_ += part.size();
  if (kept_body_.size() < max_kept_bytes_) {
    kept_body_.append(part.substr(0, max_kept_bytes_ - kept_body_.size()));
  }
}

AnswerReader::Progress AnswerReader::ReadChunkLine(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  line_.append(bytes.substr(0, end));
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  if (line_.size() > kMaxHeadBytes) return Progress::kBad;
  if (end == std::string_view::npos) return Progress::kMore;
  if (!line_.ends_with('\r')) return Progress::kBad;
  line_.pop_back();
  const Progress progress = EndLine(line_);
  line_.clear();
  return progress;
}

AnswerReader::Progress AnswerReader::EndLine(std::string_view line) {
  if (part_ == Part::kChunkEnd) {
    part_ = Part::kChunkSize;
    return line.empty() ? Progress::kMore : Progress::kBad;
  }
  if (part_ == Part::kTrailer) return line.empty() ? Progress::kDone : Progress::kMore;
  if (!ParseWhole(base::TrimWhitespace(line.substr(0, line.find(';'))), left_, 16)) {
    return Progress::kBad;
  }
  part_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
  return Progress::kMore;
}

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http1_parser.h"

namespace slipway::net {

// Collects the fields of one HTTP/2 request, as HPACK yields them, into the RequestHead that
// HTTP/1.1 has too: names in lower case, ":authority" as "host" and first. Grammar that nghttp2
// has checked (names, characters, one of each pseudo-header) is not checked again.
//
// Errors: 400, 413, 414, 431, 501. Thread-compatible; reusable.
class Http2RequestHead {
 public:
  void Reset();
  // The next field, pseudo-headers included. Beyond a limit nothing is kept.
  void Add(std::string_view name, std::string_view value, const HeadLimits& limits);
  // All fields are there: fills in head(), whose views point into this object until Reset().
  HttpError Finish(const HeadLimits& limits);

  const RequestHead& head() const { return head_; }
  bool has_length() const { return has_length_; }
  // Whether what was added so far is for a GrpcCall: known before Finish().
  bool is_grpc_call() const { return is_grpc_call_; }
  // Of the request as far as it was read, also when Finish() returned an error.
  std::string_view content_type() const { return content_type_; }

 private:
  struct Field {
    size_t offset = 0;  // in text_: the name, then the value
    size_t name_size = 0;
    size_t value_size = 0;
  };

  HttpError Apply(const HttpHeader& field);
  HttpError ApplyLength(std::string_view value);
  std::string_view Text(size_t offset, size_t size) const {
    return std::string_view(text_).substr(offset, size);
  }

  std::string text_;
  std::vector<Field> fields_;
  Field method_;
  Field path_;
  size_t total_bytes_ = 0;
  HttpError error_;
  RequestHead head_;
  std::string_view content_type_;
  bool is_grpc_call_ = false;
  bool is_post_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
};

}  // namespace slipway::net

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/exchange.h"

namespace slipway::frontend {

// A request without a network; keeps the answer. The body is padded as net pads it.
class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(std::string_view method, std::string_view target, std::string_view body = {},
               std::vector<std::pair<std::string, std::string>> headers = {})
      : method_(method), target_(target), body_(body), headers_(std::move(headers)) {
    constexpr size_t kPadding = 64;
    const size_t size = body_.size();
    body_.append(kPadding, '7');
    const size_t query = target_.find('?');
    const std::string_view view = target_;
    request_.method = method == "GET"    ? net::HttpMethod::kGet
                      : method == "POST" ? net::HttpMethod::kPost
                      : method == "HEAD" ? net::HttpMethod::kHead
                      : method == "PUT"  ? net::HttpMethod::kPut
                                         : net::HttpMethod::kOther;
    request_.method_name = method_;
    request_.path = view.substr(0, query);
    request_.query = query == std::string::npos ? std::string_view() : view.substr(query + 1);
    for (const auto& [name, value] : headers_) views_.push_back({name, value});
    request_.headers = views_;
    request_.body = std::as_writable_bytes(std::span(body_.data(), size));
    request_.peer = "unix";
  }

  const net::HttpRequest& request() const override { return request_; }
  void set_times(base::SteadyTime first_byte, base::SteadyTime complete) {
    request_.first_byte_at = first_byte;
    request_.complete_at = complete;
  }
  void set_peer(std::string_view peer) { request_.peer = peer; }
  net::EventLoop& loop() override { base::CheckFailed(__FILE__, __LINE__, "a fake has no loop"); }
  net::HttpResponse& response() override { return response_; }
  const net::HttpResponse& response() const { return response_; }
  void Send() override {
    SLIPWAY_CHECK(!sent_);
    sent_ = true;
  }
  void BeginStream() override { streaming_ = true; }
  bool WriteStream(std::string_view piece) override {
    response_.body.append(piece);
    return true;
  }
  void EndStream() override { sent_ = true; }
  void set_on_writable(std::function<void()> /*callback*/) override {}
  void set_on_client_gone(OnClientGone callback) override { gone_ = std::move(callback); }
  bool client_gone() const override { return client_gone_; }

  void LoseClient() {
    client_gone_ = true;
    if (gone_) gone_();
  }
  bool sent() const { return sent_; }
  int status() const { return response_.status; }
  const std::string& body() const { return response_.body; }
  // Body and tail together.
  std::string content() const {
    std::string all = response_.body;
    for (const base::Buffer& piece : response_.tail) {
      all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    return all;
  }
  // The answer's header; "" when it has none.
  std::string Header(std::string_view name) const {
    for (const auto& header : response_.headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }

 private:
  const std::string method_;
  const std::string target_;
  std::string body_;
  const std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<net::HttpHeader> views_;
  net::HttpRequest request_;
  net::HttpResponse response_;
  OnClientGone gone_;
  bool sent_ = false;
  bool streaming_ = false;
  bool client_gone_ = false;
};

}  // namespace slipway::frontend

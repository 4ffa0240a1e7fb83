// SPDX-License-Identifier: Apache-2.0
// An HTTP server on Boost.Beast before ONNX Runtime, as its documentation writes an asynchronous
// one, with simdjson for the requests: server REPOSITORY PORT
//   POST /NAME          {"instances": [[...]]}
//   POST /NAME/binary   FP32 values as they are in memory
// Answers {"probability": [[...]], "label": [...]}, by the names of the model's outputs.
#include <simdjson.h>

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "models.h"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

namespace {

template <typename T>
void AppendList(std::string& out, const T* values, int64_t rows, int64_t columns) {
  char digits[32];
  for (int64_t i = 0; i < rows * columns; ++i) {
    if (columns > 1 && i % columns == 0) out += i == 0 ? "[" : "],[";
    if (i > 0 && (columns == 1 || i % columns != 0)) out += ',';
    out.append(digits, std::to_chars(digits, digits + sizeof digits, values[i]).ptr);
  }
  if (columns > 1) out += ']';
}

void AppendOutput(std::string& out, const std::string& name, const Ort::Value& value) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  const std::vector<int64_t> shape = info.GetShape();
  const int64_t columns = shape.size() > 1 ? shape[1] : 1;
  out += out.empty() ? "{\"" : ",\"";
  out += name + "\":[";
  if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
    AppendList(out, value.GetTensorData<float>(), shape[0], columns);
  } else {
    AppendList(out, value.GetTensorData<int64_t>(), shape[0], columns);
  }
  out += ']';
}

class Application {
 public:
  explicit Application(const char* repository) : models_(repository) {}

  Response Answer(Request& request) {
    Response response(http::status::ok, request.version());
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    try {
      response.body() = Infer(request);
    } catch (const std::out_of_range& e) {
      response.result(http::status::not_found);
      response.body() = e.what();
    } catch (const std::exception& e) {  // simdjson_error, std::invalid_argument
      response.result(http::status::bad_request);
      response.body() = e.what();
    }
    response.prepare_payload();
    return response;
  }

 private:
  std::string Infer(Request& request) {
    std::string_view name(request.target().data(), request.target().size());
    name.remove_prefix(1);
    const bool binary = name.ends_with("/binary");
    if (binary) name.remove_suffix(strlen("/binary"));
    Model& model = models_.at(name);
    row_.clear();
    if (binary) {
      row_.resize(request.body().size() / sizeof(float));
      memcpy(row_.data(), request.body().data(), row_.size() * sizeof(float));
    } else {
      ReadRow(request.body());
    }
    const std::vector<Ort::Value> values = model.Run(row_);
    std::string out;
    for (size_t i = 0; i < values.size(); ++i) AppendOutput(out, model.outputs[i], values[i]);
    return out + "}";
  }

  void ReadRow(std::string& body) {
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document = parser_.iterate(body);
    for (simdjson::ondemand::array row : document["instances"].get_array()) {
      for (const double value : row) row_.push_back(static_cast<float>(value));
    }
  }

  Models models_;
  simdjson::ondemand::parser parser_;
  std::vector<float> row_;
};

// One connection. Lives while it has something to do.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Application& application)
      : stream_(std::move(socket)), application_(application) {
    stream_.socket().set_option(tcp::no_delay(true));
    buffer_.reserve(64 << 10);  // Beast reads as much at a time as fits; 512 bytes at first
  }

  void Read() {
    parser_.emplace();
    parser_->body_limit(64 << 20);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->Write();
                     });
  }

 private:
  void Write() {
    response_ = application_.Answer(parser_->get());
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (!error && self->response_.keep_alive()) self->Read();
                      });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
  Application& application_;
};

void Accept(tcp::acceptor& acceptor, Application& application) {
  acceptor.async_accept([&](beast::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket), application)->Read();
    Accept(acceptor, application);
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::invalid_argument("server REPOSITORY PORT");
    Application application(argv[1]);
    asio::io_context context(1);  // one thread, since there is one core
    const auto port = static_cast<unsigned short>(std::stoi(argv[2]));
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), port});
    Accept(acceptor, application);
    context.run();
    return 0;
  } catch (const std::exception& e) {
    fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}

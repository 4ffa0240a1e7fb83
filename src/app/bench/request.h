#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace slipway::app {

// One input of a model as its server describes it (GET /v2/models/NAME). A value.
struct BenchInput {
  std::string name;
  tensor::DType dtype;
  tensor::Shape shape;  // -1: any size
};

// The inputs in `metadata`, the answer to GET /v2/models/NAME. kDataLoss says what is missing.
base::Result<std::vector<BenchInput>> ReadBenchInputs(const nlohmann::json& metadata);

// "input:1,3,224,224" into shapes[name]. kInvalidArgument.
base::Status ParseShapeOption(std::string_view text, std::map<std::string, tensor::Shape>& shapes);

struct BenchBodyOptions {
  bool binary = false;  // tensor data behind the JSON, and in the answer
  int64_t batch = 1;    // for a first dimension of -1; other -1 become 1
  std::map<std::string, tensor::Shape> shapes = {};  // by input name: wins over the above
  uint64_t seed = 1;                                 // of the values
};

// What to POST to /infer. `json_bytes` is the Inference-Header-Content-Length; 0: all is JSON.
struct BenchBody {
  std::string bytes;
  size_t json_bytes = 0;
};

// Inputs that fit: fractions with up to four decimals in [0, 1), small integers from 0 to 9 (they
// are valid as indices), "text0" to "text9". kInvalidArgument: a shape that does not fit the input,
// or a name in `shapes` that is no input; kResourceExhausted: more than 1 GiB.
base::Result<BenchBody> MakeBenchBody(const std::vector<BenchInput>& inputs,
                                      const BenchBodyOptions& options);

// The same inputs, each with its values as the binary formats have them: little-endian, BYTES with
// their lengths in front.
struct BenchTensor {
  std::string name;
  tensor::DType dtype;
  tensor::Shape shape;
  std::string data;
};
base::Result<std::vector<BenchTensor>> MakeBenchTensors(const std::vector<BenchInput>& inputs,
                                                        const BenchBodyOptions& options);

// A whole HTTP/1.1 request. `headers` are complete lines without their end.
struct BenchHttpRequest {
  std::string_view method = "POST";
  std::string_view target;
  std::string_view host;
  std::vector<std::string> headers = {};
  std::string_view body;
};
std::string SerializeRequest(const BenchHttpRequest& request);

}  // namespace slipway::app

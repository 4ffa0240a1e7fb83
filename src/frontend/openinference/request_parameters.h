#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/openinference/parameter_rules.h"
#include "tensor/json_reader.h"
#include "tensor/signature.h"

namespace slipway::frontend::openinference {

// Collects what a request wants of the outputs while its keys come in any order. Thread-compatible.
class OutputWishes {
 public:
  OutputWishes(const tensor::Signature& signature, InferRequest& request)
      : signature_(signature), request_(request) {}

  // Reads the value of "outputs".
  base::Status Read(tensor::JsonReader& reader);
  // "binary_data_output": what holds for outputs that do not say it themselves.
  void set_binary_default(bool binary) { binary_default_ = binary; }
  // Fills in request.outputs: all outputs when none was named.
  base::Status Finish();

 private:
  struct Wish {
    std::optional<std::string_view> name;
    std::optional<bool> binary;
    int64_t classes = 0;
    RegionPlace place;
  };
  base::Status ReadOne(tensor::JsonReader& reader, Wish& wish);
  base::Status ReadParameters(tensor::JsonReader& reader, Wish& wish);
  base::Status Add(const Wish& wish);
  base::Status Share(const Wish& wish);

  const tensor::Signature& signature_;
  InferRequest& request_;
  bool binary_default_ = false;
  // Positions in request.outputs of those that left "binary_data" to the default: 1 for each.
  std::vector<bool> undecided_;
};

// Reads one request parameter, whose key has been read. `wishes` may be null (generate).
base::Status ReadRequestParameter(tensor::JsonReader& reader, std::string_view key,
                                  InferRequest& request, OutputWishes* wishes);

}  // namespace slipway::frontend::openinference

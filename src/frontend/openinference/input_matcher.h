#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Where an input that a client describes belongs.
struct MatchedInput {
  size_t index = 0;  // in the signature's inputs
  tensor::DType dtype = tensor::DType::kFp32;
  int64_t count = 0;  // elements
};

// Holds the inputs of one request against a model's signature: the same rules and the same words
// for every protocol. Reused, so that its memory is too. Thread-compatible.
class InputMatcher {
 public:
  // Begins with a request. `signature` must stay until its end.
  void Begin(const tensor::Signature& signature);

  // Finds the input of that name and checks that datatype and shape fit. kInvalidArgument, without
  // the input's name in front: no such input, twice in one request, unknown datatype, not what the
  // model expects, more elements than can be counted.
  base::Status Match(std::string_view name, std::string_view dtype_name, const tensor::Shape& shape,
                     MatchedInput& match);
  // kInvalidArgument unless every input that is not optional is there. `inputs` is in the order of
  // the signature.
  base::Status CheckComplete(const std::vector<tensor::TensorView>& inputs) const;

  // "it expects 'x' FP32[-1,30], 'y' INT64[-1]"
  std::string Expected() const;
  // "input 'x'"
  static std::string Quoted(std::string_view name);

 private:
  const tensor::Signature* signature_ = nullptr;
  std::vector<uint8_t> seen_;  // per input of the signature
};

}  // namespace slipway::frontend::openinference

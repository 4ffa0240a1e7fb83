#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "frontend/openinference/binary_tensor.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/openinference/input_matcher.h"
#include "frontend/scratch_arena.h"
#include "tensor/json_reader.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Turns the body of an infer request into tensors that fit a model's signature.
//
// Binary inputs are views into the body, without a copy; JSON inputs are scanned once into the
// decoder's memory. Both are valid until the next Decode() or Reset(), and as long as the body is.
// Strings with escapes are decoded where they lie, so a body can be decoded once. At least 64
// readable bytes must follow the body. Reused, so that its memory is too. Thread-compatible.
//
// Inputs in shared memory are copied out of it (RequestRegions), once.
//
// Errors: kInvalidArgument (names the input, what was expected and what came), those of
// RequestRegions. Source: KServe, "Open Inference Protocol".
class InferDecoder {
 public:
  // `inputs` becomes one view for each input of `signature`, absent where an optional one was left
  // out. `request` should be empty.
  base::Status Decode(const InferBody& body, const tensor::Signature& signature,
                      InferRequest& request, std::vector<tensor::TensorView>& inputs);
  void Reset();

  // Memory for whoever makes inputs in another way (generate). Valid as long as the inputs.
  ScratchArena& arena() { return arena_; }
  std::vector<std::byte>& NewStrings() { return strings_.emplace_back(); }

 private:
  // One element of "inputs", its keys in any order.
  struct Input {
    std::optional<std::string_view> name;
    std::optional<std::string_view> dtype_name;
    std::optional<tensor::Shape> shape;
    std::optional<uint64_t> binary_size;
    RegionPlace place;
    std::optional<tensor::JsonReader> data;  // where "data" begins
    bool decoded = false;                    // `view` is there
    MatchedInput match;                      // once it was found in the signature
    tensor::TensorView view;

    bool described() const { return name && dtype_name && shape; }
  };

  base::Status ReadTop(tensor::JsonReader& reader);
  base::Status ReadInputs(tensor::JsonReader& reader);
  base::Status ReadInput(tensor::JsonReader& reader, Input& input);
  base::Status ReadInputKey(tensor::JsonReader& reader, std::string_view key, Input& input);
  base::Status ReadInputParameters(tensor::JsonReader& reader, Input& input);
  base::Status ReadData(tensor::JsonReader& reader, Input& input);
  base::Status FinishInput(Input& input);
  base::Status FinishShared(Input& input);
  base::Status Match(Input& input);
  base::Status DecodeData(tensor::JsonReader& reader, Input& input);
  base::Status TakeBinary(std::span<std::byte> tail);
  base::Status Place(std::vector<tensor::TensorView>& inputs);
  base::Status DecodeRaw(std::span<std::byte> body, std::vector<tensor::TensorView>& inputs);

  const tensor::Signature* signature_ = nullptr;
  InferRequest* request_ = nullptr;
  InputMatcher matcher_;
  std::vector<Input> inputs_;  // as the request lists them
  ScratchArena arena_;
  std::vector<std::vector<std::byte>> strings_;  // elements of BYTES inputs
};

}  // namespace slipway::frontend::openinference

#pragma once

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace slipway::tensor {

// What a model says of one of its inputs or outputs.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFp32;
  Shape shape = {};                         // -1: any size
  bool optional = false;                    // an input that has a default: it may be left out
  bool any_rank = false;                    // the model declares no shape at all; `shape` is empty
  std::vector<std::string> dim_names = {};  // per dimension, "" where the model names none

  // Does a tensor of this dtype and shape fit?
  bool Accepts(DType got_dtype, const Shape& got_shape) const;
};

// "FP32[-1,3,224,224]"
std::ostream& operator<<(std::ostream& out, const TensorSpec& spec);

// What a model carries from one run of a sequence to the next: it takes it as an input, and gives
// what it has become as an output.
struct StateSpec {
  TensorSpec input;         // dimension 0 is -1 where each row has a state of its own
  std::string output_name;  // of the output, which fits `input`
};

// The inputs and outputs of a model, in the model's own order. A value; thread-compatible.
struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Of a model whose state the server keeps. They are neither in `inputs` nor in `outputs`: clients
  // do not see them.
  std::vector<StateSpec> states = {};
  // Of a tabular model whose columns are one input: their names, in order. Empty: not known.
  std::vector<std::string> columns = {};
  // Of a classifier: the names of its classes, in the order of the probabilities. Empty: not known.
  std::vector<std::string> classes = {};
  // What the file says of itself for people: which framework it comes from, how it was proven.
  // UTF-8.
  std::map<std::string, std::string> properties = {};

  // Position in inputs / outputs; nullopt when there is none of that name.
  std::optional<size_t> FindInput(std::string_view name) const;
  std::optional<size_t> FindOutput(std::string_view name) const;
  // Position in states by the name of the input, or of the output.
  std::optional<size_t> FindStateInput(std::string_view name) const;
  std::optional<size_t> FindStateOutput(std::string_view name) const;
  // Whether a model with this signature takes every request for one with `other`, and has every
  // output that it may ask for.
  bool CanStandInFor(const Signature& other) const;
  // True when every input, output and state has a first dimension that is free (-1): rows can be
  // batched.
  bool batched() const;
};

}  // namespace slipway::tensor

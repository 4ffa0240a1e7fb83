#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::app {

// What to make of an input file.
struct InputOptions {
  // The model's name of an input, and what the file calls it.
  std::vector<std::pair<std::string, std::string>> renames = {};
  std::vector<std::string> drop = {};  // names in the file to leave out
  bool ignore_extra = false;           // pass over names that are no inputs
  bool by_position = false;            // a table's columns in their order, whatever their names
};

// A model's inputs, read. Move-only; owns what the views look at.
struct PredictInputs {
  std::vector<tensor::TensorView> views;  // in the order of the signature; absent where left out
  std::vector<std::string> notes;         // for people: what was converted or passed over

  std::vector<tensor::Tensor> tensors;
  std::shared_ptr<void> memory;  // whatever else the views need
};

// The kinds of input file.
enum class InputFormat : uint8_t { kJson, kCsv, kNpy, kNpz };

// By the ending of the name, else by the first bytes.
InputFormat DetectFormat(std::string_view name, std::string_view content);

// Says which input of a model each named thing in a file is.
//
//   InputMatcher matcher(signature, options);
//   if (const auto index = matcher.Find("image")) inputs.views[*index] = ...;
//   SLIPWAY_RETURN_IF_ERROR(matcher.Finish(inputs.notes));
//
// Thread-compatible; borrows its arguments.
class InputMatcher {
 public:
  // `noun`: what messages call an input of this signature.
  InputMatcher(const tensor::Signature& signature, const InputOptions& options,
               std::string_view noun = "input");

  // Its position in the signature; nullopt for what is dropped or is no input.
  std::optional<size_t> Find(std::string_view name);
  bool Dropped(std::string_view name) const;
  // kInvalidArgument with everything that is missing or too much, and how to go on.
  base::Status Finish(std::vector<std::string>& notes) const;

 private:
  std::string Advice(const std::vector<std::string>& missing) const;

  const tensor::Signature& signature_;
  const InputOptions& options_;
  const std::string_view noun_;
  std::vector<bool> found_;
  std::vector<std::string> extra_;
};

// Readers of one format each. `content` is the file; `name` stands in messages.
base::Result<PredictInputs> ReadJsonInputs(std::string content, const tensor::Signature& signature,
                                           const InputOptions& options);
base::Result<PredictInputs> ReadCsvInputs(std::string_view content,
                                          const tensor::Signature& signature,
                                          const InputOptions& options);
// `content` must outlive the result's views.
base::Result<PredictInputs> ReadNpyInputs(std::span<const std::byte> content,
                                          const tensor::Signature& signature,
                                          const InputOptions& options);
base::Result<PredictInputs> ReadNpzInputs(std::span<const std::byte> content,
                                          const tensor::Signature& signature,
                                          const InputOptions& options);

// Reads `path`, "-" being standard input. Errors name the file.
base::Result<PredictInputs> ReadInputs(const base::FileSystem& fs, const std::string& path,
                                       const tensor::Signature& signature,
                                       const InputOptions& options);

// Makes `view` the input at `index`, converted to its dtype where that loses nothing of note.
// kInvalidArgument when dtype or shape do not fit.
base::Status SetInput(const tensor::Signature& signature, size_t index,
                      const tensor::TensorView& view, PredictInputs& inputs);

// "'image' FP32[-1,1,8,8], 'mask' BOOL[-1,8]"
std::string DescribeInputs(const tensor::Signature& signature);

}  // namespace slipway::app

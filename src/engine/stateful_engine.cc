#include "engine/stateful_engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::engine {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::StateSpec;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

std::string NamesOf(const std::vector<TensorSpec>& specs) {
  std::string names;
  for (const TensorSpec& spec : specs) {
    names.append(StrCat(names.empty() ? "'" : ", '", Printable(spec.name), "' ", spec));
  }
  return names.empty() ? "none" : names;
}

// What a sequence begins with: as the options say, or else as the input does, with one row.
Result<Shape> StartShape(const TensorSpec& input, const StateOption& option) {
  if (!option.shape.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, Shape::Create(option.shape));
    SLIPWAY_RETURN_IF_ERROR(tensor::ElementCount(shape).status());
    if (input.Accepts(input.dtype, shape)) return shape;
    return InvalidArgument(StrCat("the input is ", input, ", which does not take ", shape));
  }
  constexpr std::string_view kSay = "; say with 'shape' what a sequence begins with";
  if (input.any_rank) return InvalidArgument(StrCat("the model gives its input no shape", kSay));
  Shape shape = input.shape;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) continue;
    if (i > 0) {
      return InvalidArgument(StrCat("dimension ", i, " of the input ", input, " is free", kSay));
    }
    shape.set_dim(0, 1);
  }
  return shape;
}

bool FreeRows(const TensorSpec& spec) {
  return !spec.any_rank && spec.shape.rank() > 0 && spec.shape[0] == -1;
}

// One part of the state, held against the model. `start`: the shape that it begins with.
Result<StateSpec> Describe(const Signature& model, const StateOption& option, Shape& start) {
  const std::optional<size_t> input = model.FindInput(option.input);
  if (!input) {
    return InvalidArgument(StrCat("the model has no input '", Printable(option.input),
                                  "'; its inputs: ", NamesOf(model.inputs)));
  }
  const std::optional<size_t> output = model.FindOutput(option.output);
  if (!output) {
    return InvalidArgument(StrCat("the model has no output '", Printable(option.output),
                                  "'; its outputs: ", NamesOf(model.outputs)));
  }
  const TensorSpec& in = model.inputs[*input];
  const TensorSpec& out = model.outputs[*output];
  if (in.dtype == DType::kBytes) return InvalidArgument("a state of texts is not supported");
  if (in.dtype != out.dtype || option.dtype.value_or(in.dtype) != in.dtype) {
    return InvalidArgument(StrCat("expected one datatype, got ", in.dtype, " as the input and ",
                                  option.dtype.value_or(in.dtype) != in.dtype
                                      ? StrCat(*option.dtype, " in the configuration")
                                      : StrCat(out.dtype, " as the output")));
  }
  SLIPWAY_ASSIGN_OR_RETURN(start, StartShape(in, option));
  if (!out.Accepts(in.dtype, start)) {
    return InvalidArgument(StrCat("it begins with ", in.dtype, start, ", but the output is ", out));
  }
  StateSpec state{.input = in, .output_name = out.name};
  state.input.shape = start;
  state.input.any_rank = false;
  if (FreeRows(in) && FreeRows(out) && start[0] == 1) state.input.shape.set_dim(0, -1);
  return state;
}

Result<Tensor> Zeros(DType dtype, const Shape& shape) {
  SLIPWAY_ASSIGN_OR_RETURN(Tensor zeros, Tensor::Allocate(dtype, shape));
  const std::span<std::byte> data = zeros.mutable_data();
  if (!data.empty()) std::memset(data.data(), 0, data.size());
  return zeros;
}

// A state is copied with every run.
constexpr size_t kMostBytes = size_t{256} << 20;

Result<Tensor> Start(const StateSpec& state, const Shape& shape) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  if (static_cast<uint64_t>(count) > kMostBytes / tensor::SizeOf(state.input.dtype)) {
    return InvalidArgument(StrCat("expected a state of at most ", base::FormatByteSize(kMostBytes),
                                  ", got ", state.input.dtype, shape));
  }
  return Zeros(state.input.dtype, shape);
}

// Which names of `one`, a member of the options, are there twice.
std::string Repeated(const std::vector<StateOption>& states, std::string StateOption::* one,
                     std::string_view what) {
  std::string problems;
  for (size_t i = 0; i < states.size(); ++i) {
    const auto rest = std::span(states).subspan(i + 1);
    if (std::ranges::find(rest, states[i].*one, one) == rest.end()) continue;
    problems.append(StrCat("; ", what, " '", Printable(states[i].*one), "' is there twice"));
  }
  return problems;
}

}  // namespace

Result<std::unique_ptr<Engine>> StatefulEngine::Create(std::unique_ptr<Engine> model,
                                                       const std::vector<StateOption>& states) {
  std::vector<StateSpec> specs;
  std::vector<Tensor> start;
  std::string problems = Repeated(states, &StateOption::input, "input") +
                         Repeated(states, &StateOption::output, "output");
  for (const StateOption& option : states) {
    Shape shape;
    Result<StateSpec> spec = Describe(model->signature(), option, shape);
    Result<Tensor> zeros = spec.ok() ? Start(*spec, shape) : spec.status();
    if (!zeros.ok()) {
      problems.append(StrCat("; '", Printable(option.input), "' to '", Printable(option.output),
                             "': ", zeros.status().message()));
      continue;
    }
    specs.push_back(*std::move(spec));
    start.push_back(*std::move(zeros));
  }
  if (!problems.empty()) {
    return InvalidArgument(StrCat("sequence.state: ", std::string_view(problems).substr(2)));
  }
  return std::unique_ptr<Engine>(
      new StatefulEngine(std::move(model), std::move(specs), std::move(start)));
}

StatefulEngine::StatefulEngine(std::unique_ptr<Engine> model, std::vector<StateSpec> states,
                               std::vector<Tensor> start)
    : model_(std::move(model)), signature_(model_->signature()), start_(std::move(start)) {
  const Signature& own = model_->signature();
  signature_.states = std::move(states);
  const auto hide = [](const std::vector<TensorSpec>& from, const auto& is_state,
                       std::vector<TensorSpec>& visible, std::vector<size_t>& places) {
    visible.clear();
    for (size_t i = 0; i < from.size(); ++i) {
      if (is_state(from[i].name)) continue;
      visible.push_back(from[i]);
      places.push_back(i);
    }
  };
  hide(
      own.inputs, [this](const auto& name) { return signature_.FindStateInput(name).has_value(); },
      signature_.inputs, inputs_);
  hide(
      own.outputs,
      [this](const auto& name) { return signature_.FindStateOutput(name).has_value(); },
      signature_.outputs, outputs_);
  for (const StateSpec& state : signature_.states) {
    inputs_.push_back(own.FindInput(state.input.name).value_or(0));
    outputs_.push_back(own.FindOutput(state.output_name).value_or(0));
  }
}

// Lays the states where the model wants them. `rows` owns those that are made up for a batch.
Status StatefulEngine::AddStates(std::span<const TensorView> inputs, std::vector<TensorView>& all,
                                 std::vector<Tensor>& rows) const {
  const size_t visible = signature_.inputs.size();
  const bool batch = signature_.batched() && inputs[0].shape().rank() > 0;
  for (size_t i = 0; i < start_.size(); ++i) {
    TensorView& place = all[inputs_[visible + i]];
    if (visible + i < inputs.size() && !inputs[visible + i].absent()) {
      place = inputs[visible + i];
      continue;
    }
    place = start_[i].view();
    if (!batch || inputs[0].shape()[0] == 1) continue;
    Shape shape = start_[i].shape();
    shape.set_dim(0, inputs[0].shape()[0]);
    SLIPWAY_ASSIGN_OR_RETURN(Tensor zeros, Zeros(start_[i].dtype(), shape));
    place = rows.emplace_back(std::move(zeros)).view();
  }
  return base::OkStatus();
}

Status StatefulEngine::Run(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                           base::Deadline deadline, std::vector<Tensor>& results) {
  results.clear();
  const size_t visible = signature_.inputs.size();
  if (inputs.size() != visible && inputs.size() != inputs_.size()) {
    return InvalidArgument(StrCat("expected ", visible, " inputs, got ", inputs.size()));
  }
  std::vector<TensorView> all(inputs_.size());
  for (size_t i = 0; i < visible; ++i) all[inputs_[i]] = inputs[i];
  std::vector<Tensor> rows;
  SLIPWAY_RETURN_IF_ERROR(AddStates(inputs, all, rows));
  std::vector<size_t> wanted;
  wanted.reserve(outputs.size());
  for (const size_t output : outputs) {
    if (output >= outputs_.size()) {
      return InvalidArgument(
          StrCat("output ", output, ": expected a position below ", outputs_.size()));
    }
    wanted.push_back(outputs_[output]);
  }
  return model_->Run(all, wanted, deadline, results);
}

Result<std::unique_ptr<Engine>> StatefulFactory::Load(const ModelFiles& files,
                                                      const EngineOptions& options) const {
  SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, inner_->Load(files, options));
  if (options.states.empty()) return engine;
  return StatefulEngine::Create(std::move(engine), options.states);
}

}  // namespace slipway::engine

// Types and shapes of operators that run graphs.
// Source: ONNX 1.20, docs/Operators.md: If, Loop, Scan (of operator set 9 and later).
#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "graph/type_rules.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr int kRounds = 2;  // before the shapes of states that change are given up

bool Differ(ElementType a, ElementType b) {
  return a != ElementType::kUndefined && b != ElementType::kUndefined && a != b;
}

// What is true of a value that is the one or the other. Both have one element type.
ValueType Either(const ValueType& a, const ValueType& b) {
  ValueType out{.type = a.type != ElementType::kUndefined ? a.type : b.type, .dims = {}};
  if (!a.dims || !b.dims || a.dims->size() != b.dims->size()) return out;
  out.dims = a.dims;
  for (size_t i = 0; i < out.dims->size(); ++i) {
    if ((*a.dims)[i] != (*b.dims)[i]) (*out.dims)[i] = AnySize();
  }
  return out;
}

Status If(TypeContext& at) {
  const ModelGraph* then_branch = at.Graph("then_branch");
  const ModelGraph* else_branch = at.Graph("else_branch");
  if (then_branch == nullptr || else_branch == nullptr) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<ValueType> one, at.OutputsOf(*then_branch, {}));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<ValueType> other, at.OutputsOf(*else_branch, {}));
  for (size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
    if (Differ(one[i].type, other[i].type)) {
      return InvalidArgument(
          StrCat("expected branches of one type, got ", one[i], " and ", other[i]));
    }
    ValueType out = Either(one[i], other[i]);
    at.Out(i, out.type, std::move(out.dims));
  }
  return OkStatus();
}

// A graph that is run again and again. Its inputs from `first_input` on are states: first what
// comes in, then what the graph made of them, its outputs from `first_output` on.
struct Repeated {
  const ModelGraph& body;
  std::vector<ValueType> inputs;
  size_t first_input = 0;
  size_t first_output = 0;
  size_t states = 0;

  ValueType& state(size_t index) { return inputs[first_input + index]; }
};

// The types of the body's outputs, where those of the states are true of all rounds, and of none at
// all. A dimension that a round changes becomes free, until nothing changes any more.
Result<std::vector<ValueType>> FollowRounds(TypeContext& at, Repeated repeated) {
  for (int round = 0;; ++round) {
    SLIPWAY_ASSIGN_OR_RETURN(std::vector<ValueType> outputs,
                             at.OutputsOf(repeated.body, repeated.inputs));
    bool stays = true;
    for (size_t i = 0; i < repeated.states; ++i) {
      const ValueType& state = repeated.state(i);
      ValueType& next = outputs[repeated.first_output + i];
      if (Differ(state.type, next.type)) {
        return InvalidArgument(
            StrCat("expected a state of one type in all rounds, got ", state, " and ", next));
      }
      next = Either(state, next);
      stays = stays && next.dims == state.dims;
    }
    if (stays) return outputs;
    for (size_t i = 0; i < repeated.states; ++i) {
      repeated.state(i) = outputs[repeated.first_output + i];
      if (round >= kRounds) repeated.state(i).dims.reset();
    }
  }
}

// Inputs: the most rounds, whether to begin, states. The body: the round and whether it goes on,
// states; whether to go on, states, and what becomes a row of each further output.
Status Loop(TypeContext& at) {
  const ModelGraph* body = at.Graph("body");
  const size_t inputs = at.node().inputs.size();
  const size_t states = inputs < 2 ? 0 : inputs - 2;
  if (body == nullptr || body->inputs.size() != states + 2 || body->outputs.size() < states + 1) {
    return OkStatus();
  }
  Repeated repeated{
      .body = *body, .inputs = {}, .first_input = 2, .first_output = 1, .states = states};
  repeated.inputs = {{.type = ElementType::kInt64}, {.type = ElementType::kBool}};
  for (size_t i = 0; i < states; ++i) repeated.inputs.push_back(at.In(i + 2));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<ValueType> outputs, FollowRounds(at, std::move(repeated)));
  for (size_t i = 1; i < outputs.size(); ++i) {
    // Of no rounds there are no rows, and then ONNX Runtime may give them another rank.
    if (i > states) outputs[i].dims.reset();
    at.Out(i - 1, outputs[i].type, std::move(outputs[i].dims));
  }
  return OkStatus();
}

// The axis of one of the inputs or outputs that are taken apart or put together row by row.
Result<size_t> ScanAxis(const TypeContext& at, std::string_view attribute, size_t index,
                        size_t rank) {
  const auto axes = at.node().Ints(attribute);
  return at.Axis(axes.ok() && index < axes->size() ? (*axes)[index] : 0, rank);
}

// Inputs: states, then what is taken apart; outputs: states, then what is put together. Up to
// operator set 8 there was one input more, of lengths; that is not followed.
Status Scan(TypeContext& at) {
  const ModelGraph* body = at.Graph("body");
  const size_t inputs = at.node().inputs.size();
  const int64_t scanned = at.Int("num_scan_inputs", 0);
  if (body == nullptr || scanned < 1 || scanned > static_cast<int64_t>(inputs)) return OkStatus();
  const size_t states = inputs - static_cast<size_t>(scanned);
  if (body->inputs.size() != inputs || body->outputs.size() < states) return OkStatus();
  Repeated repeated{
      .body = *body, .inputs = {}, .first_input = 0, .first_output = 0, .states = states};
  Dim length = AnySize();
  for (size_t i = 0; i < inputs; ++i) {
    ValueType& in = repeated.inputs.emplace_back(at.In(i));
    if (i < states || !in.dims) continue;
    const auto axis = ScanAxis(at, "scan_input_axes", i - states, in.dims->size());
    if (!axis.ok()) return OkStatus();
    if (length == AnySize()) length = (*in.dims)[*axis];
    in.dims->erase(in.dims->begin() + static_cast<std::ptrdiff_t>(*axis));
  }
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<ValueType> outputs, FollowRounds(at, std::move(repeated)));
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::optional<Dims>& dims = outputs[i].dims;
    if (dims && i >= states) {
      const auto axis = ScanAxis(at, "scan_output_axes", i - states, dims->size() + 1);
      if (!axis.ok()) return OkStatus();
      dims->insert(dims->begin() + static_cast<std::ptrdiff_t>(*axis), length);
    }
    at.Out(i, outputs[i].type, std::move(dims));
  }
  return OkStatus();
}

}  // namespace

void AddControlRules(TypeRules& rules) {
  AddRule(If, {"If"}, rules);
  AddRule(Loop, {"Loop"}, rules);
  AddRule(Scan, {"Scan"}, rules);
}

}  // namespace slipway::graph

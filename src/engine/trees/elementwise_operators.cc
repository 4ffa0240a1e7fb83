// Operators that work element by element. Numbers are computed as ONNX says, in their own type, by
// the C library where they are transcendental.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "engine/trees/operators.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using graph::ElementType;
using graph::OnnxNode;

namespace {

// One input as the loops see it: element (row, column) is at row * row_step + column * column_step.
struct Operand {
  size_t slot = 0;
  size_t row_step = 0;
  size_t column_step = 0;
};

// The shape that inputs have together, with their steps in it.
struct Broadcast {
  size_t rank = 0;
  size_t width = 1;
  std::vector<Operand> operands;
};

// Rows of [batch] or [batch, n] with each other, and with constants of [n], [1, n] or one element.
Result<Broadcast> BroadcastInputs(const ProgramBuilder& builder, const OnnxNode& node,
                                  size_t count) {
  Broadcast out;
  std::vector<size_t> inputs;
  for (size_t i = 0; i < count; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, i));
    const Slot& slot = builder.slot(in);
    if (!slot.texts.empty() || slot.width == 0) return NotUnderstood(node, "texts, or nothing");
    if (slot.per_row) {
      if (out.rank != 0 && out.rank != slot.rank) return NotUnderstood(node, "other shapes");
      out.rank = slot.rank;
    }
    out.width = std::max(out.width, slot.width);
    inputs.push_back(in);
  }
  if (out.rank == 0) return NotUnderstood(node, "constants only");
  for (const size_t in : inputs) {
    const Slot& slot = builder.slot(in);
    const size_t columns = slot.width == 1 ? 0 : 1;
    if (slot.width != 1 && slot.width != out.width) return NotUnderstood(node, "other shapes");
    if (!slot.per_row) {
      const auto& dims = builder.ConstantDims(in);
      const bool fits = dims.size() <= out.rank &&
                        (slot.width == 1 || (out.rank == 2 && (dims.size() == 1 || dims[0] == 1)));
      if (!fits) return NotUnderstood(node, "a constant of another shape");
    }
    out.operands.push_back({in, slot.per_row ? slot.width : 0, columns});
  }
  return out;
}

// Calls use(first, count, at) for runs of elements that lie side by side in the output, `first`
// being the first of them and at[k] its place in operand k. A row is such a run, and so are all
// rows where no operand starts anew with each of them.
template <size_t N, typename Use>
void ForEachRun(const std::array<Operand, N>& operands, size_t rows, size_t width, const Use& use) {
  const bool all_at_once = std::ranges::all_of(operands, [&](const Operand& operand) {
    const bool is_scalar = operand.row_step == 0 && operand.column_step == 0;
    return is_scalar || (operand.row_step == width && operand.column_step == 1);
  });
  if (all_at_once) return use(size_t{0}, rows * width, std::array<size_t, N>{});
  for (size_t row = 0; row < rows; ++row) {
    std::array<size_t, N> at;
    for (size_t k = 0; k < N; ++k) at[k] = row * operands[k].row_step;
    use(row * width, width, at);
  }
}

// bool lies in memory as a byte.
template <typename T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <typename In, typename Out, typename F>
Step UnaryStep(size_t in, size_t out, size_t width, F f) {
  return [=](const Frame& frame) {
    const auto* from = frame.As<Stored<In>>(in);
    auto* to = frame.As<Stored<Out>>(out);
    for (size_t i = 0; i < frame.rows * width; ++i) {
      to[i] = static_cast<Stored<Out>>(f(static_cast<In>(from[i])));
    }
  };
}

template <typename In, typename Out, typename F>
Step BinaryStep(const Broadcast& shape, size_t out, F f) {
  const std::array<Operand, 2> operands = {shape.operands[0], shape.operands[1]};
  return [=, width = shape.width](const Frame& frame) {
    const auto* all_a = frame.As<Stored<In>>(operands[0].slot);
    const auto* all_b = frame.As<Stored<In>>(operands[1].slot);
    auto* all_to = frame.As<Stored<Out>>(out);
    const size_t a_step = operands[0].column_step;
    const size_t b_step = operands[1].column_step;
    ForEachRun(operands, frame.rows, width,
               [&](size_t first, size_t count, const std::array<size_t, 2>& at) {
                 const auto* a = all_a + at[0];
                 const auto* b = all_b + at[1];
                 auto* to = all_to + first;
                 const auto set = [&](size_t i, size_t i_a, size_t i_b) {
                   to[i] = static_cast<Stored<Out>>(f(a[i_a], b[i_b]));
                 };
                 // The compiler makes vectors of the first two.
                 if (a_step == 1 && b_step == 1) {
                   for (size_t i = 0; i < count; ++i) set(i, i, i);
                 } else if (a_step == 1) {
                   for (size_t i = 0; i < count; ++i) set(i, i, 0);
                 } else {
                   for (size_t i = 0; i < count; ++i) set(i, i * a_step, i * b_step);
                 }
               });
  };
}

// A float as an integer: toward zero, and what does not fit becomes the lowest, as x86 has it.
template <typename To, typename From>
To ConvertTo(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr auto kLow = static_cast<From>(std::numeric_limits<To>::min());
    const bool fits = x >= kLow && x < -kLow;
    return fits ? static_cast<To>(x) : std::numeric_limits<To>::min();
  } else {
    return static_cast<To>(x);
  }
}

// Calls use.operator()<T>() for the C++ type of `type`; false for one that no operator here takes.
template <typename Use>
bool WithType(ElementType type, const Use& use) {
  switch (type) {
    case ElementType::kFloat:
      return use.template operator()<float>(), true;
    case ElementType::kDouble:
      return use.template operator()<double>(), true;
    case ElementType::kInt64:
      return use.template operator()<int64_t>(), true;
    case ElementType::kInt32:
      return use.template operator()<int32_t>(), true;
    case ElementType::kBool:
      return use.template operator()<bool>(), true;
    default:
      return false;
  }
}

bool IsReal(ElementType type) {
  return type == ElementType::kFloat || type == ElementType::kDouble;
}

Status AddCast(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, node.Int("to", 0));
  if (number < 0 || number > INT32_MAX) return NotUnderstood(node, "other types");
  const auto to = static_cast<ElementType>(number);
  const Slot slot = builder.slot(in);
  if (!slot.per_row || !slot.texts.empty()) return NotUnderstood(node, "texts or constants");
  if (slot.type == to) return builder.Alias(node, in, slot.rank);
  if (slot.type == ElementType::kUint8 && IsReal(to)) {  // tables of zeros and ones
    SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, to, slot.rank, slot.width));
    const auto convert = [](auto x) { return x; };
    builder.AddStep(to == ElementType::kFloat
                        ? UnaryStep<uint8_t, float>(in, out, slot.width, convert)
                        : UnaryStep<uint8_t, double>(in, out, slot.width, convert));
    return OkStatus();
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, to, slot.rank, slot.width));
  if (slot.type == ElementType::kBool && to == ElementType::kInt64) builder.SetBelow(out, 2);
  Step step;
  WithType(slot.type, [&]<typename From>() {
    WithType(to, [&]<typename To>() {
      step = UnaryStep<From, To>(in, out, slot.width, [](From x) { return ConvertTo<To>(x); });
    });
  });
  if (!step) return NotUnderstood(node, "other types");
  builder.AddStep(std::move(step));
  return OkStatus();
}

// Functions of one real number; nullptr for an operator that is none. Sources: the formulas of the
// ONNX operators.
template <typename T>
Step RealFunction(std::string_view op, size_t in, size_t out, size_t width) {
  const auto step = [&](auto f) { return UnaryStep<T, T>(in, out, width, f); };
  if (op == "Abs") return step([](T x) { return std::abs(x); });
  if (op == "Neg") return step([](T x) { return -x; });
  if (op == "Exp") return step([](T x) { return std::exp(x); });
  if (op == "Log") return step([](T x) { return std::log(x); });
  if (op == "Sqrt") return step([](T x) { return std::sqrt(x); });
  if (op == "Tanh") return step([](T x) { return std::tanh(x); });
  if (op == "Floor") return step([](T x) { return std::floor(x); });
  if (op == "Ceil") return step([](T x) { return std::ceil(x); });
  if (op == "Reciprocal") return step([](T x) { return T{1} / x; });
  if (op == "Sigmoid") return step([](T x) { return T{1} / (T{1} + std::exp(-x)); });
  return nullptr;
}

Status AddRealFunction(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot slot = builder.slot(in);
  if (!slot.per_row || !IsReal(slot.type)) return NotUnderstood(node, "other types");
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, slot.type, slot.rank, slot.width));
  builder.AddStep(slot.type == ElementType::kFloat
                      ? RealFunction<float>(node.op_type, in, out, slot.width)
                      : RealFunction<double>(node.op_type, in, out, slot.width));
  return OkStatus();
}

Status AddIsNan(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot slot = builder.slot(in);
  if (!slot.per_row || !IsReal(slot.type)) return NotUnderstood(node, "other types");
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ElementType::kBool, slot.rank, slot.width));
  builder.AddStep(
      slot.type == ElementType::kFloat
          ? UnaryStep<float, bool>(in, out, slot.width, [](float x) { return x != x; })
          : UnaryStep<double, bool>(in, out, slot.width, [](double x) { return x != x; }));
  return OkStatus();
}

Status AddNot(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot slot = builder.slot(in);
  if (!slot.per_row || slot.type != ElementType::kBool) return NotUnderstood(node, "other types");
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, slot.type, slot.rank, slot.width));
  builder.AddStep(UnaryStep<bool, bool>(in, out, slot.width, [](bool x) { return !x; }));
  return OkStatus();
}

// Arithmetic that gives what it takes. Whole numbers are not divided here: a zero would end the
// process.
template <typename T>
Step Arithmetic(std::string_view op, const Broadcast& shape, size_t out) {
  const auto step = [&](auto f) { return BinaryStep<T, T>(shape, out, f); };
  // Whole numbers wrap around, which signed ones may not.
  using Wrap = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>,
                                           std::type_identity<T>>::type;
  if (op == "Add") {
    return step(
        [](T a, T b) { return static_cast<T>(static_cast<Wrap>(a) + static_cast<Wrap>(b)); });
  }
  if (op == "Sub") {
    return step(
        [](T a, T b) { return static_cast<T>(static_cast<Wrap>(a) - static_cast<Wrap>(b)); });
  }
  if (op == "Mul") {
    return step(
        [](T a, T b) { return static_cast<T>(static_cast<Wrap>(a) * static_cast<Wrap>(b)); });
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "Div") return step([](T a, T b) { return a / b; });
  }
  return nullptr;
}

template <typename T>
Step Comparison(std::string_view op, const Broadcast& shape, size_t out) {
  const auto step = [&](auto f) { return BinaryStep<T, bool>(shape, out, f); };
  if (op == "Less") return step([](T a, T b) { return a < b; });
  if (op == "LessOrEqual") return step([](T a, T b) { return a <= b; });
  if (op == "Greater") return step([](T a, T b) { return a > b; });
  if (op == "GreaterOrEqual") return step([](T a, T b) { return a >= b; });
  if (op == "Equal") return step([](T a, T b) { return a == b; });
  return nullptr;
}

Step Logic(std::string_view op, const Broadcast& shape, size_t out) {
  const auto step = [&](auto f) { return BinaryStep<bool, bool>(shape, out, f); };
  if (op == "And") return step([](bool a, bool b) { return a && b; });
  if (op == "Or") return step([](bool a, bool b) { return a || b; });
  return nullptr;
}

bool IsComparison(std::string_view op) {
  return op == "Less" || op == "LessOrEqual" || op == "Greater" || op == "GreaterOrEqual" ||
         op == "Equal";
}

Status AddBinary(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Broadcast shape, BroadcastInputs(builder, node, 2));
  const ElementType type = builder.slot(shape.operands[0].slot).type;
  if (builder.slot(shape.operands[1].slot).type != type || node.inputs.size() != 2) {
    return NotUnderstood(node, "other types");
  }
  const bool compares = IsComparison(node.op_type);
  SLIPWAY_ASSIGN_OR_RETURN(
      const size_t out,
      builder.Output(node, compares ? ElementType::kBool : type, shape.rank, shape.width));
  Step step;
  WithType(type, [&]<typename T>() {
    if constexpr (std::is_same_v<T, bool>) {
      step = Logic(node.op_type, shape, out);
    } else {
      step = compares ? Comparison<T>(node.op_type, shape, out)
                      : Arithmetic<T>(node.op_type, shape, out);
    }
  });
  if (!step) return NotUnderstood(node, "other types");
  builder.AddStep(std::move(step));
  return OkStatus();
}

template <typename T>
Step WhereStep(const Broadcast& shape, size_t out) {
  const std::array<Operand, 3> operands = {shape.operands[0], shape.operands[1], shape.operands[2]};
  return [=, width = shape.width](const Frame& frame) {
    const std::array<size_t, 3> step = {operands[0].column_step, operands[1].column_step,
                                        operands[2].column_step};
    ForEachRun(operands, frame.rows, width,
               [&](size_t first, size_t count, const std::array<size_t, 3>& at) {
                 const auto* condition = frame.As<uint8_t>(operands[0].slot) + at[0];
                 const T* yes = frame.As<T>(operands[1].slot) + at[1];
                 const T* no = frame.As<T>(operands[2].slot) + at[2];
                 T* to = frame.As<T>(out) + first;
                 // Both sides are read, so that the compiler can make vectors.
                 const auto set = [&](size_t i, size_t i_yes, size_t i_no) {
                   const T if_yes = yes[i_yes];
                   const T if_no = no[i_no];
                   to[i] = condition[i * step[0]] != 0 ? if_yes : if_no;
                 };
                 if (step == std::array<size_t, 3>{1, 1, 1}) {
                   for (size_t i = 0; i < count; ++i) set(i, i, i);
                 } else if (step == std::array<size_t, 3>{1, 0, 1}) {
                   for (size_t i = 0; i < count; ++i) set(i, 0, i);
                 } else {
                   for (size_t i = 0; i < count; ++i) set(i, i * step[1], i * step[2]);
                 }
               });
  };
}

Status AddWhere(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Broadcast shape, BroadcastInputs(builder, node, 3));
  const ElementType type = builder.slot(shape.operands[1].slot).type;
  if (builder.slot(shape.operands[0].slot).type != ElementType::kBool ||
      builder.slot(shape.operands[2].slot).type != type) {
    return NotUnderstood(node, "other types");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, type, shape.rank, shape.width));
  Step step;
  WithType(type, [&]<typename T>() { step = WhereStep<Stored<T>>(shape, out); });
  if (!step) return NotUnderstood(node, "other types");
  builder.AddStep(std::move(step));
  return OkStatus();
}

template <typename T>
std::optional<T> ScalarOf(const ProgramBuilder& builder, size_t in) {
  const Slot& slot = builder.slot(in);
  if (slot.kind != Slot::Kind::kConstant || slot.width != 1) return std::nullopt;
  return builder.ConstantAs<T>(in)[0];
}

// Clip with constant bounds; a missing value stays one.
template <typename T>
Status AddClipOf(ProgramBuilder& builder, const OnnxNode& node, size_t in) {
  std::array<T, 2> bounds = {std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max()};
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (i + 1 >= node.inputs.size() || node.inputs[i + 1].empty()) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const size_t at, builder.Input(node, i + 1));
    const std::optional<T> bound = ScalarOf<T>(builder, at);
    if (!bound || builder.slot(at).type != builder.slot(in).type) {
      return NotUnderstood(node, "bounds that are not constant");
    }
    bounds[i] = *bound;
  }
  const Slot slot = builder.slot(in);
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, slot.type, slot.rank, slot.width));
  builder.AddStep(UnaryStep<T, T>(in, out, slot.width, [bounds](T x) {
    const T raised = x < bounds[0] ? bounds[0] : x;
    return raised > bounds[1] ? bounds[1] : raised;
  }));
  return OkStatus();
}

Status AddClip(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot& slot = builder.slot(in);
  if (!slot.per_row) return NotUnderstood(node, "a constant");
  if (slot.type == ElementType::kFloat) return AddClipOf<float>(builder, node, in);
  if (slot.type == ElementType::kDouble) return AddClipOf<double>(builder, node, in);
  return NotUnderstood(node, "other types");
}

struct ElementOperator {
  std::string_view op_type;
  Status (*add)(ProgramBuilder&, const OnnxNode&);
};

constexpr ElementOperator kOperators[] = {
    {"Cast", &AddCast},
    {"IsNaN", &AddIsNan},
    {"Not", &AddNot},
    {"Where", &AddWhere},
    {"Clip", &AddClip},
    {"Abs", &AddRealFunction},
    {"Neg", &AddRealFunction},
    {"Exp", &AddRealFunction},
    {"Log", &AddRealFunction},
    {"Sqrt", &AddRealFunction},
    {"Tanh", &AddRealFunction},
    {"Floor", &AddRealFunction},
    {"Ceil", &AddRealFunction},
    {"Reciprocal", &AddRealFunction},
    {"Sigmoid", &AddRealFunction},
    {"Add", &AddBinary},
    {"Sub", &AddBinary},
    {"Mul", &AddBinary},
    {"Div", &AddBinary},
    {"And", &AddBinary},
    {"Or", &AddBinary},
    {"Less", &AddBinary},
    {"LessOrEqual", &AddBinary},
    {"Greater", &AddBinary},
    {"GreaterOrEqual", &AddBinary},
    {"Equal", &AddBinary},
};

const ElementOperator* Find(const OnnxNode& node) {
  if (!node.domain.empty()) return nullptr;
  const auto* found = std::ranges::find(kOperators, node.op_type, &ElementOperator::op_type);
  return found == std::end(kOperators) ? nullptr : found;
}

}  // namespace

bool IsElementwise(const OnnxNode& node) { return Find(node) != nullptr; }

Status AddElementwise(ProgramBuilder& builder, const OnnxNode& node) {
  return Find(node)->add(builder, node);
}

}  // namespace slipway::engine

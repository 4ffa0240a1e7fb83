#include "graph/type_rules.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

// Sizes of integers of ONNX, as 64 bits.
template <typename T>
std::vector<int64_t> Widened(std::string_view bytes) {
  std::vector<int64_t> values;
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof(T));
    values.push_back(value);
  }
  return values;
}

}  // namespace

const ValueType& TypeContext::In(size_t index) const {
  static const ValueType kUnknown;
  if (index >= node_.inputs.size() || node_.inputs[index].empty()) return kUnknown;
  return scope_.Find(node_.inputs[index]);
}

std::optional<std::vector<int64_t>> TypeContext::Ints(size_t input) const {
  if (input >= node_.inputs.size()) return std::nullopt;
  const std::optional<Constant> constant = scope_.ConstantOf(node_.inputs[input]);
  if (!constant) return std::nullopt;
  if (constant->type == ElementType::kInt64) return Widened<int64_t>(constant->bytes);
  if (constant->type == ElementType::kInt32) return Widened<int32_t>(constant->bytes);
  return std::nullopt;
}

TypeContext::List TypeContext::IntsOf(size_t input, std::string_view attribute) const {
  if (input < node_.inputs.size() && !node_.inputs[input].empty()) {
    auto values = Ints(input);
    if (!values) return {.known = false};
    return {.known = true, .values = *std::move(values)};
  }
  auto values = node_.Ints(attribute);
  if (!values.ok() || values->size() > SmallConstants::kMostElements) return {.known = false};
  return {.known = true, .values = *std::move(values)};
}

int64_t TypeContext::Int(std::string_view attribute, int64_t otherwise) const {
  const auto value = node_.Int(attribute, otherwise);
  return value.ok() ? *value : otherwise;
}

const ModelGraph* TypeContext::Graph(std::string_view attribute) const {
  const auto found = std::ranges::find(node_.subgraphs, attribute, &ModelSubgraph::attribute);
  return found == node_.subgraphs.end() || found->is_list ? nullptr : found->graphs.data();
}

void TypeContext::Out(size_t index, ElementType type, std::optional<Dims> dims) {
  if (index >= node_.outputs.size() || node_.outputs[index].empty()) return;
  if (type == ElementType::kUndefined && !dims) return;
  scope_[node_.outputs[index]] = {.type = type, .dims = std::move(dims)};
}

Status TypeContext::CheckEqualTypes(std::span<const size_t> inputs) const {
  const ValueType* first = nullptr;
  for (const size_t index : inputs) {
    const ValueType& type = In(index);
    if (type.type == ElementType::kUndefined) continue;
    if (first == nullptr) first = &type;
    if (type.type != first->type) {
      return InvalidArgument(StrCat("expected inputs of one type, got ", *first, " and ", type));
    }
  }
  return OkStatus();
}

Result<size_t> TypeContext::Axis(int64_t axis, size_t rank) const {
  const auto size = static_cast<int64_t>(rank);
  if (axis >= -size && axis < size) return static_cast<size_t>(axis < 0 ? axis + size : axis);
  return InvalidArgument(StrCat("expected an axis of ", rank, " dimensions, got ", axis));
}

void AddRule(TypeRule rule, std::initializer_list<std::string_view> operators, TypeRules& rules,
             std::string_view domain) {
  for (const std::string_view op : operators) rules.emplace(std::pair(domain, op), rule);
}

TypeRule FindTypeRule(std::string_view domain, std::string_view op_type) {
  static const TypeRules kRules = [] {
    TypeRules rules;
    AddMathRules(rules);
    AddShapeRules(rules);
    AddReduceRules(rules);
    AddControlRules(rules);
    AddMlRules(rules);
    return rules;
  }();
  const auto found = kRules.find({domain, op_type});
  return found == kRules.end() ? nullptr : found->second;
}

std::optional<int64_t> SizeOf(const Dim& dim) {
  const auto* size = std::get_if<int64_t>(&dim);
  return size == nullptr ? std::nullopt : std::optional<int64_t>(*size);
}

std::optional<Dims> FreeDims(const std::optional<Dims>& like) {
  return like ? std::optional<Dims>(Dims(like->size(), AnySize())) : std::nullopt;
}

std::optional<Dims> DimsOfShapeInput(const ValueType& shape) {
  if (!shape.dims || shape.dims->size() != 1) return std::nullopt;
  const std::optional<int64_t> rank = SizeOf((*shape.dims)[0]);
  if (!rank || *rank < 0 || *rank > static_cast<int64_t>(kMostRank)) return std::nullopt;
  return Dims(static_cast<size_t>(*rank), AnySize());
}

Result<std::optional<Dims>> Broadcast(const std::optional<Dims>& a, const std::optional<Dims>& b) {
  if (!a || !b) return std::optional<Dims>();
  const Dims& longer = a->size() >= b->size() ? *a : *b;
  const Dims& shorter = a->size() >= b->size() ? *b : *a;
  Dims out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = out[offset + i];
    const std::optional<int64_t> one = SizeOf(dim);
    const std::optional<int64_t> other = SizeOf(shorter[i]);
    if (other == 1 || dim == shorter[i]) continue;
    if (one == 1 || (other && !one)) {
      dim = shorter[i];
    } else if (one && other) {
      return InvalidArgument(StrCat("expected shapes that broadcast, got ",
                                    ValueType{.type = ElementType::kUndefined, .dims = a}, " and ",
                                    ValueType{.type = ElementType::kUndefined, .dims = b}));
    } else if (!one) {
      dim = AnySize();
    }
  }
  return std::optional<Dims>(std::move(out));
}

}  // namespace slipway::graph

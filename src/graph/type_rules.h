#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/shape_inference.h"
#include "graph/type_scope.h"

namespace slipway::graph {

using Dims = std::vector<Dim>;

// Shapes with more dimensions are not followed.
inline constexpr size_t kMostRank = 16;

// One node, what is known of its inputs, and where its rule says what the outputs are. Used by
// InferTypes().
class TypeContext {
 public:
  // What a graph inside the node makes of inputs, one ValueType for each of its outputs.
  using FollowGraph = std::function<base::Result<std::vector<ValueType>>(
      const ModelGraph& graph, std::span<const ValueType> inputs)>;
  TypeContext(const ModelNode& node, const FollowGraph& follow, TypeScope& scope)
      : node_(node), follow_(follow), scope_(scope) {}

  const ModelNode& node() const { return node_; }
  // What is known of an input; nothing where it is left out.
  const ValueType& In(size_t index) const;
  // The content of an input that is a small constant of integers.
  std::optional<std::vector<int64_t>> Ints(size_t input) const;
  // Integers that are an input, or were an attribute in older operator sets. `known` is false where
  // the input is there and no constant; otherwise the list may be empty: there is none.
  struct List {
    bool known = true;
    std::vector<int64_t> values = {};
  };
  List IntsOf(size_t input, std::string_view attribute) const;
  // An attribute, or `otherwise`, also where it is damaged.
  int64_t Int(std::string_view attribute, int64_t otherwise) const;

  // The graph that is an attribute of the node, or nullptr.
  const ModelGraph* Graph(std::string_view attribute) const;
  base::Result<std::vector<ValueType>> OutputsOf(const ModelGraph& graph,
                                                 std::span<const ValueType> inputs) const {
    return follow_(graph, inputs);
  }

  void Out(size_t index, ElementType type, std::optional<Dims> dims = std::nullopt);

  // kInvalidArgument unless the types of these inputs are equal, as far as they are known.
  base::Status CheckEqualTypes(std::span<const size_t> inputs) const;
  // `axis` counted from the front. kInvalidArgument where the rank has no such axis.
  base::Result<size_t> Axis(int64_t axis, size_t rank) const;

 private:
  const ModelNode& node_;
  const FollowGraph& follow_;
  TypeScope& scope_;
};

using TypeRule = base::Status (*)(TypeContext& at);

// The rules by domain and operator.
using TypeRules = std::map<std::pair<std::string_view, std::string_view>, TypeRule>;
// One rule for operators of the standard's own domain, or of another.
void AddRule(TypeRule rule, std::initializer_list<std::string_view> operators, TypeRules& rules,
             std::string_view domain = {});

// The parts: elementwise operators and products; what moves, joins and splits; what reduces, counts
// and fills; what runs graphs; ai.onnx.ml.
void AddMathRules(TypeRules& rules);
void AddShapeRules(TypeRules& rules);
void AddReduceRules(TypeRules& rules);
void AddControlRules(TypeRules& rules);
void AddMlRules(TypeRules& rules);

// nullptr for an operator that nothing is known of.
TypeRule FindTypeRule(std::string_view domain, std::string_view op_type);

// A size, or nullopt for one that is free.
std::optional<int64_t> SizeOf(const Dim& dim);
// A dimension of unknown size.
inline Dim AnySize() { return std::string(); }
// As many dimensions of unknown size as `like` has.
std::optional<Dims> FreeDims(const std::optional<Dims>& like);
// As many as a shape tensor has elements; nothing where that is open.
std::optional<Dims> DimsOfShapeInput(const ValueType& shape);

// The shape of an elementwise operator's output. kInvalidArgument where the shapes do not fit; what
// is unknown fits.
base::Result<std::optional<Dims>> Broadcast(const std::optional<Dims>& a,
                                            const std::optional<Dims>& b);

}  // namespace slipway::graph

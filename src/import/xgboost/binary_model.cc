// The binary format of XGBoost up to 3.0: C structures, little-endian, one after the other.
#include <cstring>
#include <utility>

#include "base/str_cat.h"
#include "import/xgboost/model.h"

namespace slipway::import::xgboost {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kLearnerParamBytes = 136;
constexpr size_t kBoosterParamBytes = 160;
constexpr size_t kTreeParamBytes = 148;
constexpr size_t kNodeBytes = 20;
constexpr size_t kNodeStatBytes = 16;

class BinaryReader {
 public:
  explicit BinaryReader(std::span<const std::byte> file) : file_(file) {}

  size_t at() const { return at_; }
  size_t left() const { return file_.size() - at_; }
  Status Error(std::string_view message) const {
    return base::InvalidArgument(StrCat("binary model, byte ", at_, ": ", message));
  }
  Result<std::span<const std::byte>> Take(uint64_t size, std::string_view what) {
    if (size > left()) {
      return Error(StrCat(what, " takes ", size, " bytes, the file has ", left()));
    }
    const auto out = file_.subspan(at_, static_cast<size_t>(size));
    at_ += static_cast<size_t>(size);
    return out;
  }
  template <typename T>
  Result<T> Number(std::string_view what) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, Take(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  Result<std::string> Text(std::string_view what) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto size, Number<uint64_t>(what));
    SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, Take(size, what));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

 private:
  const std::span<const std::byte> file_;
  size_t at_ = 0;
};

// Field `index` of a structure of 4-byte fields.
template <typename T>
T Field(std::span<const std::byte> structure, size_t index) {
  static_assert(sizeof(T) == 4);
  T value;
  std::memcpy(&value, structure.data() + index * 4, 4);
  return value;
}

struct LearnerParam {
  bool has_attributes = false;
};

Result<LearnerParam> ReadLearnerParam(BinaryReader& reader, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, reader.Take(kLearnerParamBytes, "the learner"));
  model.base_score = {Field<float>(bytes, 0)};
  model.features = Field<uint32_t>(bytes, 1);
  const auto classes = Field<int32_t>(bytes, 2);
  if (classes < 0) return reader.Error(StrCat("a model of ", classes, " classes"));
  model.classes = static_cast<uint32_t>(classes);
  model.version = {Field<uint32_t>(bytes, 5), Field<uint32_t>(bytes, 6), 0};
  if (model.version[0] > 3) return reader.Error("not a binary model of XGBoost");
  model.targets = std::max<uint32_t>(Field<uint32_t>(bytes, 7), 1);
  return LearnerParam{.has_attributes = Field<int32_t>(bytes, 3) != 0};
}

Result<Tree> ReadTree(BinaryReader& reader) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto param, reader.Take(kTreeParamBytes, "a tree"));
  const auto nodes = Field<int32_t>(param, 1);
  if (nodes < 1) return reader.Error(StrCat("a tree of ", nodes, " nodes"));
  if (Field<int32_t>(param, 5) > 1) return reader.Error("vector leaves in a binary model");
  const auto size = static_cast<size_t>(nodes);
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, reader.Take(size * kNodeBytes, "the tree's nodes"));
  SLIPWAY_RETURN_IF_ERROR(reader.Take(size * kNodeStatBytes, "the tree's statistics").status());
  Tree tree;
  for (size_t i = 0; i < size; ++i) {
    const auto node = bytes.subspan(i * kNodeBytes, kNodeBytes);
    const auto split = Field<uint32_t>(node, 3);
    tree.left.push_back(Field<int32_t>(node, 1));
    tree.right.push_back(Field<int32_t>(node, 2));
    tree.feature.push_back(split & 0x7FFFFFFFU);
    tree.default_left.push_back(static_cast<uint8_t>(split >> 31));
    tree.condition.push_back(Field<float>(node, 4));
  }
  return tree;
}

Status ReadTrees(BinaryReader& reader, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto param, reader.Take(kBoosterParamBytes, "the booster"));
  const auto trees = Field<int32_t>(param, 0);
  if (trees < 0) return reader.Error(StrCat("a model of ", trees, " trees"));
  // Before 1.0 this field was the number of roots, which is 1 as well.
  model.parallel_trees = std::max<uint32_t>(Field<uint32_t>(param, 1), 1);
  for (int32_t i = 0; i < trees; ++i) {
    auto tree = ReadTree(reader);
    if (!tree.ok()) return tree.status().WithContext(StrCat("tree ", i));
    model.trees.push_back(*std::move(tree));
  }
  for (int32_t i = 0; i < trees; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto group, reader.Number<uint32_t>("a tree's group"));
    model.tree_group.push_back(group);
  }
  if (model.booster != BoosterKind::kDart || trees == 0) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const auto weights, reader.Number<uint64_t>("the trees' weights"));
  if (weights != model.trees.size()) {
    return reader.Error(StrCat(weights, " weights for ", trees, " trees"));
  }
  for (uint64_t i = 0; i < weights; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto weight, reader.Number<float>("a tree's weight"));
    model.tree_weight.push_back(weight);
  }
  return OkStatus();
}

Status ReadLinear(BinaryReader& reader, Model& model) {
  SLIPWAY_RETURN_IF_ERROR(reader.Take(kLearnerParamBytes, "the booster").status());
  SLIPWAY_ASSIGN_OR_RETURN(const auto count, reader.Number<uint64_t>("the weights"));
  if (count > reader.left() / sizeof(float)) {
    return reader.Error(StrCat(count, " weights with ", reader.left(), " bytes left"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, reader.Take(count * sizeof(float), "the weights"));
  model.linear.resize(static_cast<size_t>(count));
  std::memcpy(model.linear.data(), bytes.data(), bytes.size());
  return OkStatus();
}

Status ReadAttributes(BinaryReader& reader, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto count, reader.Number<uint64_t>("the attributes"));
  for (uint64_t i = 0; i < count; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(std::string name, reader.Text("an attribute's name"));
    SLIPWAY_ASSIGN_OR_RETURN(std::string value, reader.Text("an attribute"));
    model.attributes.insert_or_assign(std::move(name), std::move(value));
  }
  return OkStatus();
}

}  // namespace

Result<Model> ReadBinaryModel(std::span<const std::byte> file) {
  if (file.size() >= 4 && std::memcmp(file.data(), "binf", 4) == 0) file = file.subspan(4);
  BinaryReader reader(file);
  Model model;
  SLIPWAY_ASSIGN_OR_RETURN(const LearnerParam learner, ReadLearnerParam(reader, model));
  SLIPWAY_ASSIGN_OR_RETURN(model.objective, reader.Text("the objective"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string booster, reader.Text("the booster's name"));
  // Before 1.0 the base score was kept as what it does to the margin, but for multiclass.
  model.base_score_is_margin = model.version[0] < 1 && !model.objective.starts_with("multi:");
  if (booster == "gblinear") {
    model.booster = BoosterKind::kLinear;
    SLIPWAY_RETURN_IF_ERROR(ReadLinear(reader, model));
  } else if (booster == "gbtree" || booster == "dart") {
    model.booster = booster == "dart" ? BoosterKind::kDart : BoosterKind::kTree;
    SLIPWAY_RETURN_IF_ERROR(ReadTrees(reader, model));
  } else {
    return reader.Error("expected the booster gbtree, dart or gblinear");
  }
  if (learner.has_attributes) SLIPWAY_RETURN_IF_ERROR(ReadAttributes(reader, model));
  return model;
}

}  // namespace slipway::import::xgboost

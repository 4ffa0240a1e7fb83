#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/tree_ensemble.h"
#include "import/pmml/element.h"
#include "import/pmml/model_scope.h"
#include "import/pmml/predicate.h"

namespace slipway::import::pmml {

// Turns PMML's trees, whose nodes have any number of children with any predicates and strategies
// for missing values, into binary trees, of which every leaf is a way that PMML can end: at a node,
// at none, or in an error. What a path has found out about a field is not asked again.
//
// A test of PMML has three outcomes. Where unknown leads to the same as one of the others, it is
// one node; else a node in front asks whether the value is there.
class TreeCompiler {
 public:
  // How a tree can end.
  struct End {
    enum class Kind : uint8_t { kNode, kNull, kError };
    Kind kind = Kind::kNull;
    Element node;  // kNode
  };

  explicit TreeCompiler(Conversion& all) : all_(all) {}

  // Adds a TreeModel, whose fields are those of `scope`. kResourceExhausted when its missing values
  // would make it much larger than it is in the file.
  base::Status Add(ModelScope& scope, const Element& model);

  size_t trees() const { return trees_; }
  const std::vector<End>& ends() const { return ends_; }
  // [batch, trees]: positions in ends(), as doubles.
  base::Result<graph::Value> AddEnds();
  // [batch, width]: for each end a row of `width` numbers, summed over the trees in their order; in
  // floats if that is wanted and the fields are floats, too.
  base::Result<graph::Value> AddSums(std::span<const double> values, size_t width, bool as_float);

 private:
  struct Node {
    Element element;
    Predicate predicate;
    std::vector<size_t> children;
    std::string id;
    int64_t default_child = -1;
  };
  // What is known of a feature on a path.
  struct Knowledge {
    bool may_be_missing = true;
    bool may_be_present = true;
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool low_is_open = false;
    bool high_is_open = false;
    bool only = false;  // of `listed`; else: none of them
    std::vector<double> listed = {};
  };
  struct Split {
    Knowledge yes;  // both without missing values
    Knowledge no;
  };
  using Next = std::function<int32_t()>;

  base::Status ReadNodes(ModelScope& scope, const Element& root);
  base::Status ReadNode(ModelScope& scope, const Element& element, size_t parent);
  base::Status FindDefaultChildren();

  int32_t AtNode(size_t node);
  int32_t TryChild(size_t node, size_t position);
  bool LeadsTo(const Predicate& failed, size_t node, size_t position, size_t target);
  int32_t Decide(const Predicate& p, const Next& yes, const Next& no, const Next& unknown);
  int32_t DecideAll(const Predicate& p, size_t part, bool saw_unknown, const Next& yes,
                    const Next& no, const Next& unknown);
  int32_t DecideXor(const Predicate& p, size_t part, bool odd, const Next& yes, const Next& no,
                    const Next& unknown);
  int32_t DecideSurrogate(const Predicate& p, size_t part, const Next& yes, const Next& no,
                          const Next& unknown);
  int32_t DecideField(const Predicate& p, const Next& yes, const Next& no, const Next& unknown);
  int32_t DecideMissing(uint32_t feature, const Next& present, const Next& missing);
  int32_t Test(const Predicate& p, uint32_t feature, const Split& split, bool missing_is_yes,
               bool missing_is_no, const Next& yes, const Next& no);
  int32_t With(uint32_t feature, const Knowledge& knowledge, const Next& next);

  uint32_t FeatureOf(const Field& field);
  static Split SplitOf(const Knowledge& known, const Predicate& p);
  int32_t Leaf(End::Kind kind, size_t node = 0);
  size_t NewNode(uint32_t feature, graph::TreeEnsemble::Test test, bool missing_is_yes);
  bool TooLarge(size_t more_depth);
  graph::Value Rows();

  Conversion& all_;
  graph::TreeEnsemble ensemble_;
  std::vector<End> ends_;
  std::vector<size_t> leaf_ends_;
  std::vector<size_t> leaf_trees_;
  std::map<std::string, uint32_t> features_;  // by the name of the field's value
  std::vector<Field> columns_;
  size_t trees_ = 0;

  // Of the tree that is being added.
  std::vector<Node> nodes_;
  std::vector<Knowledge> known_;
  std::map<size_t, size_t> end_of_node_;
  int64_t end_of_null_ = -1;
  int64_t end_of_error_ = -1;
  size_t strategy_ = 0;
  bool returns_last_ = false;
  size_t nodes_allowed_ = 0;
  size_t depth_ = 0;
  base::Status status_;
};

}  // namespace slipway::import::pmml

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/pmml/element.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// Names in an order that depends on the row.
struct Ranking {
  graph::Value positions = {};  // among the names, [batch, count], the best first; NaN for none
  size_t count = 1;
  bool is_whole = false;  // nothing goes behind the last
  std::vector<std::string> names = {};
};

// What a model says about each row. NaN is PMML's missing result.
struct ModelAnswer {
  bool classifies = false;
  DataType type = DataType::kDouble;  // of a number
  graph::Value value = {};  // a number, [batch, 1]; of a classifier: position in `classes`
  std::vector<std::string> classes = {};
  graph::Value probabilities = {};  // [batch, classes]; nothing where the model has none
  graph::Value confidence = {};     // of the value, [batch, 1]
  Ranking entities = {};            // clusters, rules, training rows
  graph::Value affinities = {};     // [batch, entities]: distances
  Ranking reasons = {};             // codes
};

// One model element, whichever it is, its Targets applied. Fields come from `scope`, which its
// MiningSchema and LocalTransformations were added to; failures are noted there.
base::Result<ModelAnswer> MakeModel(ModelScope& scope, const Element& model);

// A model within a model: a scope of its own, whose failures are added to `around`'s where `active`
// (BOOL, or nothing for everywhere). `scope` must outlive the use of the answer's fields.
base::Result<ModelAnswer> MakeInnerModel(ModelScope& scope, ModelScope& around,
                                         const Element& model, const graph::Value& active);

// The LocalTransformations of a model (or the TransformationDictionary), defined in the scope.
base::Status DefineDerivedFields(ModelScope& scope, const Element& transformations);

// Whether the model's functionName is "classification"; kUnimplemented for other than regression,
// classification and clustering.
base::Result<bool> Classifies(const Element& model);
// The name of the model's target field, and the categories that its DataField lists; empty if none.
std::string TargetName(const Element& model);
std::vector<std::string> TargetCategories(ModelScope& scope, const Element& model);
// The position of a class, which is added if it is new.
size_t ClassPosition(std::vector<std::string>& classes, const std::string& name);
// The answer's largest probability decides; the first among equals.
ModelAnswer ByProbability(ModelScope& scope, std::vector<std::string> classes,
                          const graph::Value& probabilities);

// One for each kind of model.
base::Result<ModelAnswer> MakeTree(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeRegression(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeMining(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeGeneralRegression(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeNeuralNetwork(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeClustering(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeNaiveBayes(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeScorecard(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeSupportVectorMachine(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeRuleSet(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeAnomalyDetection(ModelScope& scope, const Element& model);
base::Result<ModelAnswer> MakeNearestNeighbor(ModelScope& scope, const Element& model);

}  // namespace slipway::import::pmml

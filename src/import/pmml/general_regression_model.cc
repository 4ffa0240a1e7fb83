#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/cox_regression.h"
#include "import/pmml/formulas.h"
#include "import/pmml/link.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// The columns of the design matrix: one for each Parameter, by name.
struct Design {
  std::vector<std::string> names;
  std::map<std::string, size_t> positions;
  std::vector<Value> columns;      // nothing for an intercept
  std::vector<double> references;  // the reference point
};

Result<Design> ReadParameters(const Element& model) {
  Design out;
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, model.NeedChild("ParameterList"));
  for (const Element& parameter : list.Children("Parameter")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, parameter.Need("name"));
    if (!out.positions.emplace(name, out.names.size()).second) {
      return parameter.Error("the second one");
    }
    out.names.push_back(name);
    SLIPWAY_ASSIGN_OR_RETURN(out.references.emplace_back(),
                             parameter.NumberOr("referencePoint", 0));
  }
  out.columns.resize(out.names.size());
  return out;
}

Result<std::vector<std::string>> Predictors(const Element& model, std::string_view list) {
  std::vector<std::string> out;
  const auto found = model.Child(list);
  if (!found) return out;
  for (const Element& predictor : found->Children("Predictor")) {
    if (predictor.Child("Categories") || predictor.Child("Matrix")) {
      return Conversion::Unsupported(predictor, "a contrast matrix");
    }
    SLIPWAY_ASSIGN_OR_RETURN(std::string name, predictor.Need("name"));
    out.push_back(std::move(name));
  }
  return out;
}

// 1 where a factor has the cell's value, NaN where it is missing; x to the cell's power otherwise.
Result<Value> CellValue(ModelScope& scope, const Element& cell, bool is_factor) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, cell.Need("predictorName"));
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(cell, name));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, cell.Need("value"));
  if (is_factor) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), cell, field->type, text));
    const Value same = graph.Cast(Compare(graph, "Equal", field->value, Number(graph, value)),
                                  ElementType::kDouble);
    return Where(graph, IsMissing(graph, field->value), field->value, same);
  }
  if (field->type == DataType::kText) return cell.Error("a power of text");
  const auto power = ParseXmlNumber(text);
  if (!power || !std::isfinite(*power)) return cell.Error("expected a number as 'value'");
  if (*power == 1) return field->value;
  const Value raised = Binary(graph, "Pow", field->value, Number(graph, *power));
  return Where(graph, IsMissing(graph, field->value), field->value, raised);
}

Status ReadCells(ModelScope& scope, const Element& model, Design& design) {
  GraphBuilder& graph = scope.graph();
  const auto matrix = model.Child("PPMatrix");
  if (!matrix) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factors, Predictors(model, "FactorList"));
  std::vector<Value> of_factors(design.columns.size());
  std::vector<Value> of_covariates(design.columns.size());
  for (const Element& cell : matrix->Children("PPCell")) {
    if (cell.Find("targetCategory")) {
      return Conversion::Unsupported(cell, "a cell of a single target category");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const std::string parameter, cell.Need("parameterName"));
    const auto at = design.positions.find(parameter);
    if (at == design.positions.end()) {
      return cell.Error(StrCat("there is no parameter '", Printable(parameter), "'"));
    }
    const bool is_factor =
        std::ranges::find(factors, cell.Or("predictorName", "")) != factors.end();
    SLIPWAY_ASSIGN_OR_RETURN(const Value value, CellValue(scope, cell, is_factor));
    Value& column = is_factor ? of_factors[at->second] : of_covariates[at->second];
    column = column.name.empty() ? value : Binary(graph, "Mul", column, value);
  }
  for (size_t i = 0; i < design.columns.size(); ++i) {
    const Value& factor = of_factors[i];
    const Value& covariate = of_covariates[i];
    if (factor.name.empty() || covariate.name.empty()) {
      design.columns[i] = factor.name.empty() ? covariate : factor;
      continue;
    }
    // Covariates only matter where the factors are there.
    const Value zero = Number(graph, 0);
    design.columns[i] = Where(graph, Compare(graph, "Equal", factor, zero), zero,
                              Binary(graph, "Mul", factor, covariate));
  }
  return OkStatus();
}

// The betas of ParamMatrix, by target category ("" where none is said), one for each parameter.
Result<std::map<std::string, std::vector<double>>> ReadBetas(const Element& model,
                                                             const Design& design) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element matrix, model.NeedChild("ParamMatrix"));
  std::map<std::string, std::vector<double>> out;
  for (const Element& cell : matrix.Children("PCell")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string parameter, cell.Need("parameterName"));
    const auto at = design.positions.find(parameter);
    if (at == design.positions.end()) {
      return cell.Error(StrCat("there is no parameter '", Printable(parameter), "'"));
    }
    auto& betas = out[cell.Or("targetCategory", "")];
    if (betas.size() * out.size() > 100'000'000) {
      return base::ResourceExhausted(StrCat(cell.Where(), ": too many parameters and categories"));
    }
    betas.resize(design.names.size(), 0);
    SLIPWAY_ASSIGN_OR_RETURN(betas[at->second], cell.Number("beta"));
  }
  return out;
}

Value LinearSum(ModelScope& scope, const Design& design, std::span<const double> betas) {
  GraphBuilder& graph = scope.graph();
  std::vector<Value> columns;
  std::vector<double> weights;
  double intercept = 0;
  for (size_t i = 0; i < design.columns.size(); ++i) {
    if (design.columns[i].name.empty()) {
      intercept += betas[i];
    } else if (betas[i] != 0) {
      columns.push_back(design.columns[i]);
      weights.push_back(betas[i]);
    }
  }
  Value sum = scope.all().zeros;
  if (!columns.empty()) sum = Product(graph, graph.Concat(std::move(columns)), weights, 1);
  return Binary(graph, "Add", sum, Number(graph, intercept));
}

// Less the sum at the reference point.
Value FromReference(ModelScope& scope, const Design& design, std::span<const double> betas) {
  double reference = 0;
  for (size_t i = 0; i < betas.size(); ++i) reference += betas[i] * design.references[i];
  GraphBuilder& graph = scope.graph();
  return Binary(graph, "Sub", LinearSum(scope, design, betas), Number(graph, reference));
}

Result<Value> FromLink(ModelScope& scope, const Element& model, std::string_view attribute,
                       const Value& eta) {
  static constexpr std::string_view kLinks[] = {"identity", "log",    "logc",   "logit",
                                                "cloglog",  "loglog", "cauchit"};
  SLIPWAY_RETURN_IF_ERROR(model.Need(attribute).status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t link, model.Choice(attribute, kLinks));
  return InverseLink(scope.graph(), kLinks[link], eta);
}

// eta of an offset, from a field or a number, and of trials, by which the result is multiplied.
Result<Value> FromFieldOrNumber(ModelScope& scope, const Element& model, const std::string& what,
                                double otherwise) {
  if (const auto name = model.Find(what + "Variable")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(model, *name));
    return field->value;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const double value, model.NumberOr(what + "Value", otherwise));
  return Number(scope.graph(), value);
}

using Betas = std::map<std::string, std::vector<double>>;

Result<Value> Generalized(ModelScope& scope, const Element& model, const Design& design,
                          std::span<const double> betas) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const Value offset, FromFieldOrNumber(scope, model, "offset", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const Value trials, FromFieldOrNumber(scope, model, "trials", 1));
  const Value eta = Binary(graph, "Add", LinearSum(scope, design, betas), offset);
  SLIPWAY_ASSIGN_OR_RETURN(const Value mean, FromLink(scope, model, "linkFunction", eta));
  return Binary(graph, "Mul", mean, trials);
}

// The categories with the reference, which has no parameters of its own, at the end.
Result<std::vector<std::string>> OrderedCategories(ModelScope& scope, const Element& model,
                                                   const Betas& betas) {
  std::vector<std::string> all = TargetCategories(scope, model);
  if (all.size() < 2) return model.Error("a target of fewer than two categories");
  std::string reference = model.Or("targetReferenceCategory", "");
  if (reference.empty()) {
    for (const std::string& name : all) {
      if (!betas.contains(name)) reference = name;
    }
  }
  const auto at = std::ranges::find(all, reference);
  if (at == all.end()) return model.Error("no category of the target is the reference");
  std::rotate(at, at + 1, all.end());
  return all;
}

const std::vector<double>* BetasOf(const Betas& betas, const std::string& category) {
  const auto own = betas.find(category);
  const auto common = betas.find("");
  return own != betas.end() ? &own->second : common != betas.end() ? &common->second : nullptr;
}

Result<ModelAnswer> Multinomial(ModelScope& scope, const Element& model, const Design& design,
                                const Betas& betas) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(auto categories, OrderedCategories(scope, model, betas));
  std::vector<Value> sums;
  for (size_t i = 0; i + 1 < categories.size(); ++i) {
    const auto* const own = BetasOf(betas, categories[i]);
    if (own == nullptr) return model.Error(StrCat("no parameters of '", categories[i], "'"));
    sums.push_back(LinearSum(scope, design, *own));
  }
  sums.push_back(scope.all().zeros);
  const Value raised = graph.Node("Exp", {graph.Concat(std::move(sums))});
  return ByProbability(scope, std::move(categories), DividedBySum(graph, raised));
}

Result<ModelAnswer> Binomial(ModelScope& scope, const Element& model, const Design& design,
                             const Betas& betas) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(auto categories, OrderedCategories(scope, model, betas));
  const auto* const own = BetasOf(betas, categories[0]);
  if (categories.size() != 2 || own == nullptr) {
    return Conversion::Unsupported(model, "a generalized linear model of other than two classes");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value first, Generalized(scope, model, design, *own));
  const Value second = Binary(graph, "Sub", Number(graph, 1), first);
  return ByProbability(scope, std::move(categories), graph.Concat({first, second}));
}

Result<ModelAnswer> Ordinal(ModelScope& scope, const Element& model, const Design& design,
                            const Betas& betas) {
  GraphBuilder& graph = scope.graph();
  std::vector<std::string> categories = TargetCategories(scope, model);
  if (categories.size() < 2) return model.Error("a target of fewer than two categories");
  const auto common = betas.find("");
  const Value shared =
      common == betas.end() ? scope.all().zeros : LinearSum(scope, design, common->second);
  std::vector<Value> parts;
  Value before;
  for (size_t i = 0; i + 1 < categories.size(); ++i) {
    const auto own = betas.find(categories[i]);
    if (own == betas.end()) return model.Error(StrCat("no parameters of '", categories[i], "'"));
    const Value eta = Binary(graph, "Add", LinearSum(scope, design, own->second), shared);
    SLIPWAY_ASSIGN_OR_RETURN(const Value upto, FromLink(scope, model, "cumulativeLink", eta));
    parts.push_back(before.name.empty() ? upto : Binary(graph, "Sub", upto, before));
    before = upto;
  }
  parts.push_back(Binary(graph, "Sub", Number(graph, 1), before));
  return ByProbability(scope, std::move(categories), graph.Concat(std::move(parts)));
}

}  // namespace

Result<ModelAnswer> MakeGeneralRegression(ModelScope& scope, const Element& model) {
  static constexpr std::string_view kTypes[] = {"regression",         "generalLinear",
                                                "generalizedLinear",  "multinomialLogistic",
                                                "ordinalMultinomial", "CoxRegression"};
  SLIPWAY_RETURN_IF_ERROR(model.Need("modelType").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t type, model.Choice("modelType", kTypes));
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  SLIPWAY_ASSIGN_OR_RETURN(Design design, ReadParameters(model));
  SLIPWAY_RETURN_IF_ERROR(ReadCells(scope, model, design));
  SLIPWAY_ASSIGN_OR_RETURN(const Betas betas, ReadBetas(model, design));
  if (classifies) {
    if (type == 3) return Multinomial(scope, model, design, betas);
    if (type == 4) return Ordinal(scope, model, design, betas);
    if (type == 2) return Binomial(scope, model, design, betas);
    return model.Error("a linear model as a classification");
  }
  if (betas.size() != 1) return model.Error("expected parameters of one target");
  const std::vector<double>& only = betas.begin()->second;
  if (type == 5) return MakeCoxRegression(scope, model, FromReference(scope, design, only));
  ModelAnswer out;
  if (type == 2) {
    SLIPWAY_ASSIGN_OR_RETURN(out.value, Generalized(scope, model, design, only));
  } else if (type < 2) {
    out.value = LinearSum(scope, design, only);
  } else {
    return model.Error("a multinomial model as a regression");
  }
  return out;
}

}  // namespace slipway::import::pmml

#include "import/sklearn/sklearn_importer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "graph/graph_builder.h"
#include "import/finish.h"
#include "import/pickle/policy.h"
#include "import/pickle/unpack.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/known_classes.h"
#include "import/sklearn/members.h"
#include "import/sklearn/model_columns.h"
#include "import/sklearn/outputs.h"
#include "import/sklearn/root_booster.h"
#include "import/skops/skops_document.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using pickle::Document;
using Kind = ImportedColumn::Kind;

constexpr uint64_t kMaxEstimators = 100'000;
// Each array may be read so often on average, beyond a first million of numbers.
constexpr uint64_t kMaxReadings = 8;

Budget BudgetFor(uint64_t unpacked_bytes) {
  return {.elements_left = 1'000'000 + kMaxReadings * unpacked_bytes,
          .estimators_left = kMaxEstimators};
}

bool HasNames(const std::vector<ImportedColumn>& columns) {
  std::set<std::string_view> names;
  for (const ImportedColumn& column : columns) {
    if (column.name.empty() || !names.insert(column.name).second) return false;
  }
  return true;
}

Result<Inputs::Mode> ChooseMode(const std::vector<ImportedColumn>& columns, Columns wanted) {
  const auto texts = std::ranges::count(columns, Kind::kText, &ImportedColumn::kind);
  const bool mixed = texts != 0 && texts != static_cast<std::ptrdiff_t>(columns.size());
  if (wanted == Columns::kTensor && mixed) {
    return base::InvalidArgument(StrCat("one tensor for all columns was asked for, but ", texts,
                                        " of ", columns.size(),
                                        " columns are text and the others numbers"));
  }
  if (wanted == Columns::kSeparate || mixed) return Inputs::Mode::kSeparate;
  return Inputs::Mode::kTensor;
}

ElementType TypeOf(Kind kind) {
  return kind == Kind::kText ? ElementType::kString : ElementType::kDouble;
}

// Declares the inputs, and gives them as the frame that the model starts from.
Frame DeclareInputs(GraphBuilder& graph, const Inputs& inputs) {
  Frame frame;
  const std::vector<ImportedColumn>& columns = inputs.columns();
  if (inputs.mode() == Inputs::Mode::kTensor) {
    const graph::Value x =
        graph.AddInput("x", TypeOf(columns.front().kind), {"batch", inputs.size()});
    return Frame::Of(x, inputs.size());
  }
  for (int64_t i = 0; i < inputs.size(); ++i) {
    const ImportedColumn& column = columns[static_cast<size_t>(i)];
    Frame::Block block;
    block.width = 1;
    if (inputs.mode() == Inputs::Mode::kProbe) {
      block.input = i;
    } else if (inputs.IsUsed(i)) {
      block.value = graph.AddInput(column.name, TypeOf(column.kind), {"batch", int64_t{1}});
    }
    frame.blocks.push_back(std::move(block));
  }
  return frame;
}

// One conversion of the model, from its inputs to its outputs.
class Conversion {
 public:
  Conversion(Inputs inputs, Budget& budget, int max_depth)
      : graph_("scikit-learn"),
        inputs_(std::move(inputs)),
        scope_(graph_, inputs_, budget, max_depth) {}

  Status Run(const pickle::Value& root) {
    const Frame frame = DeclareInputs(graph_, inputs_);
    const Result<Answer> answer = Convert(scope_, root, "", frame);
    if (!answer.ok()) return answer.status();
    if (inputs_.mode() == Inputs::Mode::kProbe) {
      if (const auto& output = answer->output) UseAsNumbers(*output);
      return base::OkStatus();
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Record record, Record::From(root, "", scope_.budget));
    return AddOutputs(scope_, record, *answer, class_names_);
  }

  // Columns that reach the output as they are. Nothing tells what they hold: numbers, most likely.
  void UseAsNumbers(const Frame& output) {
    for (const Frame::Block& block : output.blocks) {
      if (block.input >= 0) inputs_.Use(block.input, Kind::kNumber);
    }
  }

  // After Run().
  const Scope& scope() const { return scope_; }
  const Inputs& inputs() const { return inputs_; }
  GraphBuilder& graph() { return graph_; }
  std::vector<std::string>& class_names() { return class_names_; }

 private:
  GraphBuilder graph_;
  Inputs inputs_;
  Scope scope_;
  std::vector<std::string> class_names_;
};

// Everything that is not supported, in one message: what the converters came upon, and classes of
// scikit-learn that stand anywhere else.
Status AllProblems(const Status& status, const Scope& scope, std::span<const std::string> unknown) {
  if (status.code() != base::StatusCode::kUnimplemented && !status.ok()) return status;
  std::vector<std::string> problems = scope.problems();
  for (const std::string& line : unknown) {
    const std::string name = line.substr(1, line.find('\'', 1) - 1);
    const bool said = std::ranges::any_of(problems, [&](const std::string& problem) {
      return problem.find(name) != std::string::npos;
    });
    if (!said) problems.push_back(line);
  }
  if (problems.empty()) return status;
  std::string message = StrCat("cannot be imported, ", problems.size(),
                               problems.size() == 1 ? " reason: " : " reasons: ");
  for (size_t i = 0; i < problems.size(); ++i) message += StrCat(i == 0 ? "" : "; ", problems[i]);
  return base::Unimplemented(std::move(message));
}

// "scikit-learn joblib, zlib", "XGBoost pickle"
std::string FormatName(const Document& document, std::string_view framework) {
  if (document.root().has_node() && document.root().node().place == pickle::kNoPlace) {
    return StrCat(framework, " skops");
  }
  const bool joblib = document.has_payloads() || !document.packing().empty();
  return StrCat(framework, joblib ? " joblib" : " pickle", document.packing().empty() ? "" : ", ",
                document.packing());
}

void WarnOfTrailingBytes(const Document& document, ImportedModel& model) {
  if (document.trailing_bytes() == 0) return;
  model.warnings.push_back(
      StrCat(document.trailing_bytes(), " bytes follow the model in the file and are not read"));
}

ImportedModel Finish(const Document& document, const Member& member, Conversion& conversion) {
  ImportedModel model;
  Budget budget = BudgetFor(0);
  const auto root = Record::From(member.value, "", budget);
  model.framework = FrameworkOf(root.ok() ? root->module() : std::string_view());
  if (root.ok()) model.framework_version = root->TextOr("_sklearn_version", "");
  model.format = FormatName(document, model.framework);
  model.columns = conversion.inputs().columns();
  model.structure = conversion.scope().structure();
  model.warnings = member.warnings;
  std::ranges::copy(conversion.scope().warnings(), std::back_inserter(model.warnings));
  model.class_names = std::move(conversion.class_names());
  for (int64_t i = 0; i < conversion.inputs().size(); ++i) {
    if (conversion.inputs().mode() != Inputs::Mode::kSeparate || conversion.inputs().IsUsed(i)) {
      continue;
    }
    model.warnings.push_back(StrCat("column '", model.columns[static_cast<size_t>(i)].name,
                                    "' is never used, and is no input"));
  }
  WarnOfTrailingBytes(document, model);
  import::Finish(std::move(conversion.graph()), model);
  return model;
}

// Names for columns that have none, or not one of their own: x0, x1, ...
void NameColumns(std::vector<ImportedColumn>& columns) {
  if (HasNames(columns)) return;
  for (size_t i = 0; i < columns.size(); ++i) columns[i].name = StrCat("x", i);
}

Result<ImportedModel> ImportDocument(const Document& document, Budget& budget,
                                     const ImportOptions& options) {
  SLIPWAY_RETURN_IF_ERROR(pickle::CheckKnown(document, MayBeNamed));
  SLIPWAY_ASSIGN_OR_RETURN(const Member member, FindMember(document.root(), options.member));
  const std::vector<std::string> unknown = pickle::FindUnknown(document, IsKnownClass);
  if (const auto root = Record::From(member.value, "", budget); root.ok() && unknown.empty()) {
    if (auto model = ImportRootBooster(*root, options)) {
      model->format = FormatName(document, model->framework);
      std::ranges::copy(member.warnings, std::back_inserter(model->warnings));
      WarnOfTrailingBytes(document, *model);
      return *std::move(model);
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<ImportedColumn> columns, FindColumns(member.value, budget));
  if (columns.empty()) return base::InvalidArgument("the model takes no columns");
  const bool may_take_text = std::ranges::any_of(document.globals(), [](const pickle::Value& v) {
    return TakesText(v.node().text, v.node().name);
  });
  std::optional<Conversion> probe;
  if (may_take_text) {
    probe.emplace(Inputs(Inputs::Mode::kProbe, columns), budget, options.limits.max_depth);
    const Status probed = probe->Run(member.value);
    if (!probed.ok()) return AllProblems(probed, probe->scope(), unknown);
    columns = probe->inputs().Found();
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Inputs::Mode mode, ChooseMode(columns, options.columns));
  if (mode == Inputs::Mode::kSeparate) NameColumns(columns);
  const Inputs inputs(mode, std::move(columns), probe ? &probe->inputs() : nullptr);
  Conversion conversion(inputs, budget, options.limits.max_depth);
  SLIPWAY_RETURN_IF_ERROR(AllProblems(conversion.Run(member.value), conversion.scope(), unknown));
  return Finish(document, member, conversion);
}

bool IsNameLine(std::string_view line) {
  return !line.empty() && std::ranges::all_of(line, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

// Protocols 0 and 1 have no mark of their own: they begin with a class, which is two lines of
// names, or with an empty container that is put into the memo.
bool LooksLikeOldPickle(std::string_view start) {
  constexpr std::array<std::string_view, 4> kContainers = {"dp0\n", "lp0\n", "}q", "]q"};
  if (start.starts_with('(')) start.remove_prefix(1);
  for (const std::string_view container : kContainers) {
    if (start.starts_with(container)) return true;
  }
  if (!start.starts_with('c') && !start.starts_with('i')) return false;
  start.remove_prefix(1);
  const size_t end = start.find('\n');
  if (end == std::string_view::npos || !IsNameLine(start.substr(0, end))) return false;
  start.remove_prefix(end + 1);
  return IsNameLine(start.substr(0, start.find('\n')));
}

bool LooksLikePickle(std::string_view start) {
  if (start.size() > 2 && start[0] == '\x80') return start[1] >= 2 && start[1] <= 5;
  return LooksLikeOldPickle(start);
}

bool Recognizes(std::span<const std::byte> file) {
  if (skops::Recognizes(file)) return true;
  if (!pickle::PackingOf(file).empty()) {
    return LooksLikePickle(pickle::UnpackStart(file, 4096));
  }
  return LooksLikePickle(
      {reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 256)});
}

Result<ImportedModel> Import(std::span<const std::byte> file, const ImportOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::unique_ptr<const Document> document,
                           skops::Recognizes(file) ? skops::ReadDocument(file, options.limits)
                                                   : Document::Read(file, options.limits));
  Budget budget = BudgetFor(std::max<uint64_t>(document->unpacked_bytes(), file.size()));
  return ImportDocument(*document, budget, options);
}

}  // namespace

const Importer& SklearnImporter() {
  static constexpr Importer kImporter = {
      .name = "scikit-learn", .recognizes = Recognizes, .import = Import};
  return kImporter;
}

}  // namespace slipway::import::sklearn

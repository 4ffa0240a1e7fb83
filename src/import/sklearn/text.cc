#include "base/text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/dict_vectorizer.h"
#include "import/sklearn/english_stop_words.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Texts as counts of words or of characters in a row. Cutting texts as Python does it, with its
// Unicode, is beyond ONNX: operators of our own domain do that. Source: scikit-learn 1.9,
// sklearn/feature_extraction/text.py, _hash.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Kind = pickle::Value::Kind;

constexpr int64_t kMaxColumns = int64_t{1} << 22;
constexpr int64_t kMaxUnits = 100;  // in a piece

// ---- how texts are cut

// Patterns of words that are the longest runs of word characters, with the least length of a word.
struct Pattern {
  std::string_view text;
  int64_t least_length;
};
constexpr std::array<Pattern, 8> kPatterns = {{
    {R"((?u)\b\w\w+\b)", 2},
    {R"(\b\w\w+\b)", 2},
    {R"((?u)\b\w+\b)", 1},
    {R"(\b\w+\b)", 1},
    {R"(\w+)", 1},
    {R"((?u)\w+)", 1},
    {R"(\w\w+)", 2},
    {R"(\w{2,})", 2},
}};

// Attributes of the operators.
struct Cut {
  graph::Attributes attributes;
  std::vector<std::string> stop_words;
};

Status CheckNone(Scope& scope, const Record& record, std::string_view attribute) {
  if (!record.Has(attribute)) return base::OkStatus();
  return scope.Unsupported(record, StrCat(attribute, ": a function of Python is not supported"));
}

Result<std::pair<int64_t, int64_t>> ReadSizes(Scope& scope, const Record& record) {
  if (!record.Has("ngram_range")) return std::pair<int64_t, int64_t>(1, 1);
  SLIPWAY_ASSIGN_OR_RETURN(const auto range, record.List("ngram_range"));
  if (range.size() != 2) return record.Damaged("ngram_range: expected two numbers");
  std::array<int64_t, 2> ends = {};
  for (size_t i = 0; i < 2; ++i) {
    auto end = pickle::ReadInteger(range[i]);
    if (!end.ok()) return record.At("ngram_range", end.status());
    ends[i] = *end;
  }
  if (ends[0] < 1 || ends[1] < ends[0] || ends[1] > kMaxUnits) {
    return scope.Unsupported(record, StrCat("ngram_range=(", ends[0], ", ", ends[1],
                                            "): expected 1 to ", kMaxUnits, ", rising"));
  }
  return std::pair(ends[0], ends[1]);
}

Result<int64_t> ReadLeastLength(Scope& scope, const Record& record) {
  const std::string pattern = record.TextOr("token_pattern", kPatterns.front().text);
  const auto found = std::ranges::find(kPatterns, pattern, &Pattern::text);
  if (found != kPatterns.end()) return found->least_length;
  return scope.Unsupported(record, StrCat("token_pattern '", pattern,
                                          "': only runs of \\w, of one character or more, or of "
                                          "two or more, are supported"));
}

Result<std::vector<std::string>> ReadStopWords(Scope& scope, const Record& record) {
  std::vector<std::string> out;
  if (!record.Has("stop_words")) return out;
  if (record.Is("stop_words", "english")) {
    for (const std::string_view word : EnglishStopWords()) out.emplace_back(word);
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* found, record.Get("stop_words"));
  if (found->Is(Kind::kText)) {
    return scope.Unsupported(record, StrCat("stop_words '", found->node().text, "'"));
  }
  std::vector<pickle::Value> words;
  if (found->Is(Kind::kSet)) {
    words = found->node().items;
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(words, record.List("stop_words"));
  }
  for (const pickle::Value& word : words) {
    auto text = pickle::ReadText(word);
    if (!text.ok()) return record.At("stop_words", text.status());
    if (!base::IsValidUtf8(*text)) return record.Damaged("stop_words: a text not in UTF-8");
    out.push_back(*std::move(text));
  }
  return out;
}

Result<std::string> ReadAccents(Scope& scope, const Record& record) {
  if (!record.Has("strip_accents")) return std::string("kept");
  for (const std::string_view known : {"unicode", "ascii"}) {
    if (record.Is("strip_accents", known)) return std::string(known);
  }
  return scope.Unsupported(record, "strip_accents: a function of Python is not supported");
}

// Everything that says how texts are cut. All that is not supported is noted, not only the first.
Result<Cut> ReadCut(Scope& scope, const Record& record) {
  std::vector<Status> problems = {CheckNone(scope, record, "preprocessor"),
                                  CheckNone(scope, record, "tokenizer")};
  const std::string analyzer = record.TextOr("analyzer", "a function");
  if (analyzer != "word" && analyzer != "char" && analyzer != "char_wb") {
    problems.push_back(scope.Unsupported(record, StrCat("analyzer: ", analyzer)));
  }
  if (record.TextOr("input", "content") != "content") {
    problems.push_back(scope.Unsupported(record, "input: only 'content' is supported"));
  }
  const auto sizes = ReadSizes(scope, record);
  problems.push_back(sizes.status());
  const auto accents = ReadAccents(scope, record);
  problems.push_back(accents.status());
  const bool words = analyzer == "word";
  const auto least_length = words ? ReadLeastLength(scope, record) : Result<int64_t>(1);
  problems.push_back(least_length.status());
  auto stop_words = words ? ReadStopWords(scope, record) : std::vector<std::string>();
  problems.push_back(stop_words.status());
  for (const Status& problem : problems) SLIPWAY_RETURN_IF_ERROR(problem);
  SLIPWAY_ASSIGN_OR_RETURN(const bool lowercase, record.BoolOr("lowercase", true));
  Cut out;
  out.stop_words = *std::move(stop_words);
  out.attributes = {{"analyzer", analyzer},
                    {"accents", *accents},
                    {"lowercase", int64_t{lowercase ? 1 : 0}},
                    {"least_n", sizes->first},
                    {"most_n", sizes->second},
                    {"least_length", *least_length}};
  return out;
}

Result<Value> ReadDocuments(Scope& scope, const Record& record, const Frame& input) {
  if (input.width() != 1) {
    return record.Damaged(StrCat("takes one column of texts, but gets ", input.width()));
  }
  return scope.TextColumn(record, input, 0);
}

void AddStopWords(GraphBuilder& graph, const Cut& cut, std::vector<Value>& inputs) {
  if (cut.stop_words.empty()) return;
  inputs.push_back(
      graph.Add(graph::TextConstant(cut.stop_words, {static_cast<int64_t>(cut.stop_words.size())}),
                "stop_words"));
}

// ---- counts of a vocabulary

// The entries of `vocabulary_` in the order of their columns.
Result<std::vector<std::string>> ReadVocabulary(const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* found, record.Get("vocabulary_"));
  if (!found->Is(Kind::kDict) || found->node().items.empty()) {
    return record.Damaged("vocabulary_: expected a dict that is not empty");
  }
  const std::vector<pickle::Value>& pairs = found->node().items;
  const size_t count = pairs.size() / 2;
  if (count > record.budget().elements_left) {
    return base::ResourceExhausted("the model reads the same vocabulary over and over");
  }
  record.budget().elements_left -= count;
  std::vector<std::optional<std::string>> columns(count);
  for (size_t i = 0; i < count; ++i) {
    auto term = pickle::ReadText(pairs[2 * i]);
    if (!term.ok()) return record.At("vocabulary_", term.status());
    const auto column = pickle::ReadInteger(pairs[2 * i + 1]);
    if (!column.ok()) return record.At("vocabulary_", column.status());
    if (*column < 0 || static_cast<size_t>(*column) >= count ||
        columns[static_cast<size_t>(*column)] || !base::IsValidUtf8(*term)) {
      return record.Damaged("vocabulary_: columns that do not count up from 0, or no UTF-8");
    }
    columns[static_cast<size_t>(*column)] = *std::move(term);
  }
  std::vector<std::string> out;
  out.reserve(columns.size());
  for (std::optional<std::string>& term : columns) out.push_back(std::move(term).value_or(""));
  return out;
}

Result<Frame> Counts(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value documents, ReadDocuments(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Cut cut, ReadCut(scope, record));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<std::string> vocabulary, ReadVocabulary(record));
  SLIPWAY_ASSIGN_OR_RETURN(const bool binary, record.BoolOr("binary", false));
  const auto width = static_cast<int64_t>(vocabulary.size());
  if (width > kMaxColumns) {
    return scope.Unsupported(record, StrCat("a vocabulary of more than ", kMaxColumns));
  }
  scope.Describe(StrCat(width, " entries"));
  std::vector<Value> inputs = {
      documents, graph.Add(graph::TextConstant(std::move(vocabulary), {width}), "vocabulary")};
  AddStopWords(graph, cut, inputs);
  Value counts = graph.Node("TextNgrams", inputs, cut.attributes, ElementType::kDouble,
                            GraphBuilder::kSlipwayDomain);
  if (binary) {
    const Value any = graph.Node("Greater", {counts, Constant(graph, 0)}, {}, ElementType::kBool);
    counts = graph.Cast(any, ElementType::kDouble);
  }
  return Frame::Of(counts, width);
}

Result<Answer> ConvertCounts(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Frame counts, Counts(scope, record, input));
  return Answer::Output(std::move(counts));
}

// ---- weights

// Each row divided by its length; a row of zeros stays.
Result<Value> Scaled(Scope& scope, const Record& record, const Value& x) {
  GraphBuilder& graph = scope.graph;
  if (!record.Has("norm")) return x;
  Value length;
  if (record.Is("norm", "l2")) {
    length = graph.Node("Sqrt", {SumOfRows(graph, graph.Node("Mul", {x, x}))});
  } else if (record.Is("norm", "l1")) {
    length = SumOfRows(graph, graph.Node("Abs", {x}));
  } else {
    return scope.Unsupported(record, StrCat("norm '", record.TextOr("norm", "?"), "'"));
  }
  const Value zero = graph.Node("Equal", {length, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value divisor =
      graph.Node("Where", {zero, Constant(graph, 1), length}, {}, ElementType::kDouble);
  return graph.Node("Div", {x, divisor});
}

// The weight of each column. Until 1.4 it was the diagonal of a sparse matrix.
Result<Reals> ReadWeights(const Record& record) {
  if (!record.Has("_idf_diag")) return record.Numbers("idf_");
  SLIPWAY_ASSIGN_OR_RETURN(const Record diagonal, record.Child("_idf_diag"));
  return diagonal.Numbers("data");
}

Result<Answer> ConvertTfidfTransformer(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const bool sublinear, record.BoolOr("sublinear_tf", false));
  SLIPWAY_ASSIGN_OR_RETURN(const bool weighted, record.BoolOr("use_idf", true));
  if (sublinear) {
    const Value none = graph.Node("Equal", {x, Constant(graph, 0)}, {}, ElementType::kBool);
    const Value more = graph.Node("Add", {graph.Node("Log", {x}), Constant(graph, 1)});
    x = graph.Node("Where", {none, x, more}, {}, ElementType::kDouble);
  }
  if (weighted) {
    SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, ReadWeights(record));
    if (static_cast<int64_t>(weights.values.size()) != input.width()) {
      return record.Damaged(StrCat("idf_: expected ", input.width(), " numbers"));
    }
    x = graph.Node("Mul", {x, RowConstant(graph, weights.values)});
  }
  SLIPWAY_ASSIGN_OR_RETURN(x, Scaled(scope, record, x));
  return Answer::Output(Frame::Of(x, input.width()));
}

Result<Answer> ConvertTfidf(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Frame counts, Counts(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Record weights, record.Child("_tfidf"));
  return ConvertTfidfTransformer(scope, weights, counts);
}

// ---- hashes

Result<Answer> ConvertHashes(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value documents, ReadDocuments(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Cut cut, ReadCut(scope, record));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t width, record.IntegerOr("n_features", 1 << 20));
  SLIPWAY_ASSIGN_OR_RETURN(const bool has_sign, record.BoolOr("alternate_sign", true));
  SLIPWAY_ASSIGN_OR_RETURN(const bool binary, record.BoolOr("binary", false));
  if (width < 1 || width > kMaxColumns) {
    return scope.Unsupported(record, StrCat("n_features=", width, ": expected 1 to ", kMaxColumns));
  }
  std::vector<Value> inputs = {documents};
  AddStopWords(graph, cut, inputs);
  cut.attributes.push_back({"columns", width});
  cut.attributes.push_back({"signed", int64_t{has_sign ? 1 : 0}});
  cut.attributes.push_back({"binary", int64_t{binary ? 1 : 0}});
  const Value counts = graph.Node("TextHashes", inputs, cut.attributes, ElementType::kDouble,
                                  GraphBuilder::kSlipwayDomain);
  SLIPWAY_ASSIGN_OR_RETURN(const Value scaled, Scaled(scope, record, counts));
  scope.Describe(StrCat(width, " columns"));
  return Answer::Output(Frame::Of(scaled, width));
}

constexpr std::string_view kText = "sklearn.feature_extraction.text";

constexpr Estimator kEstimators[] = {
    {"sklearn.feature_extraction", "DictVectorizer", ConvertDictVectorizer},
    {kText, "CountVectorizer", ConvertCounts},
    {kText, "TfidfVectorizer", ConvertTfidf},
    {kText, "TfidfTransformer", ConvertTfidfTransformer},
    {kText, "HashingVectorizer", ConvertHashes},
};

}  // namespace

std::span<const Estimator> TextEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

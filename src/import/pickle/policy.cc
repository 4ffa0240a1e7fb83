#include "import/pickle/policy.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::pickle {
namespace {

using base::StrCat;
using Kind = Value::Kind;

constexpr size_t kMaxReported = 20;
constexpr size_t kMaxPathBytes = 300;

struct Symbol {
  std::string_view module;
  std::string_view name;
};

// Exact pairs only: numpy.f2py, numpy.testing, joblib.load and their like call what they are given.
constexpr Symbol kPlainData[] = {
    {"numpy", "ndarray"},
    {"numpy", "dtype"},
    {"numpy", "matrix"},
    {"numpy", "memmap"},
    {"numpy", "float64"},
    {"numpy", "float32"},
    {"numpy", "float16"},
    {"numpy", "float"},
    {"numpy", "int64"},
    {"numpy", "int32"},
    {"numpy", "int16"},
    {"numpy", "int8"},
    {"numpy", "uint64"},
    {"numpy", "uint32"},
    {"numpy", "uint16"},
    {"numpy", "uint8"},
    {"numpy", "int"},
    {"numpy", "bool_"},
    {"numpy", "bool"},
    {"numpy", "str_"},
    {"numpy", "object_"},
    {"numpy", "number"},
    {"numpy", "integer"},
    {"numpy", "floating"},
    {"numpy.dtypes", "Float64DType"},
    {"numpy.dtypes", "Float32DType"},
    {"numpy.dtypes", "Int64DType"},
    {"numpy.dtypes", "ObjectDType"},
    {"numpy._core.multiarray", "_reconstruct"},
    {"numpy._core.multiarray", "scalar"},
    {"numpy._core.numeric", "_frombuffer"},
    {"numpy.ma.core", "_mareconstruct"},
    {"numpy.ma.core", "MaskedArray"},
    {"numpy.ma", "MaskedArray"},
    {"numpy.matrixlib.defmatrix", "matrix"},
    {"numpy.random._pickle", "__randomstate_ctor"},
    {"numpy.random._pickle", "__bit_generator_ctor"},
    {"numpy.random._pickle", "__generator_ctor"},
    {"numpy.random.bit_generator", "SeedSequence"},
    {"numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"},
    {"numpy.random._mt19937", "MT19937"},
    {"numpy.random._pcg64", "PCG64"},
    {"joblib.numpy_pickle", "NumpyArrayWrapper"},
    {"scipy.sparse._csr", "csr_matrix"},
    {"scipy.sparse._csr", "csr_array"},
    {"scipy.sparse.csr", "csr_matrix"},
    {"scipy.sparse._csc", "csc_matrix"},
    {"scipy.sparse.csc", "csc_matrix"},
    {"scipy.sparse._dia", "dia_matrix"},
    {"scipy.sparse.dia", "dia_matrix"},
    // What stands beside models in a file: names of columns, dates, scores.
    {"pandas", "Index"},
    {"pandas", "RangeIndex"},
    {"pandas", "StringDtype"},
    {"pandas.arrays", "StringArray"},
    {"pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"},
    {"pandas._libs.tslibs.timestamps", "_unpickle_timestamp"},
    {"pandas.core.indexes.base", "_new_Index"},
    {"pandas.core.indexes.base", "Index"},
    {"pandas.core.indexes.range", "RangeIndex"},
    {"datetime", "datetime"},
    {"datetime", "date"},
    {"datetime", "time"},
    {"datetime", "timedelta"},
    {"datetime", "timezone"},
    {"decimal", "Decimal"},
    {"uuid", "UUID"},
    {"pathlib", "Path"},
    {"pathlib", "PosixPath"},
    {"pathlib", "WindowsPath"},
    {"types", "SimpleNamespace"},
    {"copyreg", "_reconstructor"},
    {"_codecs", "encode"},
    {"collections", "OrderedDict"},
    {"collections", "defaultdict"},
    {"collections", "Counter"},
    {"builtins", "complex"},
    {"builtins", "slice"},
    {"builtins", "set"},
    {"builtins", "frozenset"},
    {"builtins", "bytes"},
    {"builtins", "bytearray"},
    {"builtins", "float"},
    {"builtins", "int"},
    {"builtins", "bool"},
    {"builtins", "str"},
    {"builtins", "list"},
    {"builtins", "dict"},
    {"builtins", "tuple"},
    {"builtins", "object"},
};

// Finds how each class is reached from the root: breadth first, each node once, so that the paths
// are short and cycles and shared values cost nothing.
class PathFinder {
 public:
  explicit PathFinder(const Document& document) {
    Visit(document.root(), nullptr, "", 0);
    while (!queue_.empty()) {
      const Node* node = queue_.front();
      queue_.pop_front();
      VisitChildren(*node);
    }
  }

  // "steps[1].func"; empty when the node is not part of the value.
  std::string PathTo(const Node* node) const {
    std::vector<std::string> parts;
    size_t bytes = 0;
    for (auto at = steps_.find(node); at != steps_.end() && at->second.parent != nullptr;
         at = steps_.find(at->second.parent)) {
      parts.push_back(at->second.Text());
      bytes += parts.back().size();
      if (bytes > kMaxPathBytes) {
        parts.push_back("...");
        break;
      }
    }
    std::ranges::reverse(parts);
    std::string path;
    for (const std::string& part : parts) path += part;
    return path.starts_with('.') ? path.substr(1) : path;
  }

 private:
  struct Step {
    const Node* parent = nullptr;
    std::string_view name;  // of an attribute or key; empty for a position
    size_t position = 0;

    std::string Text() const {
      if (!name.empty()) return StrCat(".", base::Printable(name, 40));
      return position == kSilent ? std::string() : StrCat("[", position, "]");
    }
  };
  static constexpr size_t kSilent = SIZE_MAX;

  void Visit(const Value& value, const Node* parent, std::string_view name, size_t position) {
    if (!value.has_node()) return;
    const auto [at, added] = steps_.try_emplace(&value.node(), Step{parent, name, position});
    if (added) queue_.push_back(&value.node());
  }

  void VisitChildren(const Node& node) {
    Visit(node.callable, &node, "", kSilent);
    Visit(node.state, &node, "", kSilent);
    Visit(node.args, &node, "", kSilent);
    const bool pairs = node.pairs && node.items.size() % 2 == 0;
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (!pairs) {
        Visit(node.items[i], &node, "", i);
        continue;
      }
      const Value& key = node.items[i - i % 2];
      const bool named = i % 2 == 1 && key.Is(Kind::kText) && !key.node().text.empty();
      Visit(node.items[i], &node, named ? key.node().text : "", i / 2);
    }
  }

  std::unordered_map<const Node*, Step> steps_;
  std::deque<const Node*> queue_;
};

std::string PlaceOf(const Node& node) {
  return node.place == kNoPlace ? std::string() : StrCat(" (byte ", node.place, ")");
}

}  // namespace

bool IsPlainData(std::string_view module, std::string_view name) {
  Node node;
  node.text = module;
  node.name = name;
  const Value global = Value::Of(Kind::kGlobal, node);
  return std::ranges::any_of(kPlainData, [&](const Symbol& symbol) {
    return symbol.name == name && IsGlobal(global, symbol.module, symbol.name);
  });
}

std::vector<std::string> FindUnknown(const Document& document, Knows knows) {
  std::vector<const Node*> unknown;
  for (const Value& global : document.globals()) {
    const Node& node = global.node();
    if (!IsPlainData(node.text, node.name) && !knows(node.text, node.name)) {
      unknown.push_back(&node);
    }
  }
  std::vector<std::string> lines;
  if (unknown.empty()) return lines;
  const PathFinder finder(document);
  for (const Node* node : unknown) {
    if (lines.size() == kMaxReported) {
      lines.push_back(StrCat("and ", unknown.size() - kMaxReported, " more"));
      break;
    }
    const std::string path = finder.PathTo(node);
    lines.push_back(StrCat("'", base::Printable(node->text), ".", base::Printable(node->name), "'",
                           path.empty() ? "" : StrCat(" at ", path), PlaceOf(*node)));
  }
  return lines;
}

base::Status CheckKnown(const Document& document, Knows knows) {
  const std::vector<std::string> unknown = FindUnknown(document, knows);
  if (unknown.empty()) return base::OkStatus();
  std::string message = "refused, and nothing of it was run: the file names ";
  for (size_t i = 0; i < unknown.size(); ++i) message += StrCat(i == 0 ? "" : ", ", unknown[i]);
  return base::InvalidArgument(StrCat(message, ", which this importer does not know"));
}

}  // namespace slipway::import::pickle

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/importer.h"
#include "import/pmml/element.h"

namespace slipway::import::pmml {

enum class DataType : uint8_t { kDouble, kFloat, kInteger, kBoolean, kText };

// A column of the graph with a value for each row, [batch, 1]: always of doubles. NaN is a missing
// value. A text is its number in Texts, or -1 when no constant of the model is that text; a boolean
// is 0 or 1. `fails` (BOOL, or nothing) says for which rows PMML has no value but an error.
struct Field {
  graph::Value value;
  graph::Value fails = {};
  DataType type = DataType::kDouble;
  bool may_miss = true;
  bool categorical = false;
  std::vector<std::string> categories = {};  // the valid ones that the DataField lists, in order
};

// The texts that a model's constants are, numbered as they are met.
class Texts {
 public:
  double Code(std::string_view text);
  const std::vector<std::string>& all() const { return all_; }

 private:
  std::map<std::string, size_t, std::less<>> codes_;
  std::vector<std::string> all_;
};

// What the conversion of one file shares. Not thread-safe; lives for one conversion.
//
// A file is converted twice: the graph of the first pass is thrown away, but its Texts are known to
// the second from the start, when the inputs are encoded.
struct Conversion {
  graph::GraphBuilder& graph;
  Texts& texts;
  std::vector<std::string> problems = {};  // what is not supported, with places
  std::vector<std::string> warnings = {};
  std::vector<std::string> structure = {};
  std::vector<ImportedColumn> columns = {};
  graph::Value zeros = {};                        // [batch, 1]
  std::map<std::string, Element> functions = {};  // DefineFunction
  int depth = 0;                                  // of expressions and models in each other
  int expressions = 0;                            // that were made
  bool is_before_4_2 = false;
  // The DataDictionary, by name.
  std::map<std::string, Element> data_fields = {};

  // kUnimplemented, with the place. Whoever holds several parts notes it by Recover() and goes on
  // with the next, so that one error names everything.
  static base::Status Unsupported(const Element& at, std::string_view what);
  // Notes a kUnimplemented among the problems and gives OK; other statuses as they are.
  base::Status Recover(const base::Status& status);
  // Adds a line of the structure, indented.
  void Describe(std::string_view line);
};

// The fields that a model sees: those of its MiningSchema, what earlier segments of a chain said,
// derived fields, which are made when they are first asked for, then those of the model around it.
class ModelScope {
 public:
  ModelScope(Conversion& conversion, ModelScope* around) : all_(conversion), around_(around) {}
  ModelScope(const ModelScope&) = delete;
  ModelScope& operator=(const ModelScope&) = delete;

  void Define(const std::string& name, Field field) { fields_[name] = std::move(field); }
  void DefineDerived(const std::string& name, Element derived) { derived_[name] = derived; }
  // kInvalidArgument: no such field, or one that is defined by itself. The field lives as long as
  // the scope. Use() is for models: it notes the field's failures (see fails()), too.
  base::Result<const Field*> Find(const Element& at, const std::string& name);
  base::Result<const Field*> Use(const Element& at, const std::string& name);
  bool Knows(const std::string& name) const;

  // The rows for which something that was used has failed: BOOL, or nothing.
  const graph::Value& fails() const { return fails_; }
  void Fail(const graph::Value& rows);

  Conversion& all() { return all_; }
  graph::GraphBuilder& graph() { return all_.graph; }

 private:
  Conversion& all_;
  ModelScope* around_;
  std::map<std::string, Field> fields_;
  std::map<std::string, Element> derived_;
  std::set<std::string> in_progress_;
  graph::Value fails_;
};

// The constant `text` as a value of that type. kInvalidArgument where it is none.
base::Result<double> ConstantOf(Conversion& all, const Element& at, DataType type,
                                std::string_view text);
// kUnimplemented for dates and times.
base::Result<DataType> ReadDataType(Conversion& all, const Element& at, std::string_view otherwise);

}  // namespace slipway::import::pmml

#include "import/sklearn/dict_vectorizer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/categories.h"

namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;

Result<std::vector<DictKey>> ReadDictKeys(const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto names, record.List("feature_names_"));
  const std::string separator = record.TextOr("separator", "=");
  if (separator.empty()) return record.Damaged("separator: expected one");
  std::vector<DictKey> keys;
  std::map<std::string, size_t, std::less<>> found;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto name = pickle::ReadText(names[i]);
    if (!name.ok()) return record.At("feature_names_", name.status());
    if (!base::IsValidUtf8(*name)) return record.Damaged("feature_names_: a name not in UTF-8");
    const size_t end = name->find(separator);
    const auto [at, is_new] = found.emplace(name->substr(0, end), keys.size());
    if (is_new) keys.push_back({.name = at->first, .texts = {}, .positions = {}});
    DictKey& key = keys[at->second];
    if (end == std::string::npos) {
      key.is_number = true;
    } else {
      key.texts.push_back(name->substr(end + separator.size()));
    }
    key.positions.push_back(static_cast<int64_t>(i));
  }
  return keys;
}

Result<Answer> ConvertDictVectorizer(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<DictKey> keys, ReadDictKeys(record));
  if (static_cast<int64_t>(keys.size()) != input.width() || keys.empty()) {
    return record.Damaged(
        StrCat("feature_names_: of ", keys.size(), " keys, but gets ", input.width(), " columns"));
  }
  std::vector<Frame> parts;
  std::vector<int64_t> positions;
  for (size_t i = 0; i < keys.size(); ++i) {
    const DictKey& key = keys[i];
    const auto column = static_cast<int64_t>(i);
    positions.insert(positions.end(), key.positions.begin(), key.positions.end());
    if (key.is_number && !key.texts.empty()) {
      return scope.Unsupported(record, StrCat("key '", key.name, "' holds numbers and texts"));
    }
    if (key.is_number) {
      scope.Warn(record, "a key that a row does not have is 0 in Python; send 0 for it");
      SLIPWAY_ASSIGN_OR_RETURN(graph::Value x, scope.NumberColumn(record, input, column));
      parts.push_back(Frame::Of(std::move(x), 1));
      continue;
    }
    Categories categories;
    categories.text = true;
    categories.texts = key.texts;
    std::vector<int64_t> codes(key.texts.size());
    std::iota(codes.begin(), codes.end(), 0);
    SLIPWAY_ASSIGN_OR_RETURN(const graph::Value code,
                             LookUp(scope, record, input, column, categories, codes, -1));
    const auto width = static_cast<int64_t>(key.texts.size());
    parts.push_back(Frame::Of(OneHot(scope, code, width), width));
  }
  Frame joined = Frame::Join(std::move(parts));
  if (std::ranges::is_sorted(positions)) return Answer::Output(std::move(joined));
  std::vector<int64_t> order(positions.size());  // where each column of the output comes from
  for (size_t i = 0; i < positions.size(); ++i) {
    order[static_cast<size_t>(positions[i])] = static_cast<int64_t>(i);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const graph::Value all, scope.Matrix(record, joined));
  return Answer::Output(
      Frame::Of(scope.graph.Columns(all, order), static_cast<int64_t>(order.size())));
}

}  // namespace slipway::import::sklearn

#include "import/sklearn/members.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {
namespace {

using base::StrCat;
using pickle::Value;
using Kind = Value::Kind;

constexpr size_t kMaxNamed = 10;
constexpr size_t kMaxNameBytes = 60;

struct Entry {
  std::string name;
  Value value;
};

std::string Shown(std::string_view text) {
  return StrCat(base::Printable(text.substr(0, kMaxNameBytes)),
                text.size() > kMaxNameBytes ? "..." : "");
}

bool IsSequence(const Value& value) { return value.Is(Kind::kList) || value.Is(Kind::kTuple); }

// Of a dict, or of an object that is one (OrderedDict).
bool HasKeys(const Value& value) {
  return value.Is(Kind::kDict) || (value.Is(Kind::kObject) && value.node().pairs);
}

// A class that was called, as an estimator is, and no array.
bool IsObject(const Value& value) {
  return value.Is(Kind::kObject) && value.node().callable.Is(Kind::kGlobal) &&
         !pickle::IsArray(value);
}

bool IsEstimator(const Value& value) {
  if (!IsObject(value)) return false;
  const pickle::Node& its_class = value.node().callable.node();
  return FindEstimator(its_class.text, its_class.name) != nullptr;
}

std::string Describe(const Value& value) {
  if (pickle::IsArray(value)) return "an array";
  if (IsObject(value)) return Shown(value.node().callable.node().name);
  return std::string(pickle::KindName(value.kind()));
}

// Those that a path can name.
std::vector<Entry> EntriesOf(const Value& holder) {
  std::vector<Entry> entries;
  if (!IsSequence(holder) && !HasKeys(holder)) return entries;
  const std::vector<Value>& items = holder.node().items;
  if (IsSequence(holder)) {
    for (const Value& item : items) entries.push_back({StrCat(entries.size()), item});
    return entries;
  }
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].Is(Kind::kText))
      entries.push_back({std::string(items[i].node().text), items[i + 1]});
    if (items[i].Is(Kind::kInt)) entries.push_back({StrCat(items[i].integer()), items[i + 1]});
  }
  return entries;
}

std::string Listed(const std::vector<Entry>& entries) {
  std::string text;
  for (size_t i = 0; i < std::min(entries.size(), kMaxNamed); ++i) {
    text += StrCat(i == 0 ? "" : ", ", "'", Shown(entries[i].name), "' (",
                   Describe(entries[i].value), ")");
  }
  if (entries.size() > kMaxNamed) text += StrCat(" and ", entries.size() - kMaxNamed, " more");
  return text;
}

// "the file", or the member that has been reached.
std::string Where(std::string_view path) {
  return path.empty() ? "the file" : StrCat("'", Shown(path), "' of the file");
}

base::Status NoModel(const Value& value, std::string_view path) {
  const std::vector<Entry> entries = EntriesOf(value);
  std::string message = StrCat(Where(path), " holds ", Describe(value), ", expected a model");
  if (!entries.empty()) message += StrCat("; in it: ", Listed(entries));
  if (std::ranges::any_of(entries, IsEstimator, &Entry::value)) {
    message += StrCat("; choose one with slipway import --member ",
                      path.empty() ? "" : StrCat(Shown(path), "/"),
                      "NAME; steps that belong together are one model when they are saved as a "
                      "Pipeline");
  }
  return base::InvalidArgument(std::move(message));
}

}  // namespace

base::Result<Member> FindMember(const Value& root, std::string_view path) {
  Member found{.value = root, .warnings = {}};
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    const std::vector<Entry> entries = EntriesOf(found.value);
    const auto entry = std::ranges::find(entries, name, &Entry::name);
    if (entry == entries.end()) {
      return base::InvalidArgument(StrCat(
          "no member '", Shown(name), "': ", Where(path.substr(0, begin == 0 ? 0 : begin - 1)),
          " holds ", Describe(found.value), entries.empty() ? "" : ": ", Listed(entries)));
    }
    for (const Entry& other : entries) {
      if (&other == &*entry || !IsEstimator(other.value)) continue;
      found.warnings.push_back(StrCat("'", Shown(other.name), "' (", Describe(other.value),
                                      ") of the file is no part of the model"));
    }
    found.value = entry->value;
    begin = end + 1;
  }
  if (!IsObject(found.value) || (HasKeys(found.value) && !IsEstimator(found.value))) {
    return NoModel(found.value, path);
  }
  return found;
}

}  // namespace slipway::import::sklearn

#include "import/sklearn/members.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
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

constexpr size_t kMaxEntries = 1000;  // that are looked at; any can be chosen
constexpr size_t kMaxNamed = 10;
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxShownBytes = 60;

struct Entry {
  std::string name;
  Value value;
};

std::string Shown(std::string_view text) { return base::Printable(text, kMaxShownBytes); }

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

// The name of a key that a path can have; nullopt for others, such as tuples and long texts.
std::optional<std::string> NameOf(const Value& key) {
  if (key.Is(Kind::kText) && key.node().text.size() <= kMaxNameBytes) {
    return std::string(key.node().text);
  }
  if (key.Is(Kind::kInt)) return StrCat(key.integer());
  return std::nullopt;
}

size_t CountIn(const Value& holder) {
  if (IsSequence(holder)) return holder.node().items.size();
  return HasKeys(holder) ? holder.node().items.size() / 2 : 0;
}

// The name and value of one of CountIn(); nullopt: it has no name.
std::optional<Entry> EntryAt(const Value& holder, size_t i) {
  const std::vector<Value>& items = holder.node().items;
  if (IsSequence(holder)) return Entry{StrCat(i), items[i]};
  std::optional<std::string> name = NameOf(items[2 * i]);
  if (!name) return std::nullopt;
  return Entry{*std::move(name), items[2 * i + 1]};
}

std::vector<Entry> EntriesOf(const Value& holder) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < std::min(CountIn(holder), kMaxEntries); ++i) {
    if (std::optional<Entry> entry = EntryAt(holder, i)) entries.push_back(*std::move(entry));
  }
  return entries;
}

// The last of that name, as in Python.
std::optional<Value> FindEntry(const Value& holder, std::string_view name) {
  if (HasKeys(holder)) {
    if (const Value* found = pickle::FindKey(holder.node().items, name)) return *found;
  }
  for (size_t i = CountIn(holder); i-- > 0;) {
    const std::optional<Entry> entry = EntryAt(holder, i);
    if (entry && entry->name == name) return entry->value;
  }
  return std::nullopt;
}

// Some of them by name, `all` in number.
std::string Listed(std::span<const Entry> entries, size_t all) {
  const size_t named = std::min(entries.size(), kMaxNamed);
  std::string text;
  for (const Entry& entry : entries.first(named)) {
    text +=
        StrCat(text.empty() ? "" : ", ", "'", Shown(entry.name), "' (", Describe(entry.value), ")");
  }
  if (all == named) return text;
  return StrCat(text, named == 0 ? "" : " and ", all - named,
                named == 0 ? " without a name" : " more");
}

std::string Listed(const Value& holder) { return Listed(EntriesOf(holder), CountIn(holder)); }

// "the file", or the member that has been reached.
std::string Where(std::string_view path) {
  return path.empty() ? "the file" : StrCat("'", Shown(path), "' of the file");
}

base::Status NoModel(const Value& value, std::string_view path) {
  std::string message = StrCat(Where(path), " holds ", Describe(value), ", expected a model");
  if (CountIn(value) != 0) message += StrCat("; in it: ", Listed(value));
  if (std::ranges::any_of(EntriesOf(value), IsEstimator, &Entry::value)) {
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
    const std::optional<Value> chosen = FindEntry(found.value, name);
    if (!chosen) {
      return base::InvalidArgument(StrCat(
          "no member '", Shown(name), "': ", Where(path.substr(0, begin == 0 ? 0 : begin - 1)),
          " holds ", Describe(found.value), CountIn(found.value) == 0 ? "" : ": ",
          Listed(found.value)));
    }
    std::vector<Entry> others = EntriesOf(found.value);
    std::erase_if(others, [&](const Entry& entry) {
      return entry.name == name || !IsEstimator(entry.value);
    });
    if (!others.empty()) {
      found.warnings.push_back(
          StrCat("no part of the model, but in its file: ", Listed(others, others.size())));
    }
    found.value = *chosen;
    begin = end + 1;
  }
  if (!IsObject(found.value) || (HasKeys(found.value) && !IsEstimator(found.value))) {
    return NoModel(found.value, path);
  }
  return found;
}

}  // namespace slipway::import::sklearn

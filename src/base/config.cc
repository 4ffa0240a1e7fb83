#include "base/config.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <sstream>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::base {

// Builds our tree from yaml-cpp's events, within limits; the only code that sees yaml-cpp. An error
// is thrown as a Status out of yaml-cpp and caught in Parse().
class ConfigParser final : public YAML::EventHandler {
 public:
  explicit ConfigParser(std::string_view file) : file_(file) {}

  Result<ConfigValue> Parse(std::string_view text) {
    constexpr size_t kMaxBytes = size_t{1} << 20;
    if (text.size() > kMaxBytes) {
      return InvalidArgument(
          StrCat(file_, ": expected at most ", kMaxBytes, " bytes, got ", text.size()));
    }
    try {
      std::istringstream stream{std::string(text)};
      YAML::Parser parser(stream);
      parser.HandleNextDocument(*this);
      return std::move(root_);
    } catch (const Status& status) {
      return status;
    } catch (const YAML::Exception& error) {
      return At(error.mark).Error(error.msg);
    }
  }

 private:
  using EmitterStyle = YAML::EmitterStyle;

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Leaf(At(mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { Leaf(At(mark), anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& text) override {
    ConfigValue value = At(mark);
    // A plain `~` or `null` arrives as text; an empty value arrives as null.
    value.kind_ = ConfigValue::Kind::kScalar;
    value.text_ = text;
    Leaf(std::move(value), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       EmitterStyle::value /*style*/) override {
    Open(mark, ConfigValue::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  EmitterStyle::value /*style*/) override {
    Open(mark, ConfigValue::Kind::kMap, anchor);
  }
  void OnMapEnd() override { Close(); }

  ConfigValue At(const YAML::Mark& mark) const {
    ConfigValue value;
    value.file_ = file_;
    value.line_ = mark.is_null() ? 1 : mark.line + 1;
    value.column_ = mark.is_null() ? 1 : mark.column + 1;
    return value;
  }

  // Aliases make a small file describe an endless tree.
  void Count(const ConfigValue& value, YAML::anchor_t anchor) {
    constexpr int kMaxValues = 100'000;
    if (anchor != YAML::NullAnchor) {
      throw value.Error("anchors and aliases ('&', '*') are not supported; write the value out");
    }
    if (++values_ > kMaxValues) {
      throw value.Error(StrCat("expected at most ", kMaxValues, " values"));
    }
  }

  void Leaf(ConfigValue value, YAML::anchor_t anchor) {
    Count(value, anchor);
    Place(std::move(value));
  }

  void Open(const YAML::Mark& mark, ConfigValue::Kind kind, YAML::anchor_t anchor) {
    constexpr size_t kMaxDepth = 100;
    ConfigValue value = At(mark);
    value.kind_ = kind;
    Count(value, anchor);
    if (open_.size() >= kMaxDepth) {
      throw value.Error(StrCat("expected at most ", kMaxDepth, " levels"));
    }
    open_.push_back({.value = std::move(value), .key = std::nullopt});
  }

  void Close() {
    ConfigValue value = std::move(open_.back().value);
    open_.pop_back();
    Place(std::move(value));
  }

  void Place(ConfigValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = open_.back(); level.value.kind_ == ConfigValue::Kind::kList) {
      level.value.list_.push_back(std::move(value));
    } else if (!level.key) {
      CheckKey(level, value);
      level.key = std::move(value);
    } else {
      level.value.map_.emplace_back(*std::move(level.key), std::move(value));
      level.key.reset();
    }
  }

  struct Level {
    ConfigValue value;
    std::optional<ConfigValue> key;  // of a map: read, its value not yet
    std::set<std::string> names = {};
  };

  static void CheckKey(Level& level, const ConfigValue& key) {
    if (key.kind() != ConfigValue::Kind::kScalar) {
      throw key.Error("expected a name, got a list or a section");
    }
    if (!level.names.insert(key.text()).second) {
      throw key.Error(StrCat("'", Printable(key.text()), "' is given twice"));
    }
  }

  const std::string file_;
  int values_ = 0;
  std::vector<Level> open_;
  ConfigValue root_;
};

namespace {

std::string_view KindName(ConfigValue::Kind kind) {
  switch (kind) {
    case ConfigValue::Kind::kNull:
      return "nothing";
    case ConfigValue::Kind::kScalar:
      return "a single value";
    case ConfigValue::Kind::kList:
      return "a list";
    case ConfigValue::Kind::kMap:
      return "a section";
  }
  return "";
}

const ConfigField* FindField(std::span<const ConfigField> fields, std::string_view path) {
  const auto found = std::ranges::find(fields, path, &ConfigField::path);
  return found == fields.end() ? nullptr : &*found;
}

bool IsSection(std::span<const ConfigField> fields, std::string_view path) {
  const std::string prefix = StrCat(path, ".");
  return std::ranges::any_of(
      fields, [&](const ConfigField& field) { return field.path.starts_with(prefix); });
}

Status UnknownField(const ConfigValue& key, std::string_view path,
                    std::span<const ConfigField> fields) {
  std::vector<std::string_view> names;
  for (const ConfigField& field : fields) names.push_back(field.path);
  std::string message = StrCat("unknown field '", Printable(path), "'");
  if (const std::string_view near = NearestName(path, names); !near.empty()) {
    message.append(StrCat("; did you mean '", near, "'?"));
  } else {
    message.append("; --print-config lists every field");
  }
  return key.Error(message);
}

Status ReadSection(const ConfigValue& section, const std::string& prefix,
                   std::span<const ConfigField> fields) {
  for (const auto& [key, value] : section.map()) {
    const std::string path = prefix.empty() ? key.text() : StrCat(prefix, ".", key.text());
    if (const ConfigField* field = FindField(fields, path); field != nullptr) {
      SLIPWAY_RETURN_IF_ERROR(field->set(value));
    } else if (!IsSection(fields, path)) {
      return UnknownField(key, path, fields);
    } else if (value.kind() == ConfigValue::Kind::kMap) {
      SLIPWAY_RETURN_IF_ERROR(ReadSection(value, path, fields));
    } else if (value.kind() != ConfigValue::Kind::kNull) {
      return value.Error(StrCat("'", path, "': expected a section, got ", KindName(value.kind())));
    }
  }
  return OkStatus();
}

}  // namespace

ConfigValue ConfigValue::Scalar(std::string text, std::string origin) {
  ConfigValue value;
  value.kind_ = Kind::kScalar;
  value.text_ = std::move(text);
  value.file_ = std::move(origin);
  return value;
}

Status ConfigValue::Error(std::string_view message) const {
  if (line_ == 0) return InvalidArgument(StrCat(file_, ": ", message));
  return InvalidArgument(StrCat(file_, ":", line_, ":", column_, ": ", message));
}

Result<std::string> ConfigValue::AsString() const {
  if (kind_ != Kind::kScalar) {
    return Error(StrCat("expected a single value, got ", KindName(kind_)));
  }
  return text_;
}

Result<bool> ConfigValue::AsBool() const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, AsString());
  if (text == "true") return true;
  if (text == "false") return false;
  return Error(StrCat("expected true or false, got '", Printable(text), "'"));
}

Result<int64_t> ConfigValue::AsInt(int64_t least, int64_t most) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, AsString());
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return Error(StrCat("expected a whole number from ", least, " to ", most, ", got '",
                        Printable(text), "'"));
  }
  return number;
}

Result<uint64_t> ConfigValue::AsByteSize() const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, AsString());
  auto size = ParseByteSize(text);
  if (!size.ok()) return Error(size.status().message());
  return *size;
}

Result<std::chrono::nanoseconds> ConfigValue::AsDuration() const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, AsString());
  auto duration = ParseDuration(text);
  if (!duration.ok()) return Error(duration.status().message());
  return *duration;
}

Result<std::vector<std::string>> ConfigValue::AsStrings() const {
  std::vector<std::string> strings;
  if (kind_ == Kind::kScalar) {
    strings.push_back(text_);
    return strings;
  }
  if (kind_ != Kind::kList) return Error(StrCat("expected a list, got ", KindName(kind_)));
  for (const ConfigValue& item : list_) {
    SLIPWAY_ASSIGN_OR_RETURN(std::string text, item.AsString());
    strings.push_back(std::move(text));
  }
  return strings;
}

Result<ConfigValue> ParseConfig(std::string_view text, std::string_view file_name) {
  return ConfigParser(file_name).Parse(text);
}

Status ReadConfig(const ConfigValue& document, std::span<const ConfigField> fields) {
  if (document.kind() == ConfigValue::Kind::kNull) return OkStatus();
  if (document.kind() != ConfigValue::Kind::kMap) {
    return document.Error(StrCat("expected fields such as 'listen: 127.0.0.1:8000', got ",
                                 KindName(document.kind())));
  }
  return ReadSection(document, "", fields);
}

std::string PrintConfig(std::span<const ConfigField> fields) {
  std::string out;
  std::string section;
  for (const ConfigField& field : fields) {
    const size_t dot = field.path.find('.');
    const std::string_view parent = dot == std::string_view::npos ? "" : field.path.substr(0, dot);
    const std::string_view name =
        dot == std::string_view::npos ? field.path : field.path.substr(dot + 1);
    if (parent != section) {
      section = parent;
      if (!section.empty()) out.append(StrCat(section, ":\n"));
    }
    const std::string_view indent = section.empty() ? "" : "  ";
    out.append(StrCat(indent, "# ", field.comment, "\n"));
    out.append(StrCat(indent, name, ": ", field.print(), "\n"));
  }
  return out;
}

}  // namespace slipway::base

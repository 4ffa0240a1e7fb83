#include "import/pmml/element.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::pmml {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kMaxFileBytes = size_t{512} << 20;
constexpr int kMaxDepth = 4096;
constexpr size_t kMaxElements = 50'000'000;
constexpr size_t kMaxAttributes = 256;
constexpr int kMaxPath = 8;  // names of a place in a message

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view Local(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

size_t LineAt(const File& file, ptrdiff_t offset) {
  if (offset < 0) return 0;
  const auto end = file.text.begin() + std::min<ptrdiff_t>(offset, std::ssize(file.text));
  return 1 + static_cast<size_t>(std::count(file.text.begin(), end, '\n'));
}

// Walks the tree without recursion, because it may be as deep as the file is long.
Status CheckShape(const File& file) {
  size_t elements = 0;
  int depth = 0;
  pugi::xml_node node = file.tree.first_child();
  while (node) {
    if (node.type() == pugi::node_doctype) {
      return InvalidArgument(StrCat("line ", LineAt(file, node.offset_debug()),
                                    ": a DOCTYPE: PMML needs none, and none is read"));
    }
    if (node.type() == pugi::node_element && ++elements > kMaxElements) {
      return base::ResourceExhausted(StrCat("more than ", kMaxElements, " elements"));
    }
    const auto attributes = node.attributes();
    if (std::distance(attributes.begin(), attributes.end()) > std::ptrdiff_t{kMaxAttributes}) {
      return Element(file, node).Error(StrCat("more than ", kMaxAttributes, " attributes"));
    }
    if (node.first_child()) {
      if (++depth > kMaxDepth) {
        return base::ResourceExhausted(StrCat("line ", LineAt(file, node.offset_debug()),
                                              ": elements nested more than ", kMaxDepth,
                                              " levels deep"));
      }
      node = node.first_child();
      continue;
    }
    while (node && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node) node = node.next_sibling();
  }
  return base::OkStatus();
}

// The end of a comment or a CDATA section that begins at `at`; `at` + 1 for anything else.
size_t AfterVerbatim(std::string_view text, size_t at) {
  size_t end = at;
  if (text.substr(at).starts_with("<!--")) end = text.find("-->", at + 4);
  if (text.substr(at).starts_with("<![CDATA[")) end = text.find("]]>", at);
  return end == std::string_view::npos ? text.size() : std::max(end, at + 1);
}

// Only the five entities of XML, and characters by number, are known without a DOCTYPE.
Status CheckEntities(const File& file) {
  static constexpr std::string_view kKnown[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#"};
  const std::string_view text = file.text;
  size_t at = text.find_first_of("&<");
  while (at != std::string_view::npos) {
    const std::string_view rest = text.substr(at, 12);
    const auto is_rest = [&](std::string_view known) { return rest.starts_with(known); };
    if (text[at] == '&' && std::ranges::none_of(kKnown, is_rest)) {
      return InvalidArgument(StrCat("line ", LineAt(file, static_cast<ptrdiff_t>(at)),
                                    ": an entity that XML does not know: '", Printable(rest), "'"));
    }
    at = text.find_first_of("&<", AfterVerbatim(text, at));
  }
  return base::OkStatus();
}

}  // namespace

std::optional<double> ParseXmlNumber(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  if (text == "INF" || text == "+INF") return std::numeric_limits<double>::infinity();
  if (text == "-INF") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
  return value + 0.0;  // -0.0 becomes 0.0
}

std::optional<double> ParseValue(std::string_view text) {
  text = base::TrimWhitespace(text);
  if (base::EqualsIgnoreCase(text, "true")) return 1.0;
  if (base::EqualsIgnoreCase(text, "false")) return 0.0;
  const bool minus = text.starts_with('-');
  const std::string_view rest = minus ? text.substr(1) : text;
  if (rest == "Infinity" || base::EqualsIgnoreCase(rest, "inf")) {
    return minus ? -std::numeric_limits<double>::infinity()
                 : std::numeric_limits<double>::infinity();
  }
  if (text.size() > 1 && std::string_view("dDfF").find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  return ParseXmlNumber(text);
}

std::string_view Element::name() const { return Local(node_.name()); }

std::string Element::Where() const {
  std::string path(name());
  pugi::xml_node above = node_.parent();
  for (int i = 1; i < kMaxPath && above && Local(above.name()) != "PMML"; ++i) {
    if (*above.name() == '\0') break;
    path = StrCat(Local(above.name()), "/", path);
    above = above.parent();
  }
  for (const char* key : {"name", "id", "field", "function"}) {
    if (const auto attribute = node_.attribute(key)) {
      path += StrCat(" '", Printable(attribute.value()), "'");
      break;
    }
  }
  return StrCat("line ", LineAt(*file_, node_.offset_debug()), ", ", path);
}

Status Element::Error(std::string_view message) const {
  return InvalidArgument(StrCat(Where(), ": ", message));
}

std::vector<Element> Element::Children() const {
  std::vector<Element> out;
  for (const pugi::xml_node child : node_.children()) {
    if (child.type() != pugi::node_element || Local(child.name()) == "Extension") continue;
    out.emplace_back(*file_, child);
  }
  return out;
}

std::vector<Element> Element::Children(std::string_view name) const {
  std::vector<Element> out;
  for (const pugi::xml_node child : node_.children()) {
    if (Local(child.name()) == name) out.emplace_back(*file_, child);
  }
  return out;
}

std::optional<Element> Element::Child(std::string_view name) const {
  for (const pugi::xml_node child : node_.children()) {
    if (Local(child.name()) == name) return Element(*file_, child);
  }
  return std::nullopt;
}

Result<Element> Element::NeedChild(std::string_view name) const {
  if (const auto child = Child(name)) return *child;
  return Error(StrCat("expected an element ", name));
}

std::string Element::Text() const { return node_.text().get(); }

std::optional<std::string> Element::Find(std::string_view attribute) const {
  const auto found = node_.attribute(std::string(attribute).c_str());
  if (!found) return std::nullopt;
  return std::string(found.value());
}

std::string Element::Or(std::string_view attribute, std::string_view otherwise) const {
  return Find(attribute).value_or(std::string(otherwise));
}

Result<std::string> Element::Need(std::string_view attribute) const {
  if (auto found = Find(attribute)) return *std::move(found);
  return Error(StrCat("'", attribute, "' is missing"));
}

Result<double> Element::Number(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, Need(attribute));
  const auto number = ParseXmlNumber(text);
  if (number && std::isfinite(*number)) return *number;
  return Error(StrCat("'", attribute, "': expected a number, got '", Printable(text), "'"));
}

Result<double> Element::NumberOr(std::string_view attribute, double otherwise) const {
  return Find(attribute) ? Number(attribute) : Result<double>(otherwise);
}

Result<bool> Element::FlagOr(std::string_view attribute, bool otherwise) const {
  const auto text = Find(attribute);
  if (!text) return otherwise;
  if (*text == "true" || *text == "1") return true;
  if (*text == "false" || *text == "0") return false;
  return Error(StrCat("'", attribute, "': expected true or false, got '", Printable(*text), "'"));
}

Result<size_t> Element::Choice(std::string_view attribute,
                               std::span<const std::string_view> choices) const {
  const auto text = Find(attribute);
  if (!text) return size_t{0};
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == *text) return i;
  }
  return base::Unimplemented(
      StrCat(Where(), ": ", attribute, "='", Printable(*text), "' is not supported"));
}

Result<std::vector<std::string>> Element::ArrayTexts() const {
  const std::string text = Text();
  std::vector<std::string> out;
  size_t i = 0;
  while (true) {
    while (i < text.size() && IsBlank(text[i])) ++i;
    if (i == text.size()) break;
    std::string item;
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
        item.push_back(text[i]);
      }
      if (i == text.size()) return Error("a quote that does not end");
      ++i;
    } else {
      while (i < text.size() && !IsBlank(text[i])) item.push_back(text[i++]);
    }
    out.push_back(std::move(item));
  }
  if (const auto n = Find("n")) {
    if (ParseXmlNumber(*n) != static_cast<double>(out.size())) {
      return Error(StrCat("n='", Printable(*n), "', but it has ", out.size(), " items"));
    }
  }
  return out;
}

Result<std::vector<double>> Element::ArrayNumbers() const {
  SLIPWAY_ASSIGN_OR_RETURN(const auto texts, ArrayTexts());
  std::vector<double> out;
  for (const std::string& text : texts) {
    const auto number = ParseXmlNumber(text);
    if (!number || !std::isfinite(*number)) {
      return Error(StrCat("expected numbers, got '", Printable(text), "'"));
    }
    out.push_back(*number);
  }
  return out;
}

Result<std::unique_ptr<File>> ReadFile(std::string_view bytes) {
  if (bytes.size() > kMaxFileBytes) {
    return base::ResourceExhausted(StrCat("the file has ", base::FormatByteSize(bytes.size()),
                                          ", the limit is ", base::FormatByteSize(kMaxFileBytes)));
  }
  if (bytes.find('\0') != std::string_view::npos) {
    return InvalidArgument("the file has bytes of zero: expected XML in UTF-8, not UTF-16");
  }
  auto file = std::make_unique<File>();
  file->text = bytes;
  const auto parsed = file->tree.load_buffer(
      bytes.data(), bytes.size(),
      pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single);
  if (!parsed) {
    return InvalidArgument(
        StrCat("line ", LineAt(*file, parsed.offset), ": no XML: ", parsed.description()));
  }
  SLIPWAY_RETURN_IF_ERROR(CheckShape(*file));
  SLIPWAY_RETURN_IF_ERROR(CheckEntities(*file));
  const pugi::xml_node root = file->tree.document_element();
  if (root.next_sibling()) return InvalidArgument("more than one element at the top");
  return file;
}

}  // namespace slipway::import::pmml

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::import::pmml {

// The bytes of a PMML file as a tree of elements. Reading expands no entity but the five of XML,
// and opens nothing: a DOCTYPE is refused. Owns the tree; elements borrow it. Source: PMML 4.4.
struct File {
  pugi::xml_document tree;
  std::string text;  // for the line numbers of messages
};

// One element, and the way to it for messages: "line 12, TreeModel/Node". A value that borrows its
// File. Names are local: a prefix is no part of them.
class Element {
 public:
  Element() = default;
  Element(const File& file, pugi::xml_node node) : file_(&file), node_(node) {}

  std::string_view name() const;
  // The name as it is written, prefix and all: a column of an InlineTable.
  std::string_view full_name() const { return node_.name(); }
  std::string Where() const;
  // kInvalidArgument: "WHERE: MESSAGE".
  base::Status Error(std::string_view message) const;

  // Children but Extensions, in order; all, or those of that name.
  std::vector<Element> Children() const;
  std::vector<Element> Children(std::string_view name) const;
  std::optional<Element> Child(std::string_view name) const;
  base::Result<Element> NeedChild(std::string_view name) const;
  std::string Text() const;  // of the element itself, as it is

  std::optional<std::string> Find(std::string_view attribute) const;
  std::string Or(std::string_view attribute, std::string_view otherwise) const;
  base::Result<std::string> Need(std::string_view attribute) const;
  // Finite numbers of XML Schema.
  base::Result<double> Number(std::string_view attribute) const;
  base::Result<double> NumberOr(std::string_view attribute, double otherwise) const;
  base::Result<bool> FlagOr(std::string_view attribute, bool otherwise) const;
  // The position of the attribute's value among `choices`; the first where it is absent.
  base::Result<size_t> Choice(std::string_view attribute,
                              std::span<const std::string_view> choices) const;

  // The content of an Array (or of the elements that are one): numbers or texts, by its own rules
  // of blanks and quotes. kInvalidArgument when `n` lies.
  base::Result<std::vector<std::string>> ArrayTexts() const;
  base::Result<std::vector<double>> ArrayNumbers() const;

  explicit operator bool() const { return static_cast<bool>(node_); }
  friend bool operator==(const Element& a, const Element& b) { return a.node_ == b.node_; }

 private:
  const File* file_ = nullptr;
  pugi::xml_node node_;
};

// kInvalidArgument (no XML, a DOCTYPE, an unknown entity), kResourceExhausted (depth, elements).
// Without recursion; memory is a small multiple of the file.
base::Result<std::unique_ptr<File>> ReadFile(std::string_view bytes);

// An XML Schema double: "1", " 5E-1 ", "INF"; nullopt otherwise. "1e999" is infinity.
std::optional<double> ParseXmlNumber(std::string_view text);
// A value, as opposed to an attribute of PMML's own: the above, "1.5d", "Infinity", "true" (1).
std::optional<double> ParseValue(std::string_view text);

}  // namespace slipway::import::pmml

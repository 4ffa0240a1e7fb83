#include "import/onnx/model_edit.h"

#include <algorithm>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/element_type.h"
#include "graph/onnx_tensor.h"

namespace slipway::import::onnx {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;
using base::WireWriter;

void CopyField(const WireField& field, std::string& out) {
  WireWriter writer(out);
  switch (field.type) {
    case WireType::kVarint:
      return writer.Varint(field.number, field.value);
    case WireType::kFixed64:
      return writer.Fixed64(field.number, field.value);
    case WireType::kFixed32:
      return writer.Fixed32(field.number, static_cast<uint32_t>(field.value));
    case WireType::kBytes:
      return writer.Bytes(field.number, field.text());
  }
}

// The text of a message's first field of that number; empty where it has none.
std::string_view TextField(WireReader reader, uint32_t number) {
  for (WireField field; reader.Next(field);) {
    if (field.number == number && field.type == WireType::kBytes) return field.text();
  }
  return {};
}

std::string Dimension(int64_t size) {
  std::string out;
  if (size > 0) WireWriter(out).Varint(1, static_cast<uint64_t>(size));
  return out;
}

// A ValueInfoProto: FLOAT[any, columns].
std::string FloatTensor(std::string_view name, size_t columns) {
  std::string shape;
  WireWriter(shape).Bytes(1, Dimension(0));
  WireWriter(shape).Bytes(1, Dimension(static_cast<int64_t>(columns)));
  std::string tensor;
  WireWriter(tensor).Varint(1, static_cast<uint64_t>(graph::ElementType::kFloat));
  WireWriter(tensor).Bytes(2, shape);
  std::string type;
  WireWriter(type).Bytes(1, tensor);
  std::string out;
  WireWriter(out).Bytes(1, name);
  WireWriter(out).Bytes(2, type);
  return out;
}

std::string IdentityNode(const ZippedOutput& zipped) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, zipped.tensor);
  writer.Bytes(2, zipped.output);
  if (!zipped.node.empty()) writer.Bytes(3, zipped.node);
  writer.Bytes(4, "Identity");
  return out;
}

// Copies the messages of a file, each with its changes.
class Editor {
 public:
  explicit Editor(const ModelEdit& edit) : edit_(edit) {}

  Status Model(WireReader reader, std::string& out) const {
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) {
        WireWriter(out).Varint(1, static_cast<uint64_t>(edit_.ir_version));
      } else if (field.number == 7) {
        SLIPWAY_RETURN_IF_ERROR(Embedded(reader, field, &Editor::MainGraphField, out));
      } else if (field.number == 25) {
        SLIPWAY_RETURN_IF_ERROR(Embedded(reader, field, &Editor::FunctionField, out));
      } else {
        CopyField(field, out);
      }
    }
    return reader.status();
  }

 private:
  using FieldCopy = Status (Editor::*)(const WireReader&, const WireField&, std::string&) const;

  // A message in `field`, each of its own fields by `copy`.
  Status Embedded(const WireReader& reader, const WireField& field, FieldCopy copy,
                  std::string& out) const {
    std::string message;
    WireReader inside = reader.Enter(field);
    for (WireField one; inside.Next(one);) {
      SLIPWAY_RETURN_IF_ERROR((this->*copy)(inside, one, message));
    }
    WireWriter(out).Bytes(field.number, message);
    return inside.status();
  }

  Status MainGraphField(const WireReader& reader, const WireField& field, std::string& out) const {
    const std::string_view name = TextField(reader.Enter(field), 1);
    if (field.number == 1) {
      if (const ZippedOutput* zipped = UnzippedNode(reader.Enter(field))) {
        WireWriter(out).Bytes(1, IdentityNode(*zipped));
        return OkStatus();
      }
    } else if (field.number == 11) {
      if (edit_.drop_inputs.contains(name)) return OkStatus();
    } else if (field.number == 12) {
      const auto zipped = std::ranges::find(edit_.unzip, name, &ZippedOutput::output);
      if (zipped != edit_.unzip.end()) {
        WireWriter(out).Bytes(12, FloatTensor(name, zipped->classes.size()));
        return OkStatus();
      }
    }
    return GraphField(reader, field, out);
  }

  const ZippedOutput* UnzippedNode(const WireReader& node) const {
    if (edit_.unzip.empty() || TextField(node, 4) != "ZipMap") return nullptr;
    const auto zipped = std::ranges::find(edit_.unzip, TextField(node, 2), &ZippedOutput::output);
    return zipped == edit_.unzip.end() ? nullptr : &*zipped;
  }

  Status GraphField(const WireReader& reader, const WireField& field, std::string& out) const {
    if (edit_.external != nullptr) {
      if (field.number == 1) return Embedded(reader, field, &Editor::NodeField, out);
      if (field.number == 5) return Tensor(reader, field, out);
      if (field.number == 15) SLIPWAY_RETURN_IF_ERROR(CheckSparse(reader.Enter(field)));
    }
    CopyField(field, out);
    return OkStatus();
  }

  Status FunctionField(const WireReader& reader, const WireField& field, std::string& out) const {
    if (edit_.external != nullptr && field.number == 7) {
      return Embedded(reader, field, &Editor::NodeField, out);
    }
    CopyField(field, out);
    return OkStatus();
  }

  Status NodeField(const WireReader& reader, const WireField& field, std::string& out) const {
    if (field.number == 5) return Embedded(reader, field, &Editor::AttributeField, out);
    CopyField(field, out);
    return OkStatus();
  }

  Status AttributeField(const WireReader& reader, const WireField& field, std::string& out) const {
    switch (field.number) {
      case 5:   // t
      case 10:  // tensors
        return Tensor(reader, field, out);
      case 6:   // g
      case 11:  // graphs
        return Embedded(reader, field, &Editor::GraphField, out);
      case 22:  // sparse_tensor
      case 23:  // sparse_tensors
        SLIPWAY_RETURN_IF_ERROR(CheckSparse(reader.Enter(field)));
        break;
      default:
        break;
    }
    CopyField(field, out);
    return OkStatus();
  }

  Status CheckSparse(WireReader reader) const {
    for (WireField field; reader.Next(field);) {
      if (field.number != 1 && field.number != 2) continue;
      SLIPWAY_ASSIGN_OR_RETURN(const graph::OnnxTensor tensor,
                               graph::ReadTensor(reader.Enter(field)));
      if (!tensor.external) continue;
      return base::Unimplemented(StrCat("sparse tensor '", base::Printable(tensor.name),
                                        "' lies in another file; write it into the model"));
    }
    return reader.status();
  }

  Status Tensor(const WireReader& reader, const WireField& field, std::string& out) const {
    SLIPWAY_ASSIGN_OR_RETURN(const graph::OnnxTensor tensor,
                             graph::ReadTensor(reader.Enter(field)));
    if (!tensor.external) {
      CopyField(field, out);
      return OkStatus();
    }
    auto content = edit_.external(tensor.location, tensor.offset, tensor.byte_size);
    if (!content.ok()) {
      return content.status().WithContext(StrCat("tensor '", base::Printable(tensor.name), "'"));
    }
    std::string message;
    WireReader inside = reader.Enter(field);
    for (WireField one; inside.Next(one);) {
      const bool tells_where = one.number == 13 || one.number == 14;
      if (!tells_where) CopyField(one, message);
    }
    message.reserve(message.size() + content->size() + 16);
    WireWriter(message).Bytes(9, *content);
    WireWriter(out).Bytes(field.number, message);
    return inside.status();
  }

  const ModelEdit& edit_;
};

}  // namespace

Result<std::string> ApplyEdit(std::span<const std::byte> file, const ModelEdit& edit) {
  std::string out;
  out.reserve(file.size() + 1024);
  SLIPWAY_RETURN_IF_ERROR(Editor(edit).Model(WireReader(file), out));
  return out;
}

}  // namespace slipway::import::onnx

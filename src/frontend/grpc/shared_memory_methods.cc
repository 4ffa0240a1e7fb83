// Methods about shared memory.

#include <array>
#include <string>
#include <string_view>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/shared_memory_registry.h"

namespace slipway::frontend::grpc {
namespace {

using base::OkStatus;
using base::Status;
using base::WireField;
using base::WireReader;
using base::WireType;

// Message SystemSharedMemoryRegisterRequest.
struct RegisterRequest {
  std::string_view name;
  std::string_view key;
  uint64_t offset = 0;
  uint64_t byte_size = 0;

  Status Read(std::span<const std::byte> message) {
    WireReader reader(message);
    for (WireField field; reader.Next(field);) {
      const bool text = field.number <= 2 && field.type == WireType::kBytes;
      const bool number =
          (field.number == 3 || field.number == 4) && field.type == WireType::kVarint;
      if (text) {
        SLIPWAY_RETURN_IF_ERROR(CheckText(field));
        (field.number == 1 ? name : key) = field.text();
      } else if (number) {
        (field.number == 3 ? offset : byte_size) = field.value;
      }
    }
    return reader.status();
  }
};

// The only field of a message that names a region, "" for all.
Status ReadRegionName(UnaryCall& call, std::string_view& name) {
  std::array<std::string_view, 1> texts;
  SLIPWAY_RETURN_IF_ERROR(ReadTextFields(call.message(), texts));
  name = texts[0];
  return OkStatus();
}

// An entry of SystemSharedMemoryStatusResponse.regions.
void WriteRegion(const SharedMemoryRegion& region, std::string& out) {
  std::string status;
  WriteText(1, region.name, status);
  WriteText(2, region.key, status);
  WriteNumber(3, region.file.offset(), status);
  WriteNumber(4, region.file.size(), status);
  std::string entry;
  WriteText(1, region.name, entry);
  WriteMessage(2, status, entry);
  WriteMessage(1, entry, out);
}

Status WriteRegions(UnaryCall& call) {
  std::string_view name;
  SLIPWAY_RETURN_IF_ERROR(ReadRegionName(call, name));
  const SharedMemoryRegistry* const registry = call.services().shared_memory;
  if (registry == nullptr) return name.empty() ? OkStatus() : SharedMemoryOff();
  SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(call.peer()));
  SLIPWAY_ASSIGN_OR_RETURN(const auto regions, registry->List(name));
  for (const SharedMemoryRegistry::Region& region : regions) WriteRegion(*region, call.reply());
  return OkStatus();
}

Status Register(UnaryCall& call) {
  SharedMemoryRegistry* const registry = call.services().shared_memory;
  if (registry == nullptr) return SharedMemoryOff();
  SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(call.peer()));
  RegisterRequest request;
  SLIPWAY_RETURN_IF_ERROR(request.Read(call.message()));
  return registry->Register(request.name, request.key, request.offset, request.byte_size);
}

Status Unregister(UnaryCall& call) {
  std::string_view name;
  SLIPWAY_RETURN_IF_ERROR(ReadRegionName(call, name));
  SharedMemoryRegistry* const registry = call.services().shared_memory;
  if (registry == nullptr) return OkStatus();
  SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(call.peer()));
  if (name.empty()) {
    registry->UnregisterAll();
  } else {
    registry->Unregister(name);
  }
  return OkStatus();
}

}  // namespace

// Clients ask for all regions, and unregister all, when they start: that works also without.
void SharedMemoryStatus(UnaryCall& call) { call.Finish(WriteRegions(call)); }
void SharedMemoryRegister(UnaryCall& call) { call.Finish(Register(call)); }
void SharedMemoryUnregister(UnaryCall& call) { call.Finish(Unregister(call)); }

void CudaMemoryStatus(UnaryCall& call) {
  std::string_view name;
  Status status = ReadRegionName(call, name);
  if (status.ok() && !name.empty()) {
    status = base::NotFound(base::StrCat("CUDA shared memory region '", base::Printable(name),
                                         "' is not registered: this build has none"));
  }
  call.Finish(status);
}

void CudaMemoryRegister(UnaryCall& call) { call.Finish(NoCudaSharedMemory()); }

// Nothing is ever registered, so there is nothing left to do.
void CudaMemoryUnregister(UnaryCall& call) { call.Finish(OkStatus()); }

}  // namespace slipway::frontend::grpc

// The routes of OpenInferenceHandler about shared memory.

#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/open_inference_handler.h"
#include "frontend/openinference/shared_memory_api.h"
#include "frontend/shared_memory_registry.h"

namespace slipway::frontend::openinference {
namespace {

using base::Status;
using net::Exchange;

// The region's name in the path; empty when the path names none.
Status ReadRegionName(const PathArguments& path, std::string& name) {
  if (net::PercentDecode(path.name, name)) return base::OkStatus();
  return base::InvalidArgument(
      "the region name in the path is not percent-encoded as it should be");
}

void SendStatus(const Status& status, Exchange& exchange) {
  if (status.ok()) {
    exchange.Send();
  } else {
    SendError(status, exchange);
  }
}

}  // namespace

// Clients ask for all regions, and unregister all, when they start: that works also without.
void OpenInferenceHandler::SharedMemoryStatus(Exchange& exchange, const PathArguments& path) {
  const auto list = [&]() -> base::Result<std::string> {
    std::string name;
    SLIPWAY_RETURN_IF_ERROR(ReadRegionName(path, name));
    SharedMemoryRegistry* const registry = services_.shared_memory;
    if (registry == nullptr && name.empty()) return std::string("[]");
    if (registry == nullptr) return SharedMemoryOff();
    SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(exchange.request().peer));
    SLIPWAY_ASSIGN_OR_RETURN(const auto regions, registry->List(name));
    return RegionsJson(regions);
  };
  const base::Result<std::string> json = list();
  if (json.ok()) {
    SendJson(*json, exchange);
  } else {
    SendError(json.status(), exchange);
  }
}

void OpenInferenceHandler::SharedMemoryRegister(Exchange& exchange, const PathArguments& path) {
  const auto add = [&]() -> Status {
    if (services_.shared_memory == nullptr) return SharedMemoryOff();
    SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(exchange.request().peer));
    std::string name;
    SLIPWAY_RETURN_IF_ERROR(ReadRegionName(path, name));
    SLIPWAY_ASSIGN_OR_RETURN(const RegisterRequest request,
                             ReadRegisterRequest(exchange.request().body));
    return services_.shared_memory->Register(name, request.key, request.offset, request.byte_size);
  };
  SendStatus(add(), exchange);
}

void OpenInferenceHandler::SharedMemoryUnregister(Exchange& exchange, const PathArguments& path) {
  const auto remove = [&]() -> Status {
    SharedMemoryRegistry* const registry = services_.shared_memory;
    if (registry == nullptr) return base::OkStatus();
    SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(exchange.request().peer));
    std::string name;
    SLIPWAY_RETURN_IF_ERROR(ReadRegionName(path, name));
    if (name.empty()) {
      registry->UnregisterAll();
    } else {
      registry->Unregister(name);
    }
    return base::OkStatus();
  };
  SendStatus(remove(), exchange);
}

void OpenInferenceHandler::CudaMemoryStatus(Exchange& exchange, const PathArguments& path) {
  if (path.name.empty()) {
    SendJson("[]", exchange);
    return;
  }
  SendError(base::NotFound(base::StrCat("CUDA shared memory region '", base::Printable(path.name),
                                        "' is not registered: this build has none")),
            exchange);
}

void OpenInferenceHandler::CudaMemoryRegister(Exchange& exchange, const PathArguments&) {
  SendError(NoCudaSharedMemory(), exchange);
}

// Nothing is ever registered, so there is nothing left to do.
void OpenInferenceHandler::CudaMemoryUnregister(Exchange& exchange, const PathArguments&) {
  exchange.Send();
}

}  // namespace slipway::frontend::openinference

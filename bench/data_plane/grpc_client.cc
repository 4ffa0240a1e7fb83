// SPDX-License-Identifier: Apache-2.0
// A closed loop of unary calls with grpc++'s asynchronous client, as a service in C++ would make
// them: one thread, one completion queue, some channels with some calls outstanding on each.
//
//   grpc_client HOST:PORT METHOD MESSAGE_FILE CHANNELS OUTSTANDING SECONDS
//
// OUTSTANDING calls wait on all channels together. Prints "N succeeded, N failed, S seconds".
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

// One call after another on one channel.
struct Caller {
  grpc::GenericStub* stub = nullptr;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer answer;
  grpc::Status status;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: HOST:PORT METHOD MESSAGE_FILE CHANNELS OUTSTANDING SECONDS\n");
    return 2;
  }
  std::ifstream file(argv[3], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    arguments.SetMaxReceiveMessageSize(-1);
    stubs.push_back(std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), arguments)));
  }
  grpc::CompletionQueue queue;
  const auto call = [&](Caller& caller) {
    caller.context = std::make_unique<grpc::ClientContext>();
    caller.answer.Clear();
    caller.reader = caller.stub->PrepareUnaryCall(caller.context.get(), argv[2], request, &queue);
    caller.reader->StartCall();
    caller.reader->Finish(&caller.answer, &caller.status, &caller);
  };
  std::vector<Caller> callers(static_cast<size_t>(std::atoi(argv[5])));
  for (size_t i = 0; i < callers.size(); ++i) {
    callers[i].stub = stubs[i % stubs.size()].get();
    call(callers[i]);
  }
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(std::atof(argv[6]));
  size_t succeeded = 0;
  size_t failed = 0;
  size_t waiting = callers.size();
  while (waiting > 0) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue.Next(&tag, &ok)) break;
    auto& caller = *static_cast<Caller*>(tag);
    ++(ok && caller.status.ok() && caller.answer.Length() > 0 ? succeeded : failed);
    if (Clock::now() < end) {
      call(caller);
    } else {
      --waiting;
    }
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  std::printf("%zu succeeded, %zu failed, %.3f seconds\n", succeeded, failed, took.count());
  return 0;
}

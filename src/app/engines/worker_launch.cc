#include "app/engines/worker_launch.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/unique_fd.h"

namespace slipway::app {
namespace {

using base::UniqueFd;
using engine::WorkerEnds;

constexpr int kFirstDescriptor = 3;

// The descriptors in the order in which the worker finds them.
std::vector<int> InOrder(const WorkerEnds& ends) {
  std::vector<int> all = {ends.control.get()};
  for (const WorkerEnds::Lane& lane : ends.lanes) {
    all.insert(all.end(), {lane.socket.get(), lane.inputs.get(), lane.outputs.get()});
  }
  return all;
}

// What posix_spawn is to do with descriptors; freed at the end.
struct FileActions {
  FileActions() { posix_spawn_file_actions_init(&actions); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }

  posix_spawn_file_actions_t actions;
};

}  // namespace

base::Result<pid_t> LaunchWorker(const WorkerEnds& ends) {
  const std::vector<int> descriptors = InOrder(ends);
  const int above = kFirstDescriptor + static_cast<int>(descriptors.size());
  FileActions files;
  std::vector<UniqueFd> copies;  // none of which lies where the worker is to find one
  for (const int descriptor : descriptors) {
    UniqueFd copy(fcntl(descriptor, F_DUPFD_CLOEXEC, above));
    if (!copy.valid()) return base::ErrnoStatus(errno, "descriptors of a worker process");
    const int target = kFirstDescriptor + static_cast<int>(copies.size());
    posix_spawn_file_actions_adddup2(&files.actions, copy.get(), target);
    copies.push_back(std::move(copy));
  }
  std::string program = "slipway";
  std::string command = "worker";
  std::string lanes = base::StrCat("--lanes=", ends.lanes.size());
  char* const words[] = {program.data(), command.data(), lanes.data(), nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, "/proc/self/exe", &files.actions, nullptr, words, environ);
  if (error != 0) return base::ErrnoStatus(error, "starting a worker process");
  return pid;
}

base::Result<WorkerEnds> AdoptWorkerEnds(int lanes) {
  if (fcntl(kFirstDescriptor + 3 * lanes, F_GETFD) < 0) {
    return base::InvalidArgument("this command is started by a server, not by hand");
  }
  WorkerEnds ends;
  int next = kFirstDescriptor;
  ends.control.Reset(next++);
  for (int i = 0; i < lanes; ++i) {
    WorkerEnds::Lane& lane = ends.lanes.emplace_back();
    lane.socket.Reset(next++);
    lane.inputs.Reset(next++);
    lane.outputs.Reset(next++);
  }
  return ends;
}

}  // namespace slipway::app

#include "app/worker_command.h"

#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "app/engines.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "base/unique_fd.h"
#include "engine/process/worker.h"

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

base::Result<pid_t> LaunchWorkerCommand(const WorkerEnds& ends) {
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

void WorkerCommand::Configure(CLI::App& app) {
  app.add_option("--lanes", lanes_, "Requests at a time")->required()->check(CLI::Range(1, 1024));
}

base::Status WorkerCommand::Run() {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::ofstream("/proc/self/oom_score_adj") << "1000";
  mallopt(M_ARENA_MAX, 1);  // as in the server: see ServeCommand
  if (fcntl(kFirstDescriptor + 3 * lanes_, F_GETFD) < 0) {
    return base::InvalidArgument("this command is started by a server, not by hand");
  }
  WorkerEnds ends;
  int next = kFirstDescriptor;
  ends.control.Reset(next++);
  for (int i = 0; i < lanes_; ++i) {
    WorkerEnds::Lane& lane = ends.lanes.emplace_back();
    lane.socket.Reset(next++);
    lane.inputs.Reset(next++);
    lane.outputs.Reset(next++);
  }
  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeOnnxEngineFactory(context_.fs, *log));
  return engine::RunWorker(std::move(ends), *factory);
}

}  // namespace slipway::app

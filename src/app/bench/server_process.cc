#include "app/bench/server_process.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "base/str_cat.h"
#include "base/unique_fd.h"

namespace slipway::app {
namespace {

using base::NotFound;
using base::Result;
using base::StrCat;

// The names in a directory that are numbers: processes in /proc, descriptors in /proc/PID/fd.
std::vector<pid_t> NumericEntries(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  std::vector<pid_t> numbers;
  if (open == nullptr) return numbers;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    pid_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  return numbers;
}

// 0 when it cannot be read.
pid_t ParentOf(pid_t pid) {
  std::ifstream file(StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(line.substr(name_end + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

// `pids` and all their descendants.
std::vector<pid_t> WithDescendants(std::set<pid_t> pids) {
  const std::vector<pid_t> all = NumericEntries("/proc");
  for (bool grown = true; grown;) {
    grown = false;
    for (const pid_t pid : all) {
      if (!pids.contains(pid) && pids.contains(ParentOf(pid))) {
        pids.insert(pid);
        grown = true;
      }
    }
  }
  return {pids.begin(), pids.end()};
}

struct TcpEndpoint {
  std::string address;  // as /proc/net/tcp writes it: hexadecimal, in the machine's byte order
  uint16_t port = 0;
};

std::string Hex(const void* bytes, size_t words) {
  std::string out;
  for (size_t i = 0; i < words; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(bytes) + i * 4, 4);
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%08X", word);
    out += text.data();
  }
  return out;
}

TcpEndpoint EndpointOf(const net::SocketAddress& address) {
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address.get(), sizeof(v6));
    return {.address = Hex(&v6.sin6_addr, 4), .port = ntohs(v6.sin6_port)};
  }
  sockaddr_in v4{};
  std::memcpy(&v4, address.get(), sizeof(v4));
  return {.address = Hex(&v4.sin_addr, 1), .port = ntohs(v4.sin_port)};
}

// Adds the inodes of the sockets in `table` (/proc/net/tcp or tcp6) that listen at `where`.
// Source: Linux, Documentation/networking/proc_net_tcp.rst.
void AddListeners(const char* table, const TcpEndpoint& where, std::set<std::string>& inodes) {
  constexpr std::string_view kListen = "0A";
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // titles
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const size_t colon = local.find(':');
    if (state != kListen || colon == std::string::npos) continue;
    const std::string address = local.substr(0, colon);
    const bool any = address.find_first_not_of('0') == std::string::npos;
    const bool same = any || address.ends_with(where.address);  // also ::ffff:a.b.c.d
    if (same && std::stoul(local.substr(colon + 1), nullptr, 16) == where.port) {
      inodes.insert(StrCat("socket:[", inode, "]"));
    }
  }
}

std::set<pid_t> HoldersOf(const std::set<std::string>& sockets) {
  std::set<pid_t> holders;
  for (const pid_t pid : NumericEntries("/proc")) {
    const std::string directory = StrCat("/proc/", pid, "/fd");
    for (const int fd : NumericEntries(directory)) {
      std::array<char, 64> target{};
      const ssize_t size =
          ::readlink(StrCat(directory, "/", fd).c_str(), target.data(), target.size() - 1);
      if (size > 0 && sockets.contains(target.data())) holders.insert(pid);
    }
  }
  return holders;
}

// Whether packets to `address` stay on this machine: then the kernel picks it as our own address.
bool IsLocal(const net::SocketAddress& address) {
  if (address.loopback()) return true;
  const base::UniqueFd probe(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid() || ::connect(probe.get(), address.get(), address.size()) != 0) return false;
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
  const net::SocketAddress ours(reinterpret_cast<const sockaddr*>(&own), size);
  return EndpointOf(ours).address == EndpointOf(address).address;
}

// The process that listens at the other end of a Unix socket.
Result<pid_t> UnixListener(const net::SocketAddress& address) {
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (!fd.valid() || ::connect(fd.get(), address.get(), address.size()) != 0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
    return NotFound(StrCat("nobody to be found at ", address.ToString()));
  }
  return peer.pid;
}

// The CPU time of all threads of a process; none when there is no such process.
std::optional<std::chrono::nanoseconds> CpuTimeOf(pid_t pid) {
  clockid_t clock = 0;
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Result<ServerProcess> ServerProcess::OfPid(pid_t pid) {
  if (pid <= 0 || !CpuTimeOf(pid)) return NotFound(StrCat("no process ", pid));
  return ServerProcess(WithDescendants({pid}));
}

Result<ServerProcess> ServerProcess::ListeningAt(const net::SocketAddress& address) {
  if (address.family() == AF_UNIX) {
    SLIPWAY_ASSIGN_OR_RETURN(const pid_t pid, UnixListener(address));
    return OfPid(pid);
  }
  if (!IsLocal(address)) {
    return NotFound(StrCat("the server at ", address.ToString(), " is not on this machine"));
  }
  std::set<std::string> sockets;
  const TcpEndpoint where = EndpointOf(address);
  if (address.family() == AF_INET) AddListeners("/proc/net/tcp", where, sockets);
  AddListeners("/proc/net/tcp6", where, sockets);
  const std::set<pid_t> holders = HoldersOf(sockets);
  if (holders.empty()) {
    return NotFound(StrCat("no process found that listens at ", address.ToString(),
                           " (another user's, or in a container); --pid names it"));
  }
  return ServerProcess(WithDescendants(holders));
}

std::chrono::nanoseconds ServerProcess::CpuTime() const {
  std::chrono::nanoseconds sum{0};
  for (const pid_t pid : pids_) {
    sum += CpuTimeOf(pid).value_or(std::chrono::nanoseconds(0));
  }
  return sum;
}

}  // namespace slipway::app

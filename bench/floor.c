// SPDX-License-Identifier: Apache-2.0
// What the kernel alone costs: an epoll loop that receives and answers with constant bytes and never looks at them. No
// HTTP server that makes one system call in each direction costs less. run.py compiles it and measures it like a server.
// All requests on a connection must be as long as its first, whose head must arrive in one piece.
//   floor PORT ANSWER_BYTES
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kMaxFd = 4096, kBuffer = 1 << 20 };
static size_t received[kMaxFd], request_bytes[kMaxFd];
static char in[kBuffer + 1];

static size_t first_request_bytes(void) {
  const char *end = strstr(in, "\r\n\r\n"), *length = strcasestr(in, "\r\ncontent-length:");
  if (end == NULL) return kBuffer;
  return (size_t)(end - in) + 4 + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t body_bytes = strtoul(argv[2], NULL, 10);
  char* answer = calloc(1, body_bytes + 200);
  const int head = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body_bytes);
  memset(answer + head, ' ', body_bytes);
  const size_t answer_bytes = (size_t)head + body_bytes;

  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, loop = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&at, sizeof at) != 0 || listen(listener, 1024) != 0) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    const int ready = epoll_wait(loop, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (client < 0 || client >= kMaxFd) continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        received[client] = request_bytes[client] = 0;
        event = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.fd = client};
        epoll_ctl(loop, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      ssize_t got;
      while ((got = recv(fd, in, kBuffer, 0)) > 0) {
        if (request_bytes[fd] == 0) {
          in[got] = '\0';
          request_bytes[fd] = first_request_bytes();
        }
        for (received[fd] += (size_t)got; received[fd] >= request_bytes[fd]; received[fd] -= request_bytes[fd]) {
          if (send(fd, answer, answer_bytes, MSG_NOSIGNAL) < 0) break;
        }
        if (got < kBuffer) break;
      }
      if (got == 0) close(fd);
    }
  }
}

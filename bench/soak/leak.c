/* SPDX-License-Identifier: Apache-2.0 */
/* Makes any program leak, for the control of bench/soak.py: of LEAK_EVERY calls of free() one does nothing, and one of as
   many calls of close() leaves a new descriptor behind. Built with -DLEAK_EVERY=N, loaded with LD_PRELOAD; glibc only. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void __libc_free(void* block);

static atomic_ulong frees;
static atomic_ulong closes;

void free(void* block) {
  if (atomic_fetch_add(&frees, 1) % LEAK_EVERY != LEAK_EVERY - 1) __libc_free(block);
}

int close(int fd) {
  if (atomic_fetch_add(&closes, 1) % LEAK_EVERY == LEAK_EVERY - 1) (void)open("/dev/null", O_RDONLY);
  return (int)syscall(SYS_close, fd);
}

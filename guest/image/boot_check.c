// A stand-in for the agent that proves a guest image boots: loads every module of
// /etc/shoji/modules in order, says so on the console, and powers the machine off.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

// 0, or the errno of what failed.
static int load_module(const char* path) {
  enum { kMax = 8 << 20 };
  gzFile file = gzopen(path, "rb");  // reads a file that is not compressed as it is
  if (file == NULL) return errno;
  void* image = malloc(kMax);
  int size = image == NULL ? -1 : gzread(file, image, kMax);
  int error = size < 0 ? EIO : 0;
  if (error == 0 && syscall(SYS_init_module, image, size, "") != 0 && errno != EEXIST) {
    error = errno;
  }
  free(image);
  gzclose(file);
  return error;
}

static void load_all(FILE* list, int* loaded, int* failed) {
  char feature[64];
  char path[512];
  while (fscanf(list, "%63s %511s", feature, path) == 2) {
    int error = load_module(path);
    if (error == 0) {
      ++*loaded;
    } else {
      ++*failed;
      printf("boot-check: %s %s: %s\n", feature, path, strerror(error));
    }
  }
}

int main(void) {
  int loaded = 0;
  int failed = 0;
  FILE* list = fopen("/etc/shoji/modules", "r");
  if (list != NULL) {
    load_all(list, &loaded, &failed);
    fclose(list);
  }
  printf("boot-check: %d modules loaded, %d failed\n", loaded, failed);
  fflush(stdout);
  reboot(RB_POWER_OFF);
  return 1;
}

// A shared object with one note, one exported function and one library that it needs.
#include <stdint.h>
#include <unistd.h>

#define TEXT "plugin\tstore\tsample\t1\n"

static const struct {
  uint32_t name_size;
  uint32_t desc_size;
  uint32_t type;
  char name[8];
  char desc[(sizeof(TEXT) + 3U) / 4U * 4U];
} kNote __attribute__((used, section(".note.sample"), aligned(4))) = {6U, (uint32_t)sizeof(TEXT),
                                                                      1U, "Shoji", TEXT};

__attribute__((visibility("default"))) int sample_open(void);
int sample_open(void) { return getpid(); }

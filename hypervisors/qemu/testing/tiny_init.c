/* PID 1 of the guests that the tests boot. The kernel hands parameters it does not know to
 * init as environment: "testmode=panic" chooses what it does. */
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  const char* mode = getenv("testmode");
  if (mode != NULL && strcmp(mode, "poweroff") == 0) reboot(RB_POWER_OFF);
  if (mode != NULL && strcmp(mode, "panic") == 0) return 3; /* init may not end */
  for (;;) pause();
}

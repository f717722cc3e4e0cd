#include "model/background.h"

#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace zen {
namespace {
// A tenth of what a thread at 0 gets of a contended core; all of a core that nobody wants.
constexpr int kNice = 10;
}  // namespace

void lowerPriority() {
#if defined(__linux__)
  // Linux keeps the value per thread. It may be refused only where it is lower already.
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, kNice);
#endif
}

}  // namespace zen

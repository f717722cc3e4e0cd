#include "model/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace zen {
namespace {

using Clock = std::chrono::steady_clock;

// A thread of a step waits at its barriers for the one whose core the background has: no longer than this at a time.
// Priority alone does not do it: a thread that offers its core while it waits gets it back a whole time slice later.
constexpr std::chrono::microseconds kBurst{200};
constexpr int kRest = 2;  // by what it has worked: a third of a core at most while steps run
// Steps of niceness: a tenth of what the process's other threads get of a contended core, all of one nobody wants.
constexpr int kNice = 10;

thread_local const std::atomic<int>* stepsRunning = nullptr;
thread_local Clock::time_point since;

}  // namespace

void becomeBackground(const std::atomic<int>& steps) {
  stepsRunning = &steps;
  since = Clock::now();
#if defined(__linux__)
  // Linux keeps niceness per thread, and stops at 19 by itself.
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNice);
#endif
}

void breathe() {
  if (!stepsRunning) return;
  const auto worked = Clock::now() - since;
  if (worked < kBurst) return;
  if (stepsRunning->load(std::memory_order_relaxed) > 0) std::this_thread::sleep_for(worked * kRest);
  since = Clock::now();
}

}  // namespace zen

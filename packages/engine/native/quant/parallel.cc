#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace zen::quant {
namespace {
std::atomic<int> threads{0};
}

void SetThreads(int count) { threads = std::clamp(count, 1, 256); }

int Threads() {
  const int set = threads;
  return set > 0 ? set : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void ParallelFor(int count, int grain, const std::function<void(int, int)>& work) {
  const int grains = (count + grain - 1) / grain;
  const int parts = std::min(Threads(), grains);
  if (parts <= 1) {
    if (count > 0) work(0, count);
    return;
  }
  std::vector<std::exception_ptr> failures(parts);
  auto part = [&](int p) {
    const int begin = static_cast<int>(static_cast<int64_t>(grains) * p / parts) * grain;
    const int end = std::min(count, static_cast<int>(static_cast<int64_t>(grains) * (p + 1) / parts) * grain);
    try {
      if (begin < end) work(begin, end);
    } catch (...) {
      failures[p] = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (int p = 1; p < parts; p++) others.emplace_back(part, p);
  part(0);
  for (std::thread& thread : others) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace zen::quant

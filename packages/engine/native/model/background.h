// Work that must not slow a running step down: on a thread of its own, at low priority.
#pragma once
#include <future>
#include <thread>
#include <utility>

namespace zen {

// Lowers the calling thread's claim to the cores; it cannot be raised again without privileges.
void lowerPriority();

// Runs `work` so and waits for it; its result or exception is the caller's.
template <typename Work>
auto inBackground(Work&& work) -> decltype(work()) {
  std::packaged_task<decltype(work())()> task(std::forward<Work>(work));
  auto result = task.get_future();
  std::thread([&] {
    lowerPriority();
    task();
  }).join();
  return result.get();
}

}  // namespace zen

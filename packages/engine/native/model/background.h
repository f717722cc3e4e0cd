// Work that must not slow a running step down: on a thread of its own, at low priority, with rests.
#pragma once
#include <atomic>
#include <future>
#include <thread>
#include <utility>

namespace zen {

// To be called often by work that takes long. In the background it rests twice as long as it has worked while
// `steps` says that a step is running; elsewhere it does nothing.
void breathe();

// Makes the calling thread a background one. Its lower claim to the cores cannot be raised without privileges.
void becomeBackground(const std::atomic<int>& steps);

// Runs `work` so and waits for it; its result or exception is the caller's.
template <typename Work>
auto inBackground(const std::atomic<int>& steps, Work&& work) -> decltype(work()) {
  std::packaged_task<decltype(work())()> task(std::forward<Work>(work));
  auto result = task.get_future();
  std::thread([&] {
    becomeBackground(steps);
    task();
  }).join();
  return result.get();
}

}  // namespace zen

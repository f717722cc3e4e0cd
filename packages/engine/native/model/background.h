// Steps and work beside them take turns: on the cores of a step's threads nothing else of this process computes.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace zen {

class Turns {
 public:
  using Clock = std::chrono::steady_clock;

  // `patience`: how much longer than its turn the work beside may keep a step waiting, when it does not give way.
  explicit Turns(Clock::duration patience = std::chrono::milliseconds(1)) : patience_(patience) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // A step, from its first to its last computation; one at a time.
  class Step {
   public:
    explicit Step(Turns& turns) : turns_(turns) { turns_.begin(); }
    ~Step() { turns_.end(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Turns& turns_;
  };

  // Runs `work` on a thread of its own and waits for it; its result or exception is the caller's. After each step it
  // has a turn of a third of a step, and while no step wants to begin all the time there is.
  template <typename Work>
  auto beside(Work&& work) -> decltype(work()) {
    std::packaged_task<decltype(work())()> task(std::forward<Work>(work));
    auto result = task.get_future();
    std::thread([&] {
      enter();
      task();
      leave();
    }).join();
    return result.get();
  }

 private:
  friend void breathe();
  void begin();
  void end();
  void enter();
  void leave();
  void giveWay();

  const Clock::duration patience_;
  // A step runs or wants to begin: whoever works beside looks closer.
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;  // all below
  std::condition_variable changed_;
  bool stepping_ = false;
  int working_ = 0;  // threads beside steps
  int rested_ = 0;   // those of them that have had their turn since the last step
  bool away_ = false;
  uint64_t steps_ = 0;
  Clock::time_point began_, turnEnds_;
  // Of the last steps; a turn goes by the shortest, so that a long prompt between does not make all others wait.
  std::array<Clock::duration, 8> lasted_{};
};

// To be called often by work that takes long, some ten times in a millisecond: beside steps it waits while one runs.
// Elsewhere it does nothing.
void breathe();

}  // namespace zen

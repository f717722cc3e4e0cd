// A team of threads for the regions of a step. Idle threads sleep; inside a region waiting threads spin, then yield, for
// some tens of microseconds before they sleep too.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace zen {

class ThreadPool;

// What a thread of a region sees.
class Team {
 public:
  int index() const { return index_; }
  int size() const;

  // Waits until every thread of the region is here.
  void barrier();

  // Shares [0, count) between the threads in chunks of `grain`, first come, first served; work(begin, end).
  // All threads of the region must call it, with the same count and grain. It ends with a barrier.
  template <typename Work>
  void parallelFor(int count, int grain, Work&& work) {
    const int round = round_++;
    for (;;) {
      const int begin = claim(round, grain);
      if (begin >= count) break;
      work(begin, count - begin > grain ? begin + grain : count);
    }
    finish(round);
  }

 private:
  friend class ThreadPool;
  Team(ThreadPool& pool, int index) : pool_(pool), index_(index) {}
  int claim(int round, int grain);
  void finish(int round);

  ThreadPool& pool_;
  int index_;
  int round_ = 0;
};

class ThreadPool {
 public:
  // 1 to 256 threads, the caller's included.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Runs body(team) on every thread and returns when all are done. One region at a time, from one thread at a time.
  // body must not throw.
  void run(const std::function<void(Team&)>& body);

 private:
  friend class Team;
  struct alignas(64) Counter {
    std::atomic<int> next{0};
  };

  void worker(int index);
  void barrier();

  const int size_;
  std::vector<std::thread> threads_;
  const std::function<void(Team&)>* body_ = nullptr;
  std::atomic<uint32_t> job_{0};
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  std::atomic<int> sleepers_{0};
  std::mutex phaseMutex_;
  std::condition_variable phaseWake_;
  Counter counters_[2];
};

}  // namespace zen

// The thread team: everything runs exactly once, barriers hold, and sleeping threads wake.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "kernels/threads.h"
#include "test/check.h"

using namespace zen;

namespace {

void everyIndexOnce(int threads) {
  ThreadPool pool(threads);
  CHECK(pool.size() == threads);
  for (int count : {0, 1, 7, 64, 1000})
    for (int grain : {1, 3, 2000}) {
      std::vector<std::atomic<int>> seen(count), second(count);
      pool.run([&](Team& team) {
        team.parallelFor(count, grain, [&](int begin, int end) {
          for (int i = begin; i < end; i++) seen[i]++;
        });
        // The next loop starts when the last is finished everywhere.
        team.parallelFor(count, 1, [&](int begin, int) { second[begin] = seen[(begin + count / 2) % count].load(); });
      });
      bool once = true;
      for (int i = 0; i < count; i++) once &= seen[i] == 1 && second[i] == 1;
      CHECK(once);
    }
}

void manyPhases(int threads) {
  ThreadPool pool(threads);
  std::atomic<int> entered{0};
  std::atomic<int> early{0};
  pool.run([&](Team& team) {
    for (int phase = 1; phase <= 2000; phase++) {
      entered++;
      team.barrier();
      if (entered != phase * team.size()) early++;
      team.barrier();
    }
  });
  CHECK(early == 0);
}

// A slow thread: the others give up spinning and sleep, then wake.
void sleepersWake(int threads) {
  ThreadPool pool(threads);
  for (int slow = 0; slow < threads; slow++) {
    std::atomic<int> after{0};
    pool.run([&](Team& team) {
      if (team.index() == slow) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      team.barrier();
      after++;
    });
    CHECK(after == threads);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between regions they sleep too
  }
}

}  // namespace

int main() {
  for (int threads : {1, 2, 3, 5}) {
    everyIndexOnce(threads);
    manyPhases(threads);
    sleepersWake(threads);
  }
  CHECK(ThreadPool(0).size() == 1);
  return zen::test::report("kernels_threads");
}

#include "model/background.h"

#include <stdexcept>
#include <vector>

#include "check.h"

using namespace zen;
using namespace std::chrono_literals;

namespace {

void testNeverTogether() {
  Turns turns(1min);
  std::atomic<bool> inStep{false}, stop{false};
  std::atomic<int> pieces{0};
  int together = 0;
  std::thread attach([&] {
    turns.beside([&] {
      while (!stop) {
        breathe();
        pieces++;
        for (int look = 0; look < 50; look++)
          together += inStep.load();
      }
    });
  });
  while (pieces == 0) std::this_thread::yield();
  int without = 0, before = -1;
  for (int i = 0; i < 300; i++) {
    const Turns::Step step(turns);
    // However soon a step follows the one before: the work beside has had its turn between them.
    without += pieces == before;
    inStep = true;
    std::this_thread::sleep_for(50us);
    inStep = false;
    before = pieces;
  }
  stop = true;
  attach.join();
  CHECK(together == 0);
  CHECK(without == 0);
}

void testStepsDoNotWaitForWhoIsAway() {
  Turns turns(1ms);
  std::promise<void> disk;
  std::atomic<bool> reading{false}, back{false};
  std::thread attach([&] {
    turns.beside([&] {
      reading = true;
      disk.get_future().wait();
      breathe();
      back = true;
    });
  });
  while (!reading) std::this_thread::yield();
  for (int i = 0; i < 50; i++)
    const Turns::Step step(turns);
  CHECK(!back);
  disk.set_value();
  attach.join();
  CHECK(back);
}

void testSeveralBeside() {
  Turns turns(1min);
  std::atomic<bool> stop{false}, inStep{false};
  std::atomic<int> began{0}, together{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++)
    threads.emplace_back([&] {
      turns.beside([&] {
        began++;
        while (!stop) {
          breathe();
          together += inStep.load();
        }
      });
    });
  while (began < 3) std::this_thread::yield();
  for (int i = 0; i < 100; i++) {
    const Turns::Step step(turns);
    inStep = true;
    std::this_thread::sleep_for(20us);
    inStep = false;
    if (i == 50) stop = true;  // they end while steps go on
  }
  for (auto& thread : threads) thread.join();
  CHECK(together == 0);
}

void testResults() {
  Turns turns;
  CHECK(turns.beside([] {
    breathe();
    return 7;
  }) == 7);
  bool thrown = false;
  try {
    turns.beside([] { throw std::runtime_error("bad"); });
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  CHECK(thrown);
  const Turns::Step step(turns);  // nobody is left beside
  breathe();
}

}  // namespace

int main() {
  testNeverTogether();
  testStepsDoNotWaitForWhoIsAway();
  testSeveralBeside();
  testResults();
  return test::report("model_turns");
}

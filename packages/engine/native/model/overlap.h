// Whether a pass whose experts are elsewhere goes as one, or as two side by side. Two hide the way to the experts behind
// attention and read the layers' own matrices twice: which is quicker depends on the rows, the experts and the way, so
// both are tried and the quicker one is taken. The bits are the same.
#pragma once
#include <array>
#include <chrono>

namespace zen {

class Overlap {
 public:
  // Whether to run the next pass of so many rows as two.
  bool two(int rows) {
    Kind& kind = kinds_[kindOf(rows)];
    const bool quicker = kind.seconds[1] > 0 && kind.seconds[1] < kind.seconds[0];
    const bool tries = kind.sleeps && ++kind.since % kTryEvery == 0;
    return tries ? !quicker : quicker;
  }

  // How long a pass took, and how much of it slept for answers.
  void took(int rows, bool two, std::chrono::duration<double> all, std::chrono::duration<double> slept) {
    Kind& kind = kinds_[kindOf(rows)];
    double& mean = kind.seconds[two ? 1 : 0];
    const double perRow = all.count() / rows;
    mean = mean == 0 ? perRow : mean + kWeight * (perRow - mean);
    if (!two) kind.sleeps = slept > kWorthTrying * all;
  }

 private:
  // Another way than the quicker one is tried once in so many passes, where one pass would sleep that share of its time.
  static constexpr int kTryEvery = 16;
  static constexpr double kWorthTrying = 0.1, kWeight = 0.2;

  struct Kind {
    double seconds[2] = {0, 0};  // of a row, in one pass and in two
    bool sleeps = false;
    int since = 0;
  };
  static size_t kindOf(int rows) {
    size_t kind = 0;
    while (rows >>= 1)
      kind++;
    return kind;
  }
  std::array<Kind, 16> kinds_;  // by the rows' power of two; a pass has at most 512
};

}  // namespace zen

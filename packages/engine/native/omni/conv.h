// Convolutions over time as products of rows, with the rows that the next call still needs: however a signal is cut,
// every sample comes out the same. Signals lie by time: [rows][channels].
#pragma once
#include <string>
#include <vector>

#include "omni/linear.h"
#include "model/memory.h"
#include "model/tensor_files.h"

namespace zen::omni {

struct Signal {
  std::vector<float> data;
  int rows = 0, channels = 0;
};

// What a convolution remembers of a session: the last rows of its input.
using History = std::vector<float>;

// kernel taps, `dilation` rows apart, the last one on the row itself; zeros before the beginning.
class CausalConv {
 public:
  CausalConv(const TensorFiles& files, const std::string& name, int in, int out, int kernel, int dilation = 1);
  void run(ThreadPool& pool, History& history, Signal& x) const;

 private:
  int in_, out_, kernel_, dilation_;
  Region weights_;  // [out][kernel][in]
  Linear linear_;
};

// Each channel by itself.
class DepthwiseConv {
 public:
  DepthwiseConv(const TensorFiles& files, const std::string& name, int channels, int kernel);
  void run(ThreadPool& pool, History& history, const Signal& x, Signal& out) const;

 private:
  int channels_, kernel_;
  std::vector<float> weights_, bias_;  // [kernel][channels]
};

// Stride rows from each row. With twice as many taps as the stride a row of the result needs two neighbouring rows of x,
// and both ends are cut by a stride: n rows give (n − 1) · stride, all that come later follow on.
class TransposedConv {
 public:
  TransposedConv(const TensorFiles& files, const std::string& name, int in, int out, int stride, bool twoRows);
  void run(ThreadPool& pool, History& history, Signal& x) const;

 private:
  int in_, out_, stride_;
  bool twoRows_;
  Region weights_;  // [stride][out][one or two rows of in]
  Linear linear_;
};

// x + sin²(x · e^alpha) / (e^beta + 1e-9), channel by channel.
class SnakeBeta {
 public:
  SnakeBeta(const TensorFiles& files, const std::string& name, int channels);
  void run(ThreadPool& pool, Signal& x) const;

 private:
  std::vector<float> frequency_, gain_;
};

}  // namespace zen::omni

// A stack of transformer layers with keys and values of its own: the talker, the code predictor and code2wav's own one
// differ in their shape only.
#pragma once
#include <string>
#include <vector>

#include "omni/linear.h"
#include "omni/omni_config.h"
#include "model/tensor_files.h"

namespace zen::omni {

// Time, height and width; all equal for what is no picture.
struct Position {
  int t, h, w;
};

// Keys and values of one sequence in float32: [layer][KV head], rows of headSize.
struct KvRows {
  std::vector<std::vector<float>> keys, values;
  int64_t length = 0;  // rows so far
  int64_t first = 0;   // rows that have left the window
};

class Stack {
 public:
  // `prefix` ends before "layers." and "norm.".
  Stack(const TensorFiles& files, const std::string& prefix, const StackShape& shape);

  const StackShape& shape() const { return shape_; }
  // Appends `rows` rows and turns x [rows][hidden] into what the last norm gives. Throws Failure("memory", …) only.
  void forward(ThreadPool& pool, KvRows& kv, const Position* positions, int rows, float* x) const;

 private:
  struct Expert {
    Matrix gate, up, down;
  };
  struct Layer {
    std::vector<float> inputNorm, postNorm, queryNorm, keyNorm, attentionScale, ffnScale;
    Linear query, key, value, output;
    Linear gate, up, down;  // of a mixture: the shared expert's
    Linear router, sharedGate;
    std::vector<Expert> experts;
  };
  struct Scratch;

  void prepare(KvRows& kv, int rows) const;
  void attention(Team& team, const Layer& layer, int number, KvRows& kv, int rows, Scratch& s) const;
  void feedForward(Team& team, const Layer& layer, int rows, Scratch& s) const;
  void mixture(Team& team, const Layer& layer, int rows, Scratch& s) const;
  void turns(const Position& position, float* cosSin) const;

  StackShape shape_;
  std::vector<Layer> layers_;
  std::vector<float> norm_;
  std::vector<float> frequencies_;  // [headSize / 2]
};

// x[i] = x[i] · sigmoid(x[i])
void silu(float* x, int n);

}  // namespace zen::omni

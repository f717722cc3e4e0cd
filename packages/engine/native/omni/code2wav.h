// Codes to samples: a transformer over frames, then convolutions that make 80 ms of 24 kHz from each.
#pragma once
#include <memory>
#include <vector>

#include "omni/conv.h"
#include "omni/stack.h"

namespace zen::omni {

class Code2Wav {
 public:
  // What a session has heard so far. Decoding goes on from there, so that pieces of any sizes give the samples of the
  // whole, bit for bit.
  struct State {
    KvRows kv;
    std::vector<History> histories;
    int64_t frames = 0;
  };

  Code2Wav(const TensorFiles& files, const Code2WavShape& shape);

  // Appends the samples of `frames` more frames, codes [frame][group], to `samples`: in all
  // shape.samplesAfter(state.frames), from −1 to 1.
  void decode(ThreadPool& pool, State& state, const int32_t* codes, int frames, std::vector<float>& samples) const;

 private:
  // ConvNeXt: a depthwise convolution, a norm, two products with GELU between them, added to the input.
  struct Mixer {
    DepthwiseConv depthwise;
    std::vector<float> normWeight, normBias, gamma;
    Linear wide, narrow;
  };
  struct Residual {
    SnakeBeta first;
    CausalConv dilated;
    SnakeBeta second;
    CausalConv pointwise;
  };
  struct Upsampling {
    TransposedConv rows;
    Mixer mixer;
  };
  struct Block {
    SnakeBeta activation;
    TransposedConv rows;
    std::vector<Residual> residuals;
  };

  void mix(ThreadPool& pool, const Mixer& mixer, History& history, Signal& x) const;
  void decodeSome(ThreadPool& pool, State& state, const int32_t* codes, int frames, std::vector<float>& samples) const;

  Code2WavShape shape_;
  Matrix embedding_;
  Stack stack_;
  std::vector<Upsampling> upsamplings_;
  std::unique_ptr<CausalConv> input_, output_;
  std::vector<Block> blocks_;
  std::unique_ptr<SnakeBeta> last_;
};

}  // namespace zen::omni

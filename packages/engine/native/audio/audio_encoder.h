// The Qwen3-Omni audio encoder: log-mel frames to rows of the thinker's hidden size.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "audio/audio_weights.h"
#include "kernels/threads.h"

namespace zen {

// A row's bits depend on the frames of its window alone, not on threads, instruction set or what else is computed.
// May be used from any thread; calls wait for each other.
class AudioEncoder {
 public:
  AudioEncoder(AudioShape shape, std::shared_ptr<const TensorFiles> files, int threads);

  const AudioShape& shape() const { return shape_; }

  // Appends to `rows` the strided(count) rows [width] of a chunk of 1 to 100 frames [melBins]. What is missing of a
  // padded chunk counts as zeros, as the reference has it wherever a whole chunk is in the same batch.
  void front(const float* frames, int count, bool padded, std::vector<float>& rows);
  // Appends to `out` [count][outputSize] for the rows of one window. Throws Failure where a result is no number.
  void window(const std::vector<float>& rows, int count, std::vector<float>& out);

 private:
  enum class After { Nothing, Gelu, Added };  // Added: to what is in y

  void linear(const Linear& by, const float* x, int rows, float* y, After after);
  void normalize(const LayerNorm& by, const float* x, int rows, float* y);
  void attention(int rows);
  // [bins][frames][channelsIn] to the columns of a strided convolution, one row for each place that comes out.
  void unfold(const float* x, int bins, int frames, int channels);

  const AudioShape shape_;
  const AudioWeights weights_;
  ThreadPool pool_;
  std::mutex running_;  // and what it needs:
  std::vector<std::vector<uint8_t>> scratch_;  // by thread
  std::vector<std::vector<float>> scores_;     // by thread
  std::vector<float> positions_;               // [kChunkRows][width]
  std::vector<float> columns_, planes_[2], x_, normed_, q_, k_, v_, mixed_, wide_, added_;
};

}  // namespace zen

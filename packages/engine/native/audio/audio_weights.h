// The audio encoder's tensors, by their places in the graph.
#pragma once
#include <memory>
#include <vector>

#include "audio/audio_shape.h"
#include "model/tensor_files.h"

namespace zen {

struct Linear {
  Matrix matrix;            // mapped
  std::vector<float> bias;  // empty: none
};
struct LayerNorm {
  std::vector<float> weight, bias;
};
struct AudioLayer {
  LayerNorm attentionNorm, ffnNorm;
  Linear q, k, v, out, up, down;
};

struct AudioWeights {
  std::shared_ptr<const TensorFiles> files;
  Linear convolution[3];  // rows: channels out; columns: channels in, 3 bins, 3 frames
  Linear front;           // columns: channel, then bin
  std::vector<AudioLayer> layers;
  LayerNorm norm;
  Linear inner, output;

  // Names as in the reference, as they are or after "audio_tower." or "thinker.audio_tower.". Throws Failure.
  AudioWeights(const AudioShape& shape, std::shared_ptr<const TensorFiles> files);
};

}  // namespace zen

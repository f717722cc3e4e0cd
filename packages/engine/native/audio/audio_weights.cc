#include "audio/audio_weights.h"

#include <string>

namespace zen {
namespace {

struct Reader {
  const TensorFiles& files;
  std::string prefix;

  Linear linear(const std::string& name, std::vector<int64_t> shape, bool bias = true) const {
    Linear out;
    out.matrix = files.matrix(prefix + name + ".weight", shape);
    if (bias) out.bias = files.vector(prefix + name + ".bias", shape[0]);
    return out;
  }
  LayerNorm norm(const std::string& name, int width) const {
    return {files.vector(prefix + name + ".weight", width), files.vector(prefix + name + ".bias", width)};
  }
};

std::string prefixIn(const TensorFiles& files) {
  for (const char* prefix : {"audio_tower.", "thinker.audio_tower."})
    if (files.has(std::string(prefix) + "conv2d1.weight")) return prefix;
  return "";
}

}  // namespace

AudioWeights::AudioWeights(const AudioShape& s, std::shared_ptr<const TensorFiles> from) : files(std::move(from)) {
  const Reader r{*files, prefixIn(*files)};
  for (int i = 0; i < 3; i++)
    convolution[i] = r.linear("conv2d" + std::to_string(i + 1), {s.channels, i == 0 ? 1 : s.channels, 3, 3});
  front = r.linear("conv_out", {s.width, int64_t{s.channels} * AudioShape::strided(s.melBins)}, false);
  for (int i = 0; i < s.layers; i++) {
    const std::string at = "layers." + std::to_string(i) + ".", attention = at + "self_attn.";
    AudioLayer layer;
    layer.attentionNorm = r.norm(at + "self_attn_layer_norm", s.width);
    layer.q = r.linear(attention + "q_proj", {s.width, s.width});
    layer.k = r.linear(attention + "k_proj", {s.width, s.width});
    layer.v = r.linear(attention + "v_proj", {s.width, s.width});
    layer.out = r.linear(attention + "out_proj", {s.width, s.width});
    layer.ffnNorm = r.norm(at + "final_layer_norm", s.width);
    layer.up = r.linear(at + "fc1", {s.ffnSize, s.width});
    layer.down = r.linear(at + "fc2", {s.width, s.ffnSize});
    layers.push_back(std::move(layer));
  }
  norm = r.norm("ln_post", s.width);
  inner = r.linear("proj1", {s.width, s.width});
  output = r.linear("proj2", {s.outputSize, s.width});
}

}  // namespace zen

#include "audio/audio_shape.h"

#include "model/fields.h"
#include "model/json.h"

namespace zen {

AudioShape AudioShape::parse(std::string_view text) {
  const Json json = Json::parse(text);
  Fields f(&json, "");
  if (f.value("thinker_config")) f = f.child("thinker_config");
  if (f.value("audio_config")) f = f.child("audio_config");
  AudioShape s;
  s.melBins = f.integer("num_mel_bins", 8, 256);
  s.channels = f.integer("downsample_hidden_size", 1, 4096);
  s.width = f.integer("d_model", 4, 16384);
  s.layers = f.integer("encoder_layers", 1, 256);
  s.heads = f.integer("encoder_attention_heads", 1, 256);
  s.ffnSize = f.integer("encoder_ffn_dim", 1, 65536);
  s.outputSize = f.integer("output_dim", 1, 65536);
  if (s.width % s.heads != 0) f.refuse("d_model", "must be a multiple of encoder_attention_heads");
  if (s.width % 2 != 0) f.refuse("d_model", "must be even");
  // The reference itself counts 13 rows a chunk whatever it is.
  f.integer("n_window", kChunkFrames / 2, kChunkFrames / 2);
  const int frames = f.integer("n_window_infer", kChunkFrames, 30 * kChunkFrames);
  if (frames % kChunkFrames != 0) f.refuse("n_window_infer", "must be a multiple of 100");
  s.windowChunks = frames / kChunkFrames;
  f.choice("activation_function", {"gelu"});
  return s;
}

}  // namespace zen

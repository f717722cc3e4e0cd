// The audio encoder's config.json as the reference writes it, checked.
#pragma once
#include <string_view>

namespace zen {

struct AudioShape {
  // A second of audio; the strides of three convolutions make 13 rows of it.
  static constexpr int kChunkFrames = 100, kChunkRows = 13;

  int melBins, channels, width, layers, heads, ffnSize, outputSize;
  int windowChunks;  // that attend to each other

  int headSize() const { return width / heads; }
  static int halved(int n) { return (n + 1) / 2; }
  // Of `n` frames or bins after the three strides.
  static int strided(int n) { return halved(halved(halved(n))); }
  int windowRows() const { return windowChunks * kChunkRows; }

  // Of the encoder itself, or of a model that has one as audio_config or thinker_config.audio_config. Throws Failure.
  static AudioShape parse(std::string_view json);
};

}  // namespace zen

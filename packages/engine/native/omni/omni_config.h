// config.json of a Qwen3-Omni checkpoint, as far as speaking needs it; checked completely.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ladder_config.h"

namespace zen::omni {

// A stack of transformer layers.
struct StackShape {
  int layers = 0, hidden = 0, heads = 0, kvHeads = 0, headSize = 0, ffn = 0;
  int contextTokens = 0;
  int window = 0;  // a row sees this many, itself included; 0: all before it
  float theta = 0, eps = 0;
  bool headNorm = false;    // of queries and keys
  bool layerScale = false;  // what attention and feed-forward add is scaled, column by column
  // Of headSize / 2 angles: how many turn with height and with width, every third from the second and third on; the
  // others turn with time.
  int heightAngles = 0, widthAngles = 0;
  ExpertShape experts = {};  // in place of the feed-forward, each `ffn` wide

  int queryWidth() const { return heads * headSize; }
  int kvWidth() const { return kvHeads * headSize; }
};

struct Code2WavShape {
  StackShape stack;
  int groups = 0, codes = 0;        // codebooks, and codes of each
  std::vector<int> ratios, rates;   // upsampling before and inside the decoder
  int decoderWidth = 0;

  // Samples that the first `frames` frames give: the decoder's transposed convolutions look one row ahead.
  int64_t samplesAfter(int64_t frames) const;
};

struct OmniConfig {
  int textVocab = 0, thinkerHidden = 0;
  int projectionWidth = 0;
  StackShape talker, predictor;
  int talkerVocab = 0;  // codes first, then what is no code
  Code2WavShape code2wav;
  int ttsPad = 0, ttsBos = 0, ttsEos = 0;                    // of the text vocabulary
  int nothink = 0, thinkBos = 0, thinkEos = 0, pad = 0, bos = 0, eos = 0;  // of the talker's
  std::vector<std::pair<std::string, int>> speakers;

  // Throws Failure.
  static OmniConfig parse(std::string_view json);
};

}  // namespace zen::omni

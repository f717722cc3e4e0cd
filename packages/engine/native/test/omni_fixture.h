// The tiny speaker of ../fixtures/omni and what the reference implementation made with it.
#pragma once
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "omni/talker.h"
#include "test/check.h"

namespace zen::test {

// Tests run in native/ (make check).
inline const std::string kOmniFolder = "../fixtures/omni/";

inline std::string textOfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline std::string omniConfig() { return textOfFile(kOmniFolder + "config.json"); }
inline std::vector<std::string> omniWeights() { return {kOmniFolder + "model.safetensors"}; }

struct OmniGolden {
  TensorFiles files{{kOmniFolder + "golden.safetensors"}};
  // Row by row.
  std::vector<float> reals(const char* name) const {
    const Matrix m = files.matrix(name, files.shape(name));
    std::vector<float> all(size_t(m.rows) * size_t(m.cols));
    for (int row = 0; row < m.rows; row++) dequantizeRow(m, row, &all[size_t(row) * size_t(m.cols)]);
    return all;
  }
  std::vector<int32_t> ids(const char* name) const {
    const std::vector<float> all = reals(name);
    return {all.begin(), all.end()};
  }
};

inline std::unique_ptr<omni::Talker> tinyTalker(int threads = 1, int contextTokens = 200, int speeches = 4) {
  return std::make_unique<omni::Talker>(omniConfig(), omniWeights(), omni::TalkerOptions{threads, contextTokens, speeches});
}

// As the goldens were made: the most likely codes.
inline omni::Voice greedyVoice(const char* speaker = "ethan") { return {speaker, 0, 0, 1, 1.05f, 0}; }

// The user's part of the golden prompt, and the three tokens that begin the answer.
struct OmniPrompt {
  omni::PromptRows user;
  std::vector<int32_t> begin;
};
inline OmniPrompt goldenPrompt(const OmniGolden& golden) {
  const std::vector<int32_t> all = golden.ids("prompt");
  OmniPrompt prompt;
  prompt.user.tokens.assign(all.begin() + 7, all.end() - 3);  // from <|im_start|>user on
  prompt.begin.assign(all.end() - 3, all.end());
  return prompt;
}

struct Spoken {
  std::vector<int32_t> codes;
  std::vector<float> samples;
  bool finished = false;
  bool contiguous = true;
};
// The whole answer, at most `frames` frames of it.
inline Spoken speakAll(omni::Talker& talker, int speech, const std::vector<int32_t>& answer, int frames) {
  Spoken spoken;
  for (int i = 0; i < frames; i++) {
    const int n = static_cast<int>(answer.size());
    const omni::SpeechFrame frame = talker.speak(speech, i < n ? answer[i] : i == n ? omni::kTextEnd : omni::kTextPad);
    if (frame.finished) {
      spoken.finished = true;
      return spoken;
    }
    spoken.contiguous &= frame.position == static_cast<int64_t>(spoken.samples.size());
    spoken.codes.insert(spoken.codes.end(), frame.codes.begin(), frame.codes.end());
    spoken.samples.insert(spoken.samples.end(), frame.samples.begin(), frame.samples.end());
  }
  return spoken;
}

}  // namespace zen::test

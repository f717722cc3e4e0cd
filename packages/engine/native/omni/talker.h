// Speech of a Qwen3-Omni checkpoint, frame by frame: any number of speeches over one model, one at a time in it.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "model/sampling.h"
#include "omni/code2wav.h"
#include "omni/code_predictor.h"
#include "omni/talker_model.h"

namespace zen::omni {

struct TalkerOptions {
  int threads = 1;         // 1 to 256
  int contextTokens = 1;   // of a speech: its prompt, 9 rows, and a row a frame; at most the model's own
  int speeches = 1;        // open at once, 1 to 4096
};

struct Voice {
  std::string speaker;
  float temperature = 0;  // 0: the most likely codes
  int topK = 0;
  float topP = 1, repetitionPenalty = 1;
  uint64_t seed = 0;
};

// Rows of a prompt: tokens, in place of some of which stand the thinker's hidden states.
struct PromptRows {
  std::vector<int32_t> tokens;
  std::vector<float> hidden;       // [hiddenAt][thinker's hidden]
  std::vector<int32_t> hiddenAt;   // ascending
  std::vector<int32_t> positions;  // [tokens][time, height, width]; empty: each after the one before
};

// What the talker reads beside its own last frame.
constexpr int32_t kTextEnd = -1, kTextPad = -2;

struct SpeechFrame {
  bool finished = false;       // the talker has ended; there is no frame
  std::vector<int32_t> codes;  // [groups]
  std::vector<float> samples;
  int64_t position = 0;  // of the first sample
};

class Talker {
 public:
  Talker(std::string_view config, const std::vector<std::string>& files, const TalkerOptions& options);
  ~Talker();

  const OmniConfig& config() const { return config_; }
  const TalkerOptions& options() const { return options_; }

  // All throw Failure. A speech takes prompt rows in any pieces, then the three tokens that begin the answer
  // (<|im_start|>, assistant, a line break), then for each frame one token of the answer, kTextEnd once after the last
  // of them, and kTextPad from then on.
  int open(const Voice& voice);
  void close(int speech);
  void prefill(int speech, const PromptRows& rows);
  void begin(int speech, const std::vector<int32_t>& tokens);
  SpeechFrame speak(int speech, int32_t text);

 private:
  struct Speech;
  enum class State : uint8_t;
  Speech& find(int speech);
  void forward(Speech& speech, const Position* positions, int rows, float* x);
  std::vector<float> textRows(const std::vector<int32_t>& tokens);
  int32_t firstCode(Speech& speech, const float* row);
  void checkToken(int32_t token) const;

  OmniConfig config_;
  TalkerOptions options_;
  TensorFiles files_;
  TalkerModel model_;
  CodePredictor predictor_;
  Code2Wav code2wav_;
  ThreadPool pool_;
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Speech>> speeches_;
  int next_ = 1;
  std::vector<float> end_, pad_, bos_;  // projections of the special text tokens
  SamplerScratch scratch_;
};

}  // namespace zen::omni

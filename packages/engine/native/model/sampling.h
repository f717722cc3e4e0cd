// What a request asks of the sampler, and the sampler's own state of a sequence.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/failure.h"

namespace zen {

// Logits that are no numbers: of one sequence, and no fault of the others in its step.
class NotFinite : public Failure {
 public:
  using Failure::Failure;
};

constexpr int kMaxTopLogprobs = 20;

struct Sampling {
  float temperature = 0;  // 0: the most likely token, lowest id where several are
  int topK = 0;           // 0: all
  float topP = 1, minP = 0;
  float repetitionPenalty = 1;                      // over prompt and output
  float presencePenalty = 0, frequencyPenalty = 0;  // over output
  std::vector<std::pair<int32_t, float>> logitBias;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  std::vector<int32_t> stopTokens;
  int logprobs = -1;

  // Throws Failure that names field and limit.
  void check(int vocab) const;
};

struct Sampled {
  int32_t token = -1;
  float logprob;  // NaN where logprobs is −1
  int topCount = 0;
  int32_t topTokens[kMaxTopLogprobs];
  float topLogprobs[kMaxTopLogprobs];
};

struct Candidate {
  float logit;
  int32_t id;
};

// Reused by a thread from call to call.
struct SamplerScratch {
  std::vector<Candidate> candidates;
  std::vector<float> weights, raw;
  std::vector<int32_t> seen;
};

// The order of operations, as in Hugging Face's generate():
//   log-probabilities are those of the model's own logits;
//   repetition penalty (logit / r, or · r below zero, once per token of prompt and output);
//   presence and frequency penalties (− presence − frequency · count, over output); logit bias;
//   temperature 0: the largest logit; else temperature, top-k, top-p, min-p, and one draw that depends on seed and
//   position only.
// `logits` is changed. `history`: prompt and output so far. Throws NotFinite where a logit is NaN or plus infinity.
Sampled sample(const Sampling& sampling, const std::vector<int32_t>& history,
               const std::unordered_map<int32_t, int>& outputCounts, uint64_t position, float* logits, int vocab,
               SamplerScratch& scratch);

// Uniform in [0, 1) with 53 bits, a function of its arguments only (two rounds of splitmix64).
double uniformAt(uint64_t seed, uint64_t position);

}  // namespace zen

// A plain float32 forward pass of llama, qwen2 and qwen3 over whole sequences: "the source model" for calibration,
// quality and the engine's tests. It shares nothing with the engine's own graph.
#pragma once
#include <cstdint>
#include <vector>

namespace zen::quant {

struct ReferenceModel {
  int hidden, heads, kvHeads, headSize, ffn, vocab;
  float ropeTheta, rmsEps;
  bool ropeHalf;  // false: neighbours are rotated together
};

// Dense row-major weights of one layer; null where the architecture has none.
struct ReferenceLayer {
  const float *attnNorm, *q, *k, *v, *o, *ffnNorm, *gate, *up, *down;
  const float *qBias, *kBias, *vBias, *qNorm, *kNorm;
};

// Sums of x·xᵀ over tokens of each linear layer's input; null to skip.
struct Hessians {
  float *attnIn, *attnOut, *ffnIn, *ffnMid;
};

// x: [tokens, hidden], updated in place; `lengths` are the tokens of each sequence in order.
void ForwardLayer(const ReferenceModel& model, const ReferenceLayer& layer, const std::vector<int>& lengths, float* x,
                  const Hessians* capture);

// Its first half: the layer's feed-forward weights are not read.
void ForwardAttention(const ReferenceModel& model, const ReferenceLayer& layer, const std::vector<int>& lengths,
                      float* x, const Hessians* capture);

// logits: [tokens, vocab].
void Head(const ReferenceModel& model, const float* norm, const float* head, const float* x, int tokens, float* logits);

// Adds x·xᵀ of the head's input (the last hidden states, normalized) to `hessian` [hidden, hidden].
void AddHeadInput(const ReferenceModel& model, const float* norm, const float* x, int tokens, float* hessian);

// Which experts each row of a layer goes to.
struct Routing {
  std::vector<float> hidden;     // [tokens, hidden]: the normalized input of router and experts
  std::vector<int32_t> experts;  // [tokens, perToken], ascending in a row
  std::vector<float> gates;      // of each of them
  std::vector<float> shared;     // [tokens]: sigmoid of the shared expert's gate; empty without one
};

// The softmax over all experts' logits, its `perToken` largest (of equals the lowest number), divided by their sum
// where `normalized`. router: [experts, hidden]; sharedGate: [hidden] or null.
Routing Route(const ReferenceModel& model, int experts, int perToken, bool normalized, const float* norm,
              const float* router, const float* sharedGate, const float* x, int tokens);

// silu(h·gateᵀ)·(h·upᵀ)·downᵀ for rows h [rows, hidden]; `capture` uses ffnIn and ffnMid. out: [rows, hidden].
void ForwardExpert(int hidden, int ffn, const float* gate, const float* up, const float* down, const float* h, int rows,
                   float* out, const Hessians* capture);

// What one distribution says about another, token by token.
struct TokenDivergence {
  float kl;             // KL(reference ‖ test) in nats
  float referenceLoss;  // -ln p(target); NaN without a target (-1)
  float testLoss;
  float sameTop;        // 1 where both have the same most likely token
};
void CompareLogits(const float* reference, const float* test, const int32_t* targets, int tokens, int vocab,
                   TokenDivergence* out);

}  // namespace zen::quant

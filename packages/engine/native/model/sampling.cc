#include "model/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/failure.h"

namespace zen {
namespace {

// More likely first, lower ids first among equals: a total order, so that results do not depend on the algorithm.
bool before(const Candidate& a, const Candidate& b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

void range(const char* field, double value, double low, double high, const char* limit) {
  if (!(value >= low && value <= high)) throw Failure(field, limit);
}

uint64_t splitmix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Index of the largest logit; the lowest where several are.
int largest(const float* logits, int vocab) {
  constexpr int kLanes = 16;
  float lane[kLanes];
  for (float& most : lane)
    most = -std::numeric_limits<float>::infinity();
  int i = 0;
  for (; i + kLanes <= vocab; i += kLanes)
    for (int l = 0; l < kLanes; l++)
      lane[l] = logits[i + l] > lane[l] ? logits[i + l] : lane[l];
  for (; i < vocab; i++)
    lane[0] = logits[i] > lane[0] ? logits[i] : lane[0];
  const float most = *std::max_element(lane, lane + kLanes);
  for (int id = 0; id < vocab; id++)
    if (logits[id] == most) return id;
  return 0;
}

// The first logit that is NaN or plus infinity; −1: none. Minus infinity is one: such a token is never sampled.
int firstNoNumber(const float* logits, int vocab) {
  int count = 0;
  for (int i = 0; i < vocab; i++)
    count += !(logits[i] < std::numeric_limits<float>::infinity());
  if (count == 0) return -1;
  int at = 0;
  while (logits[at] < std::numeric_limits<float>::infinity())
    at++;
  return at;
}

double logSumExp(const float* logits, int vocab, float most) {
  double sum = 0;
  for (int i = 0; i < vocab; i++)
    sum += std::exp(logits[i] - most);
  return most + std::log(sum);
}

void topLogprobs(const Sampling& s, const float* logits, int vocab, double total, SamplerScratch& scratch,
                 Sampled& out) {
  out.topCount = std::min(s.logprobs, vocab);
  if (out.topCount == 0) return;
  auto& all = scratch.candidates;
  all.clear();
  // A heap of the best so far; its front is the worst of them.
  for (int i = 0; i < vocab; i++) {
    const Candidate c{logits[i], i};
    if (static_cast<int>(all.size()) < out.topCount) {
      all.push_back(c);
      std::push_heap(all.begin(), all.end(), before);
    } else if (before(c, all.front())) {
      std::pop_heap(all.begin(), all.end(), before);
      all.back() = c;
      std::push_heap(all.begin(), all.end(), before);
    }
  }
  std::sort_heap(all.begin(), all.end(), before);
  for (int i = 0; i < out.topCount; i++) {
    out.topTokens[i] = all[i].id;
    out.topLogprobs[i] = static_cast<float>(all[i].logit - total);
  }
}

void penalize(const Sampling& s, const std::vector<int32_t>& history,
              const std::unordered_map<int32_t, int>& outputCounts, float* logits, int vocab, SamplerScratch& scratch) {
  if (s.repetitionPenalty != 1) {
    auto& seen = scratch.seen;
    seen.assign(history.begin(), history.end());
    for (const auto& [token, count] : outputCounts)
      seen.push_back(token);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (int32_t token : seen) {
      if (token < 0 || token >= vocab) continue;  // rows of embeddings have no token
      float& logit = logits[token];
      logit = logit > 0 ? logit / s.repetitionPenalty : logit * s.repetitionPenalty;
    }
  }
  if (s.presencePenalty != 0 || s.frequencyPenalty != 0)
    for (const auto& [token, count] : outputCounts)
      logits[token] -= s.presencePenalty + s.frequencyPenalty * static_cast<float>(count);
  for (const auto& [token, bias] : s.logitBias)
    logits[token] += bias;
}

// Sorts more of `all` until `enough(sorted count)` or everything is sorted.
template <typename Enough>
void sortUntil(std::vector<Candidate>& all, Enough&& enough) {
  size_t sorted = 0, chunk = 64;
  while (sorted < all.size()) {
    const size_t end = std::min(all.size(), sorted + chunk);
    if (end < all.size())
      std::nth_element(all.begin() + static_cast<long>(sorted), all.begin() + static_cast<long>(end), all.end(),
                       before);
    std::sort(all.begin() + static_cast<long>(sorted), all.begin() + static_cast<long>(end), before);
    const size_t from = sorted;
    sorted = end;
    if (enough(from, sorted)) return;
    chunk *= 4;
  }
}

int32_t draw(const Sampling& s, uint64_t position, const float* logits, int vocab, SamplerScratch& scratch) {
  auto& all = scratch.candidates;
  auto& weights = scratch.weights;
  const float most = logits[largest(logits, vocab)];
  if (most == -std::numeric_limits<float>::infinity()) return 0;  // every token is forbidden alike
  const double inverse = 1.0 / static_cast<double>(s.temperature);
  const auto weight = [&](float logit) {
    return static_cast<float>(std::exp((static_cast<double>(logit) - most) * inverse));
  };
  all.clear();
  for (int i = 0; i < vocab; i++)
    all.push_back({logits[i], i});
  if (s.topK > 0 && s.topK < vocab) {
    std::nth_element(all.begin(), all.begin() + s.topK, all.end(), before);
    all.resize(static_cast<size_t>(s.topK));
  }
  // Mass of what is left after top-k; below min-p nothing needs to be sorted.
  double mass = 0;
  if (s.topP < 1)
    for (const Candidate& c : all)
      mass += weight(c.logit);
  const float floor = s.minP > 0 ? s.minP : 0;
  if (floor > 0)
    all.erase(std::remove_if(all.begin(), all.end(), [&](const Candidate& c) { return weight(c.logit) < floor; }),
              all.end());
  weights.clear();
  const double enoughMass = s.topP * mass;
  double reached = 0;
  const double u = uniformAt(s.seed, position);
  if (s.topP < 1) {
    // The fewest most likely tokens whose mass is at least top-p.
    sortUntil(all, [&](size_t from, size_t to) {
      for (size_t i = from; i < to; i++) {
        weights.push_back(weight(all[i].logit));
        reached += weights.back();
        if (reached >= enoughMass) return true;
      }
      return false;
    });
  } else {
    // nth_element leaves any order; the draw goes by ids.
    if (s.topK > 0)
      std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    for (const Candidate& c : all) {
      weights.push_back(weight(c.logit));
      reached += weights.back();
    }
  }
  double left = u * reached;
  for (size_t i = 0; i < weights.size(); i++) {
    left -= weights[i];
    if (left < 0) return all[i].id;
  }
  // Rounding may leave a rest; the last one with any weight takes it.
  for (size_t i = weights.size(); i-- > 0;)
    if (weights[i] > 0) return all[i].id;
  return all[0].id;
}

}  // namespace

void Sampling::check(int vocab) const {
  range("temperature", temperature, 0, 100, "must be from 0 to 100");
  range("topK", topK, 0, 1 << 30, "must be from 0 to 1073741824");
  range("topP", topP, 1e-9, 1, "must be above 0 and at most 1");
  range("minP", minP, 0, 1, "must be from 0 to 1");
  range("repetitionPenalty", repetitionPenalty, 0.01, 100, "must be from 0.01 to 100");
  range("presencePenalty", presencePenalty, -100, 100, "must be from -100 to 100");
  range("frequencyPenalty", frequencyPenalty, -100, 100, "must be from -100 to 100");
  range("logprobs", logprobs, -1, kMaxTopLogprobs, "must be from -1 to 20");
  range("logitBias", static_cast<double>(logitBias.size()), 0, 65536, "must have at most 65536 entries");
  for (const auto& [token, bias] : logitBias) {
    range("logitBiasTokens", token, 0, vocab - 1, "must be tokens of the vocabulary");
    range("logitBiasValues", bias, -1000, 1000, "must be from -1000 to 1000");
  }
  range("stopTokens", static_cast<double>(stopTokens.size()), 0, 64, "must have at most 64 entries");
  for (int32_t token : stopTokens)
    range("stopTokens", token, 0, vocab - 1, "must be tokens of the vocabulary");
  range("stop", static_cast<double>(stop.size()), 0, 64, "must have at most 64 texts");
  for (const std::string& text : stop)
    range("stop", static_cast<double>(text.size()), 1, 4096, "must have texts of 1 to 4096 bytes");
}

double uniformAt(uint64_t seed, uint64_t position) {
  uint64_t state = seed;
  uint64_t mixed = splitmix(state) ^ (position * 0xd1342543de82ef95u);
  splitmix(mixed);
  return static_cast<double>(splitmix(mixed) >> 11) * 0x1p-53;
}

Sampled sample(const Sampling& s, const std::vector<int32_t>& history,
               const std::unordered_map<int32_t, int>& outputCounts, uint64_t position, float* logits, int vocab,
               SamplerScratch& scratch) {
  const int bad = firstNoNumber(logits, vocab);
  if (bad >= 0) throw NotFinite("logits", "must be numbers; that of token " + std::to_string(bad) + " is not");
  Sampled out;
  out.logprob = std::numeric_limits<float>::quiet_NaN();
  double total = 0;
  const bool changed =
      s.repetitionPenalty != 1 || s.presencePenalty != 0 || s.frequencyPenalty != 0 || !s.logitBias.empty();
  if (s.logprobs >= 0) {
    total = logSumExp(logits, vocab, logits[largest(logits, vocab)]);
    topLogprobs(s, logits, vocab, total, scratch, out);
    if (changed) scratch.raw.assign(logits, logits + vocab);
  }
  penalize(s, history, outputCounts, logits, vocab, scratch);
  out.token = s.temperature == 0 ? largest(logits, vocab) : draw(s, position, logits, vocab, scratch);
  if (s.logprobs >= 0) out.logprob = static_cast<float>((changed ? scratch.raw[out.token] : logits[out.token]) - total);
  return out;
}

}  // namespace zen

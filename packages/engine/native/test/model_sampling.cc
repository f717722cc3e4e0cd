// The sampler against a naive one in double precision, its distribution, and stop texts against a plain search.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "check.h"
#include "kernels_cases.h"
#include "model/failure.h"
#include "model/sampling.h"
#include "model/stop_matcher.h"

using namespace zen;
using namespace zen::test;

namespace {

using Counts = std::unordered_map<int32_t, int>;
using History = std::vector<int32_t>;

struct Naive {
  std::vector<std::pair<double, int>> kept;  // weight, id: in the order of the draw
  std::vector<double> raw;                   // log-probabilities of the model
};

// The documented order, step by step, over full sorted lists.
Naive naive(const Sampling& s, const History& history, const Counts& counts, const std::vector<float>& logits) {
  const int vocab = int(logits.size());
  Naive out;
  std::vector<double> l(logits.begin(), logits.end());
  double sum = 0;
  for (double v : l)
    sum += std::exp(v);
  for (double v : l)
    out.raw.push_back(v - std::log(sum));
  std::vector<bool> seen(size_t(vocab), false);
  for (int32_t t : history)
    if (t >= 0) seen[size_t(t)] = true;
  for (const auto& [t, n] : counts)
    seen[size_t(t)] = true;
  for (int i = 0; i < vocab; i++)
    if (seen[size_t(i)])
      l[size_t(i)] = l[size_t(i)] > 0 ? l[size_t(i)] / s.repetitionPenalty : l[size_t(i)] * s.repetitionPenalty;
  for (const auto& [t, n] : counts)
    l[size_t(t)] -= double(s.presencePenalty) + double(s.frequencyPenalty) * n;
  for (const auto& [t, b] : s.logitBias)
    l[size_t(t)] += b;
  std::vector<int> order(size_t(vocab), 0);
  for (int i = 0; i < vocab; i++)
    order[size_t(i)] = i;
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return l[size_t(a)] > l[size_t(b)] || (l[size_t(a)] == l[size_t(b)] && a < b); });
  if (s.temperature == 0) {
    out.kept = {{1.0, order[0]}};
    return out;
  }
  const double top = l[size_t(order[0])];
  const auto weight = [&](int id) { return std::exp((l[size_t(id)] - top) / s.temperature); };
  if (s.topK > 0 && s.topK < vocab) order.resize(size_t(s.topK));
  double mass = 0, reached = 0;
  for (int id : order)
    mass += weight(id);
  for (int id : order) {
    if (s.topP < 1 && reached >= s.topP * mass) break;
    reached += weight(id);
    if (weight(id) >= s.minP) out.kept.push_back({weight(id), id});
  }
  if (s.topP >= 1) std::sort(out.kept.begin(), out.kept.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return out;
}

// Token that `u` falls on; `margin`: how far from a neighbour's share, to leave out what rounding decides.
int drawn(const Naive& n, double u, double& margin) {
  double sum = 0, at = 0;
  for (const auto& [w, id] : n.kept)
    sum += w;
  margin = 1;
  for (const auto& [w, id] : n.kept) {
    margin = std::min(margin, std::fabs(u - (at + w) / sum));
    if (u < (at + w) / sum) return id;
    at += w;
  }
  return n.kept.back().second;
}

Sampling randomSampling(Random& random, int vocab) {
  Sampling s;
  s.temperature = below(random, 5) == 0 ? 0.0f : 0.2f + std::fabs(real(random, 1.5f));
  s.topK = below(random, 2) ? 1 + below(random, vocab + 20) : 0;
  s.topP = below(random, 2) ? 0.05f + std::fabs(real(random, 0.9f)) : 1.0f;
  s.minP = below(random, 3) == 0 ? std::fabs(real(random, 0.3f)) : 0.0f;
  s.repetitionPenalty = below(random, 3) == 0 ? 1.3f : 1.0f;
  s.presencePenalty = below(random, 3) == 0 ? real(random, 2) : 0.0f;
  s.frequencyPenalty = below(random, 3) == 0 ? real(random, 2) : 0.0f;
  if (below(random, 3) == 0) s.logitBias = {{below(random, vocab), real(random, 8)}, {0, -100.0f}};
  s.seed = random();
  s.logprobs = below(random, 22) - 1;
  return s;
}

void againstNaive() {
  Random random(3);
  SamplerScratch scratch;
  int close = 0;
  for (int round = 0; round < 3000; round++) {
    const int vocab = 1 + below(random, round % 10 == 0 ? 700 : 60);
    std::vector<float> logits(size_t(vocab), 0.0f);
    for (float& l : logits)
      l = below(random, 4) == 0 ? float(below(random, 3)) : real(random, 6);  // with ties
    const Sampling s = randomSampling(random, vocab);
    History history;
    Counts counts;
    for (int i = below(random, 6); i > 0; i--)
      history.push_back(below(random, vocab + 1) - 1);
    for (int i = below(random, 4); i > 0; i--)
      counts[below(random, vocab)]++;
    const Naive expected = naive(s, history, counts, logits);
    const uint64_t position = random() % 1000;
    std::vector<float> own = logits;
    const Sampled got = sample(s, history, counts, position, own.data(), vocab, scratch);
    double margin;
    const int token = drawn(expected, uniformAt(s.seed, position), margin);
    // Where float and double may disagree about a filter's border, only membership can be checked.
    if (s.temperature == 0 || (s.topP == 1 && s.minP == 0 && margin > 1e-4))
      CHECK(got.token == token);
    else if (got.token != token)
      close++;
    if (s.logprobs < 0) {
      CHECK(std::isnan(got.logprob) && got.topCount == 0);
      continue;
    }
    CHECK(std::fabs(got.logprob - expected.raw[size_t(got.token)]) < 1e-4);
    CHECK(got.topCount == std::min(s.logprobs, vocab));
    std::vector<int> order(size_t(vocab), 0);
    for (int i = 0; i < vocab; i++)
      order[size_t(i)] = i;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[size_t(a)] > logits[size_t(b)]; });
    for (int i = 0; i < got.topCount; i++) {
      CHECK(got.topTokens[i] == order[size_t(i)]);
      CHECK(std::fabs(got.topLogprobs[i] - expected.raw[size_t(order[size_t(i)])]) < 1e-4);
    }
  }
  CHECK(close < 10);
}

// Chi-square of 40,000 draws of 6 tokens (5 degrees of freedom: 20.5 is passed once in a thousand).
void distribution() {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f, 0.5f, 0.0f};
  Sampling s;
  s.temperature = 1;
  SamplerScratch scratch;
  std::vector<int> hits(6, 0);
  const Naive expected = naive(s, {}, {}, logits);
  for (uint64_t i = 0; i < 40000; i++) {
    s.seed = i / 200;
    std::vector<float> own = logits;
    hits[size_t(sample(s, {}, {}, i % 200, own.data(), 6, scratch).token)]++;
  }
  double chi = 0;
  for (int i = 0; i < 6; i++) {
    const double want = 40000 * std::exp(expected.raw[size_t(i)]);
    chi += (hits[size_t(i)] - want) * (hits[size_t(i)] - want) / want;
  }
  CHECK(chi < 20.5);
}

std::string refusal(const Sampling& s) {
  try {
    s.check(100);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

void extremes() {
  SamplerScratch scratch;
  const float infinity = std::numeric_limits<float>::infinity();
  Sampling s;
  s.temperature = 1;
  std::vector<float> forbidden(5, -infinity);
  CHECK(sample(s, {}, {}, 0, forbidden.data(), 5, scratch).token == 0);
  forbidden[3] = 1;
  CHECK(sample(s, {}, {}, 0, forbidden.data(), 5, scratch).token == 3);
  std::vector<float> bad = {1, std::nanf(""), 2};
  std::string message;
  try {
    sample(s, {}, {}, 0, bad.data(), 3, scratch);
  } catch (const Failure& failure) {
    message = failure.what();
  }
  CHECK(message == "logits must be numbers; that of token 1 is not");
  bad[1] = infinity;
  message.clear();
  try {
    sample(s, {}, {}, 0, bad.data(), 3, scratch);
  } catch (const NotFinite& failure) {
    message = failure.what();
  }
  CHECK(message == "logits must be numbers; that of token 1 is not");
  std::vector<float> ties(40, 1.5f);
  s.temperature = 0;
  CHECK(sample(s, {}, {}, 0, ties.data(), 40, scratch).token == 0);
  const auto with = [](auto change) {
    Sampling one;
    change(one);
    return refusal(one);
  };
  CHECK(with([](Sampling&) {}).empty());
  CHECK(with([](Sampling& o) { o.temperature = -1; }) == "temperature must be from 0 to 100");
  CHECK(with([](Sampling& o) { o.temperature = std::nanf(""); }) == "temperature must be from 0 to 100");
  CHECK(with([](Sampling& o) { o.topP = 0; }) == "topP must be above 0 and at most 1");
  CHECK(with([](Sampling& o) { o.repetitionPenalty = 0; }) == "repetitionPenalty must be from 0.01 to 100");
  CHECK(with([](Sampling& o) { o.logprobs = 21; }) == "logprobs must be from -1 to 20");
  CHECK(with([](Sampling& o) { o.logitBias = {{100, 1.0f}}; }) == "logitBiasTokens must be tokens of the vocabulary");
  CHECK(with([](Sampling& o) { o.stopTokens = {-1}; }) == "stopTokens must be tokens of the vocabulary");
  CHECK(with([](Sampling& o) { o.stop = {""}; }) == "stop must have texts of 1 to 4096 bytes");
}

// First position where a stop text is complete, found in the whole output.
void stops() {
  Random random(11);
  int found = 0;
  for (int round = 0; round < 2000; round++) {
    std::vector<std::string> texts(size_t(1 + below(random, 3)));
    for (std::string& text : texts)
      for (int i = 1 + below(random, 4); i > 0; i--)
        text += char('a' + below(random, 2));
    StopMatcher matcher(texts);
    std::string all;
    for (int piece = 0; piece < 12; piece++) {
      std::string bytes;
      for (int i = below(random, 4); i > 0; i--)
        bytes += char('a' + below(random, 3));
      all += bytes;
      size_t first = std::string::npos;
      int expected = -1;
      for (size_t i = 0; i < texts.size(); i++)
        if (all.find(texts[i]) < first) {
          first = all.find(texts[i]);
          expected = int(i);
        }
      const int got = matcher.append(bytes);
      CHECK(got == expected);
      if (got >= 0) {
        found++;
        break;
      }
    }
  }
  CHECK(found > 500);
  StopMatcher none({});
  CHECK(none.append("anything") == -1);
}

}  // namespace

int main() {
  againstNaive();
  distribution();
  extremes();
  stops();
  return report("model_sampling");
}

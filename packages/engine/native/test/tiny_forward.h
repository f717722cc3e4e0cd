// The forward pass in double precision by straight loops over dense weights: the measure for the graph. It shares
// nothing with the engine.
#pragma once
#include <algorithm>

#include "tiny_ladder.h"

namespace zen::test {

using Doubles = std::vector<double>;

inline Doubles times(const std::vector<float>& w, const Doubles& x, size_t rows) {
  Doubles y(rows);
  const size_t cols = w.size() / rows;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++)
      y[r] += double(w[r * cols + c]) * x[c];
  return y;
}
inline void norm(const double* x, const std::vector<float>& w, size_t n, double* y) {
  double squares = 0;
  for (size_t i = 0; i < n; i++)
    squares += x[i] * x[i];
  const double inverse = 1 / std::sqrt(squares / double(n) + 1e-5);
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] * inverse * w[i];
}
inline void rotate(double* head, int size, int position, bool half) {
  for (int i = 0; i < size / 2; i++) {
    const double angle = position * std::pow(10000.0, -2.0 * i / size);
    double& a = head[half ? i : 2 * i];
    double& b = head[half ? i + size / 2 : 2 * i + 1];
    const double x = a, y = b;
    a = x * std::cos(angle) - y * std::sin(angle);
    b = x * std::sin(angle) + y * std::cos(angle);
  }
}

// Logits of every token: [tokens][vocab]. `changed`: weights in place of the ladder's.
inline std::vector<Doubles> forward(const TinyLadder& ladder, int stage, const std::vector<int32_t>& tokens,
                                    const std::map<std::string, std::vector<float>>& changed = {}) {
  const TinyShape& s = ladder.shape();
  const size_t h = s.hidden, q = size_t(s.heads) * s.headSize, k = size_t(s.kvHeads) * s.headSize, f = s.ffn;
  const auto w = [&](const std::string& name) -> const std::vector<float>& {
    const auto found = changed.find(name);
    return found == changed.end() ? ladder.values(name, stage) : found->second;
  };
  std::vector<Doubles> x(tokens.size(), Doubles(h));
  for (size_t t = 0; t < tokens.size(); t++)
    for (size_t i = 0; i < h; i++)
      x[t][i] = w("token_embd.weight")[size_t(tokens[t]) * h + i];
  for (int layer = 0; layer < s.layers; layer++) {
    const std::string at = "blk." + std::to_string(layer) + ".";
    std::vector<Doubles> keys, values;
    for (size_t t = 0; t < tokens.size(); t++) {
      Doubles in(h);
      norm(x[t].data(), w(at + "attn_norm.weight"), h, in.data());
      Doubles query = times(w(at + "attn_q.weight"), in, q), key = times(w(at + "attn_k.weight"), in, k),
              value = times(w(at + "attn_v.weight"), in, k);
      if (ladder.has(at + "attn_q.bias")) {
        for (size_t i = 0; i < q; i++)
          query[i] += w(at + "attn_q.bias")[i];
        for (size_t i = 0; i < k; i++)
          key[i] += w(at + "attn_k.bias")[i];
        for (size_t i = 0; i < k; i++)
          value[i] += w(at + "attn_v.bias")[i];
      }
      const auto heads = [&](Doubles& all, int count, const std::string& normName) {
        for (int i = 0; i < count; i++) {
          double* head = all.data() + i * s.headSize;
          if (ladder.has(at + normName)) norm(head, w(at + normName), size_t(s.headSize), head);
          rotate(head, s.headSize, int(t), std::string(s.rope) == "half");
        }
      };
      heads(query, s.heads, "attn_q_norm.weight");
      heads(key, s.kvHeads, "attn_k_norm.weight");
      keys.push_back(key);
      values.push_back(value);
      Doubles mixed(q);
      for (int head = 0; head < s.heads; head++) {
        const int kv = head / (s.heads / s.kvHeads) * s.headSize, own = head * s.headSize;
        Doubles score(t + 1);
        double sum = 0;
        for (size_t p = 0; p <= t; p++) {
          for (int d = 0; d < s.headSize; d++)
            score[p] += query[own + d] * keys[p][kv + d];
          score[p] = std::exp(score[p] / std::sqrt(double(s.headSize)));
          sum += score[p];
        }
        for (size_t p = 0; p <= t; p++)
          for (int d = 0; d < s.headSize; d++)
            mixed[own + d] += score[p] / sum * values[p][kv + d];
      }
      const Doubles out = times(w(at + "attn_output.weight"), mixed, h);
      for (size_t i = 0; i < h; i++)
        x[t][i] += out[i];
      norm(x[t].data(), w(at + "ffn_norm.weight"), h, in.data());
      const auto feedForward = [&](const std::string& which, size_t width, double weight) {
        Doubles gate = times(w(at + "ffn_gate" + which + ".weight"), in, width),
                up = times(w(at + "ffn_up" + which + ".weight"), in, width);
        for (size_t i = 0; i < width; i++)
          gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
        const Doubles down = times(w(at + "ffn_down" + which + ".weight"), gate, h);
        for (size_t i = 0; i < h; i++)
          x[t][i] += weight * down[i];
      };
      if (s.experts == 0) {
        feedForward("", f, 1);
        continue;
      }
      Doubles chance = times(w(at + "ffn_gate_inp.weight"), in, size_t(s.experts));
      double all = 0, taken = 0;
      for (double& v : chance)
        all += v = std::exp(v);
      Doubles sorted = chance;
      std::sort(sorted.rbegin(), sorted.rend());
      for (int i = 0; i < s.perToken; i++)
        taken += sorted[size_t(i)];
      for (int e = 0; e < s.experts; e++)
        if (chance[size_t(e)] >= sorted[size_t(s.perToken) - 1])
          feedForward("." + std::to_string(e), f, chance[size_t(e)] / (s.normalized ? taken : all));
      if (s.sharedFfn > 0)
        feedForward("_shexp", size_t(s.sharedFfn), 1 / (1 + std::exp(-times(w(at + "ffn_gate_inp_shexp.weight"), in, 1)[0])));
    }
  }
  std::vector<Doubles> logits;
  for (Doubles& row : x) {
    norm(row.data(), w("output_norm.weight"), h, row.data());
    logits.push_back(times(w(s.tied ? "token_embd.weight" : "output.weight"), row, size_t(s.vocab)));
  }
  return logits;
}

}  // namespace zen::test

#include "reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "exponential.h"
#include "gemm.h"
#include "parallel.h"
#include "quantize.h"

namespace zen::quant {
namespace {

void RmsNorm(const float* x, const float* weight, int rows, int size, float eps, float* out) {
  ParallelFor(rows, 16, [&](int begin, int end) {
    for (int r = begin; r < end; r++) {
      const float* from = x + static_cast<size_t>(r) * size;
      float* to = out + static_cast<size_t>(r) * size;
      double sum = 0;
      for (int i = 0; i < size; i++) sum += static_cast<double>(from[i]) * from[i];
      const float scale = static_cast<float>(1.0 / std::sqrt(sum / size + eps));
      for (int i = 0; i < size; i++) to[i] = from[i] * scale * weight[i];
    }
  });
}

// out[tokens, outs] = x · weightᵀ (+ bias)
void Linear(const float* x, const float* weight, const float* bias, int tokens, int outs, int ins, float* out) {
  Gemm(tokens, outs, ins, RowMajor(x, ins), Transposed(weight, ins), out, outs, false);
  if (bias == nullptr) return;
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < outs; i++) out[static_cast<size_t>(t) * outs + i] += bias[i];
  }
}

void Rotate(const ReferenceModel& model, int position, int heads, float* x) {
  const int half = model.headSize / 2;
  for (int i = 0; i < half; i++) {
    const double angle = position * std::pow(static_cast<double>(model.ropeTheta), -2.0 * i / model.headSize);
    const float c = static_cast<float>(std::cos(angle)), s = static_cast<float>(std::sin(angle));
    const int first = model.ropeHalf ? i : 2 * i, second = model.ropeHalf ? i + half : 2 * i + 1;
    for (int h = 0; h < heads; h++) {
      float* head = x + static_cast<size_t>(h) * model.headSize;
      const float a = head[first], b = head[second];
      head[first] = a * c - b * s;
      head[second] = a * s + b * c;
    }
  }
}

void CausalSoftmax(float* scores, int n, float scale) {
  for (int i = 0; i < n; i++) {
    float* row = scores + static_cast<size_t>(i) * n;
    float top = row[0];
    for (int j = 1; j <= i; j++) top = std::max(top, row[j]);
    const float share = 1.0f / ExpSum(row, i + 1, top, scale);
    for (int j = 0; j <= i; j++) row[j] *= share;
    std::memset(row + i + 1, 0, sizeof(float) * (n - i - 1));
  }
}

void Attention(const ReferenceModel& m, const std::vector<int>& lengths, const float* q, const float* k,
               const float* v, float* out) {
  const int qWidth = m.heads * m.headSize, kWidth = m.kvHeads * m.headSize, share = m.heads / m.kvHeads;
  std::vector<int> starts;
  int at = 0;
  for (int n : lengths) {
    starts.push_back(at);
    at += n;
  }
  const int jobs = static_cast<int>(lengths.size()) * m.heads;
  ParallelFor(jobs, 1, [&](int begin, int end) {
    std::vector<float> scores;
    for (int job = begin; job < end; job++) {
      const int sequence = job / m.heads, head = job % m.heads;
      const int n = lengths[sequence];
      const size_t start = starts[sequence];
      scores.resize(static_cast<size_t>(n) * n);
      const float* qh = q + start * qWidth + head * m.headSize;
      const float* kh = k + start * kWidth + head / share * m.headSize;
      const float* vh = v + start * kWidth + head / share * m.headSize;
      Gemm(n, n, m.headSize, {qh, qWidth, 1}, {kh, 1, kWidth}, scores.data(), n, false, true);
      CausalSoftmax(scores.data(), n, 1.0f / std::sqrt(static_cast<float>(m.headSize)));
      Gemm(n, m.headSize, n, RowMajor(scores.data(), n), {vh, kWidth, 1},
           out + start * qWidth + head * m.headSize, qWidth, false, true);
    }
  });
}

// Adds x·xᵀ summed over tokens, within the spans that coding looks at. The products below the diagonal are copied from
// above it.
void AddOuter(const float* x, int tokens, int size, float* hessian) {
  if (hessian == nullptr) return;
  constexpr int kStrip = 192;
  const int span = SpanOf(size);
  for (int begin = 0; begin < size; begin += span) {
    const int n = std::min(span, size - begin);
    float* block = hessian + static_cast<size_t>(begin) * size + begin;
    for (int j = 0; j < n; j += kStrip) {
      const int width = std::min(kStrip, n - j);
      Gemm(j + width, width, tokens, Transposed(x + begin, size), RowMajor(x + begin + j, size), block + j, size, true);
    }
    for (size_t i = 1; i < static_cast<size_t>(n); i++) {
      for (size_t j = 0; j < i; j++) block[i * size + j] = block[j * size + i];
    }
  }
}

void AddTo(float* x, const float* more, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] += more[i];
}

}  // namespace

void ForwardAttention(const ReferenceModel& m, const ReferenceLayer& w, const std::vector<int>& lengths, float* x,
                      const Hessians* capture) {
  int tokens = 0;
  for (int n : lengths) tokens += n;
  const int qWidth = m.heads * m.headSize, kWidth = m.kvHeads * m.headSize;
  const size_t t = tokens;
  std::vector<float> h(t * m.hidden), q(t * qWidth), k(t * kWidth), v(t * kWidth), mixed(t * qWidth);
  RmsNorm(x, w.attnNorm, tokens, m.hidden, m.rmsEps, h.data());
  if (capture) AddOuter(h.data(), tokens, m.hidden, capture->attnIn);
  Linear(h.data(), w.q, w.qBias, tokens, qWidth, m.hidden, q.data());
  Linear(h.data(), w.k, w.kBias, tokens, kWidth, m.hidden, k.data());
  Linear(h.data(), w.v, w.vBias, tokens, kWidth, m.hidden, v.data());
  if (w.qNorm) RmsNorm(q.data(), w.qNorm, tokens * m.heads, m.headSize, m.rmsEps, q.data());
  if (w.kNorm) RmsNorm(k.data(), w.kNorm, tokens * m.kvHeads, m.headSize, m.rmsEps, k.data());
  ParallelFor(static_cast<int>(lengths.size()), 1, [&](int begin, int end) {
    size_t at = 0;
    for (int s = 0; s < begin; s++) at += lengths[s];
    for (int s = begin; s < end; s++) {
      for (int p = 0; p < lengths[s]; p++, at++) {
        Rotate(m, p, m.heads, q.data() + at * qWidth);
        Rotate(m, p, m.kvHeads, k.data() + at * kWidth);
      }
    }
  });
  Attention(m, lengths, q.data(), k.data(), v.data(), mixed.data());
  if (capture) AddOuter(mixed.data(), tokens, qWidth, capture->attnOut);
  Linear(mixed.data(), w.o, nullptr, tokens, m.hidden, qWidth, h.data());
  AddTo(x, h.data(), t * m.hidden);
}

void ForwardExpert(int hidden, int ffn, const float* gate, const float* up, const float* down, const float* h, int rows,
                   float* out, const Hessians* capture) {
  std::vector<float> mid(static_cast<size_t>(rows) * ffn), ups(mid.size());
  if (capture) AddOuter(h, rows, hidden, capture->ffnIn);
  Linear(h, gate, nullptr, rows, ffn, hidden, mid.data());
  Linear(h, up, nullptr, rows, ffn, hidden, ups.data());
  ParallelFor(rows, 16, [&](int begin, int end) {
    const size_t from = static_cast<size_t>(begin) * ffn;
    SwiGlu(mid.data() + from, ups.data() + from, (end - begin) * ffn);
  });
  if (capture) AddOuter(mid.data(), rows, ffn, capture->ffnMid);
  Linear(mid.data(), down, nullptr, rows, hidden, ffn, out);
}

void ForwardLayer(const ReferenceModel& m, const ReferenceLayer& w, const std::vector<int>& lengths, float* x,
                  const Hessians* capture) {
  ForwardAttention(m, w, lengths, x, capture);
  int tokens = 0;
  for (int n : lengths) tokens += n;
  std::vector<float> h(static_cast<size_t>(tokens) * m.hidden), out(h.size());
  RmsNorm(x, w.ffnNorm, tokens, m.hidden, m.rmsEps, h.data());
  ForwardExpert(m.hidden, m.ffn, w.gate, w.up, w.down, h.data(), tokens, out.data(), capture);
  AddTo(x, out.data(), out.size());
}

Routing Route(const ReferenceModel& m, int experts, int perToken, bool normalized, const float* norm,
              const float* router, const float* sharedGate, const float* x, int tokens) {
  const size_t t = tokens;
  Routing r{std::vector<float>(t * m.hidden), std::vector<int32_t>(t * perToken), std::vector<float>(t * perToken), {}};
  RmsNorm(x, norm, tokens, m.hidden, m.rmsEps, r.hidden.data());
  std::vector<float> share(t * experts);
  Linear(r.hidden.data(), router, nullptr, tokens, experts, m.hidden, share.data());
  std::vector<int> order(experts);
  for (size_t row = 0; row < t; row++) {
    float* p = share.data() + row * experts;
    const float top = *std::max_element(p, p + experts);
    float sum = 0;
    for (int e = 0; e < experts; e++) sum += p[e] = std::exp(p[e] - top);
    for (int e = 0; e < experts; e++) {
      p[e] /= sum;
      order[e] = e;
    }
    std::partial_sort(order.begin(), order.begin() + perToken, order.end(),
                      [p](int a, int b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
    std::sort(order.begin(), order.begin() + perToken);
    float chosen = 0;
    for (int k = 0; k < perToken; k++) chosen += p[order[k]];
    for (int k = 0; k < perToken; k++) {
      r.experts[row * perToken + k] = order[k];
      r.gates[row * perToken + k] = normalized ? p[order[k]] / chosen : p[order[k]];
    }
  }
  if (sharedGate == nullptr) return r;
  r.shared.resize(t);
  Linear(r.hidden.data(), sharedGate, nullptr, tokens, 1, m.hidden, r.shared.data());
  for (float& gate : r.shared) gate = 1.0f / (1.0f + std::exp(-gate));
  return r;
}

void AddHeadInput(const ReferenceModel& m, const float* norm, const float* x, int tokens, float* hessian) {
  std::vector<float> h(static_cast<size_t>(tokens) * m.hidden);
  RmsNorm(x, norm, tokens, m.hidden, m.rmsEps, h.data());
  AddOuter(h.data(), tokens, m.hidden, hessian);
}

void Head(const ReferenceModel& m, const float* norm, const float* head, const float* x, int tokens, float* logits) {
  std::vector<float> h(static_cast<size_t>(tokens) * m.hidden);
  RmsNorm(x, norm, tokens, m.hidden, m.rmsEps, h.data());
  Linear(h.data(), head, nullptr, tokens, m.vocab, m.hidden, logits);
}

namespace {

struct LogSum {
  float top;
  int best;
  double log;  // ln Σ exp(z - top)
};

// `scratch` receives exp(z - top).
LogSum LogSumOf(const float* z, int n, float* scratch) {
  const int best = static_cast<int>(std::max_element(z, z + n) - z);
  std::memcpy(scratch, z, sizeof(float) * n);
  return {z[best], best, std::log(static_cast<double>(ExpSum(scratch, n, z[best], 1.0f)))};
}

}  // namespace

void CompareLogits(const float* reference, const float* test, const int32_t* targets, int tokens, int vocab,
                   TokenDivergence* out) {
  ParallelFor(tokens, 1, [&](int begin, int end) {
    std::vector<float> mass(vocab), unused(vocab);
    for (int t = begin; t < end; t++) {
      const float* a = reference + static_cast<size_t>(t) * vocab;
      const float* b = test + static_cast<size_t>(t) * vocab;
      const LogSum la = LogSumOf(a, vocab, mass.data()), lb = LogSumOf(b, vocab, unused.data());
      // Σ p·((a - la) - (b - lb)) with p = mass / exp(la.log)
      double gap = 0;
      for (int i = 0; i < vocab; i++) gap += mass[i] * static_cast<double>(a[i] - b[i]);
      const double kl = gap / std::exp(la.log) - (la.top + la.log) + (lb.top + lb.log);
      const int target = targets[t];
      const float none = std::nanf("");
      out[t] = {static_cast<float>(kl), target < 0 ? none : static_cast<float>(la.log - (a[target] - la.top)),
                target < 0 ? none : static_cast<float>(lb.log - (b[target] - lb.top)), la.best == lb.best ? 1.f : 0.f};
    }
  });
}

}  // namespace zen::quant

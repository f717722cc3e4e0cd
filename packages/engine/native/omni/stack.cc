#include "omni/stack.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/floats.h"
#include "model/routing.h"
#include "quant/clones.h"

namespace zen::omni {
namespace {

// sum += weight · x; a product and then a sum, column by column, so that it is the same on every machine.
ZEN_CLONES void addScaled(const float* x, float weight, int n, float* sum) {
  for (int i = 0; i < n; i++) sum[i] = sum[i] + weight * x[i];
}
ZEN_CLONES void addScaledBy(const float* x, const float* weights, int n, float* sum) {
  for (int i = 0; i < n; i++) sum[i] = sum[i] + weights[i] * x[i];
}

// Rotates the halves of one head against each other.
void rotate(float* x, int headSize, const float* cosSin) {
  const int half = headSize / 2;
  for (int i = 0; i < half; i++) {
    const float c = cosSin[i], s = cosSin[half + i], a = x[i], b = x[half + i];
    x[i] = a * c - b * s;
    x[half + i] = b * c + a * s;
  }
}

}  // namespace

void silu(float* x, int n) {
  for (int i = 0; i < n; i++) x[i] = x[i] * sigmoid(x[i]);
}

// Of one pass; all threads of the region write their own places.
struct Stack::Scratch {
  float* x = nullptr;  // [rows][hidden], the residual stream
  std::vector<float> normed, added;         // [rows][hidden]
  std::vector<float> query, key, value;     // [rows][heads · headSize]
  std::vector<float> gate, up;              // [rows][ffn]
  std::vector<float> turns;                 // [rows][headSize]
  std::vector<std::vector<float>> scores;   // of a thread: [heads of a KV head][keys]
  int64_t firstKey = 0;                     // position of the first kept key
  int64_t position = 0;                     // of the first row
  // Of a mixture. A pair is a row and one of its experts; pairs are by expert, then by row.
  std::vector<float> logits, gates;         // [rows][experts], [rows][perToken]
  std::vector<int> chosen;                  // [rows][perToken]
  std::vector<int> order, first;            // pair of each (row, choice); first pair of each expert
  std::vector<int> used;                    // experts that have pairs
  std::vector<float> pairIn, pairGate, pairUp, pairOut;
  std::vector<float> sharedGate;            // [rows]
};

Stack::Stack(const TensorFiles& files, const std::string& prefix, const StackShape& shape) : shape_(shape) {
  const int hidden = shape.hidden;
  const auto linear = [&](const std::string& name, int rows, int cols) {
    return Linear{files.matrix(name + ".weight", {rows, cols}), {}};
  };
  for (int i = 0; i < shape.layers; i++) {
    const std::string at = prefix + "layers." + std::to_string(i) + ".", attention = at + "self_attn.", ffn = at + "mlp.";
    Layer l;
    l.inputNorm = files.vector(at + "input_layernorm.weight", hidden);
    l.postNorm = files.vector(at + "post_attention_layernorm.weight", hidden);
    l.query = linear(attention + "q_proj", shape.queryWidth(), hidden);
    l.key = linear(attention + "k_proj", shape.kvWidth(), hidden);
    l.value = linear(attention + "v_proj", shape.kvWidth(), hidden);
    l.output = linear(attention + "o_proj", hidden, shape.queryWidth());
    if (shape.headNorm) {
      l.queryNorm = files.vector(attention + "q_norm.weight", shape.headSize);
      l.keyNorm = files.vector(attention + "k_norm.weight", shape.headSize);
    }
    if (shape.layerScale) {
      l.attentionScale = files.vector(at + "self_attn_layer_scale.scale", hidden);
      l.ffnScale = files.vector(at + "mlp_layer_scale.scale", hidden);
    }
    const ExpertShape& experts = shape.experts;
    const std::string dense = experts.count > 0 ? ffn + "shared_expert." : ffn;
    const int width = experts.count > 0 ? experts.sharedFfnSize : shape.ffn;
    l.gate = linear(dense + "gate_proj", width, hidden);
    l.up = linear(dense + "up_proj", width, hidden);
    l.down = linear(dense + "down_proj", hidden, width);
    if (experts.count > 0) {
      l.router = linear(ffn + "gate", experts.count, hidden);
      l.sharedGate = linear(ffn + "shared_expert_gate", 1, hidden);
    }
    for (int e = 0; e < experts.count; e++) {
      const std::string own = ffn + "experts." + std::to_string(e) + ".";
      l.experts.push_back({files.matrix(own + "gate_proj.weight", {shape.ffn, hidden}),
                           files.matrix(own + "up_proj.weight", {shape.ffn, hidden}),
                           files.matrix(own + "down_proj.weight", {hidden, shape.ffn})});
    }
    layers_.push_back(std::move(l));
  }
  norm_ = files.vector(prefix + "norm.weight", hidden);
  for (int i = 0; i < shape.headSize / 2; i++)
    frequencies_.push_back(1.0f / std::pow(shape.theta, static_cast<float>(2 * i) / static_cast<float>(shape.headSize)));
}

void Stack::turns(const Position& position, float* cosSin) const {
  const int half = shape_.headSize / 2;
  for (int i = 0; i < half; i++) {
    int at = position.t;
    if (i % 3 == 1 && i < 3 * shape_.heightAngles) at = position.h;
    if (i % 3 == 2 && i < 3 * shape_.widthAngles) at = position.w;
    const float angle = static_cast<float>(at) * frequencies_[i];
    cosSin[i] = std::cos(angle);
    cosSin[half + i] = std::sin(angle);
  }
}

// Room for `rows` rows more, after what no row sees any more is gone.
void Stack::prepare(KvRows& kv, int rows) const {
  const size_t places = static_cast<size_t>(shape_.layers) * shape_.kvHeads, width = shape_.headSize;
  kv.keys.resize(places);
  kv.values.resize(places);
  const int64_t kept = kv.length - kv.first, needed = shape_.window - 1;
  if (shape_.window > 0 && kept > 4 * int64_t{shape_.window}) {
    const auto gone = static_cast<long>(static_cast<size_t>(kept - needed) * width);
    for (auto* all : {&kv.keys, &kv.values})
      for (auto& one : *all) one.erase(one.begin(), one.begin() + gone);
    kv.first = kv.length - needed;
  }
  const size_t size = static_cast<size_t>(kv.length - kv.first + rows) * width;
  for (auto* all : {&kv.keys, &kv.values})
    for (auto& one : *all) one.resize(size);
}

void Stack::forward(ThreadPool& pool, KvRows& kv, const Position* positions, int rows, float* x) const {
  const StackShape& sh = shape_;
  prepare(kv, rows);
  Scratch s;
  s.x = x;
  s.firstKey = kv.first;
  s.position = kv.length;
  const size_t n = static_cast<size_t>(rows);
  s.normed.resize(n * sh.hidden);
  s.added.resize(n * sh.hidden);
  s.query.resize(n * sh.queryWidth());
  s.key.resize(n * sh.kvWidth());
  s.value.resize(n * sh.kvWidth());
  s.turns.resize(n * sh.headSize);
  const int64_t keys = kv.length - kv.first + rows;
  s.scores.assign(pool.size(), std::vector<float>(static_cast<size_t>(keys) * (sh.heads / sh.kvHeads)));
  const ExpertShape& e = sh.experts;
  const int width = e.count > 0 ? e.sharedFfnSize : sh.ffn;
  s.gate.resize(n * width);
  s.up.resize(n * width);
  if (e.count > 0) {
    const size_t pairs = n * e.perToken;
    s.logits.resize(n * e.count);
    s.gates.resize(pairs);
    s.chosen.resize(pairs);
    s.order.resize(pairs);
    s.first.resize(e.count + 1);
    s.used.reserve(e.count);
    s.pairIn.resize(pairs * sh.hidden);
    s.pairGate.resize(pairs * sh.ffn);
    s.pairUp.resize(pairs * sh.ffn);
    s.pairOut.resize(pairs * sh.hidden);
    s.sharedGate.resize(n);
  }
  pool.run([&](Team& team) {
    each(team, rows, 8, [&](int row) { turns(positions[row], &s.turns[row * size_t(sh.headSize)]); });
    for (int i = 0; i < sh.layers; i++) {
      const Layer& layer = layers_[i];
      attention(team, layer, i, kv, rows, s);
      each(team, rows, 1, [&](int row) {
        float* own = x + row * size_t(sh.hidden);
        const float* added = &s.added[row * size_t(sh.hidden)];
        if (sh.layerScale)
          addScaledBy(added, layer.attentionScale.data(), sh.hidden, own);
        else
          kernels().add(added, sh.hidden, own);
        kernels().rmsnorm(own, layer.postNorm.data(), sh.eps, sh.hidden, &s.normed[row * size_t(sh.hidden)]);
      });
      feedForward(team, layer, rows, s);
      each(team, rows, 1, [&](int row) {
        float* own = x + row * size_t(sh.hidden);
        const float* added = &s.added[row * size_t(sh.hidden)];
        if (sh.layerScale)
          addScaledBy(added, layer.ffnScale.data(), sh.hidden, own);
        else
          kernels().add(added, sh.hidden, own);
      });
    }
    each(team, rows, 1, [&](int row) {
      float* own = x + row * size_t(sh.hidden);
      kernels().rmsnorm(own, norm_.data(), sh.eps, sh.hidden, own);
    });
  });
  kv.length += rows;
}

void Stack::attention(Team& team, const Layer& layer, int number, KvRows& kv, int rows, Scratch& s) const {
  const StackShape& sh = shape_;
  const size_t hidden = sh.hidden, width = sh.headSize;
  each(team, rows, 1, [&](int row) {
    kernels().rmsnorm(s.x + row * hidden, layer.inputNorm.data(), sh.eps, sh.hidden, &s.normed[row * hidden]);
  });
  multiply(team, layer.query, s.normed.data(), hidden, rows, s.query.data(), sh.queryWidth());
  multiply(team, layer.key, s.normed.data(), hidden, rows, s.key.data(), sh.kvWidth());
  multiply(team, layer.value, s.normed.data(), hidden, rows, s.value.data(), sh.kvWidth());
  const int64_t before = s.position - s.firstKey;
  each(team, rows, 1, [&](int row) {
    const float* turn = &s.turns[row * width];
    for (int h = 0; h < sh.heads; h++) {
      float* q = &s.query[row * size_t(sh.queryWidth()) + h * width];
      if (sh.headNorm) kernels().rmsnorm(q, layer.queryNorm.data(), sh.eps, sh.headSize, q);
      rotate(q, sh.headSize, turn);
    }
    for (int h = 0; h < sh.kvHeads; h++) {
      const size_t from = row * size_t(sh.kvWidth()) + h * width, place = size_t(number) * sh.kvHeads + h;
      float* k = &s.key[from];
      if (sh.headNorm) kernels().rmsnorm(k, layer.keyNorm.data(), sh.eps, sh.headSize, k);
      rotate(k, sh.headSize, turn);
      const size_t to = static_cast<size_t>(before + row) * width;
      std::memcpy(&kv.keys[place][to], k, width * sizeof(float));
      std::memcpy(&kv.values[place][to], &s.value[from], width * sizeof(float));
    }
  });
  const int group = sh.heads / sh.kvHeads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(sh.headSize));
  each(team, rows * sh.kvHeads, 1, [&](int item) {
    const int row = item / sh.kvHeads, h = item % sh.kvHeads;
    const size_t place = size_t(number) * sh.kvHeads + h;
    const int64_t end = before + row + 1, begin = sh.window > 0 ? std::max<int64_t>(0, end - sh.window) : 0;
    const int keys = static_cast<int>(end - begin);
    Matrix m;
    m.coding = Coding::F32;
    m.rows = keys;
    m.cols = sh.headSize;
    m.data = reinterpret_cast<const uint8_t*>(&kv.keys[place][static_cast<size_t>(begin) * width]);
    float* q = &s.query[row * size_t(sh.queryWidth()) + size_t(h) * group * width];
    float* scores = s.scores[team.index()].data();
    multiplyTiles(m, q, width, 0, group, scores, keys, 0, m.tiles());
    for (int g = 0; g < group; g++) {
      float* own = scores + size_t(g) * keys;
      float largest = -std::numeric_limits<float>::infinity();
      for (int k = 0; k < keys; k++) {
        own[k] = own[k] * scale;
        largest = own[k] > largest ? own[k] : largest;
      }
      float sum = 0;
      for (int k = 0; k < keys; k++) {
        own[k] = exponentialOf(own[k] - largest);
        sum = sum + own[k];
      }
      // The head's own query is not needed any more.
      float* out = q + g * width;
      std::memset(out, 0, width * sizeof(float));
      const float inverse = 1.0f / sum;
      for (int k = 0; k < keys; k++)
        addScaled(&kv.values[place][static_cast<size_t>(begin + k) * width], own[k] * inverse, sh.headSize, out);
    }
  });
  multiply(team, layer.output, s.query.data(), sh.queryWidth(), rows, s.added.data(), hidden);
}

void Stack::feedForward(Team& team, const Layer& layer, int rows, Scratch& s) const {
  const int width = layer.gate.matrix.rows;
  const size_t hidden = shape_.hidden;
  multiply(team, layer.gate, s.normed.data(), hidden, rows, s.gate.data(), width);
  multiply(team, layer.up, s.normed.data(), hidden, rows, s.up.data(), width);
  each(team, rows, 1, [&](int row) {
    float* gate = &s.gate[row * size_t(width)];
    kernels().siluMul(gate, &s.up[row * size_t(width)], width, gate);
  });
  multiply(team, layer.down, s.gate.data(), width, rows, s.added.data(), hidden);
  if (shape_.experts.count > 0) mixture(team, layer, rows, s);
}

// added = sigmoid(shared gate) · added + Σ gate · expert(normed), experts ascending.
void Stack::mixture(Team& team, const Layer& layer, int rows, Scratch& s) const {
  const ExpertShape& e = shape_.experts;
  const size_t hidden = shape_.hidden, ffn = shape_.ffn;
  const int per = e.perToken;
  multiply(team, layer.router, s.normed.data(), hidden, rows, s.logits.data(), e.count);
  multiply(team, layer.sharedGate, s.normed.data(), hidden, rows, s.sharedGate.data(), 1);
  each(team, rows, 1, [&](int row) {
    chooseExperts(e, &s.logits[row * size_t(e.count)], &s.chosen[row * size_t(per)], &s.gates[row * size_t(per)]);
  });
  if (team.index() == 0) {
    std::fill(s.first.begin(), s.first.end(), 0);
    for (int expert : s.chosen) s.first[expert + 1]++;
    for (int i = 0; i < e.count; i++) s.first[i + 1] += s.first[i];
    s.used.clear();
    for (int i = 0; i < e.count; i++)
      if (s.first[i + 1] > s.first[i]) s.used.push_back(i);
    // `first` moves on while pairs are given places, and is moved back.
    for (size_t p = 0; p < s.chosen.size(); p++) s.order[p] = s.first[s.chosen[p]]++;
    for (int i = e.count; i > 0; i--) s.first[i] = s.first[i - 1];
    s.first[0] = 0;
    for (size_t p = 0; p < s.chosen.size(); p++)
      std::memcpy(&s.pairIn[s.order[p] * hidden], &s.normed[p / per * hidden], hidden * sizeof(float));
  }
  team.barrier();
  const int used = static_cast<int>(s.used.size()), wide = (shape_.ffn + kTileRows - 1) / kTileRows;
  each(team, used * wide, 1, [&](int item) {
    const int expert = s.used[item / wide], tile = item % wide;
    const int from = s.first[expert], to = s.first[expert + 1];
    const Expert& own = layer.experts[expert];
    multiplyTiles(own.gate, s.pairIn.data(), hidden, from, to, s.pairGate.data(), ffn, tile, tile + 1);
    multiplyTiles(own.up, s.pairIn.data(), hidden, from, to, s.pairUp.data(), ffn, tile, tile + 1);
    const int begin = tile * kTileRows, n = std::min(shape_.ffn - begin, kTileRows);
    for (int p = from; p < to; p++) {
      float* gate = &s.pairGate[p * ffn + begin];
      kernels().siluMul(gate, &s.pairUp[p * ffn + begin], n, gate);
    }
  });
  const int narrow = (shape_.hidden + kTileRows - 1) / kTileRows;
  each(team, used * narrow, 1, [&](int item) {
    const int expert = s.used[item / narrow], tile = item % narrow;
    multiplyTiles(layer.experts[expert].down, s.pairGate.data(), ffn, s.first[expert], s.first[expert + 1],
                  s.pairOut.data(), hidden, tile, tile + 1);
  });
  each(team, rows, 1, [&](int row) {
    float* sum = &s.added[row * hidden];
    const float shared = sigmoid(s.sharedGate[row]);
    for (size_t i = 0; i < hidden; i++) sum[i] = shared * sum[i];
    for (int i = 0; i < per; i++) {
      const size_t p = row * size_t(per) + i;
      addScaled(&s.pairOut[s.order[p] * hidden], s.gates[p], shape_.hidden, sum);
    }
  });
}

}  // namespace zen::omni

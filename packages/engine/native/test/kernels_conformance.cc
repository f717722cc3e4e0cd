// Every variant of this machine against the scalar reference: equal bits, for ragged sizes, every format, 1 to 33
// tokens, and the largest and smallest codes and activations.
#include <algorithm>

#include "test/check.h"
#include "test/kernels_cases.h"

using namespace zen;
using namespace zen::test;

namespace {

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> inputs(int tokens, int cols, Random& random) {
  std::vector<float> x(size_t(tokens) * cols);
  for (int t = 0; t < tokens; t++)
    for (int c = 0; c < cols; c++) {
      float v = real(random, 3.0f);
      if (t % 8 == 1) v = 1.0f;   // all at the positive limit
      if (t % 8 == 2) v = -1.0f;  // and the negative one
      if (t % 8 == 3) v = c % 2 ? 1.0f : -1.0f;
      if (t % 8 == 4) v = c % 32 == 0 ? 32639.0f : 128.0f;            // low bytes of −128
      if (t % 8 == 5) v = c % 64 < 32 ? 0.0f : real(random, 1e-20f);  // whole blocks of zero
      x[size_t(t) * cols + c] = v;
    }
  return x;
}

void quantizeSame(const Kernels& variant, Random& random) {
  for (int levels : {1, 2})
    for (int cols : {32, 96, 576}) {
      std::vector<float> x = inputs(16, cols, random);
      x[5] = std::nanf("");
      x[cols + 7] = INFINITY;
      x[2 * cols] = 1e-31f;
      x[3 * cols] = 3.4e38f;
      const QuantizedActs a(scalarKernels(), x, 16, cols, levels), b(variant, x, 16, cols, levels);
      const size_t blocks = size_t(16) * cols / 32;
      CHECK(std::memcmp(a.acts.blocks, b.acts.blocks, blocks * sizeof(ActBlock)) == 0);
      CHECK(std::memcmp(a.acts.bytes, b.acts.bytes, blocks * 32 * levels) == 0);
      CHECK(std::memcmp(a.acts.wide, b.acts.wide, blocks * 64) == 0);
    }
}

// All tokens by the reference at once; by the variant in runs of 1, 2, … tokens and pieces of tiles.
void matmulSame(const Kernels& variant, const CodedMatrix& w, const std::vector<float>& x, int tokens, int levels,
                Random& random) {
  const QuantizedActs acts(scalarKernels(), x, tokens, w.m.cols, levels);
  const size_t ldy = w.m.rows + 3;
  std::vector<float> expected(tokens * ldy, 7.0f), got(tokens * ldy, 7.0f);
  const Memory scratch = memory(matmulScratchBytes());
  scalarKernels().matmul(w.m, acts.acts, 0, tokens, expected.data(), ldy, 0, w.m.tiles(), scratch.get());
  for (int token = 0, run = 1; token < tokens; token += run, run++) {
    const int end = std::min(tokens, token + run), middle = below(random, w.m.tiles() + 1);
    variant.matmul(w.m, acts.acts, token, end, got.data(), ldy, 0, middle, scratch.get());
    variant.matmul(w.m, acts.acts, token, end, got.data(), ldy, middle, w.m.tiles(), scratch.get());
  }
  CHECK_FOR(same(expected, got), (w.name() + " levels " + std::to_string(levels)).c_str());
  // Added to what is there, and not by a fused step: y + product.
  for (size_t i = 0; i < got.size(); i++) got[i] = real(random);
  const std::vector<float> before = got;
  std::vector<float> sums = got;
  scalarKernels().matmulAdd(w.m, acts.acts, 0, tokens, sums.data(), ldy, 0, w.m.tiles(), scratch.get());
  bool plain = true;
  for (int t = 0; t < tokens; t++)
    for (int r = 0; r < w.m.rows; r++) plain &= sums[t * ldy + r] == before[t * ldy + r] + expected[t * ldy + r];
  CHECK(plain);
  variant.matmulAdd(w.m, acts.acts, 0, 1, got.data(), ldy, 0, w.m.tiles(), scratch.get());
  variant.matmulAdd(w.m, acts.acts, 1, tokens, got.data(), ldy, 0, w.m.tiles(), scratch.get());
  CHECK_FOR(same(sums, got), w.name().c_str());
}

void codesSame(const Kernels& variant, Random& random) {
  for (const Format& format : formats()) {
    const bool super = format.kind == ScaleKind::K4 || format.kind == ScaleKind::K6;
    for (int cols : super ? std::vector<int>{256, 512} : std::vector<int>{32, 160, 192})
      for (int rows : {1, 16, 39}) {
        const std::vector<float> x = inputs(10, cols, random);
        for (int levels : {1, 2}) {
          const CodedMatrix w(format, rows, cols, Codes::Random, random);
          matmulSame(variant, w, x, 10, levels, random);
        }
      }
    for (Codes codes : {Codes::Zero, Codes::Largest}) {
      const CodedMatrix w(format, 17, super ? 256 : 64, codes, random);
      const std::vector<float> x = inputs(9, w.m.cols, random);
      for (int levels : {1, 2}) matmulSame(variant, w, x, 9, levels, random);
    }
  }
}

// Rows longer than what is unpacked at once, with groups that begin in one strip and end in the next, and more tokens
// than a panel has.
void longRows(const Kernels& variant, Random& random) {
  const std::vector<Format> some = {{"coded", ScaleKind::Row8, {2, 1}, 0, 128},
                                    {"K4", ScaleKind::K4, {4}, 0, 32},
                                    {"K6", ScaleKind::K6, {4, 2}, 32, 16}};
  for (const Format& format : some)
    for (int cols : format.kind == ScaleKind::Row8 ? std::vector<int>{544, 1184} : std::vector<int>{768, 1280})
      for (int levels : {1, 2}) {
        const CodedMatrix w(format, 84, cols, Codes::Random, random);
        const int tokens = format.kind == ScaleKind::Row8 ? 150 : 9;
        matmulSame(variant, w, inputs(tokens, cols, random), tokens, levels, random);
      }
}

// 1 to 33 tokens in one call each, past the token panel too.
void everyTokenCount(const Kernels& variant, Random& random) {
  const std::vector<Format> some = {{"coded", ScaleKind::Row8, {2, 1}, 0, 64},
                                    {"pair", ScaleKind::F16Pair, {4}, 0, 32},
                                    {"symmetric", ScaleKind::F16Sym, {8}, 128, 32}};
  for (const Format& format : some) {
    const CodedMatrix w(format, 20, 64, Codes::Random, random);
    for (int levels : {1, 2}) {
      const int most = 150;
      const std::vector<float> x = inputs(most, w.m.cols, random);
      const QuantizedActs acts(scalarKernels(), x, most, w.m.cols, levels);
      const Memory scratch = memory(matmulScratchBytes());
      std::vector<float> expected(most * 20), got(most * 20);
      scalarKernels().matmul(w.m, acts.acts, 0, most, expected.data(), 20, 0, 2, scratch.get());
      for (int tokens = 1; tokens <= 34; tokens++) {
        const int end = tokens == 34 ? most : tokens;
        std::fill(got.begin(), got.end(), 0.0f);
        variant.matmul(w.m, acts.acts, 0, end, got.data(), 20, 0, 2, scratch.get());
        CHECK(std::memcmp(expected.data(), got.data(), size_t(end) * 20 * sizeof(float)) == 0);
      }
    }
  }
}

void rawSame(const Kernels& variant, Random& random) {
  for (Coding coding : {Coding::F32, Coding::F16, Coding::BF16})
    for (int cols : {1, 15, 16, 17, 75, 256})
      for (int rows : {1, 16, 37}) {
        Matrix m;
        m.coding = coding;
        m.rows = rows;
        m.cols = cols;
        std::vector<uint8_t> data(size_t(rows) * cols * (coding == Coding::F32 ? 4 : 2));
        for (size_t i = 0; i < size_t(rows) * cols; i++) {
          const float v = real(random, i % 5 ? 1.0f : 1e-5f);
          uint32_t bits;
          std::memcpy(&bits, &v, 4);
          const uint16_t two = coding == Coding::F16 ? floatToHalf(v) : static_cast<uint16_t>(bits >> 16);
          if (coding == Coding::F32)
            std::memcpy(&data[4 * i], &v, 4);
          else
            std::memcpy(&data[2 * i], &two, 2);
        }
        m.data = data.data();
        const int tokens = 7;
        const std::vector<float> x = inputs(tokens, cols, random);
        Acts acts;
        acts.x = x.data();
        acts.ldx = cols;
        std::vector<float> expected(tokens * rows), got(tokens * rows);
        scalarKernels().matmul(m, acts, 0, tokens, expected.data(), rows, 0, m.tiles(), nullptr);
        variant.matmul(m, acts, 0, 1, got.data(), rows, 0, m.tiles(), nullptr);
        variant.matmul(m, acts, 1, tokens, got.data(), rows, 0, m.tiles(), nullptr);
        CHECK(same(expected, got));
      }
}

// A delta's thin factors and vector: every rank, in pieces of tiles, ragged rows.
void lowRankSame(const Kernels& variant, Random& random) {
  for (bool signs : {true, false})
    for (int rank : {1, 2, 3, 4, 5, 8, 13, 64})
      for (int in : {32, 96, 576})
        for (int out : {1, 16, 39, 96}) {
          const LowRankCase test(signs, rank, in, out, random);
          std::vector<float> x(in), u(rank), v(rank), y(out), z;
          for (float& one : x) one = real(random, 3.0f);
          for (float& one : y) one = real(random);
          z = y;
          scalarKernels().lowRankIn(test.factors, x.data(), u.data());
          variant.lowRankIn(test.factors, x.data(), v.data());
          CHECK(same(u, v));
          const int tiles = (out + 15) / 16, middle = below(random, tiles + 1);
          scalarKernels().lowRankOut(test.factors, u.data(), 0, tiles, y.data());
          variant.lowRankOut(test.factors, u.data(), 0, middle, z.data());
          variant.lowRankOut(test.factors, u.data(), middle, tiles, z.data());
          CHECK(same(y, z));
        }
  for (int n : {1, 15, 16, 17, 96, 575}) {
    std::vector<uint8_t> halves(2 * n);
    std::vector<float> y(n);
    for (int i = 0; i < n; i++) {
      const uint16_t half = floatToHalf(real(random, i % 5 ? 1.0f : 1e-6f));
      std::memcpy(&halves[2 * i], &half, 2);
      y[i] = real(random, 9.0f);
    }
    std::vector<float> z = y;
    scalarKernels().amplify(halves.data(), n, y.data());
    variant.amplify(halves.data(), n, z.data());
    CHECK(same(y, z));
  }
}

void elementsSame(const Kernels& variant, Random& random) {
  for (int n : {1, 15, 16, 17, 64, 575, 576}) {
    std::vector<float> x(n), w(n), a(n), b(n);
    for (int i = 0; i < n; i++) {
      x[i] = real(random, i % 7 ? 20.0f : 200.0f);
      w[i] = real(random);
    }
    scalarKernels().rmsnorm(x.data(), w.data(), 1e-5f, n, a.data());
    variant.rmsnorm(x.data(), w.data(), 1e-5f, n, b.data());
    CHECK(same(a, b));
    scalarKernels().add(w.data(), n, a.data());
    variant.add(w.data(), n, b.data());
    CHECK(same(a, b));
    if (n > 20) x[n / 2] = std::nanf("");
    scalarKernels().siluMul(x.data(), w.data(), n, a.data());
    variant.siluMul(x.data(), w.data(), n, b.data());
    CHECK(same(a, b));
    CHECK(n <= 20 || std::isnan(b[n / 2]));
  }
}

void attentionSame(const Kernels& variant, KvType type, int size, int heads, int tokens, int position, Random& random) {
  const int all = tokens + position, blockCount = (all + 15) / 16;
  const size_t head = kvHeadBytes(type, size), block = 3 * head;
  const Memory one = memory(blockCount * block), two = memory(blockCount * block);
  uint8_t *a = static_cast<uint8_t*>(one.get()), *b = static_cast<uint8_t*>(two.get());
  std::memset(a, 0xff, blockCount * block);  // NaN wherever nothing was written
  std::memset(b, 0xff, blockCount * block);
  std::vector<const uint8_t*> blocks;
  for (int i = 0; i < blockCount; i++) blocks.push_back(b + (blockCount - 1 - i) * block);
  for (int t = 0; t < all; t++) {
    std::vector<float> key(size), value(size);
    for (int d = 0; d < size; d++) {
      key[d] = real(random, t % 9 == 0 ? 1e-6f : 4.0f);
      value[d] = t == 3 ? 0.0f : t == 4 ? real(random, 1e6f) : real(random);
    }
    const size_t at = (blockCount - 1 - t / 16) * block + head;
    scalarKernels().kvStore(type, size, key.data(), value.data(), t % 16, a + at);
    variant.kvStore(type, size, key.data(), value.data(), t % 16, b + at);
  }
  CHECK(std::memcmp(a, b, blockCount * block) == 0);
  const Memory scratch = memory(attentionScratchBytes(all, size));
  const size_t row = size_t(heads) * size + 5;
  std::vector<float> q(tokens * row), expected(tokens * row), got(tokens * row);
  for (float& v : q) v = real(random, 2.0f);
  AttentionJob job = {type,     size, heads,           tokens, position,      0.125f,
                      q.data(), row,  expected.data(), row,    blocks.data(), head};
  scalarKernels().attention(job, scratch.get());
  job.out = got.data();
  variant.attention(job, scratch.get());
  CHECK(same(expected, got));
  // One token at a time gives the same as all at once.
  std::fill(got.begin(), got.end(), 0.0f);
  for (int t = 0; t < tokens; t++) {
    AttentionJob single = job;
    single.tokens = 1;
    single.position = position + t;
    single.q += t * row;
    single.out += t * row;
    variant.attention(single, scratch.get());
  }
  CHECK(same(expected, got));
}

}  // namespace

int main() {
  for (const char* name : {"avx512", "avx2", "neon"}) {
    const Kernels* variant = kernelsNamed(name);
    if (!variant) {
      std::printf("skipped: %s (not on this machine)\n", name);
      continue;
    }
    Random random(1);
    quantizeSame(*variant, random);
    codesSame(*variant, random);
    longRows(*variant, random);
    everyTokenCount(*variant, random);
    rawSame(*variant, random);
    elementsSame(*variant, random);
    lowRankSame(*variant, random);
    for (KvType type : {KvType::F16, KvType::Int8})
      for (int size : {16, 48, 64, 128})
        for (int heads : {1, 3, 7}) {
          attentionSame(*variant, type, size, heads, 1, 0, random);
          attentionSame(*variant, type, size, heads, 1, 40, random);
          attentionSame(*variant, type, size, heads, 19, 0, random);
          attentionSame(*variant, type, size, heads, 6, 29, random);
        }
    std::printf("%s checked; chosen: %s\n", name, kernels().name);
  }
  return report("kernels_conformance");
}

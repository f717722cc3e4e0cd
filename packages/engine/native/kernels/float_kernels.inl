// The float kernels of every vector instruction set, over its V16. The order of operations is the scalar files'.
// Included inside a variant's file after its vec_*.h; ZEN_NAME(x) is x with the variant's prefix.
namespace zen {
namespace {

ZEN_INLINE float tree(V16 v) {
  float lane[16];
  store(lane, v);
  return laneTree(lane);
}

ZEN_INLINE V16 loadPart(const float* p, int n) {
  float lane[16] = {};
  std::memcpy(lane, p, sizeof(float) * n);
  return load(lane);
}
ZEN_INLINE void storePart(float* p, V16 v, int n) {
  float lane[16];
  store(lane, v);
  std::memcpy(p, lane, sizeof(float) * n);
}

ZEN_INLINE V16 exponential(V16 x) {
  x = smaller(larger(x, splat(kExpLow)), splat(kExpHigh));
  const V16 n = nearest(mul(x, splat(kLog2E)));
  V16 r = fma(n, splat(-kLn2High), x);
  r = fma(n, splat(-kLn2Low), r);
  V16 p = splat(kExpTerms[0]);
  for (int i = 1; i < kExpTermCount; i++) p = fma(p, r, splat(kExpTerms[i]));
  return mul(p, power2(n));
}

// 16 numbers times `inverse` (0: all become 0) to integers within ±limit.
ZEN_INLINE void storeRounded(int16_t* out, const float* x, float inverse, float limit) {
  const V16 q = inverse == 0.0f ? splat(0.0f) : mul(load(x), splat(inverse));
  storeInt16(out, smaller(larger(q, splat(-limit)), splat(limit)));
}

}  // namespace

void ZEN_NAME(Quantize)(Acts& a, int begin, int end) {
  const float limit = actLimit(a.levels);
  for (int token = begin; token < end; token++)
    for (int b = 0; b < a.blockCount(); b++) {
      const float* x = a.x + token * a.ldx + b * kBlockCols;
      ActBlock out;
      const float inverse = actScale(x, kBlockCols, limit, out.scale);
      int8_t* bytes = const_cast<int8_t*>(actBytes(a, token, b));
      int16_t* wide = const_cast<int16_t*>(actWide(a, token, b));
      for (int c = 0; c < kBlockCols; c += 16) storeRounded(wide + c, x + c, inverse, limit);
      splitActs(wide, a.levels, bytes);
      for (int half = 0; half < 2; half++) out.sum[half] = sumInt16(wide + 16 * half);
      out.scaledSum = out.scale * static_cast<float>(out.sum[0] + out.sum[1]);
      a.blocks[static_cast<size_t>(token) * a.blockCount() + b] = out;
    }
}

void ZEN_NAME(Rmsnorm)(const float* x, const float* weight, float eps, int n, float* y) {
  V16 sum = splat(0.0f);
  const int whole = n / 16 * 16;
  for (int i = 0; i < whole; i += 16) sum = fma(load(x + i), load(x + i), sum);
  if (whole < n) {
    const V16 v = loadPart(x + whole, n - whole);
    sum = fma(v, v, sum);
  }
  const float inverse = rmsInverse(tree(sum), n, eps);
  const V16 r = splat(inverse);
  for (int i = 0; i < whole; i += 16) store(y + i, mul(mul(load(x + i), r), load(weight + i)));
  for (int i = whole; i < n; i++) y[i] = (x[i] * inverse) * weight[i];
}

void ZEN_NAME(SiluMul)(const float* gate, const float* up, int n, float* y) {
  const V16 one = splat(1.0f), zero = splat(0.0f);
  for (int i = 0; i < n; i += 16) {
    const int part = n - i < 16 ? n - i : 16;
    const V16 g = part == 16 ? load(gate + i) : loadPart(gate + i, part);
    const V16 u = part == 16 ? load(up + i) : loadPart(up + i, part);
    const V16 v = mul(div(g, add(one, exponential(sub(zero, g)))), u);
    if (part == 16)
      store(y + i, v);
    else
      storePart(y + i, v, part);
  }
}

void ZEN_NAME(Add)(const float* x, int n, float* y) {
  int i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, add(load(y + i), load(x + i)));
  for (; i < n; i++) y[i] = y[i] + x[i];
}

namespace {

template <Coding C>
ZEN_INLINE V16 loadRaw(const uint8_t* row, int c) {
  if constexpr (C == Coding::F16) return loadHalves(row + 2 * c);
  if constexpr (C == Coding::BF16) return loadBrains(row + 2 * c);
  if constexpr (C == Coding::F32) {
    V16 v = load(reinterpret_cast<const float*>(row) + c);
    return v;
  }
}

template <Coding C, int Tokens>
void rawRows(const Matrix& m, const Acts& a, int token, float* y, size_t ldy, int rowBegin, int rowEnd) {
  constexpr int bytes = C == Coding::F32 ? 4 : 2;
  const int whole = m.cols / 16 * 16, rest = m.cols - whole;
  for (int row = rowBegin; row < rowEnd; row++) {
    const uint8_t* w = m.data + static_cast<size_t>(row) * m.cols * bytes;
    V16 acc[Tokens];
    for (auto& v : acc) v = splat(0.0f);
    for (int c = 0; c < whole; c += 16) {
      const V16 v = loadRaw<C>(w, c);
      for (int t = 0; t < Tokens; t++) acc[t] = fma(v, load(a.x + (token + t) * a.ldx + c), acc[t]);
    }
    if (rest > 0) {
      uint8_t last[16 * bytes] = {};
      std::memcpy(last, w + static_cast<size_t>(whole) * bytes, static_cast<size_t>(rest) * bytes);
      const V16 v = loadRaw<C>(last, 0);
      for (int t = 0; t < Tokens; t++) acc[t] = fma(v, loadPart(a.x + (token + t) * a.ldx + whole, rest), acc[t]);
    }
    for (int t = 0; t < Tokens; t++) y[(token + t) * ldy + row] = tree(acc[t]);
  }
}

template <Coding C>
void rawMatmul(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int rowBegin,
               int rowEnd) {
  // A band of rows stays in L1 or L2 while the tokens pass.
  constexpr int band = 16;
  for (int row = rowBegin; row < rowEnd; row += band) {
    const int last = row + band < rowEnd ? row + band : rowEnd;
    int token = tokenBegin;
    for (; token + kRawTokens <= tokenEnd; token += kRawTokens) rawRows<C, kRawTokens>(m, a, token, y, ldy, row, last);
    for (; token < tokenEnd; token++) rawRows<C, 1>(m, a, token, y, ldy, row, last);
  }
}

}  // namespace

void ZEN_NAME(RawMatmul)(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy,
                         int rowBegin, int rowEnd) {
  if (m.coding == Coding::F16)
    rawMatmul<Coding::F16>(m, a, tokenBegin, tokenEnd, y, ldy, rowBegin, rowEnd);
  else if (m.coding == Coding::BF16)
    rawMatmul<Coding::BF16>(m, a, tokenBegin, tokenEnd, y, ldy, rowBegin, rowEnd);
  else
    rawMatmul<Coding::F32>(m, a, tokenBegin, tokenEnd, y, ldy, rowBegin, rowEnd);
}

}  // namespace zen

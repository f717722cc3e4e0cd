// Matrix products of every vector instruction set, over its Bytes, Dot, I16 and V16. One token: unpack and multiply in
// registers. More: a tile is unpacked once into L1 and multiplied with all of them.
namespace zen {
namespace {

// acc + the block's share, in the documented order.
ZEN_INLINE V16 accumulate(V16 acc, I16 dot, V16 scale, const ActBlock& act, int zero) {
  return fma(toFloats(subtract(dot, zero)), mul(scale, splat(act.scale)), acc);
}
ZEN_INLINE V16 accumulateBlock(V16 acc, I16 dot, V16 s, V16 o, const ActBlock& act, int zeroPoint) {
  acc = accumulate(acc, dot, s, act, zeroPoint * (act.sum[0] + act.sum[1]));
  return fma(o, splat(act.scaledSum), acc);
}

// y = v, or y += v.
ZEN_INLINE void storeRows(V16 v, float* y, int rows, bool adds) {
  if (rows >= kTileRows)
    store(y, adds ? add(load(y), v) : v);
  else
    storePart(y, adds ? add(loadPart(y, rows), v) : v, rows);
}
ZEN_INLINE int rowsOf(const Matrix& m, int tile) { return m.rows - tile * kTileRows; }

template <class C, int Levels, int First, int Count>
ZEN_INLINE I16 dotSteps(const uint8_t* const* planes, const int8_t* bytes, const int16_t* wide) {
  using D = Dot<bitClass(C::bits), Levels>;
  D dot;
  unrolled<Count>([&](auto i) ZEN_LAMBDA {
    constexpr int step = First + i;
    dot.template step<i>(multipliable<C::bits>(C::template at<step>(planes)),
                         D::template activations<step>(bytes, wide));
  });
  return dot.template total<Count>();
}

using Gemv = void (*)(const Matrix&, const Acts&, int token, float* y, int tileBegin, int tileEnd, bool adds);

template <class C, int Levels, bool Sub16>
void gemv(const Matrix& m, const Acts& a, int token, float* y, int tileBegin, int tileEnd, bool adds) {
  const int blocks = m.blocks(), zero = zeroPoint(m);
  for (int tile = tileBegin; tile < tileEnd; tile++) {
    V16 acc = splat(0.0f);
    Scales scales(m, tile);
    const uint8_t* planes[C::planes];
    for (int p = 0; p < C::planes; p++) planes[p] = planeBlock(m, p, tile, 0);
    const int8_t* bytes = actBytes(a, token, 0);
    const int16_t* wide = actWide(a, token, 0);
    const ActBlock* act = &actBlock(a, token, 0);
    for (int b = 0; b < blocks; b++, bytes += Levels * kBlockCols, wide += kBlockCols, act++) {
      scales.load(b);
      if constexpr (Sub16) {
        acc = accumulate(acc, dotSteps<C, Levels, 0, 4>(planes, bytes, wide), scales.s, *act, zero * act->sum[0]);
        acc = accumulate(acc, dotSteps<C, Levels, 4, 4>(planes, bytes, wide), scales.o, *act, zero * act->sum[1]);
      } else {
        acc = accumulateBlock(acc, dotSteps<C, Levels, 0, 8>(planes, bytes, wide), scales.s, scales.o, *act, zero);
      }
      for (int p = 0; p < C::planes; p++) planes[p] += 64 * C::width(p);
    }
    storeRows(acc, y + tile * kTileRows, rowsOf(m, tile), adds);
  }
}

// What is known at compile time about a list of planes.
template <class C>
Gemv gemvOf(const Matrix& m, int levels) {
  if constexpr (C::bits == 6)
    if (m.scaleKind == ScaleKind::K6) return levels == 2 ? gemv<C, 2, true> : gemv<C, 1, true>;
  return levels == 2 ? gemv<C, 2, false> : gemv<C, 1, false>;
}
struct Known {
  Unpack unpack = unpackAny;
  Gemv gemv = nullptr;  // none: a single token goes the way of many
};
template <class First, class... Rest>
Known known(const Matrix& m, int levels) {
  if (First::fits(m)) return {unpackKnown<First>, gemvOf<First>(m, levels)};
  if constexpr (sizeof...(Rest) > 0) return known<Rest...>(m, levels);
  return {};
}

// Dot products of 16 rows with some tokens over `Steps` steps of unpacked codes: in a step the rows' codes stay in
// registers while every token's four activations are broadcast once.
template <class D, int Tokens, int Steps>
ZEN_INLINE void dotTokens(const uint8_t* codes, const int8_t* bytes, size_t byteStride, const int16_t* wide,
                          size_t wideStride, I16 (&sums)[Tokens]) {
  D dot[Tokens];
  unrolled<Steps>([&](auto step) ZEN_LAMBDA {
    const Bytes v = loadBytes(codes + 64 * step);
    for (int t = 0; t < Tokens; t++)
      dot[t].template step<step>(v, D::template activations<step>(bytes + t * byteStride, wide + t * wideStride));
  });
  for (int t = 0; t < Tokens; t++) sums[t] = dot[t].template total<Steps>();
}

using Gemm = void (*)(const Matrix&, const Acts&, int token, const uint8_t* codes, const float* scales, float* y,
                      size_t ldy, int tile, bool adds);

// `Tokens` tokens from `token` on against one unpacked tile.
template <int Class, int Levels, bool Sub16, int Tokens>
void gemm(const Matrix& m, const Acts& a, int token, const uint8_t* codes, const float* scales, float* y, size_t ldy,
          int tile, bool adds) {
  using D = Dot<Class, Levels>;
  const int blocks = m.blocks(), zero = zeroPoint(m);
  V16 acc[Tokens];
  for (V16& v : acc) v = splat(0.0f);
  const size_t byteStride = static_cast<size_t>(blocks) * Levels * kBlockCols, wideStride = a.cols;
  const int8_t* bytes = actBytes(a, token, 0);
  const int16_t* wide = actWide(a, token, 0);
  const ActBlock* act = &actBlock(a, token, 0);
  for (int b = 0; b < blocks;
       b++, codes += 512, scales += 32, bytes += Levels * kBlockCols, wide += kBlockCols, act++) {
    I16 sums[Tokens];
    dotTokens<D, Tokens, Sub16 ? 4 : 8>(codes, bytes, byteStride, wide, wideStride, sums);
    for (int t = 0; t < Tokens; t++) {
      const ActBlock& own = act[t * blocks];
      acc[t] = Sub16 ? accumulate(acc[t], sums[t], load(scales), own, zero * own.sum[0])
                     : accumulateBlock(acc[t], sums[t], load(scales), load(scales + 16), own, zero);
    }
    if constexpr (Sub16) {
      dotTokens<D, Tokens, 4>(codes + 256, bytes + 16, byteStride, wide + 16, wideStride, sums);
      for (int t = 0; t < Tokens; t++)
        acc[t] = accumulate(acc[t], sums[t], load(scales + 16), act[t * blocks], zero * act[t * blocks].sum[1]);
    }
  }
  for (int t = 0; t < Tokens; t++) storeRows(acc[t], y + (token + t) * ldy + tile * kTileRows, rowsOf(m, tile), adds);
}

// The products of one unpacked tile with up to `tokens` tokens.
struct GemmSet {
  int tokens;
  Gemm byTokens[kMostTokens + 1];
};
template <int Class, int Levels, bool Sub16, int... I>
GemmSet gemmSet(std::integer_sequence<int, I...>) {
  return {tokensOf(Class, Levels), {nullptr, gemm<Class, Levels, Sub16, I + 1>...}};
}
template <int Class, bool Sub16>
GemmSet gemmsOfLevels(int levels) {
  if (levels == 2) return gemmSet<Class, 2, Sub16>(std::make_integer_sequence<int, tokensOf(Class, 2)>());
  return gemmSet<Class, 1, Sub16>(std::make_integer_sequence<int, tokensOf(Class, 1)>());
}
GemmSet gemms(const Matrix& m, int levels) {
  if (m.scaleKind == ScaleKind::K6) return gemmsOfLevels<bitClass(6), true>(levels);
  switch (m.bits) {
    case 5:
      return gemmsOfLevels<bitClass(5), false>(levels);
    case 6:
      return gemmsOfLevels<bitClass(6), false>(levels);
    case 7:
      return gemmsOfLevels<bitClass(7), false>(levels);
    case 8:
      return gemmsOfLevels<bitClass(8), false>(levels);
    default:
      return gemmsOfLevels<bitClass(4), false>(levels);
  }
}

// Tokens whose activations stay in L2 while the tiles pass.
constexpr int kTokenPanel = 128;

// Of codes.
void multiply(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
              int tileEnd, void* scratch, bool adds) {
  const Known way =
      known<Codes<4>, Codes<2, 1>, Codes<4, 4>, Codes<8>, Codes<4, 2>, Codes<4, 1>, Codes<2>, Codes<2, 1, 1>, Codes<1>,
            Codes<4, 1, 2, 1>, Codes<4, 1, 1, 2>>(m, a.levels);
  if (tokenEnd - tokenBegin == 1 && way.gemv)
    return way.gemv(m, a, tokenBegin, y + tokenBegin * ldy, tileBegin, tileEnd, adds);
  const GemmSet set = gemms(m, a.levels);
  uint8_t* codes = scratchCodes(scratch);
  float* scaleRows = scratchScales(scratch, m.cols);
  for (int panel = tokenBegin; panel < tokenEnd; panel += kTokenPanel) {
    const int panelEnd = panel + kTokenPanel < tokenEnd ? panel + kTokenPanel : tokenEnd;
    for (int tile = tileBegin; tile < tileEnd; tile++) {
      way.unpack(m, tile, codes);
      Scales scales(m, tile);
      for (int b = 0; b < m.blocks(); b++) {
        scales.load(b);
        store(scaleRows + 32 * b, scales.s);
        store(scaleRows + 32 * b + 16, scales.o);
      }
      for (int token = panel; token < panelEnd; token += set.tokens) {
        const int count = panelEnd - token < set.tokens ? panelEnd - token : set.tokens;
        set.byTokens[count](m, a, token, codes, scaleRows, y, ldy, tile, adds);
      }
    }
  }
}

}  // namespace

void ZEN_NAME(Matmul)(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
                      int tileEnd, void* scratch) {
  if (m.coding != Coding::Codes) {
    const int rowEnd = tileEnd * kTileRows < m.rows ? tileEnd * kTileRows : m.rows;
    return ZEN_NAME(RawMatmul)(m, a, tokenBegin, tokenEnd, y, ldy, tileBegin * kTileRows, rowEnd);
  }
  multiply(m, a, tokenBegin, tokenEnd, y, ldy, tileBegin, tileEnd, scratch, false);
}

void ZEN_NAME(MatmulAdd)(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy,
                         int tileBegin, int tileEnd, void* scratch) {
  multiply(m, a, tokenBegin, tokenEnd, y, ldy, tileBegin, tileEnd, scratch, true);
}

}  // namespace zen

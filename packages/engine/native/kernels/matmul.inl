// Matrix products of every vector instruction set, over its Bytes, Dot, I16 and V16. One token: unpack and multiply in
// registers. More: a strip of some tiles is unpacked once into L1 and multiplied with all of them.
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

// Some blocks of up to kTilesTogether tiles next to each other, unpacked.
struct Strip {
  int firstBlock, blocks;
  const uint8_t* codes;  // [tile][block][512]
  const float* scales;   // [tile][block][32]
  int nextTile, nextBlock;  // of the strip that comes after it; -1 where that is not to be asked for
};

// With few tokens memory is what takes the time, and it would rest while a strip is multiplied.
ZEN_INLINE void prefetchBlock(const Matrix& m, int tile, int block) {
  constexpr int kRead = 0, kSecondLevel = 2;
  for (int p = 0; p < m.planeCount; p++) {
    const uint8_t* at = planeBlock(m, p, tile, block);
    for (int line = 0; line < m.planes[p].width; line++) __builtin_prefetch(at + 64 * line, kRead, kSecondLevel);
  }
  __builtin_prefetch(scaleBlock(m, tile, block), kRead, kSecondLevel);
}

// Dot products of some tiles' rows with some tokens over `Steps` steps of unpacked codes: in a step the rows' codes stay
// in registers while every token's four activations are broadcast once.
template <class D, int Tiles, int Tokens, int Steps>
ZEN_INLINE void dotTokens(const uint8_t* codes, size_t tileStride, const int8_t* bytes, size_t byteStride,
                          const int16_t* wide, size_t wideStride, I16 (&sums)[Tokens][Tiles]) {
  D dot[Tokens][Tiles];
  unrolled<Steps>([&](auto step) ZEN_LAMBDA {
    Bytes v[Tiles];
    for (int i = 0; i < Tiles; i++) v[i] = loadBytes(codes + i * tileStride + 64 * step);
    for (int t = 0; t < Tokens; t++) {
      const auto four = D::template activations<step>(bytes + t * byteStride, wide + t * wideStride);
      for (int i = 0; i < Tiles; i++) dot[t][i].template step<step>(v[i], four);
    }
  });
  for (int t = 0; t < Tokens; t++)
    for (int i = 0; i < Tiles; i++) sums[t][i] = dot[t][i].template total<Steps>();
}

using Gemm = void (*)(const Matrix&, const Acts&, int token, const Strip& strip, float* sums);

// `Tokens` tokens from `token` on against a strip; the sums so far are [token][tile][16].
template <int Class, int Levels, bool Sub16, int Tiles, int Tokens>
void gemm(const Matrix& m, const Acts& a, int token, const Strip& strip, float* sums) {
  using D = Dot<Class, Levels>;
  const int all = m.blocks(), zero = zeroPoint(m);
  const size_t byteStride = static_cast<size_t>(all) * Levels * kBlockCols, wideStride = static_cast<size_t>(a.cols);
  const size_t codeStride = static_cast<size_t>(strip.blocks) * 512, scaleStride = static_cast<size_t>(strip.blocks) * 32;
  const int8_t* bytes = actBytes(a, token, strip.firstBlock);
  const int16_t* wide = actWide(a, token, strip.firstBlock);
  const ActBlock* act = &actBlock(a, token, strip.firstBlock);
  const uint8_t* codes = strip.codes;
  const float* scales = strip.scales;
  V16 acc[Tokens][Tiles];
  for (int t = 0; t < Tokens; t++)
    for (int i = 0; i < Tiles; i++) acc[t][i] = strip.firstBlock == 0 ? splat(0.0f) : load(sums + (t * Tiles + i) * 16);
  for (int b = 0; b < strip.blocks;
       b++, codes += 512, scales += 32, bytes += Levels * kBlockCols, wide += kBlockCols, act++) {
    if (strip.nextTile >= 0)
      for (int i = 0; i < Tiles; i++) prefetchBlock(m, strip.nextTile + i, strip.nextBlock + b);
    I16 dots[Tokens][Tiles];
    dotTokens<D, Tiles, Tokens, Sub16 ? 4 : 8>(codes, codeStride, bytes, byteStride, wide, wideStride, dots);
    for (int t = 0; t < Tokens; t++) {
      const ActBlock& own = act[t * all];
      for (int i = 0; i < Tiles; i++) {
        const float* scale = scales + i * scaleStride;
        acc[t][i] = Sub16 ? accumulate(acc[t][i], dots[t][i], load(scale), own, zero * own.sum[0])
                          : accumulateBlock(acc[t][i], dots[t][i], load(scale), load(scale + 16), own, zero);
      }
    }
    if constexpr (Sub16) {
      dotTokens<D, Tiles, Tokens, 4>(codes + 256, codeStride, bytes + 16, byteStride, wide + 16, wideStride, dots);
      for (int t = 0; t < Tokens; t++) {
        const ActBlock& own = act[t * all];
        for (int i = 0; i < Tiles; i++)
          acc[t][i] = accumulate(acc[t][i], dots[t][i], load(scales + i * scaleStride + 16), own, zero * own.sum[1]);
      }
    }
  }
  for (int t = 0; t < Tokens; t++)
    for (int i = 0; i < Tiles; i++) store(sums + (t * Tiles + i) * 16, acc[t][i]);
}

// The products of a strip with up to `tokens` tokens, by tiles and tokens.
struct GemmSet {
  int tokens;
  Gemm of[kTilesTogether + 1][kMostTokens + 1];
};
template <int Class, int Levels, bool Sub16, int Tiles, int... I>
void fillGemms(GemmSet& set, std::integer_sequence<int, I...>) {
  ((set.of[Tiles][I + 1] = gemm<Class, Levels, Sub16, Tiles, I + 1>), ...);
  if constexpr (Tiles > 1) fillGemms<Class, Levels, Sub16, Tiles - 1>(set, std::integer_sequence<int, I...>());
}
template <int Class, int Levels, bool Sub16>
GemmSet gemmSet() {
  GemmSet set = {};
  set.tokens = tokensOf(Class, Levels);
  fillGemms<Class, Levels, Sub16, kTilesTogether>(set, std::make_integer_sequence<int, tokensOf(Class, Levels)>());
  return set;
}
template <int Class, bool Sub16>
GemmSet gemmsOfLevels(int levels) {
  return levels == 2 ? gemmSet<Class, 2, Sub16>() : gemmSet<Class, 1, Sub16>();
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

// Of codes.
void multiply(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
              int tileEnd, void* scratch, bool adds) {
  const Known way =
      known<Codes<4>, Codes<2, 1>, Codes<4, 4>, Codes<8>, Codes<4, 2>, Codes<4, 1>, Codes<2>, Codes<2, 1, 1>, Codes<1>,
            Codes<4, 1, 2, 1>, Codes<4, 1, 1, 2>>(m, a.levels);
  if (tokenEnd - tokenBegin == 1 && way.gemv)
    return way.gemv(m, a, tokenBegin, y + tokenBegin * ldy, tileBegin, tileEnd, adds);
  static_assert(kTilesTogether <= kStripTiles);
  const GemmSet set = gemms(m, a.levels);
  const StripScratch memory(scratch);
  const int strips = (m.blocks() + kStripBlocks - 1) / kStripBlocks, most = (m.blocks() + strips - 1) / strips;
  for (int panel = tokenBegin; panel < tokenEnd; panel += kPanelTokens) {
    const int panelEnd = panel + kPanelTokens < tokenEnd ? panel + kPanelTokens : tokenEnd;
    for (int tile = tileBegin; tile < tileEnd; tile += kTilesTogether) {
      const int tiles = tileEnd - tile < kTilesTogether ? tileEnd - tile : kTilesTogether;
      const auto sumsOf = [&](int token) { return memory.sums + static_cast<size_t>(token - panel) * tiles * 16; };
      // A group may reach over two strips.
      Scales own(m, tile), next(m, tile + tiles - 1);
      Scales* const scales[kStripTiles] = {&own, &next};
      for (int begin = 0; begin < m.blocks(); begin += most) {
        const int blocks = m.blocks() - begin < most ? m.blocks() - begin : most;
        for (int i = 0; i < tiles; i++) {
          way.unpack(m, tile + i, begin, begin + blocks, memory.codes + static_cast<size_t>(i * blocks) * 512);
          for (int b = 0; b < blocks; b++) {
            float* to = memory.scales + static_cast<size_t>(i * blocks + b) * 32;
            scales[i]->load(begin + b);
            store(to, scales[i]->s);
            store(to + 16, scales[i]->o);
          }
        }
        Strip strip = {begin, blocks, memory.codes, memory.scales, tile, begin + blocks};
        if (strip.nextBlock == m.blocks()) strip.nextTile += tiles, strip.nextBlock = 0;
        // Blocks of the next strip that are not there are not asked for; neither are tiles of other threads.
        if (strip.nextTile + tiles > tileEnd || strip.nextBlock + blocks > m.blocks()) strip.nextTile = -1;
        for (int token = panel; token < panelEnd; token += set.tokens) {
          const int count = panelEnd - token < set.tokens ? panelEnd - token : set.tokens;
          set.of[tiles][count](m, a, token, strip, sumsOf(token));
          strip.nextTile = -1;
        }
      }
      for (int token = panel; token < panelEnd; token++)
        for (int i = 0; i < tiles; i++)
          storeRows(load(sumsOf(token) + i * 16), y + token * ldy + (tile + i) * kTileRows, rowsOf(m, tile + i), adds);
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

// AVX2 matrix products. One token: unpack and multiply in registers. More: a tile is unpacked once into L1.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/block.h"
#include "kernels/variants.h"
#pragma GCC target("avx2,fma,f16c")
#include "kernels/avx2_codes.h"
#include "kernels/avx2_scales.h"

namespace zen {
namespace {

// Tokens of one register block: two sums a level and token, of 16 registers.
constexpr int kMostTokens = 6;
constexpr int tokensOf(int depth, int levels) { return depth == 0 ? 2 : levels == 2 ? 2 : 6; }

// acc + the block's share: the documented order.
ZEN_INLINE __m256 accumulate(__m256 acc, __m256i dot, __m256 scale, const ActBlock& act, int zero) {
  dot = _mm256_sub_epi32(dot, _mm256_set1_epi32(zero));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(scale, _mm256_set1_ps(act.scale)), acc);
}

template <class C, int Levels, bool Sub16>
ZEN_INLINE __m256 block8(__m256 acc, const uint8_t* const* codes, const int8_t* bytes, const int16_t* wide, __m256 s,
                     __m256 o, const ActBlock& act, int center) {
  if constexpr (Sub16) {
    const __m256i d0 = dotSteps<C, Levels, 0, 4>(codes, bytes, wide);
    const __m256i d1 = dotSteps<C, Levels, 4, 4>(codes, bytes, wide);
    acc = accumulate(acc, d0, s, act, center * act.sum[0]);
    return accumulate(acc, d1, o, act, center * act.sum[1]);
  } else {
    const __m256i d = dotSteps<C, Levels, 0, 8>(codes, bytes, wide);
    acc = accumulate(acc, d, s, act, center * (act.sum[0] + act.sum[1]));
    return _mm256_fmadd_ps(o, _mm256_set1_ps(act.scaledSum), acc);
  }
}

ZEN_INLINE void storeRows(__m256 low, __m256 high, float* y, int rows) {
  if (rows >= kTileRows) {
    _mm256_storeu_ps(y, low);
    _mm256_storeu_ps(y + 8, high);
    return;
  }
  float all[kTileRows];
  _mm256_storeu_ps(all, low);
  _mm256_storeu_ps(all + 8, high);
  std::memcpy(y, all, sizeof(float) * rows);
}

ZEN_INLINE int rowsOf(const Matrix& m, int tile) { return m.rows - tile * kTileRows; }

using Gemv = void (*)(const Matrix&, const Acts&, int, float*, int, int);

template <class C, int Levels, bool Sub16>
void gemv(const Matrix& m, const Acts& a, int token, float* y, int tileBegin, int tileEnd) {
  const int blocks = m.blocks();
  for (int tile = tileBegin; tile < tileEnd; tile++) {
    __m256 low = _mm256_setzero_ps(), high = low;
    Scales scales(m, tile);
    const uint8_t* planes[C::planes];
    for (int p = 0; p < C::planes; p++) planes[p] = planeBlock(m, p, tile, 0);
    for (int b = 0; b < blocks; b++) {
      scales.load(b);
      const ActBlock& act = actBlock(a, token, b);
      const int8_t* bytes = actBytes(a, token, b);
      const int16_t* wide = actWide(a, token, b);
      low = block8<C, Levels, Sub16>(low, planes, bytes, wide, scales.s[0], scales.o[0], act, m.center);
      for (auto& p : planes) p += 32;
      high = block8<C, Levels, Sub16>(high, planes, bytes, wide, scales.s[1], scales.o[1], act, m.center);
      for (int p = 0; p < C::planes; p++) planes[p] += 64 * m.planes[p].width - 32;
    }
    storeRows(low, high, y + tile * kTileRows, rowsOf(m, tile));
  }
}

template <int Levels>
Gemv chooseGemv(const Matrix& m) {
  if (m.scaleKind == ScaleKind::K6) return Codes<4, 2>::fits(m) ? gemv<Codes<4, 2>, Levels, true> : nullptr;
  if (Codes<4>::fits(m)) return gemv<Codes<4>, Levels, false>;
  if (Codes<2, 1>::fits(m)) return gemv<Codes<2, 1>, Levels, false>;
  if (Codes<2>::fits(m)) return gemv<Codes<2>, Levels, false>;
  if (Codes<1>::fits(m)) return gemv<Codes<1>, Levels, false>;
  if (Codes<2, 1, 1>::fits(m)) return gemv<Codes<2, 1, 1>, Levels, false>;
  if (Codes<4, 1>::fits(m)) return gemv<Codes<4, 1>, Levels, false>;
  if (Codes<4, 2>::fits(m)) return gemv<Codes<4, 2>, Levels, false>;
  if (Codes<4, 4>::fits(m)) return gemv<Codes<4, 4>, Levels, false>;
  if (Codes<8>::fits(m)) return gemv<Codes<8>, Levels, false>;
  return nullptr;
}

// Any list of planes, plane by plane.
void unpackTile(const Matrix& m, int tile, uint8_t* out) {
  const int blocks = m.blocks();
  for (int b = 0; b < blocks; b++, out += 512)
    for (int p = 0; p < m.planeCount; p++) {
      const int width = m.planes[p].width, perByte = 8 / width;
      const uint8_t* in = planeBlock(m, p, tile, b);
      const __m256i mask = _mm256_set1_epi8(static_cast<char>((1 << width) - 1));
      const __m128i left = _mm_cvtsi32_si128(width);
      for (int step = 0; step < 8; step++) {
        const __m128i right = _mm_cvtsi32_si128(step % perByte * width);
        for (int half = 0; half < 64; half += 32) {
          __m256i v = load256(in + 64 * (step / perByte) + half);
          v = _mm256_and_si256(_mm256_srl_epi16(v, right), mask);
          __m256i* at = reinterpret_cast<__m256i*>(out + 64 * step + half);
          if (p > 0) v = _mm256_or_si256(v, _mm256_sll_epi16(_mm256_loadu_si256(at), left));
          _mm256_storeu_si256(at, v);
        }
      }
    }
}

// A known list of planes, in registers.
template <class C, int... I>
void unpackBlock(const uint8_t* const* planes, uint8_t* out, std::integer_sequence<int, I...>) {
  (_mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 64 * I), C::template at<I>(planes)), ...);
}
template <class C>
void unpackTileOf(const Matrix& m, int tile, uint8_t* out) {
  const uint8_t* planes[C::planes];
  for (int b = 0; b < m.blocks(); b++, out += 512)
    for (int half = 0; half < 64; half += 32) {
      for (int p = 0; p < C::planes; p++) planes[p] = planeBlock(m, p, tile, b) + half;
      unpackBlock<C>(planes, out + half, std::make_integer_sequence<int, 8>());
    }
}
using Unpack = void (*)(const Matrix&, int, uint8_t*);
Unpack chooseUnpack(const Matrix& m) {
  if (Codes<4>::fits(m)) return unpackTileOf<Codes<4>>;
  if (Codes<2, 1>::fits(m)) return unpackTileOf<Codes<2, 1>>;
  if (Codes<4, 2>::fits(m)) return unpackTileOf<Codes<4, 2>>;
  if (Codes<4, 4>::fits(m)) return unpackTileOf<Codes<4, 4>>;
  if (Codes<8>::fits(m)) return unpackTileOf<Codes<8>>;
  return unpackTile;
}

// Dot products of 16 rows with some tokens over `Steps` steps of unpacked codes.
template <class Dot, int Tokens, int Steps>
ZEN_INLINE void steps(const uint8_t* codes, const int8_t* bytes, size_t byteStride, const int16_t* wide, size_t wideStride,
                  __m256i (&sums)[Tokens][2]) {
  Dot dot[Tokens][2];
  unrolled<Steps>([&](auto step) __attribute__((always_inline)) {
    const __m256i low = load256(codes + 64 * step), high = load256(codes + 64 * step + 32);
    for (int t = 0; t < Tokens; t++) {
      const auto four = Dot::template activations<step>(bytes + t * byteStride, wide + t * wideStride);
      dot[t][0].template step<step>(low, four);
      dot[t][1].template step<step>(high, four);
    }
  });
  for (int t = 0; t < Tokens; t++)
    for (int h = 0; h < 2; h++) sums[t][h] = dot[t][h].template total<Steps>();
}

using Gemm = void (*)(const Matrix&, const Acts&, int, const uint8_t*, const float*, float*, size_t, int);

// `Tokens` tokens from `token` on against one unpacked tile. In a step the 16 rows' codes stay in two registers while
// every token's four activations are broadcast once.
template <int Depth, int Levels, bool Sub16, int Tokens>
void gemm(const Matrix& m, const Acts& a, int token, const uint8_t* codes, const float* scales, float* y, size_t ldy,
          int tile) {
  using Dot = DotSum<Depth, Levels>;
  const int blocks = m.blocks();
  __m256 acc[Tokens][2];
  for (auto& rows : acc) rows[0] = rows[1] = _mm256_setzero_ps();
  const size_t byteStride = static_cast<size_t>(blocks) * Levels * kBlockCols, wideStride = a.cols;
  const int8_t* bytes = actBytes(a, token, 0);
  const int16_t* wide = actWide(a, token, 0);
  const ActBlock* act = &actBlock(a, token, 0);
  for (int b = 0; b < blocks; b++, codes += 512, scales += 32, bytes += Levels * kBlockCols, wide += kBlockCols, act++) {
    __m256i sums[Tokens][2];
    steps<Dot, Tokens, Sub16 ? 4 : 8>(codes, bytes, byteStride, wide, wideStride, sums);
    if constexpr (Sub16) {
      for (int t = 0; t < Tokens; t++)
        for (int h = 0; h < 2; h++)
          acc[t][h] = accumulate(acc[t][h], sums[t][h], _mm256_loadu_ps(scales + 8 * h), act[t * blocks],
                                 m.center * act[t * blocks].sum[0]);
      steps<Dot, Tokens, 4>(codes + 256, bytes + 16, byteStride, wide + 16, wideStride, sums);
      for (int t = 0; t < Tokens; t++)
        for (int h = 0; h < 2; h++)
          acc[t][h] = accumulate(acc[t][h], sums[t][h], _mm256_loadu_ps(scales + 16 + 8 * h), act[t * blocks],
                                 m.center * act[t * blocks].sum[1]);
    } else {
      for (int t = 0; t < Tokens; t++) {
        const ActBlock& own = act[t * blocks];
        for (int h = 0; h < 2; h++) {
          const __m256 v = accumulate(acc[t][h], sums[t][h], _mm256_loadu_ps(scales + 8 * h), own,
                                      m.center * (own.sum[0] + own.sum[1]));
          acc[t][h] = _mm256_fmadd_ps(_mm256_loadu_ps(scales + 16 + 8 * h), _mm256_set1_ps(own.scaledSum), v);
        }
      }
    }
  }
  for (int t = 0; t < Tokens; t++)
    storeRows(acc[t][0], acc[t][1], y + (token + t) * ldy + tile * kTileRows, rowsOf(m, tile));
}

// The products of one unpacked tile with any number of tokens.
struct GemmSet {
  int tokens;                    // of a full register block
  Gemm byTokens[kMostTokens + 1];
};

template <int Depth, int Levels, bool Sub16, int... I>
constexpr GemmSet gemmSet(std::integer_sequence<int, I...>) {
  return {tokensOf(Depth, Levels), {nullptr, gemm<Depth, Levels, Sub16, I + 1>...}};
}
template <int Depth, bool Sub16>
GemmSet gemmsOfLevels(int levels) {
  if (levels == 2) return gemmSet<Depth, 2, Sub16>(std::make_integer_sequence<int, tokensOf(Depth, 2)>());
  return gemmSet<Depth, 1, Sub16>(std::make_integer_sequence<int, tokensOf(Depth, 1)>());
}
GemmSet gemms(const Matrix& m, int levels) {
  if (m.scaleKind == ScaleKind::K6) return gemmsOfLevels<2, true>(levels);
  switch (depthOf(m.bits)) {
    case 8:
      return gemmsOfLevels<8, false>(levels);
    case 4:
      return gemmsOfLevels<4, false>(levels);
    case 2:
      return gemmsOfLevels<2, false>(levels);
    case 1:
      return gemmsOfLevels<1, false>(levels);
    default:
      return gemmsOfLevels<0, false>(levels);
  }
}

// Tokens whose activations stay in L2 while the tiles pass.
constexpr int kTokenPanel = 128;

}  // namespace

void avx2Matmul(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
                int tileEnd, void* scratch) {
  if (m.coding != Coding::Codes) {
    const int rowEnd = tileEnd * kTileRows < m.rows ? tileEnd * kTileRows : m.rows;
    return avx2RawMatmul(m, a, tokenBegin, tokenEnd, y, ldy, tileBegin * kTileRows, rowEnd);
  }
  if (tokenEnd - tokenBegin == 1) {
    const Gemv fused = a.levels == 2 ? chooseGemv<2>(m) : chooseGemv<1>(m);
    if (fused) return fused(m, a, tokenBegin, y + tokenBegin * ldy, tileBegin, tileEnd);
  }
  const GemmSet set = gemms(m, a.levels);
  const Unpack unpack = chooseUnpack(m);
  uint8_t* codes = scratchCodes(scratch);
  float* scaleRows = scratchScales(scratch, m.cols);
  for (int panel = tokenBegin; panel < tokenEnd; panel += kTokenPanel) {
    const int panelEnd = panel + kTokenPanel < tokenEnd ? panel + kTokenPanel : tokenEnd;
    for (int tile = tileBegin; tile < tileEnd; tile++) {
      unpack(m, tile, codes);
      Scales scales(m, tile);
      for (int b = 0; b < m.blocks(); b++) {
        scales.load(b);
        for (int half = 0; half < 2; half++) {
          _mm256_storeu_ps(scaleRows + 32 * b + 8 * half, scales.s[half]);
          _mm256_storeu_ps(scaleRows + 32 * b + 16 + 8 * half, scales.o[half]);
        }
      }
      for (int token = panel; token < panelEnd; token += set.tokens) {
        const int count = panelEnd - token < set.tokens ? panelEnd - token : set.tokens;
        set.byTokens[count](m, a, token, codes, scaleRows, y, ldy, tile);
      }
    }
  }
}

}  // namespace zen
#endif

// AVX-512 VNNI: 64 codes and their integer products. Included after the target pragma.
#pragma once

namespace zen {
namespace {

using Bytes = __m512i;
struct I16 {
  __m512i v;
};

ZEN_INLINE Bytes loadBytes(const uint8_t* p) { return _mm512_loadu_si512(p); }
ZEN_INLINE void storeBytes(uint8_t* p, Bytes v) { _mm512_storeu_si512(p, v); }
// Bits that cross into the next byte are dropped by `keep`.
template <int N>
ZEN_INLINE Bytes shiftRight(Bytes v) {
  return _mm512_srli_epi16(v, N);
}
template <int N>
ZEN_INLINE Bytes shiftLeft(Bytes v) {
  return _mm512_slli_epi16(v, N);
}
ZEN_INLINE Bytes keep(Bytes v, int mask) { return _mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(mask))); }
ZEN_INLINE Bytes either(Bytes v, Bytes w) { return _mm512_or_si512(v, w); }
ZEN_INLINE Bytes flip(Bytes v) { return v; }
constexpr bool kSignedCodes = false;

ZEN_INLINE V16 toFloats(I16 v) { return _mm512_cvtepi32_ps(v.v); }
ZEN_INLINE I16 subtract(I16 v, int x) { return {_mm512_sub_epi32(v.v, _mm512_set1_epi32(x))}; }

// Unsigned codes times signed bytes are added in 32 bits whatever their size.
constexpr int bitClass(int) { return 8; }
// Tiles and tokens of one register block: for each pair a sum a level and the sum of the blocks before, of 32 registers.
// With two tiles an activation is broadcast half as often, and a broadcast takes as long as a product.
constexpr int kTilesTogether = 2;
constexpr int kMostTokens = 6;
constexpr int tokensOf(int, int levels) { return levels == 2 ? 4 : 6; }

// The running products of 16 rows with one token.
template <int Bits, int Levels>
struct Dot {
  struct Four {
    __m512i level[Levels];
  };
  __m512i part[Levels];

  ZEN_INLINE Dot() {
    for (int l = 0; l < Levels; l++) part[l] = _mm512_setzero_si512();
  }
  // The four activations of a step, for every row.
  template <int Step>
  ZEN_INLINE static Four activations(const int8_t* bytes, const int16_t*) {
    Four out;
    for (int l = 0; l < Levels; l++) {
      int32_t four;
      std::memcpy(&four, bytes + kBlockCols * l + 4 * Step, 4);
      out.level[l] = _mm512_set1_epi32(four);
    }
    return out;
  }
  template <int Step>
  ZEN_INLINE void step(Bytes codes, Four four) {
    for (int l = 0; l < Levels; l++) part[l] = _mm512_dpbusd_epi32(part[l], codes, four.level[l]);
  }
  template <int Steps>
  ZEN_INLINE I16 total() {
    if constexpr (Levels == 2) return {_mm512_add_epi32(_mm512_slli_epi32(part[0], 8), part[1])};
    return {part[0]};
  }
};

}  // namespace
}  // namespace zen

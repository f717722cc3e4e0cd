// AVX2: 64 codes and their integer products. Included after the target pragma.
#pragma once

namespace zen {
namespace {

// Rows 0–7 and 8–15.
struct Bytes {
  __m256i a, b;
};
struct I16 {
  __m256i a, b;
};

ZEN_INLINE __m256i load256(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
ZEN_INLINE Bytes loadBytes(const uint8_t* p) { return {load256(p), load256(p + 32)}; }
ZEN_INLINE void storeBytes(uint8_t* p, Bytes v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), v.b);
}
// Bits that cross into the next byte are dropped by `keep`.
template <int N>
ZEN_INLINE Bytes shiftRight(Bytes v) {
  return {_mm256_srli_epi16(v.a, N), _mm256_srli_epi16(v.b, N)};
}
template <int N>
ZEN_INLINE Bytes shiftLeft(Bytes v) {
  return {_mm256_slli_epi16(v.a, N), _mm256_slli_epi16(v.b, N)};
}
ZEN_INLINE Bytes keep(Bytes v, int mask) {
  const __m256i m = _mm256_set1_epi8(static_cast<char>(mask));
  return {_mm256_and_si256(v.a, m), _mm256_and_si256(v.b, m)};
}
ZEN_INLINE Bytes either(Bytes v, Bytes w) { return {_mm256_or_si256(v.a, w.a), _mm256_or_si256(v.b, w.b)}; }
ZEN_INLINE Bytes flip(Bytes v) { return v; }
constexpr bool kSignedCodes = false;

ZEN_INLINE V16 toFloats(I16 v) { return {_mm256_cvtepi32_ps(v.a), _mm256_cvtepi32_ps(v.b)}; }
ZEN_INLINE I16 subtract(I16 v, int x) {
  const __m256i all = _mm256_set1_epi32(x);
  return {_mm256_sub_epi32(v.a, all), _mm256_sub_epi32(v.b, all)};
}

// The compiler computes a block's products first and adds them afterwards, which spills; this ends a step.
ZEN_INLINE void settle(__m256i& v) { asm volatile("" : "+x"(v)); }

// Codes up to 4 bits are multiplied alike; the others by their own number of bits.
constexpr int bitClass(int bits) { return bits <= 4 ? 4 : bits; }
// How many products of codes with bytes add up in 16 bits: 2·(2^bits − 1)·128·depth < 2^15. 8-bit codes do not fit
// even once and meet 16-bit activations.
constexpr int depthOf(int bits) { return bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1; }
// Tiles and tokens of one register block: two sums a level and token, of 16 registers.
constexpr int kTilesTogether = 1;
constexpr int kMostTokens = 4;
constexpr int tokensOf(int bits, int levels) { return bits == 8 || levels == 2 ? 2 : 4; }

// The running products of 16 rows with one token.
template <int Bits, int Levels>
struct Dot {
  static constexpr int depth = depthOf(Bits);
  struct Four {
    __m256i level[Levels];
  };
  __m256i part[2][Levels], sum[2];

  ZEN_INLINE Dot() {
    for (int h = 0; h < 2; h++) {
      sum[h] = _mm256_setzero_si256();
      for (int l = 0; l < Levels; l++) part[h][l] = _mm256_setzero_si256();
    }
  }
  // The four activations of a step, for every row.
  template <int Step>
  ZEN_INLINE static Four activations(const int8_t* bytes, const int16_t*) {
    Four out;
    for (int l = 0; l < Levels; l++) {
      int32_t four;
      std::memcpy(&four, bytes + kBlockCols * l + 4 * Step, 4);
      out.level[l] = _mm256_set1_epi32(four);
    }
    return out;
  }
  template <int Step>
  ZEN_INLINE void step(Bytes codes, Four four) {
    for (int l = 0; l < Levels; l++) {
      part[0][l] = _mm256_add_epi16(part[0][l], _mm256_maddubs_epi16(codes.a, four.level[l]));
      part[1][l] = _mm256_add_epi16(part[1][l], _mm256_maddubs_epi16(codes.b, four.level[l]));
      settle(part[0][l]);
      settle(part[1][l]);
    }
    if constexpr ((Step + 1) % depth == 0) flush();
  }
  ZEN_INLINE void flush() {
    for (int h = 0; h < 2; h++) {
      __m256i s = _mm256_madd_epi16(part[h][0], _mm256_set1_epi16(Levels == 2 ? 256 : 1));
      if constexpr (Levels == 2) s = _mm256_add_epi32(s, _mm256_madd_epi16(part[h][1], _mm256_set1_epi16(1)));
      sum[h] = _mm256_add_epi32(sum[h], s);
      for (int l = 0; l < Levels; l++) part[h][l] = _mm256_setzero_si256();
    }
  }
  template <int Steps>
  ZEN_INLINE I16 total() {
    if constexpr (Steps % depth != 0) flush();
    return {sum[0], sum[1]};
  }
};

template <int Levels>
struct Dot<8, Levels> {
  __m256i even[2], odd[2];  // rows 0, 1, 4, 5 and rows 2, 3, 6, 7 of each half, two sums a row

  ZEN_INLINE Dot() {
    for (int h = 0; h < 2; h++) even[h] = odd[h] = _mm256_setzero_si256();
  }
  template <int Step>
  ZEN_INLINE static __m256i activations(const int8_t*, const int16_t* wide) {
    int64_t four;
    std::memcpy(&four, wide + 4 * Step, 8);
    return _mm256_set1_epi64x(four);
  }
  template <int Step>
  ZEN_INLINE void step(Bytes codes, __m256i four) {
    const __m256i zero = _mm256_setzero_si256();
    even[0] = _mm256_add_epi32(even[0], _mm256_madd_epi16(_mm256_unpacklo_epi8(codes.a, zero), four));
    odd[0] = _mm256_add_epi32(odd[0], _mm256_madd_epi16(_mm256_unpackhi_epi8(codes.a, zero), four));
    even[1] = _mm256_add_epi32(even[1], _mm256_madd_epi16(_mm256_unpacklo_epi8(codes.b, zero), four));
    odd[1] = _mm256_add_epi32(odd[1], _mm256_madd_epi16(_mm256_unpackhi_epi8(codes.b, zero), four));
    for (int h = 0; h < 2; h++) {
      settle(even[h]);
      settle(odd[h]);
    }
  }
  template <int Steps>
  ZEN_INLINE I16 total() {
    return {_mm256_hadd_epi32(even[0], odd[0]), _mm256_hadd_epi32(even[1], odd[1])};
  }
};

}  // namespace
}  // namespace zen

// Sixteen floats on AVX-512F/BW. Included after the target pragma.
#pragma once

namespace zen {
namespace {

using V16 = __m512;
ZEN_INLINE V16 load(const float* p) { return _mm512_loadu_ps(p); }
ZEN_INLINE void store(float* p, V16 v) { _mm512_storeu_ps(p, v); }
ZEN_INLINE V16 splat(float x) { return _mm512_set1_ps(x); }
ZEN_INLINE V16 fma(V16 x, V16 y, V16 z) { return _mm512_fmadd_ps(x, y, z); }
ZEN_INLINE V16 add(V16 x, V16 y) { return _mm512_add_ps(x, y); }
ZEN_INLINE V16 sub(V16 x, V16 y) { return _mm512_sub_ps(x, y); }
ZEN_INLINE V16 mul(V16 x, V16 y) { return _mm512_mul_ps(x, y); }
ZEN_INLINE V16 div(V16 x, V16 y) { return _mm512_div_ps(x, y); }
ZEN_INLINE V16 negate(V16 x) {
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(INT32_MIN)));
}
// −x in the lanes whose bit is 0.
ZEN_INLINE V16 withSigns(V16 x, int bits) {
  const __m512i v = _mm512_castps_si512(x);
  return _mm512_castsi512_ps(
      _mm512_mask_xor_epi32(v, static_cast<__mmask16>(~bits), v, _mm512_set1_epi32(INT32_MIN)));
}
// x > y ? x : y, and x < y ? x : y, so y where one is NaN.
ZEN_INLINE V16 larger(V16 x, V16 y) { return _mm512_max_ps(x, y); }
ZEN_INLINE V16 smaller(V16 x, V16 y) { return _mm512_min_ps(x, y); }
ZEN_INLINE V16 nearest(V16 x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// 2^n for whole n in [−126, 127].
ZEN_INLINE V16 power2(V16 n) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

ZEN_INLINE __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
ZEN_INLINE __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
ZEN_INLINE V16 loadHalves(const uint8_t* p) { return _mm512_cvtph_ps(load256(p)); }
ZEN_INLINE V16 loadBrains(const uint8_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load256(p)), 16));
}
ZEN_INLINE V16 loadInt8(const uint8_t* p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load128(p))); }
ZEN_INLINE V16 loadUint8(const uint8_t* p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load128(p))); }
ZEN_INLINE void storeHalves(uint8_t* p, V16 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
// Rounded to nearest even; values fit 16 bits.
ZEN_INLINE void storeInt16(int16_t* p, V16 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(v)));
}

// Sum of 16 numbers.
ZEN_INLINE int sumInt16(const int16_t* p) {
  const __m256i pairs =
      _mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_set1_epi16(1));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

constexpr int kScoreRows = 12;  // × 16 keys: 12 of 32 registers
constexpr int kValueRows = 6;   // × 32 dimensions
constexpr int kRawTokens = 8;

}  // namespace
}  // namespace zen

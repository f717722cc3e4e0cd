// Sixteen floats on AVX2. Included after the target pragma.
#pragma once

namespace zen {
namespace {

struct V16 {
  __m256 a, b;
};
ZEN_INLINE V16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
ZEN_INLINE void store(float* p, V16 v) {
  _mm256_storeu_ps(p, v.a);
  _mm256_storeu_ps(p + 8, v.b);
}
ZEN_INLINE V16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
ZEN_INLINE V16 fma(V16 x, V16 y, V16 z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
ZEN_INLINE V16 add(V16 x, V16 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
ZEN_INLINE V16 sub(V16 x, V16 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
ZEN_INLINE V16 mul(V16 x, V16 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
ZEN_INLINE V16 div(V16 x, V16 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
ZEN_INLINE V16 negate(V16 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign)};
}
// −x in the lanes whose bit is 0.
ZEN_INLINE V16 withSigns(V16 x, int bits) {
  const __m256i all = _mm256_set1_epi32(bits), sign = _mm256_set1_epi32(INT32_MIN);
  const __m256i low = _mm256_sllv_epi32(all, _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
  const __m256i high = _mm256_sllv_epi32(all, _mm256_setr_epi32(23, 22, 21, 20, 19, 18, 17, 16));
  return {_mm256_xor_ps(x.a, _mm256_castsi256_ps(_mm256_andnot_si256(low, sign))),
          _mm256_xor_ps(x.b, _mm256_castsi256_ps(_mm256_andnot_si256(high, sign)))};
}
// x > y ? x : y, and x < y ? x : y, so y where one is NaN.
ZEN_INLINE V16 larger(V16 x, V16 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
ZEN_INLINE V16 smaller(V16 x, V16 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
ZEN_INLINE V16 nearest(V16 x) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, mode), _mm256_round_ps(x.b, mode)};
}
ZEN_INLINE __m256 power2(__m256 n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
// 2^n for whole n in [−126, 127].
ZEN_INLINE V16 power2(V16 n) { return {power2(n.a), power2(n.b)}; }

ZEN_INLINE __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
ZEN_INLINE V16 loadHalves(const uint8_t* p) { return {_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 16))}; }
ZEN_INLINE __m256 brain(__m128i v) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16)); }
ZEN_INLINE V16 loadBrains(const uint8_t* p) { return {brain(load128(p)), brain(load128(p + 16))}; }
ZEN_INLINE V16 loadInt8(const uint8_t* p) {
  const __m128i v = load128(p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(v, 8)))};
}
ZEN_INLINE V16 loadUint8(const uint8_t* p) {
  const __m128i v = load128(p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(v)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(v, 8)))};
}
ZEN_INLINE void storeHalves(uint8_t* p, V16 v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 16), _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT));
}
// Rounded to nearest even; values fit 16 bits.
ZEN_INLINE void storeInt16(int16_t* p, V16 v) {
  const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(v.a), _mm256_cvtps_epi32(v.b));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}

// Sum of 16 numbers.
ZEN_INLINE int sumInt16(const int16_t* p) {
  const __m256i pairs =
      _mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_set1_epi16(1));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

constexpr int kScoreRows = 6;  // × 16 keys: 12 of 16 registers
constexpr int kValueRows = 3;  // × 32 dimensions
constexpr int kRawTokens = 4;

}  // namespace
}  // namespace zen

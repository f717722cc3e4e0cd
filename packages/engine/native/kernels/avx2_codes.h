// AVX2: codes out of planes. Included only by avx2_*.cc, after the target pragma.
#pragma once
#include <utility>

namespace zen {
namespace {

ZEN_INLINE __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// The compiler computes a block's products first and adds them afterwards, which spills; this ends a step.
ZEN_INLINE void settle(__m256i& v) { asm volatile("" : "+x"(v)); }

// Partial sums of `depth` products of codes below 2^bits with bytes fit 16 bits: 2·(2^bits − 1)·128·depth < 2^15.
// 8-bit codes do not fit even once and take 16-bit activations (depth 0).
constexpr int depthOf(int bits) { return bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : bits == 7 ? 1 : 0; }

// Bits of one plane for rows 8·half to 8·half + 7 in a step, at their place in the code. `block` is the plane's block + 32·half.
template <int Step, int Width, int Low>
ZEN_INLINE __m256i planeField(const uint8_t* block) {
  constexpr int perByte = 8 / Width, right = Step % perByte * Width - Low;
  __m256i v = load256(block + 64 * (Step / perByte));
  if constexpr (Width == 8) return v;
  if constexpr (right > 0) v = _mm256_srli_epi16(v, right);
  if constexpr (right < 0) v = _mm256_slli_epi16(v, -right);
  return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(((1 << Width) - 1) << Low)));
}

// A list of planes, most significant first.
template <int... Widths>
struct Codes;
template <int Width, int... Rest>
struct Codes<Width, Rest...> {
  static constexpr int low = (0 + ... + Rest), depth = depthOf(Width + low), planes = 1 + sizeof...(Rest);
  template <int Step>
  ZEN_INLINE static __m256i at(const uint8_t* const* block) {
    const __m256i v = planeField<Step, Width, low>(block[0]);
    if constexpr (sizeof...(Rest) > 0) return _mm256_or_si256(v, Codes<Rest...>::template at<Step>(block + 1));
    return v;
  }
  static bool fits(const Matrix& m) {
    constexpr int widths[] = {Width, Rest...};
    if (m.planeCount != planes) return false;
    for (int p = 0; p < planes; p++)
      if (m.planes[p].width != widths[p]) return false;
    return true;
  }
};

// The running sum of one row half over some steps of a block.
template <int Depth, int Levels>
struct DotSum {
  __m256i part[Levels];
  __m256i sum;

  ZEN_INLINE DotSum() : sum(_mm256_setzero_si256()) {
    for (int l = 0; l < Levels; l++) part[l] = _mm256_setzero_si256();
  }
  ZEN_INLINE void flush() {
    __m256i s;
    if constexpr (Levels == 2)
      s = _mm256_add_epi32(_mm256_madd_epi16(part[0], _mm256_set1_epi16(256)),
                           _mm256_madd_epi16(part[1], _mm256_set1_epi16(1)));
    else
      s = _mm256_madd_epi16(part[0], _mm256_set1_epi16(1));
    sum = _mm256_add_epi32(sum, s);
    for (int l = 0; l < Levels; l++) part[l] = _mm256_setzero_si256();
  }
  struct Four {
    __m256i at[Levels];
  };
  // The four activations of a step for every row, per level.
  template <int Step>
  ZEN_INLINE static Four activations(const int8_t* bytes, const int16_t*) {
    Four out;
    for (int l = 0; l < Levels; l++) {
      int32_t four;
      std::memcpy(&four, bytes + kBlockCols * l + 4 * Step, 4);
      out.at[l] = _mm256_set1_epi32(four);
    }
    return out;
  }
  template <int Step>
  ZEN_INLINE void step(__m256i codes, Four four) {
    for (int l = 0; l < Levels; l++) {
      part[l] = _mm256_add_epi16(part[l], _mm256_maddubs_epi16(codes, four.at[l]));
      settle(part[l]);
    }
    if constexpr ((Step + 1) % Depth == 0) flush();
  }
  // After a number of steps that need not be a multiple of Depth.
  template <int Steps>
  ZEN_INLINE __m256i total() {
    if constexpr (Steps % Depth != 0) flush();
    return sum;
  }
};

template <int Levels>
struct DotSum<0, Levels> {
  __m256i even, odd;

  ZEN_INLINE DotSum() : even(_mm256_setzero_si256()), odd(_mm256_setzero_si256()) {}

  template <int Step>
  ZEN_INLINE static __m256i activations(const int8_t*, const int16_t* wide) {
    int64_t four;
    std::memcpy(&four, wide + 4 * Step, 8);
    return _mm256_set1_epi64x(four);
  }
  template <int Step>
  ZEN_INLINE void step(__m256i codes, __m256i four) {
    const __m256i zero = _mm256_setzero_si256();
    even = _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_unpacklo_epi8(codes, zero), four));
    odd = _mm256_add_epi32(odd, _mm256_madd_epi16(_mm256_unpackhi_epi8(codes, zero), four));
    settle(even);
    settle(odd);
  }
  template <int Steps>
  ZEN_INLINE __m256i total() {
    return _mm256_hadd_epi32(even, odd);
  }
};

// body(step) for 0, 1, …, Steps − 1, each a constant.
template <class Body, int... I>
ZEN_INLINE void unrolledOver(Body&& body, std::integer_sequence<int, I...>) {
  (body(std::integral_constant<int, I>()), ...);
}
template <int Steps, class Body>
ZEN_INLINE void unrolled(Body&& body) {
  unrolledOver(body, std::make_integer_sequence<int, Steps>());
}

// Dot products of eight rows over the steps First to First + Count − 1 of one block.
template <class C, int Levels, int First, int Count>
ZEN_INLINE __m256i dotSteps(const uint8_t* const* block, const int8_t* bytes, const int16_t* wide) {
  using Dot = DotSum<C::depth, Levels>;
  Dot dot;
  unrolled<Count>([&](auto i) __attribute__((always_inline)) {
    constexpr int step = First + i;
    dot.template step<step>(C::template at<step>(block), Dot::template activations<step>(bytes, wide));
  });
  return dot.template total<Count>();
}

}  // namespace
}  // namespace zen

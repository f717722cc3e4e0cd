// An experiment, not a kernel: products of low-bit codes by table lookup (vpshufb) against the kernels' merged fields,
// one token, one level, one thread, both exact. docs/decisions/2026-11-25-low-bit-kernels.md has the result.
//   make bench-lookup
// In the ladder's layout the four fields of a plane's byte belong to one row and one column of four (width 1) or two
// (width 2, four levels each) steps, so a nibble indexes a table of 16 sums of one row's activations.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "kernels/block.h"
#include "kernels/kernels.h"

#pragma GCC target("avx2,fma,f16c")

namespace {

using namespace zen;

double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// Tables of one 64-byte vector: [column pair 0–1, 2–3][nibble][low or high byte], 32 bytes each: lane 0 the first
// column of the pair, lane 1 the second.
constexpr int kTableBytes = 2 * 2 * 2 * 32;

void buildTables(const int16_t* q, int width, uint8_t* out) {
  for (int vector = 0; vector < width; vector++)
    for (int pair = 0; pair < 2; pair++)
      for (int nibble = 0; nibble < 2; nibble++)
        for (int lane = 0; lane < 2; lane++)
          for (int index = 0; index < 16; index++) {
            int sum = 0;
            for (int f = 0; f < 4 / width; f++) {
              const int step = vector * (8 / width) + nibble * (4 / width) + f;
              sum += (index >> (width * f) & ((1 << width) - 1)) * q[4 * step + 2 * pair + lane];
            }
            uint8_t* at = out + vector * kTableBytes + (pair * 2 + nibble) * 64 + lane * 16 + index;
            at[0] = static_cast<uint8_t>(sum & 255);
            at[32] = static_cast<uint8_t>(sum >> 8 & 255);
          }
}

// Adds a vector's sums to 16-bit sums: rows 0–3, 8–11 in `low`, 4–7, 12–15 in `high`; one lane a column of the pair.
ZEN_INLINE void lookup(const uint8_t* vector, const uint8_t* tables, __m256i& low, __m256i& high) {
  const __m256i byColumn = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9,
                                            13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7), mask = _mm256_set1_epi8(15);
  const __m256i* in = reinterpret_cast<const __m256i*>(vector);
  const __m256i a = _mm256_shuffle_epi8(_mm256_loadu_si256(in), byColumn);
  const __m256i b = _mm256_shuffle_epi8(_mm256_loadu_si256(in + 1), byColumn);
  const __m256i pairs[2] = {_mm256_permutevar8x32_epi32(_mm256_unpacklo_epi32(a, b), lanes),
                            _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi32(a, b), lanes)};
  for (int pair = 0; pair < 2; pair++)
    for (int nibble = 0; nibble < 2; nibble++) {
      const __m256i* table = reinterpret_cast<const __m256i*>(tables + (pair * 2 + nibble) * 64);
      const __m256i index = _mm256_and_si256(nibble ? _mm256_srli_epi16(pairs[pair], 4) : pairs[pair], mask);
      const __m256i l = _mm256_shuffle_epi8(_mm256_loadu_si256(table), index);
      const __m256i h = _mm256_shuffle_epi8(_mm256_loadu_si256(table + 1), index);
      low = _mm256_add_epi16(low, _mm256_unpacklo_epi8(l, h));
      high = _mm256_add_epi16(high, _mm256_unpackhi_epi8(l, h));
    }
}

ZEN_INLINE __m256i rows(__m256i sums) {
  return _mm256_cvtepi16_epi32(_mm_add_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1)));
}

// The same sum as Kernels::matmul for one token and Row8 scales.
template <int First, int Second>
void lookupGemv(const Matrix& m, const Acts& a, const uint8_t* tables1, const uint8_t* tables2, float* y) {
  for (int tile = 0; tile < m.tiles(); tile++) {
    __m256 acc[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int b = 0; b < m.blocks(); b++) {
      __m256i low = _mm256_setzero_si256(), high = low;
      const uint8_t* plane = planeBlock(m, 0, tile, b);
      for (int v = 0; v < First; v++)
        lookup(plane + 64 * v,
               (First == 1 ? tables1 + b * kTableBytes : tables2 + b * 2 * kTableBytes) + v * kTableBytes, low, high);
      if constexpr (Second == 1) {  // code = 2·first + second
        low = _mm256_slli_epi16(low, 1);
        high = _mm256_slli_epi16(high, 1);
        lookup(planeBlock(m, 1, tile, b), tables1 + b * kTableBytes, low, high);
      }
      const __m256i dotLow = rows(low), dotHigh = rows(high);  // rows 0–3, 8–11 and 4–7, 12–15: in order below
      const __m256i dots[2] = {_mm256_permute2x128_si256(dotLow, dotHigh, 0x20),
                               _mm256_permute2x128_si256(dotLow, dotHigh, 0x31)};
      const ActBlock& act = actBlock(a, 0, b);
      const uint8_t* at = scaleBlock(m, tile, b);
      for (int h = 0; h < 2; h++) {
        const auto bytes = [&](const uint8_t* p) ZEN_LAMBDA {
          return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
        };
        const __m256 row =
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rowScales(m, tile) + 16 * h)));
        const __m256 s = _mm256_mul_ps(row, bytes(at + 8 * h));
        const __m256 zero = _mm256_mul_ps(s, _mm256_mul_ps(bytes(at + 16 + 8 * h), _mm256_set1_ps(zeroUnit(m))));
        acc[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[h]), _mm256_mul_ps(s, _mm256_set1_ps(act.scale)), acc[h]);
        acc[h] = _mm256_fmadd_ps(_mm256_xor_ps(zero, _mm256_set1_ps(-0.0f)), _mm256_set1_ps(act.scaledSum), acc[h]);
      }
    }
    _mm256_storeu_ps(y + 16 * tile, acc[0]);
    _mm256_storeu_ps(y + 16 * tile + 8, acc[1]);
  }
}

uint8_t* randomBytes(size_t n, uint32_t seed, bool halves) {
  uint8_t* at = static_cast<uint8_t*>(std::aligned_alloc(64, (n + 63) / 64 * 64));
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    at[i] = halves && i % 2 ? 0x2c : static_cast<uint8_t>(seed >> 24);
  }
  return at;
}

template <class Work>
double seconds(const Work& work) {
  double least = 1e9;
  for (int round = 0; round < 9; round++) {
    const double start = now();
    for (int i = 0; i < 20; i++) work();
    least = std::min(least, (now() - start) / 20);
  }
  return least;
}

template <int First, int Second>
void compare(const Kernels& kernels, const char* name) {
  Matrix m;
  m.rows = 4096;
  m.cols = 1536;
  m.group = 64;
  m.bits = First + Second;
  const size_t weights = size_t(m.rows) * m.cols;
  m.planes[m.planeCount++] = {randomBytes(weights * First / 8, 1, false), First};
  if (Second) m.planes[m.planeCount++] = {randomBytes(weights * Second / 8, 2, false), Second};
  m.rowScale = randomBytes(size_t(m.rows) * 2, 3, true);
  m.scales = randomBytes(weights / 64 * 2, 4, false);
  std::vector<float> x(m.cols), merged(m.rows), looked(m.rows);
  for (int c = 0; c < m.cols; c++) x[c] = float(c * 7919 % 1009) - 504.0f;
  Acts a = bindActs(std::aligned_alloc(64, actsBytes(1, m.cols, 1)), x.data(), m.cols, 1, m.cols, 1);
  kernels.quantize(a, 0, 1);
  std::vector<uint8_t> tables1(m.blocks() * kTableBytes), tables2(m.blocks() * 2 * kTableBytes);
  for (int b = 0; b < m.blocks(); b++) {
    buildTables(actWide(a, 0, b), 1, &tables1[b * kTableBytes]);
    buildTables(actWide(a, 0, b), 2, &tables2[b * 2 * kTableBytes]);
  }
  const double byMerge = seconds([&] { kernels.matmul(m, a, 0, 1, merged.data(), m.rows, 0, m.tiles(), nullptr); });
  const double byLookup =
      seconds([&] { lookupGemv<First, Second>(m, a, tables1.data(), tables2.data(), looked.data()); });
  std::printf("%-8s merged fields %5.1f Gw/s, lookup without building its tables %5.1f Gw/s, ratio %.2f, %s\n", name,
              double(weights) / byMerge / 1e9, double(weights) / byLookup / 1e9, byMerge / byLookup,
              merged == looked ? "equal" : "DIFFERENT");
}

}  // namespace

int main() {
  const zen::Kernels* kernels = zen::kernelsNamed("avx2");
  if (!kernels) return std::printf("skipped: needs AVX2\n"), 0;
  for (int round = 0; round < 3; round++) {
    compare<1, 0>(*kernels, "1 bit");
    compare<2, 0>(*kernels, "2 bit");
    compare<2, 1>(*kernels, "2+1 bit");
  }
}
#else
int main() {}
#endif

// Blocked after Goto: B packed in panels of 16 columns, A in panels of 6 rows, a 6×16 block of C in registers.
#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zen::quant {
namespace {

constexpr int kRows = 6, kCols = 16;
constexpr int kDepth = 256;      // k per pass: a panel of A (6 KiB) and one of B (16 KiB) stay in L1
constexpr int kBlockRows = 96;   // rows of A per pass: 96 KiB in L2
constexpr int kBlockCols = 4096; // columns of B per pass: 4 MiB in L3

using Kernel = void (*)(int k, const float* a, const float* b, float* out);

void KernelScalar(int k, const float* a, const float* b, float* out) {
  float sum[kRows * kCols] = {};
  for (int p = 0; p < k; p++) {
    for (int i = 0; i < kRows; i++) {
      for (int j = 0; j < kCols; j++) sum[i * kCols + j] += a[p * kRows + i] * b[p * kCols + j];
    }
  }
  std::memcpy(out, sum, sizeof sum);
}

#if defined(__x86_64__)
// The accumulators are named, not an array: an array of them is kept in memory by some compilers.
__attribute__((target("avx2,fma"))) void KernelAvx2(int k, const float* a, const float* b, float* out) {
  __m256 c00 = _mm256_setzero_ps(), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  __m256 c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  for (int p = 0; p < k; p++, a += kRows, b += kCols) {
    const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
    __m256 x = _mm256_broadcast_ss(a), y = _mm256_broadcast_ss(a + 1);
    c00 = _mm256_fmadd_ps(x, b0, c00);
    c01 = _mm256_fmadd_ps(x, b1, c01);
    c10 = _mm256_fmadd_ps(y, b0, c10);
    c11 = _mm256_fmadd_ps(y, b1, c11);
    x = _mm256_broadcast_ss(a + 2), y = _mm256_broadcast_ss(a + 3);
    c20 = _mm256_fmadd_ps(x, b0, c20);
    c21 = _mm256_fmadd_ps(x, b1, c21);
    c30 = _mm256_fmadd_ps(y, b0, c30);
    c31 = _mm256_fmadd_ps(y, b1, c31);
    x = _mm256_broadcast_ss(a + 4), y = _mm256_broadcast_ss(a + 5);
    c40 = _mm256_fmadd_ps(x, b0, c40);
    c41 = _mm256_fmadd_ps(x, b1, c41);
    c50 = _mm256_fmadd_ps(y, b0, c50);
    c51 = _mm256_fmadd_ps(y, b1, c51);
  }
  const __m256 rows[kRows][2] = {{c00, c01}, {c10, c11}, {c20, c21}, {c30, c31}, {c40, c41}, {c50, c51}};
  for (int i = 0; i < kRows; i++) {
    _mm256_storeu_ps(out + i * kCols, rows[i][0]);
    _mm256_storeu_ps(out + i * kCols + 8, rows[i][1]);
  }
}
#endif

Kernel Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return KernelAvx2;
#endif
  return KernelScalar;
}

// Panels of `width` lanes along the outer index, k-major inside; missing lanes are zero.
void Pack(const float* data, ptrdiff_t lane, ptrdiff_t depth, int lanes, int k, int width, float* out) {
  for (int l0 = 0; l0 < lanes; l0 += width) {
    const int n = std::min(width, lanes - l0);
    float* panel = out + static_cast<size_t>(l0) * k;
    const float* from = data + l0 * lane;
    if (n < width) std::memset(panel, 0, sizeof(float) * width * k);
    if (lane == 1) {
      for (int p = 0; p < k; p++) std::memcpy(panel + p * width, from + p * depth, sizeof(float) * n);
    } else {
      for (int l = 0; l < n; l++) {
        for (int p = 0; p < k; p++) panel[p * width + l] = from[l * lane + p * depth];
      }
    }
  }
}

void Store(const float* block, int rows, int cols, float* c, ptrdiff_t ldc, bool add) {
  for (int i = 0; i < rows; i++) {
    float* to = c + i * ldc;
    for (int j = 0; j < cols; j++) to[j] = add ? to[j] + block[i * kCols + j] : block[i * kCols + j];
  }
}

int RoundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

void Gemm(int m, int n, int k, MatrixView a, MatrixView b, float* c, ptrdiff_t ldc, bool add, bool single) {
  static const Kernel kernel = Choose();
  auto split = [&](int count, int grain, const std::function<void(int, int)>& work) {
    if (single) {
      work(0, count);
    } else {
      ParallelFor(count, grain, work);
    }
  };
  std::vector<float> packedB(static_cast<size_t>(RoundUp(std::min(n, kBlockCols), kCols)) * std::min(k, kDepth));
  for (int n0 = 0; n0 < n; n0 += kBlockCols) {
    const int nc = std::min(kBlockCols, n - n0);
    for (int k0 = 0; k0 < k; k0 += kDepth) {
      const int kc = std::min(kDepth, k - k0);
      const bool accumulate = add || k0 > 0;
      split(nc, kCols, [&](int begin, int end) {
        Pack(b.data + (n0 + begin) * b.col + k0 * b.row, b.col, b.row, end - begin, kc, kCols,
             packedB.data() + static_cast<size_t>(begin) * kc);
      });
      split(m, kRows, [&](int begin, int end) {
        std::vector<float> packedA(static_cast<size_t>(kBlockRows) * kc);
        alignas(32) float block[kRows * kCols];
        for (int m0 = begin; m0 < end; m0 += kBlockRows) {
          const int mc = std::min(kBlockRows, end - m0);
          Pack(a.data + m0 * a.row + k0 * a.col, a.row, a.col, mc, kc, kRows, packedA.data());
          for (int j = 0; j < nc; j += kCols) {
            for (int i = 0; i < mc; i += kRows) {
              kernel(kc, packedA.data() + static_cast<size_t>(i) * kc,
                     packedB.data() + static_cast<size_t>(j) * kc, block);
              Store(block, std::min(kRows, mc - i), std::min(kCols, nc - j), c + (m0 + i) * ldc + n0 + j, ldc,
                    accumulate);
            }
          }
        }
      });
    }
  }
}

}  // namespace zen::quant

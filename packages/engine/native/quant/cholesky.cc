#include "cholesky.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "clones.h"
#include "gemm.h"
#include "parallel.h"

namespace zen::quant {
namespace {

constexpr int kBlock = 64;

bool FactorDiagonal(float* a, int n, int size) {
  for (int j = 0; j < size; j++) {
    double pivot = a[size_t(j) * n + j];
    for (int k = 0; k < j; k++) pivot -= static_cast<double>(a[size_t(j) * n + k]) * a[size_t(j) * n + k];
    if (!(pivot > 1e-9)) return false;
    const double root = std::sqrt(pivot);
    a[size_t(j) * n + j] = static_cast<float>(root);
    for (int i = j + 1; i < size; i++) {
      double sum = a[size_t(i) * n + j];
      for (int k = 0; k < j; k++) sum -= static_cast<double>(a[size_t(i) * n + k]) * a[size_t(j) * n + k];
      a[size_t(i) * n + j] = static_cast<float>(sum / root);
    }
  }
  return true;
}

// Lower factor in place (the upper part is left as it was).
bool Factor(std::vector<float>& a, int n) {
  std::vector<float> negated;
  for (int k = 0; k < n; k += kBlock) {
    const int size = std::min(kBlock, n - k), below = k + size;
    float* diagonal = a.data() + size_t(k) * n + k;
    if (!FactorDiagonal(diagonal, n, size)) return false;
    ParallelFor(n - below, 16, [&](int begin, int end) {
      for (int i = below + begin; i < below + end; i++) {
        float* row = a.data() + size_t(i) * n + k;
        for (int j = 0; j < size; j++) {
          float sum = row[j];
          for (int p = 0; p < j; p++) sum -= row[p] * diagonal[size_t(j) * n + p];
          row[j] = sum / diagonal[size_t(j) * n + j];
        }
      }
    });
    negated.resize(static_cast<size_t>(n - below) * size);
    for (int i = below; i < n; i++) {
      for (int p = 0; p < size; p++) negated[static_cast<size_t>(i - below) * size + p] = -a[size_t(i) * n + k + p];
    }
    for (int j = below; j < n; j += 256) {  // columns in strips, so that most of the upper part is skipped
      const int width = std::min(256, n - j);
      Gemm(n - j, width, size, RowMajor(negated.data() + static_cast<size_t>(j - below) * size, size),
           {a.data() + size_t(j) * n + k, 1, n}, a.data() + size_t(j) * n + j, n, true);
    }
  }
  return true;
}

// Inverse of a lower triangular matrix.
std::vector<float> InvertLower(const std::vector<float>& l, int n) {
  std::vector<float> x(size_t(n) * n, 0.0f), sum;
  for (int k = 0; k < n; k += kBlock) {
    const int size = std::min(kBlock, n - k), width = k + size;
    sum.assign(static_cast<size_t>(size) * width, 0.0f);
    if (k > 0) Gemm(size, k, k, RowMajor(l.data() + size_t(k) * n, n), RowMajor(x.data(), n), sum.data(), width, false);
    ParallelFor(width, 16, [&](int begin, int end) {
      for (int i = 0; i < size; i++) {
        const float* row = l.data() + static_cast<size_t>(k + i) * n + k;
        float* out = x.data() + static_cast<size_t>(k + i) * n;
        for (int c = begin; c < end; c++) out[c] = (c == k + i ? 1.0f : 0.0f) - sum[static_cast<size_t>(i) * width + c];
        for (int p = 0; p < i; p++) {
          const float* above = x.data() + static_cast<size_t>(k + p) * n;
          for (int c = begin; c < end; c++) out[c] -= row[p] * above[c];
        }
        for (int c = begin; c < end; c++) out[c] /= row[i];
      }
    });
  }
  return x;
}

}  // namespace

std::vector<float> InverseFactor(const float* hessian, int n, float damping) {
  double mean = 0;
  for (int i = 0; i < n; i++) mean += hessian[size_t(i) * n + i];
  mean = std::max(mean / n, 1e-20);
  std::vector<float> root(n);
  for (int attempt = 0; attempt < 6; attempt++, damping *= 10) {
    for (int i = 0; i < n; i++) root[i] = static_cast<float>(std::sqrt(hessian[size_t(i) * n + i] + damping * mean));
    // Reversed, so that the lower factor becomes the upper one; scaled to a unit diagonal, so that float32 suffices.
    std::vector<float> a(size_t(n) * n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        const int ri = n - 1 - i, rj = n - 1 - j;
        a[size_t(i) * n + j] = i == j ? 1.0f : hessian[size_t(ri) * n + rj] / (root[ri] * root[rj]);
      }
    }
    if (!Factor(a, n)) continue;
    const std::vector<float> inverse = InvertLower(a, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        a[size_t(i) * n + j] = j < i ? 0.0f : inverse[static_cast<size_t>(n - 1 - i) * n + (n - 1 - j)] / root[j];
      }
    }
    return a;
  }
  throw std::runtime_error("the input covariance is not positive definite even with strong damping");
}

namespace {

ZEN_CLONES double DotOf(const double* a, const double* b, int n) {
  double lanes[8] = {};
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int l = 0; l < 8; l++) lanes[l] += a[i + l] * b[i + l];
  }
  double sum = 0;
  for (; i < n; i++) sum += a[i] * b[i];
  for (double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

bool SolveSpd(double* a, double* b, int n) {
  for (int i = 0; i < n; i++) {
    double* row = a + size_t(i) * n;
    for (int j = 0; j < i; j++) row[j] = (row[j] - DotOf(row, a + size_t(j) * n, j)) / a[size_t(j) * n + j];
    const double pivot = row[i] - DotOf(row, row, i);
    if (!(pivot > 0)) return false;
    row[i] = std::sqrt(pivot);
    b[i] = (b[i] - DotOf(row, b, i)) / row[i];
  }
  for (int i = n - 1; i >= 0; i--) {
    b[i] /= a[size_t(i) * n + i];
    for (int k = 0; k < i; k++) b[k] -= a[size_t(i) * n + k] * b[i];
  }
  return true;
}

}  // namespace zen::quant

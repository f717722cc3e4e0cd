// Single-precision matrix product for calibration and measurement; no bit-exact promise across machines.
#pragma once
#include <cstddef>

namespace zen::quant {

// A read-only matrix with any strides: element (i, j) is data[i * row + j * col].
struct MatrixView {
  const float* data;
  ptrdiff_t row, col;
};

inline MatrixView RowMajor(const float* data, ptrdiff_t cols) { return {data, cols, 1}; }
inline MatrixView Transposed(const float* data, ptrdiff_t cols) { return {data, 1, cols}; }

// C[m, n] (row-major, leading dimension ldc) = A[m, k] · B[k, n], added to C where `add`.
// Splits over threads unless `single`.
void Gemm(int m, int n, int k, MatrixView a, MatrixView b, float* c, ptrdiff_t ldc, bool add, bool single = false);

}  // namespace zen::quant

// Dense factorizations of symmetric positive definite matrices, row-major.
#pragma once
#include <vector>

namespace zen::quant {

// Upper triangular U with (H + damping · mean diagonal · I)⁻¹ = Uᵀ·U, as GPTQ wants it. Damping grows tenfold
// until the factorization succeeds. H is n×n and is not changed.
std::vector<float> InverseFactor(const float* hessian, int n, float damping);

// Solves A·x = b in place (x replaces b) for a small dense A, which is overwritten. False where A is not positive
// definite.
bool SolveSpd(double* a, double* b, int n);

}  // namespace zen::quant

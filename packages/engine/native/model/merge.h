// Merges an exact rung's residual with the coded rung below into planes of the source's width.
#pragma once
#include "kernels/matrix.h"

namespace zen {

// `coded`: the last coded rung below (ScaleKind::Row8). `exact`: the exact rung's scales with the planes of the
// residual (their widths sum to R; bits, center and scaleKind are the source's). Writes tiles [tileBegin, tileEnd) of
// mergedBytes().
void mergeResidual(const Matrix& coded, const Matrix& exact, int tileBegin, int tileEnd, uint8_t* out);
size_t mergedBytes(const Matrix& exact);
// `exact` with its planes in `merged`.
Matrix mergedMatrix(const Matrix& exact, const uint8_t* merged);

}  // namespace zen

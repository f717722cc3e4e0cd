// Merged residuals against the words of docs/ladder-format.md: of the codes with the residual's low bits, the one
// nearest to the coded rung's prediction, for every source type, residual width and ragged size.
#include <cmath>

#include "check.h"
#include "kernels_cases.h"
#include "model/ladder_config.h"
#include "model/merge.h"

using namespace zen;
using namespace zen::test;

namespace {

int compared = 0;

// Nearest by trying all; −1 where rounding decides (the packer keeps 1/64 of a source step away from ties).
int nearest(double prediction, int residual, int residualBits, int bits) {
  int best = -1;
  double distance = 1e300, second = 1e300;
  for (int code = residual; code < 1 << bits; code += 1 << residualBits) {
    const double d = std::fabs(code - prediction);
    if (d < distance) {
      second = distance;
      distance = d;
      best = code;
    } else {
      second = std::min(second, d);
    }
  }
  return second - distance < 1.0 / 32 ? -1 : best;
}

void merged(SourceType type, int residualBits, int rows, int cols, Random& random) {
  const SourceFormat& source = sourceFormat(type);
  std::vector<int> widths;
  for (int left = source.bits; left > 0; left -= widths.back())
    widths.push_back(left >= 4 ? 4 : left >= 2 ? 2 : 1);
  CodedMatrix exact({source.name, source.scaleKind, widths, source.center, 32}, rows, cols, Codes::Random, random);
  const CodedMatrix coded({"coded", ScaleKind::Row8, {2, 1}, 0, 64}, rows, cols, Codes::Random, random);
  std::vector<std::vector<uint8_t>> planes;
  Matrix residual = exact.m;
  residual.planeCount = 0;
  for (int low = residualBits; low > 0;) {
    const int width = low >= 8 ? 8 : low >= 4 ? 4 : low >= 2 ? 2 : 1;
    low -= width;
    planes.push_back(exact.plane(width, low));
    residual.planes[residual.planeCount++].width = width;
  }
  for (int p = 0; p < residual.planeCount; p++)
    residual.planes[p].data = planes[size_t(p)].data();
  std::vector<uint8_t> memory(mergedBytes(residual));
  mergeResidual(coded.m, residual, 0, residual.tiles(), memory.data());
  const Matrix result = mergedMatrix(residual, memory.data());
  CHECK(matrixProblem(result) == nullptr && result.bits == source.bits);
  bool same = true;
  for (int row = 0; row < rows; row++)
    for (int col = 0; col < cols; col++) {
      uint8_t& code = exact.codes[size_t(row) * cols + col];
      const int own = code;
      code = 0;
      const double offset = exact.value<double>(row, col);
      code = 1;
      const double scale = exact.value<double>(row, col) - offset;
      code = uint8_t(own);
      const double p = std::fabs(scale) < 1e-12 ? 0 : (coded.value<double>(row, col) - offset) / scale;
      const int expected =
          std::fabs(p) > 1e4 ? -1 : nearest(p, own & ((1 << residualBits) - 1), residualBits, source.bits);
      if (expected < 0) continue;
      compared++;
      same = same && expected == codeAt(result, row / 16, col / 32, row % 16, col % 32);
    }
  CHECK_FOR(same, source.name);
}

}  // namespace

int main() {
  Random random(4);
  for (SourceType type : {SourceType::Q4_0, SourceType::Q4_1, SourceType::Q5_0, SourceType::Q5_1, SourceType::Q8_0,
                          SourceType::Q4_K, SourceType::Q5_K, SourceType::Q6_K})
    for (int residualBits = 1; residualBits <= sourceFormat(type).bits; residualBits++)
      for (int rows : {1, 16, 37})
        merged(type, residualBits, rows, sourceFormat(type).blockCols == 256 ? 512 : 96, random);
  CHECK(compared > 100000);
  std::printf("%d codes compared\n", compared);
  return report("model_merge");
}

#include "omni/linear.h"

#include <algorithm>

namespace zen::omni {
namespace {

constexpr int kRowChunk = 64;
constexpr int64_t kLeastWork = 1 << 16;  // products that are worth another thread's attention

}  // namespace

void multiplyTiles(const Matrix& matrix, const float* x, size_t ldx, int rowBegin, int rowEnd, float* y, size_t ldy,
                   int tileBegin, int tileEnd) {
  Acts acts;
  acts.cols = matrix.cols;
  acts.x = x;
  acts.ldx = ldx;
  kernels().matmul(matrix, acts, rowBegin, rowEnd, y, ldy, tileBegin, tileEnd, nullptr);
}

void multiply(Team& team, const Linear& linear, const float* x, size_t ldx, int rows, float* y, size_t ldy) {
  const Matrix& m = linear.matrix;
  const int tiles = m.tiles(), chunks = (rows + kRowChunk - 1) / kRowChunk;
  const int64_t piece = int64_t{kTileRows} * m.cols * std::min(rows, kRowChunk);
  const int grain = static_cast<int>(std::max<int64_t>(1, kLeastWork / std::max<int64_t>(1, piece)));
  each(team, tiles * chunks, grain, [&](int item) {
    const int tile = item % tiles, from = item / tiles * kRowChunk, to = std::min(rows, from + kRowChunk);
    multiplyTiles(m, x, ldx, from, to, y, ldy, tile, tile + 1);
    if (linear.bias.empty()) return;
    const int begin = tile * kTileRows, end = std::min(m.rows, begin + kTileRows);
    for (int row = from; row < to; row++)
      for (int r = begin; r < end; r++) y[row * ldy + r] += linear.bias[r];
  });
}

void multiply(ThreadPool& pool, const Linear& linear, const float* x, size_t ldx, int rows, float* y, size_t ldy) {
  pool.run([&](Team& team) { multiply(team, linear, x, ldx, rows, y, ldy); });
}

}  // namespace zen::omni

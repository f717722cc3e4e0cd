// Products with matrices as they lie in the files, shared between the threads of a region; the kernels' promise holds: a
// row's result depends on that row alone.
#pragma once
#include <vector>

#include "kernels/kernels.h"
#include "kernels/threads.h"

namespace zen::omni {

struct Linear {
  Matrix matrix;
  std::vector<float> bias;  // empty: none
};

// y[row][…] = matrix · x[row] + bias for `rows` rows of x, row r at x + r·ldx (rows may overlap). Every thread of the
// region calls it; ends with a barrier.
void multiply(Team& team, const Linear& linear, const float* x, size_t ldx, int rows, float* y, size_t ldy);
// The same in a region of its own.
void multiply(ThreadPool& pool, const Linear& linear, const float* x, size_t ldx, int rows, float* y, size_t ldy);

// A product of some rows and the tiles [tileBegin, tileEnd), by one thread.
void multiplyTiles(const Matrix& matrix, const float* x, size_t ldx, int rowBegin, int rowEnd, float* y, size_t ldy,
                   int tileBegin, int tileEnd);

// Shares single pieces of work, in chunks of some.
template <typename Work>
void each(Team& team, int count, int grain, Work&& work) {
  team.parallelFor(count, grain, [&](int begin, int end) {
    for (int i = begin; i < end; i++) work(i);
  });
}

}  // namespace zen::omni

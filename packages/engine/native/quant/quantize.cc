#include "quantize.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "cholesky.h"
#include "clones.h"
#include "coded_row.h"
#include "gemm.h"
#include "parallel.h"

namespace zen::quant {
namespace {

constexpr int kRowsTogether = 96;   // share the covariance while it passes
constexpr int kFeedbackRows = 48;   // share each row of the factor, and stay in cache with it
ZEN_CLONES void SubtractScaled(float* to, const float* from, float factor, int n) {
  for (int i = 0; i < n; i++) to[i] -= factor * from[i];
}

ZEN_CLONES double Dot(const float* a, const float* b, int n) {
  double lanes[8] = {};
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int l = 0; l < 8; l++) lanes[l] += static_cast<double>(a[i + l]) * b[i + l];
  }
  double sum = 0;
  for (; i < n; i++) sum += static_cast<double>(a[i]) * b[i];
  for (double lane : lanes) sum += lane;
  return sum;
}

// What all rows of a tensor share.
struct Shared {
  const float* hessian;         // damped, natural order
  std::vector<float> factor;    // U in coding order: one square after the other
  std::vector<int> order;       // coding order of the columns
  int span;                     // columns whose covariance counts, see SpanOf
  std::vector<float> diagonal;  // importance of each column in the scale search
  std::vector<float> groupSums; // [groups, cols]: Σ of the covariance's rows of a group
  std::vector<double> blockSums; // [groups, groups]: Σ of the covariance's part of two groups
};

void Feedback(Row* rows, size_t count, const Shared& shared) {
  const int cols = rows[0].cols;
  std::vector<float> left(count * cols);
  for (size_t r = 0; r < count; r++) {
    for (int i = 0; i < cols; i++) left[r * cols + i] = rows[r].w[shared.order[i]];
  }
  const float* u = shared.factor.data();
  for (int begin = 0; begin < cols; begin += shared.span) {
    const int end = std::min(cols, begin + shared.span);
    for (int i = begin; i < end; i++, u += end - begin) {
      const int col = shared.order[i];
      for (size_t r = 0; r < count; r++) {
        float* x = left.data() + r * cols;
        int code = rows[r].Nearest(col, x[i]);
        if (code < 0) code = rows[r].Nearest(col, rows[r].w[col]);
        rows[r].codes[col] = static_cast<uint8_t>(std::max(code, 0));
        const float error = (x[i] - rows[r].Value(col, rows[r].codes[col])) / u[i - begin];
        SubtractScaled(x + i + 1, u + i - begin + 1, error, end - i - 1);
      }
    }
  }
}

// Rows that are worked on together, with their errors w - v and the gradients H·(w - v).
struct Block {
  std::vector<Row> rows;
  std::vector<float> error, gradient;  // [rows, cols]

  void Measure(const Shared& shared) {
    const int cols = rows[0].cols, count = static_cast<int>(rows.size());
    error.resize(rows.size() * cols);
    gradient.resize(error.size());
    for (int r = 0; r < count; r++) {
      for (int c = 0; c < cols; c++) error[static_cast<size_t>(r) * cols + c] = rows[r].w[c] - rows[r].Value(c, rows[r].codes[c]);
    }
    for (int begin = 0; begin < cols; begin += shared.span) {
      const int n = std::min(shared.span, cols - begin);
      Gemm(count, n, n, RowMajor(error.data() + begin, cols),
           RowMajor(shared.hessian + static_cast<size_t>(begin) * cols + begin, cols), gradient.data() + begin, cols, false,
           true);
    }
  }

  // One pass of coordinate descent over the codes; keeps the gradients true.
  void Descend(const Shared& shared) {
    const int cols = rows[0].cols;
    for (int c : shared.order) {
      const int begin = c / shared.span * shared.span, n = std::min(shared.span, cols - begin);
      const float* h = shared.hessian + static_cast<size_t>(c) * cols;
      for (size_t r = 0; r < rows.size(); r++) {
        Row& row = rows[r];
        float* g = gradient.data() + r * cols;
        const float now = row.Value(c, row.codes[c]);
        const int code = row.Nearest(c, now + g[c] / h[c]);
        if (code < 0 || code == row.codes[c]) continue;
        const float change = row.Value(c, code) - now;
        row.codes[c] = static_cast<uint8_t>(code);
        SubtractScaled(g + begin, h + begin, change, n);
      }
    }
  }
};

// The normal equations of a row's scales and offsets for its codes, within one span of columns: a step from where its
// gradient was taken.
struct Fit {
  int first, groups;  // of the span
  std::vector<double> a, right, before, now;  // a: the lower half; scales first, then offsets

  // `codeProducts`: [groups, groups] of the row's codesᵀ · H · codes, the first group not after the second.
  Fit(const Row& row, const Shared& shared, const float* gradient, const double* codeProducts, int first, int groups)
      : first(first), groups(groups), a(4 * static_cast<size_t>(groups) * groups), right(2 * groups), before(2 * groups) {
    const int n = 2 * groups, cols = row.cols, group = row.options.group;
    const std::vector<float> codes(row.codes.begin() + first * group, row.codes.begin() + std::min(cols, (first + groups) * group));
    for (int g = 0; g < groups; g++) {
      const int whole = first + g, begin = whole * group, length = std::min(group, cols - begin);
      for (int c = 0; c < length; c++) right[groups + g] += gradient[begin + c];
      right[g] = Dot(gradient + begin, codes.data() + g * group, length);
      double* offsets = a.data() + static_cast<size_t>(groups + g) * n;
      for (int other = 0; other < groups; other++) {
        const int at = (first + other) * group;
        offsets[other] = Dot(shared.groupSums.data() + static_cast<size_t>(whole) * cols + at, codes.data() + other * group,
                             std::min(group, cols - at));
        offsets[groups + other] = shared.blockSums[static_cast<size_t>(whole) * row.groups + first + other];
        if (other <= g) a[static_cast<size_t>(g) * n + other] = codeProducts[static_cast<size_t>(first + other) * row.groups + whole];
      }
      before[g] = row.at[whole].s;
      before[groups + g] = -row.at[whole].s * row.at[whole].z;
    }
    now = before;
  }

  // Moves the parameters from `begin` on to the best place for the others.
  bool Solve(int begin) {
    const int n = 2 * groups, m = n - begin;
    std::vector<double> part(static_cast<size_t>(m) * m), b(right.begin() + begin, right.end());
    for (int i = 0; i < m; i++) {
      const double* line = a.data() + static_cast<size_t>(begin + i) * n;
      for (int j = 0; j < begin; j++) b[i] -= line[j] * (now[j] - before[j]);
      for (int j = 0; j < m; j++) {
        const double* half = a.data() + static_cast<size_t>(begin + std::max(i, j)) * n;
        b[i] -= half[begin + std::min(i, j)] * (now[begin + j] - before[begin + j]);
      }
      std::copy_n(line + begin, i + 1, part.begin() + static_cast<size_t>(i) * m);
      part[static_cast<size_t>(i) * m + i] = line[begin + i] * 1.001 + 1e-30;
    }
    if (!SolveSpd(part.data(), b.data(), m)) return false;
    for (int i = 0; i < m; i++) now[begin + i] += b[i];
    return true;
  }
};

// All scales and offsets of a row at once, in closed form for its codes; then the offsets alone for the stored scales.
void Refit(Row& row, const Shared& shared, const float* gradient, const double* codeProducts) {
  const int perSpan = (shared.span + row.options.group - 1) / row.options.group;
  std::vector<Fit> fits;
  std::vector<Affine> found(row.groups);
  for (int first = 0; first < row.groups; first += perSpan) {
    fits.emplace_back(row, shared, gradient, codeProducts, first, std::min(perSpan, row.groups - first));
    Fit& fit = fits.back();
    if (!fit.Solve(0)) return;
    for (int g = 0; g < fit.groups; g++) {
      if (!(fit.now[g] > 0)) return;
      found[first + g] = {static_cast<float>(fit.now[g]), static_cast<float>(fit.now[fit.groups + g])};
    }
  }
  row.Store(found);
  for (Fit& fit : fits) {
    for (int g = 0; g < fit.groups; g++) fit.now[g] = row.at[fit.first + g].s;
    if (!fit.Solve(fit.groups)) continue;
    for (int g = 0; g < fit.groups; g++) row.SetZero(fit.first + g, static_cast<float>(fit.now[fit.groups + g]));
  }
}

// Needs the block's gradients.
void RefitAll(Block& block, const Shared& shared) {
  std::vector<Row>& rows = block.rows;
  const int count = static_cast<int>(rows.size()), cols = rows[0].cols, groups = rows[0].groups;
  const int group = rows[0].options.group;
  const size_t products = static_cast<size_t>(groups) * groups;
  std::vector<float> codes(static_cast<size_t>(count) * cols), part(codes.size());
  std::vector<double> all(count * products);
  for (int r = 0; r < count; r++) std::copy(rows[r].codes.begin(), rows[r].codes.end(), codes.begin() + static_cast<size_t>(r) * cols);
  for (int g = 0; g < groups; g++) {
    const int begin = g * group, end = std::min(cols, (begin / shared.span + 1) * shared.span);
    Gemm(count, end - begin, std::min(group, cols - begin), RowMajor(codes.data() + begin, cols),
         RowMajor(shared.hessian + static_cast<size_t>(begin) * cols + begin, cols), part.data() + begin, cols, false, true);
    for (int r = 0; r < count; r++) {
      const size_t at = static_cast<size_t>(r) * cols;
      for (int other = g; other * group < end; other++) {
        const int c = other * group;
        all[r * products + static_cast<size_t>(g) * groups + other] =
            Dot(part.data() + at + c, codes.data() + at + c, std::min(group, cols - c));
      }
    }
  }
  for (int r = 0; r < count; r++) {
    Refit(rows[r], shared, block.gradient.data() + static_cast<size_t>(r) * cols, all.data() + r * products);
  }
}

Shared Prepare(const float* damped, const float* hessian, int cols, const QuantizeOptions& options) {
  Shared shared{damped, {}, std::vector<int>(cols), cols, std::vector<float>(cols, 1.0f), {}, {}};
  std::iota(shared.order.begin(), shared.order.end(), 0);
  if (hessian == nullptr) return shared;
  for (int c = 0; c < cols; c++) shared.diagonal[c] = damped[static_cast<size_t>(c) * cols + c];
  shared.span = options.span > 0 ? options.span : SpanOf(cols);
  for (int begin = 0; begin < cols; begin += shared.span) {
    const int n = std::min(shared.span, cols - begin);
    int* order = shared.order.data() + begin;
    if (options.actOrder) {
      std::stable_sort(order, order + n, [&](int a, int b) { return shared.diagonal[a] > shared.diagonal[b]; });
    }
    std::vector<float> permuted(static_cast<size_t>(n) * n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) permuted[static_cast<size_t>(i) * n + j] = hessian[static_cast<size_t>(order[i]) * cols + order[j]];
    }
    const std::vector<float> square = InverseFactor(permuted.data(), n, options.damping);
    shared.factor.insert(shared.factor.end(), square.begin(), square.end());
  }
  const int groups = Groups(cols, options.group);
  shared.groupSums.assign(static_cast<size_t>(groups) * cols, 0.0f);
  for (int c = 0; c < cols; c++) {
    const int begin = c / shared.span * shared.span;
    SubtractScaled(shared.groupSums.data() + static_cast<size_t>(c / options.group) * cols + begin,
                   damped + static_cast<size_t>(c) * cols + begin, -1.0f, std::min(shared.span, cols - begin));
  }
  shared.blockSums.assign(static_cast<size_t>(groups) * groups, 0.0);
  for (int g = 0; g < groups; g++) {
    const float* sums = shared.groupSums.data() + static_cast<size_t>(g) * cols;
    for (int c = 0; c < cols; c++) shared.blockSums[static_cast<size_t>(g) * groups + c / options.group] += sums[c];
  }
  return shared;
}

}  // namespace

CodedTensor Quantize(const float* weights, int rows, int cols, const float* hessian, const SourceCodes& source,
                     const QuantizeOptions& options) {
  std::vector<float> damped;
  if (hessian != nullptr) {
    damped.assign(hessian, hessian + static_cast<size_t>(cols) * cols);
    double mean = 0;
    for (int c = 0; c < cols; c++) mean += damped[static_cast<size_t>(c) * cols + c];
    mean = std::max(mean / cols, 1e-20);
    for (int c = 0; c < cols; c++) damped[static_cast<size_t>(c) * cols + c] += static_cast<float>(0.1 * options.damping * mean);
  }
  const Shared shared = Prepare(damped.data(), hessian, cols, options);
  const int groups = Groups(cols, options.group), top = (1 << options.bits) - 1;
  CodedTensor out;
  out.codes.resize(static_cast<size_t>(rows) * cols);
  out.rowScale.resize(rows);
  out.scale.resize(static_cast<size_t>(rows) * groups);
  out.zero.resize(static_cast<size_t>(rows) * groups);
  std::vector<int64_t> bent(rows);
  std::atomic<bool> failed{false};  // the other threads need not finish then
  ParallelFor(rows, kRowsTogether, [&](int begin, int end) {
    for (int r0 = begin; r0 < end && !failed; r0 += kRowsTogether) try {
      Block block;
      const int last = std::min(end, r0 + kRowsTogether);
      block.rows.reserve(last - r0);
      for (int r = r0; r < last; r++) {
        const float* w = weights + static_cast<size_t>(r) * cols;
        block.rows.emplace_back(w, cols, options, source, r);
        std::vector<Affine> fit(groups);
        for (int g = 0; g < groups; g++) {
          const int c = g * options.group;
          fit[g] = FitGroup(w + c, shared.diagonal.data() + c, std::min(options.group, cols - c), top);
        }
        block.rows.back().Store(fit);
      }
      for (size_t r = 0; hessian != nullptr && r < block.rows.size(); r += kFeedbackRows) {
        Feedback(block.rows.data() + r, std::min<size_t>(kFeedbackRows, block.rows.size() - r), shared);
      }
      for (Row& row : block.rows) {
        row.bent = 0;
        row.Settle(hessian != nullptr);
      }
      for (int round = 0; hessian != nullptr && round < options.rounds; round++) {
        if (round == 0) block.Measure(shared);  // later the descent has kept it true
        RefitAll(block, shared);
        for (Row& row : block.rows) {
          row.Settle(true);
          row.bent = 0;
        }
        block.Measure(shared);
        block.Descend(shared);
        bool changed = false;
        for (Row& row : block.rows) changed |= row.Settle(true);
        if (changed) block.Measure(shared);
      }
      for (Row& row : block.rows) {
        std::copy(row.codes.begin(), row.codes.end(), out.codes.begin() + static_cast<size_t>(row.row) * cols);
        std::copy(row.scale.begin(), row.scale.end(), out.scale.begin() + static_cast<size_t>(row.row) * groups);
        std::copy(row.zero.begin(), row.zero.end(), out.zero.begin() + static_cast<size_t>(row.row) * groups);
        out.rowScale[row.row] = row.rowScale;
        bent[row.row] = row.bent;
      }
    } catch (const Undecodable&) {
      failed = true;
      throw;
    }
  });
  out.bent = std::accumulate(bent.begin(), bent.end(), int64_t{0});
  return out;
}

}  // namespace zen::quant

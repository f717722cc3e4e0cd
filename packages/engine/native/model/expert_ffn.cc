#include "model/expert_ffn.h"

#include <algorithm>
#include <cstring>

#include "model/quantize_columns.h"

namespace zen {
namespace {

constexpr int kInnerLevels = 1;
// Shares of a region for each thread, as in a dense layer.
constexpr int kShares = 8;
// Codes that surely stay in a core's cache until the next run has had them.
constexpr int kSharedCodes = 1 << 17;

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
int grainOf(int total, const Team& team) { return std::max(1, total / (team.size() * kShares)); }
bool raw(const Matrix& m) { return m.coding != Coding::Codes; }
ptrdiff_t offset(int rows, int width) { return static_cast<ptrdiff_t>(rows) * width; }

// Tiles [begin, end) of one expert's matrix for all of its runs, a few tiles at a time.
template <typename Tiles>
void eachTiles(const ExpertRun* first, const ExpertRun* last, int cols, int begin, int end, Tiles&& work) {
  const int step = last - first == 1 ? end - begin : std::max(1, kSharedCodes / (kTileRows * cols));
  for (int from = begin; from < end; from += step)
    for (const ExpertRun* run = first; run < last; run++)
      work(*run, from, std::min(end, from + step));
}

}  // namespace

ExpertFfn::ExpertFfn(int hiddenSize, int ffnSize, int threads)
    : hidden_(hiddenSize),
      width_(ffnSize),
      kernels_(kernels()),
      scratchBytes_(aligned(matmulScratchBytes())),
      scratch_(scratchBytes_ * static_cast<size_t>(threads)) {}

void ExpertFfn::reserve(int pairs) {
  if (pairs <= capacity_) return;
  capacity_ = std::max(pairs, capacity_ + capacity_ / 2);
  const size_t n = static_cast<size_t>(capacity_), hidden = static_cast<size_t>(hidden_),
               width = static_cast<size_t>(width_);
  const size_t sizes[] = {aligned(n * width * sizeof(float)),
                          aligned(n * width * sizeof(float)),
                          aligned(n * hidden * sizeof(float)),
                          aligned(actsBytes(capacity_, width_, kInnerLevels)),
                          aligned(actsBytes(capacity_, hidden_, 1)),
                          aligned(actsBytes(capacity_, hidden_, 2))};
  size_t total = 0;
  for (size_t size : sizes)
    total += size;
  buffers_ = Region();
  buffers_ = Region(total);
  uint8_t* parts[6];
  uint8_t* at = buffers_.data();
  for (size_t i = 0; i < 6; at += sizes[i++])
    parts[i] = at;
  gate_ = reinterpret_cast<float*>(parts[0]);
  up_ = reinterpret_cast<float*>(parts[1]);
  const float* x = reinterpret_cast<const float*>(parts[2]);
  inner_ = bindActs(parts[3], gate_, width, capacity_, width_, kInnerLevels);
  for (int levels = 1; levels <= 2; levels++)
    gathered_[levels - 1] = bindActs(parts[3 + levels], x, hidden, capacity_, hidden_, levels);
}

// Neighbours are read where they are.
bool ExpertFfn::gathers(const ExpertRun& run) const {
  const int count = run.end - run.begin;
  return run.weights && run.rows[count - 1] - run.rows[0] != count - 1;
}

void ExpertFfn::gather(const std::vector<ExpertRun>& runs, int begin, int end) {
  for (const ExpertRun& run : runs) {
    const int from = std::max(begin, run.begin), to = std::min(end, run.end);
    if (from >= to || !gathers(run)) continue;
    const Acts &in = *run.acts, &out = gathered_[in.levels - 1];
    const size_t blocks = static_cast<size_t>(in.blockCount()), bytes = blocks * static_cast<size_t>(kBlockCols * in.levels),
                 cols = static_cast<size_t>(hidden_);
    const bool floats = raw(run.weights->gate) || raw(run.weights->up);
    for (int pair = from; pair < to; pair++) {
      const size_t row = static_cast<size_t>(run.rows[pair - run.begin]), to1 = static_cast<size_t>(pair);
      std::memcpy(out.blocks + to1 * blocks, in.blocks + row * blocks, blocks * sizeof(ActBlock));
      std::memcpy(out.bytes + to1 * bytes, in.bytes + row * bytes, bytes);
      std::memcpy(out.wide + to1 * cols, in.wide + row * cols, cols * sizeof(int16_t));
      if (floats) std::memcpy(const_cast<float*>(out.x) + to1 * cols, in.x + row * in.ldx, cols * sizeof(float));
    }
  }
}

int ExpertFfn::expertsIn(const std::vector<ExpertRun>& runs) const {
  int count = 0, last = -1;
  for (const ExpertRun& run : runs) {
    if (!run.weights || run.expert == last) continue;
    last = run.expert;
    count++;
  }
  return count;
}

template <typename Part>
void ExpertFfn::eachExpert(const std::vector<ExpertRun>& runs, int shares, int begin, int end, Part&& part) const {
  const ExpertRun *run = runs.data(), *const all = run + runs.size();
  for (int first = 0; run < all && first < end; run++) {
    if (!run->weights) continue;
    const ExpertRun* last = run + 1;
    while (last < all && last->weights && last->expert == run->expert)
      last++;
    const int from = std::max(begin, first), to = std::min(end, first + shares);
    if (from < to) part(run, last, from - first, to - first);
    first += shares;
    run = last - 1;
  }
}

// Gate and up of the same columns, their product and its integers, 32 columns (two tiles) at a time.
void ExpertFfn::gateUp(const Team& team, const ExpertRun* first, const ExpertRun* last, int blockBegin, int blockEnd) {
  constexpr int kTiles = kBlockCols / kTileRows;
  for (int m = 0; m < 2; m++)
    eachTiles(first, last, hidden_, blockBegin * kTiles, blockEnd * kTiles, [&](const ExpertRun& run, int from, int to) {
      const bool own = gathers(run);
      const Acts& acts = own ? gathered_[run.acts->levels - 1] : *run.acts;
      const int row = own ? run.begin : run.rows[0];
      float* y = (m == 0 ? gate_ : up_) + offset(run.begin - row, width_);
      kernels_.matmul(m == 0 ? run.weights->gate : run.weights->up, acts, row, row + run.end - run.begin, y,
                      static_cast<size_t>(width_), from, to, scratch(team));
    });
  const int column = blockBegin * kBlockCols, count = (blockEnd - blockBegin) * kBlockCols;
  for (const ExpertRun* run = first; run < last; run++)
    for (int pair = run->begin; pair < run->end; pair++) {
      float* gate = gate_ + offset(pair, width_) + column;
      kernels_.siluMul(gate, up_ + offset(pair, width_) + column, count, gate);
      quantizeColumns(kernels_, inner_, pair, column, count);
    }
}

void ExpertFfn::down(const Team& team, const ExpertRun* first, const ExpertRun* last, int tileBegin, int tileEnd,
                     float* out) {
  eachTiles(first, last, width_, tileBegin, tileEnd, [&](const ExpertRun& run, int from, int to) {
    kernels_.matmul(run.weights->down, inner_, run.begin, run.end, out, static_cast<size_t>(hidden_), from, to,
                    scratch(team));
  });
}

void ExpertFfn::run(Team& team, std::initializer_list<Work> works) {
  const auto region = [&](auto&& sharesOf, auto&& part) {
    int total = 0;
    for (const Work& w : works)
      total += w.ffn->expertsIn(*w.runs) * sharesOf(*w.ffn);
    if (total == 0) return;
    team.parallelFor(total, grainOf(total, team), [&](int begin, int end) {
      int before = 0;
      for (const Work& w : works) {
        const int shares = sharesOf(*w.ffn), own = w.ffn->expertsIn(*w.runs) * shares;
        if (begin < before + own && end > before)
          w.ffn->eachExpert(*w.runs, shares, std::max(0, begin - before), std::min(own, end - before),
                            [&](const ExpertRun* first, const ExpertRun* last, int from, int to) {
                              part(w, first, last, from, to);
                            });
        before += own;
      }
    });
  };
  for (const Work& w : works) {
    const auto gathers = [&](const ExpertRun& run) { return w.ffn->gathers(run); };
    if (std::none_of(w.runs->begin(), w.runs->end(), gathers)) continue;
    const int pairs = w.runs->back().end;
    team.parallelFor(pairs, grainOf(pairs, team), [&](int begin, int end) { w.ffn->gather(*w.runs, begin, end); });
  }
  region([](const ExpertFfn& f) { return f.width_ / kBlockCols; },
         [&](const Work& w, const ExpertRun* first, const ExpertRun* last, int from, int to) {
           w.ffn->gateUp(team, first, last, from, to);
         });
  region([](const ExpertFfn& f) { return (f.hidden_ + kTileRows - 1) / kTileRows; },
         [&](const Work& w, const ExpertRun* first, const ExpertRun* last, int from, int to) {
           w.ffn->down(team, first, last, from, to, w.out);
         });
}

}  // namespace zen

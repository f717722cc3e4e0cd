#include "model/expert.h"

#include <algorithm>

#include "model/background.h"
#include "model/failure.h"
#include "model/merge.h"

namespace zen {
namespace {

// Weights of a piece: some hundred microseconds of merging.
constexpr int kPieceWeights = 1 << 18;

}  // namespace

Expert::Expert(const LadderConfig& config, int layer, int expert, int stage, const Blobs& blobs,
               std::shared_ptr<std::atomic<uint64_t>> mergedBytes, bool away)
    : stage_(stage), away_(away), blobs_(blobs), mergedBytes_(std::move(mergedBytes)) {
  const size_t first = expertTensor(config.model, layer, expert);
  for (size_t i = 0; i < tensors_.size(); i++) {
    tensors_[i] = &config.tensors[first + i];
    views_[i] = viewAt(*tensors_[i], stage, blobs_);
  }
  if (away && takesFloats() != (views_[1].matrix.coding != Coding::Codes))
    throw Failure("tensor " + tensors_[1]->name,
                  "must be of floats where the ffn_gate is, and of codes where that is: experts elsewhere get one of the two");
}

// What the matrix reads, of the rung's own and the coded one below.
template <typename Work>
void Expert::eachSection(int matrix, Work&& work) const {
  const TensorEntry& t = *tensors_[static_cast<size_t>(matrix)];
  int index = t.rungAt(stage_);
  for (;;) {
    const Rung& rung = t.rungs[static_cast<size_t>(index)];
    rung.eachSection(work);
    if (!views_[static_cast<size_t>(matrix)].merges || rung.kind == Rung::Kind::Coded) return;
    index--;
  }
}

void Expert::begin() {
  pieces_.clear();
  for (int m = 0; m < 3; m++) {
    const TensorView& view = views_[static_cast<size_t>(m)];
    if (view.merges) {
      merged_[static_cast<size_t>(m)] = Region(mergedBytes(view.matrix));
      *mergedBytes_ += merged_[static_cast<size_t>(m)].bytes();
    }
    const int tiles = view.matrix.tiles(), step = std::max(1, kPieceWeights / (kTileRows * view.matrix.cols));
    for (int at = 0; at < tiles; at += step)
      pieces_.push_back({m, at, std::min(tiles, at + step)});
  }
}

void Expert::piece(int index) {
  const Piece& piece = pieces_[static_cast<size_t>(index)];
  const size_t m = static_cast<size_t>(piece.matrix);
  const uint64_t tiles = static_cast<uint64_t>(views_[m].matrix.tiles());
  // Every section lies in the order of the tiles.
  eachSection(piece.matrix, [&](const Section& s) {
    const uint64_t begin = s.bytes * static_cast<uint64_t>(piece.begin) / tiles,
                   end = s.bytes * static_cast<uint64_t>(piece.end) / tiles;
    blobs_[static_cast<size_t>(s.stage)]->load(s.offset + begin, end - begin);
  });
  if (views_[m].merges)
    mergeResidual(views_[m].base, views_[m].matrix, piece.begin, piece.end, merged_[m].data());
}

void Expert::end() {
  Matrix* const to[] = {&weights_.gate, &weights_.up, &weights_.down};
  for (size_t m = 0; m < 3; m++) {
    *to[m] = views_[m].merges ? mergedMatrix(views_[m].matrix, merged_[m].data()) : views_[m].matrix;
    if (views_[m].merges) forgetPlanes(*tensors_[m], stage_, blobs_);
  }
  pieces_.clear();
  ready_ = true;
}

void Expert::prepare() {
  if (ready_) return;
  try {
    begin();
    for (int i = 0; i < pieces(); i++) {
      breathe();
      piece(i);
    }
  } catch (...) {
    release();
    throw;
  }
  end();
}

void Expert::release() {
  ready_ = false;
  pieces_.clear();
  for (size_t m = 0; m < 3; m++) {
    *mergedBytes_ -= merged_[m].bytes();
    merged_[m] = Region();
    eachSection(static_cast<int>(m),
                [&](const Section& s) { blobs_[static_cast<size_t>(s.stage)]->forget(s.offset, s.bytes); });
  }
}

void Expert::advise() const {
  for (int m = 0; m < 3; m++)
    eachSection(m, [&](const Section& s) { blobs_[static_cast<size_t>(s.stage)]->advise(s.offset, s.bytes); });
}

}  // namespace zen

// One expert of a layer at one stage: views of the mapped blobs. Nothing of it is read before it is needed; then its pages
// are brought in and its residuals merged, so that experts nobody uses take no memory.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "model/expert_ffn.h"
#include "model/ladder_config.h"
#include "model/tensor_view.h"

namespace zen {

class Expert {
 public:
  // `mergedBytes` counts what merging takes. `away`: it is computed elsewhere, and its bytes may not be there.
  Expert(const LadderConfig& config, int layer, int expert, int stage, const Blobs& blobs,
         std::shared_ptr<std::atomic<uint64_t>> mergedBytes, bool away = false);
  ~Expert() { release(); }
  Expert(const Expert&) = delete;

  // Its address stays; what it says holds while ready().
  const ExpertWeights& weights() const { return weights_; }
  bool ready() const { return ready_.load(std::memory_order_relaxed); }
  // Never ready.
  bool away() const { return away_; }
  // Gate and up read the input as it is, not its integers.
  bool takesFloats() const { return views_[0].matrix.coding != Coding::Codes; }

  // Preparing, by several threads: begin() by one of them, then each piece once, then end() by one. Between them lies a
  // barrier. Both begin() and piece() throw Failure: memory, or a disk that cannot give its bytes; then comes release().
  void begin();
  int pieces() const { return static_cast<int>(pieces_.size()); }
  void piece(int index);
  void end();
  // By one thread alone, with rests where it is a background one.
  void prepare();

  // Gives the merged planes and the mapped pages back, until it is prepared again. Not while it is used.
  void release();
  // Asks the system to bring its pages in; returns at once.
  void advise() const;

 private:
  struct Piece {
    int matrix, begin, end;  // tiles
  };
  template <typename Work>
  void eachSection(int matrix, Work&& work) const;

  const int stage_;
  const bool away_;
  const Blobs blobs_;
  std::array<const TensorEntry*, 3> tensors_;
  std::array<TensorView, 3> views_;
  std::array<Region, 3> merged_;
  const std::shared_ptr<std::atomic<uint64_t>> mergedBytes_;
  std::vector<Piece> pieces_;
  ExpertWeights weights_;
  std::atomic<bool> ready_{false};
};

}  // namespace zen

// Rows through experts: gate and up, their product, down. It knows neither model nor router, so whoever computes an expert
// for a row gets the same bits: the thinker's engine and an expert pod run this.
#pragma once
#include <initializer_list>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/threads.h"
#include "model/memory.h"

namespace zen {

struct ExpertWeights {
  Matrix gate, up, down;
};

// Pairs of a row and an expert that follow each other in the order of all pairs: of one expert at one stage, with inputs
// of one precision.
struct ExpertRun {
  int expert;                    // runs of one expert are neighbours: what planes they share comes from memory once
  int stage;                     // of the weights
  const ExpertWeights* weights;  // null: computed elsewhere, left out here
  const Acts* acts;              // inputs; with floats where gate or up are raw
  const int* rows;               // of each pair the row of acts, ascending
  int begin, end;                // pairs
};

class ExpertFfn {
 public:
  ExpertFfn(int hiddenSize, int ffnSize, int threads);

  // Room for so many pairs. Not while it runs.
  void reserve(int pairs);

  struct Work {
    ExpertFfn* ffn;
    const std::vector<ExpertRun>* runs;
    float* out;  // [pairs][hidden], before the gates
  };
  // All works side by side, in two regions, or three where rows must be gathered. Every thread of the team calls it with
  // equal arguments; it ends with a barrier.
  static void run(Team& team, std::initializer_list<Work> works);

 private:
  bool gathers(const ExpertRun& run) const;
  void gather(const std::vector<ExpertRun>& runs, int begin, int end);
  // Runs of one expert at a time: shares of [0, experts · shares of one).
  template <typename Part>
  void eachExpert(const std::vector<ExpertRun>& runs, int shares, int begin, int end, Part&& part) const;
  int expertsIn(const std::vector<ExpertRun>& runs) const;
  void gateUp(const Team& team, const ExpertRun* first, const ExpertRun* last, int blockBegin, int blockEnd);
  void down(const Team& team, const ExpertRun* first, const ExpertRun* last, int tileBegin, int tileEnd, float* out);
  void* scratch(const Team& team) const { return scratch_.data() + static_cast<size_t>(team.index()) * scratchBytes_; }

  const int hidden_, width_;
  const Kernels& kernels_;
  const size_t scratchBytes_;
  Region scratch_, buffers_;
  int capacity_ = 0;
  float *gate_ = nullptr, *up_ = nullptr;  // [pair][width]
  Acts inner_;                             // their product, [pair][width]
  Acts gathered_[2];                       // inputs of pairs whose rows are no neighbours, [pair][hidden], by levels − 1
};

}  // namespace zen

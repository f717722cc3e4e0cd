// The rows of a pass by the experts that they go through.
#pragma once
#include <algorithm>
#include <vector>

#include "model/expert.h"
#include "model/expert_ffn.h"

namespace zen {

class ExpertPairs {
 public:
  ExpertPairs(int experts, int perToken) : experts_(experts), perToken_(perToken) {}

  // Room for so many rows, so that build() takes no memory.
  void reserve(int rows);

  // What a row gets of an expert, and where its input is.
  struct Source {
    Expert* expert;
    int stage;
    const Acts* acts;
    int row;  // of acts
  };
  // Orders the pairs by expert and row. `chosen`: [rows][perToken], ascending in a row; sourceOf(row, expert).
  template <typename SourceOf>
  void build(int rows, const int* chosen, SourceOf&& sourceOf);

  const std::vector<ExpertRun>& runs() const { return runs_; }
  // Experts of the runs that nobody has prepared yet.
  const std::vector<Expert*>& cold() const { return cold_; }
  void forgetReady() {
    cold_.erase(std::remove_if(cold_.begin(), cold_.end(), [](const Expert* expert) { return expert->ready(); }),
                cold_.end());
  }
  // Whether some runs have no weights: their experts are elsewhere.
  bool away() const { return away_; }
  // Place of a row's pair in the order; `choice` from 0 to perToken − 1.
  int pairOf(int row, int choice) const { return places_[static_cast<size_t>(row * perToken_ + choice)]; }
  // The row of the pass that a pair belongs to.
  int rowOf(int pair) const { return passRows_[static_cast<size_t>(pair)]; }
  int countOf(int expert) const {
    return begins_[static_cast<size_t>(expert) + 1] - begins_[static_cast<size_t>(expert)];
  }

 private:
  const int experts_, perToken_;
  std::vector<ExpertRun> runs_;
  std::vector<Expert*> cold_;
  std::vector<int> begins_, next_, places_, passRows_, rows_;
  bool away_ = false;
};

template <typename SourceOf>
void ExpertPairs::build(int rows, const int* chosen, SourceOf&& sourceOf) {
  const int pairs = rows * perToken_;
  std::fill(begins_.begin(), begins_.end(), 0);
  for (int i = 0; i < pairs; i++)
    begins_[static_cast<size_t>(chosen[i]) + 1]++;
  for (size_t e = 0; e < static_cast<size_t>(experts_); e++)
    begins_[e + 1] += begins_[e];
  std::copy(begins_.begin(), begins_.end() - 1, next_.begin());
  for (int i = 0; i < pairs; i++) {
    const int pair = next_[static_cast<size_t>(chosen[i])]++;
    places_[static_cast<size_t>(i)] = pair;
    passRows_[static_cast<size_t>(pair)] = i / perToken_;
  }
  runs_.clear();
  cold_.clear();
  away_ = false;
  const Expert* last = nullptr;
  for (int e = 0; e < experts_; e++)
    for (int pair = begins_[static_cast<size_t>(e)]; pair < begins_[static_cast<size_t>(e) + 1]; pair++) {
      const Source source = sourceOf(passRows_[static_cast<size_t>(pair)], e);
      rows_[static_cast<size_t>(pair)] = source.row;
      if (!runs_.empty() && last == source.expert && runs_.back().acts == source.acts) {
        runs_.back().end++;
        continue;
      }
      const bool away = source.expert->away();
      if (!away && !source.expert->ready() && std::find(cold_.begin(), cold_.end(), source.expert) == cold_.end())
        cold_.push_back(source.expert);
      last = source.expert;
      away_ = away_ || away;
      runs_.push_back({e, source.stage, away ? nullptr : &source.expert->weights(), source.acts, rows_.data() + pair, pair,
                       pair + 1});
    }
}

}  // namespace zen

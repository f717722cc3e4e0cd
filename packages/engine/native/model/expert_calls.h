// Calls for experts that are elsewhere: a step sends them, goes on with what it has itself, and sleeps until all are
// answered. Nothing here decides what happens to a row whose expert is missing.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "model/expert_rows.h"

namespace zen {

// The lowest that a row takes where one of its experts is missing.
enum class ExpertFloor : uint8_t { Exact, StandIn, Without };

// What became of a sequence's rows in a pass where experts were missing.
struct ExpertFalls {
  int standIn = 0, without = 0;  // pairs
  bool left = false;             // a row takes neither: what is computed of the sequence is nothing
};

struct ExpertCall {
  int id = 0;
  int layer = 0, stage = 0;
  bool exact = false;  // some row of it takes nothing but the expert itself
  RowEncoding encoding = RowEncoding::F32;
  std::vector<uint8_t> rows;
  std::vector<float> scales;
  std::vector<int32_t> experts, counts, pairs;
  // By expert: where the outputs of its pairs go, [count][hiddenSize], and whether they came.
  std::vector<float*> outputs;
  std::vector<uint8_t> missing;
  bool answered = false;

  ExpertRows view() const;
};

class ExpertCalls {
 public:
  // Hands a call on and returns at once; what it points to is read before it returns. Must not throw.
  using Dispatch = std::function<void(const ExpertCall&)>;
  template <typename T>
  struct Array {
    const T* data;
    size_t count;
  };

  ExpertCalls(int hiddenSize, Dispatch dispatch) : hiddenSize_(hiddenSize), dispatch_(std::move(dispatch)) {}

  // Gives the call its id. It must stay where it is until it is answered.
  void send(ExpertCall& call);
  // Sleeps until the first `count` of them are answered.
  void await(const std::vector<ExpertCall>& calls, size_t count);

  // From any thread. `outputs`: [pairs][hiddenSize] in the call's order, `missing`: a byte for each expert. A wrong
  // answer counts as one without any expert, and throws Failure; after abandon() nothing is wrong any more.
  void complete(int id, Array<float> outputs, Array<uint8_t> missing);
  // Answers every call as missing, those to come too.
  void abandon();

 private:
  void answer(ExpertCall& call);

  const size_t hiddenSize_;
  const Dispatch dispatch_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::unordered_map<int, ExpertCall*> waiting_;
  int next_ = 1;
  bool abandoned_ = false;
};

}  // namespace zen

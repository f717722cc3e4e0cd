#include "model/expert_calls.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "model/failure.h"

namespace zen {

ExpertRows ExpertCall::view() const {
  return {layer,
          stage,
          encoding,
          {rows.data(), rows.size()},
          {scales.data(), scales.size()},
          {experts.data(), experts.size()},
          {counts.data(), counts.size()},
          {pairs.data(), pairs.size()}};
}

void ExpertCalls::send(ExpertCall& call) {
  call.answered = false;
  call.missing.assign(call.experts.size(), 1);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    call.id = next_;
    next_ = next_ % 0x7fffffff + 1;
    if (abandoned_) {
      call.answered = true;
      return;
    }
    waiting_.emplace(call.id, &call);
  }
  dispatch_(call);  // an answer may come before this returns
}

void ExpertCalls::await(const std::vector<ExpertCall>& calls, size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  answered_.wait(lock, [&] {
    return std::all_of(calls.begin(), calls.begin() + static_cast<long>(count),
                       [](const ExpertCall& call) { return call.answered; });
  });
}

void ExpertCalls::complete(int id, Array<float> outputs, Array<uint8_t> missing) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return;
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) throw Failure("id", "must be of a dispatch that is not answered yet");
  ExpertCall& call = *found->second;
  const size_t wanted = call.pairs.size() * hiddenSize_;
  const bool fits = outputs.count == wanted && missing.count == call.experts.size();
  if (fits) {
    const float* from = outputs.data;
    for (size_t e = 0; e < call.experts.size(); e++) {
      const size_t count = static_cast<size_t>(call.counts[e]) * hiddenSize_;
      call.missing[e] = missing.data[e] != 0;
      if (!call.missing[e]) std::memcpy(call.outputs[e], from, count * sizeof(float));
      from += count;
    }
  }
  const size_t experts = call.experts.size();
  answer(call);
  if (fits) return;
  if (outputs.count != wanted) throw Failure("outputs", "must have " + std::to_string(wanted) + " numbers");
  throw Failure("missing", "must have " + std::to_string(experts) + " bytes");
}

void ExpertCalls::abandon() {
  const std::lock_guard<std::mutex> lock(mutex_);
  abandoned_ = true;
  while (!waiting_.empty())
    answer(*waiting_.begin()->second);
}

// The last touch: the step may take the call away as soon as the lock is free.
void ExpertCalls::answer(ExpertCall& call) {
  waiting_.erase(call.id);
  call.answered = true;
  answered_.notify_all();
}

}  // namespace zen

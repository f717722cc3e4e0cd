// From the thread of a step to the event loop: what the step cannot compute itself.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "expert_argument.h"

namespace zen {

// Of a model, which keeps it. A call that cannot reach JavaScript, or that it throws at, is answered as missing.
class ExpertDispatch : public std::enable_shared_from_this<ExpertDispatch> {
 public:
  ExpertDispatch(Napi::Env env, const Napi::Function& dispatch)
      : function_(Napi::ThreadSafeFunction::New(env, dispatch, "zen experts", 0, 1)) {
    function_.Unref(env);  // a model that waits for calls does not keep the process
  }
  ~ExpertDispatch() { function_.Release(); }
  ExpertDispatch(const ExpertDispatch&) = delete;

  // Once, before the first step.
  void bind(zen_model* model) { model_ = model; }

  static void call(void* context, const zen_expert_call* call) {
    static_cast<ExpertDispatch*>(context)->send(*call);
  }

  // From now on nothing is sent: the environment goes.
  void close() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    if (model_) zen_abandon_experts(model_);
  }

 private:
  void send(const zen_expert_call& call) {
    auto* copy = new ExpertCallCopy(call);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto arrive = [self = weak_from_this()](Napi::Env env, Napi::Function function, ExpertCallCopy* arrived) {
        const std::unique_ptr<ExpertCallCopy> own(arrived);
        try {
          function.Call({own->object(env)});
        } catch (const Napi::Error& error) {
          if (const auto alive = self.lock()) alive->miss(*own);
          napi_fatal_exception(env, error.Value());  // as of any callback
        }
      };
      if (!closed_ && function_.NonBlockingCall(copy, arrive) == napi_ok) return;
    }
    const std::unique_ptr<ExpertCallCopy> own(copy);
    miss(*own);
  }

  void miss(const ExpertCallCopy& call) {
    const std::vector<uint8_t> missing(call.expertCount(), 1);
    zen_error unused;  // answered already, or given up: either is well
    zen_complete_experts(model_, call.id(), nullptr, 0, missing.data(), missing.size(), &unused);
  }

  Napi::ThreadSafeFunction function_;
  zen_model* model_ = nullptr;
  std::mutex mutex_;
  bool closed_ = false;
};

}  // namespace zen

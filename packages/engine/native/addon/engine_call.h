// Calls of the C ABI from JavaScript: failures become Errors with `field` and `limit`, long ones run off the event
// loop.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <utility>

#include "zen_engine.h"

namespace zen {

using ModelHandle = std::shared_ptr<zen_model>;

inline Napi::Error errorOf(Napi::Env env, const zen_error& failure) {
  Napi::Error error = Napi::Error::New(env, std::string(failure.field) + " " + failure.limit);
  error.Set("field", Napi::String::New(env, failure.field));
  error.Set("limit", Napi::String::New(env, failure.limit));
  return error;
}

inline void expect(Napi::Env env, int status, const zen_error& failure) {
  if (status != 0) throw errorOf(env, failure);
}

// `call` runs on a pool thread, `wrap` makes the result on the event loop. Both must own what they use.
class EngineCall : public Napi::AsyncWorker {
 public:
  using Call = std::function<int(zen_error*)>;
  using Wrap = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value run(Napi::Env env, Call call, Wrap wrap) {
    auto* worker = new EngineCall(env, std::move(call), std::move(wrap));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 protected:
  void Execute() override { status_ = call_(&failure_); }
  void OnOK() override {
    if (status_ == 0)
      deferred_.Resolve(wrap_(Env()));
    else
      deferred_.Reject(errorOf(Env(), failure_).Value());
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  EngineCall(Napi::Env env, Call call, Wrap wrap)
      : Napi::AsyncWorker(env),
        call_(std::move(call)),
        wrap_(std::move(wrap)),
        deferred_(Napi::Promise::Deferred::New(env)) {}
  Call call_;
  Wrap wrap_;
  Napi::Promise::Deferred deferred_;
  zen_error failure_ = {};
  int status_ = 0;
};

}  // namespace zen

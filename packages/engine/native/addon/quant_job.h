// A native call off the event loop that resolves a promise.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace zen::quant {

class Job : public Napi::AsyncWorker {
 public:
  // `work` runs on a pool thread; `wrap` makes the result on the event loop. `arguments` stay alive until then.
  static Napi::Value Run(const Napi::CallbackInfo& info, std::function<void()> work,
                         std::function<Napi::Value(Napi::Env)> wrap) {
    Job* job = new Job(info.Env(), std::move(work), std::move(wrap));
    Napi::Array kept = Napi::Array::New(info.Env(), info.Length());
    for (size_t i = 0; i < info.Length(); i++) kept.Set(static_cast<uint32_t>(i), info[i]);
    job->arguments = Napi::Persistent(kept.As<Napi::Object>());
    Napi::Promise promise = job->deferred.Promise();
    job->Queue();
    return promise;
  }

 protected:
  void Execute() override { work(); }
  void OnOK() override { deferred.Resolve(wrap(Env())); }
  void OnError(const Napi::Error& error) override { deferred.Reject(error.Value()); }

 private:
  Job(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> wrap)
      : Napi::AsyncWorker(env), work(std::move(work)), wrap(std::move(wrap)), deferred(Napi::Promise::Deferred::New(env)) {}
  std::function<void()> work;
  std::function<Napi::Value(Napi::Env)> wrap;
  Napi::Promise::Deferred deferred;
  Napi::ObjectReference arguments;
};

// A typed array over a vector's own memory; the vector lives as long as the array.
template <typename Array, typename T>
Napi::Value Wrap(Napi::Env env, std::shared_ptr<std::vector<T>> values) {
  auto* held = new std::shared_ptr<std::vector<T>>(std::move(values));
  const size_t count = (*held)->size();
  static T empty;
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      env, count == 0 ? &empty : (*held)->data(), count * sizeof(T),
      [](Napi::Env, void*, std::shared_ptr<std::vector<T>>* owner) { delete owner; }, held);
  return Array::New(env, count, buffer, 0);
}

template <typename T>
struct Span {
  T* data;
  size_t count;
};

// A typed array argument of exactly `count` elements (`count` 0: any length); the error names the argument.
template <typename T>
Span<T> Typed(const Napi::Value& value, const char* name, size_t count = 0) {
  if (!value.IsTypedArray()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a typed array");
  Napi::TypedArray array = value.As<Napi::TypedArray>();
  if (array.ElementSize() != sizeof(T)) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must have elements of " + std::to_string(sizeof(T)) + " bytes");
  }
  if (count != 0 && array.ElementLength() != count) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must have " + std::to_string(count) +
                                                 " elements, not " + std::to_string(array.ElementLength()));
  }
  return {reinterpret_cast<T*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset()),
          array.ElementLength()};
}

template <typename T>
T* TypedOrNull(const Napi::Value& value, const char* name, size_t count = 0) {
  return value.IsNull() ? nullptr : Typed<T>(value, name, count).data;
}

// A whole number within [low, high]; the error names the argument and the limits.
inline int Whole(const Napi::Value& value, const char* name, int low, int high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1e300;
  if (!(number >= low && number <= high) || number != static_cast<double>(static_cast<int>(number))) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must be a whole number from " + std::to_string(low) +
                                                 " to " + std::to_string(high));
  }
  return static_cast<int>(number);
}

}  // namespace zen::quant

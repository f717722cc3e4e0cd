#include "experts_addon.h"

#include <string>
#include <vector>

#include "engine_call.h"
#include "expert_argument.h"

namespace zen {
namespace {

using quant::Typed;
using quant::Whole;
constexpr int kInt = 0x7fffffff;
using ExpertsHandle = std::shared_ptr<zen_experts>;

std::vector<int32_t> numbersOf(const Napi::Value& value) {
  const auto span = Typed<int32_t>(value, "experts");
  return std::vector<int32_t>(span.data, span.data + span.count);
}

class NativeExperts : public Napi::ObjectWrap<NativeExperts> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeExperts",
        {InstanceMethod<&NativeExperts::hold>("hold"), InstanceMethod<&NativeExperts::release>("release"),
         InstanceMethod<&NativeExperts::run>("run"), InstanceMethod<&NativeExperts::stats>("stats"),
         InstanceMethod<&NativeExperts::close>("close")});
  }

  // Only openExperts() makes one, with the handle as an External.
  explicit NativeExperts(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeExperts>(info) {
    if (info.Length() != 1 || !info[0].IsExternal())
      throw Napi::TypeError::New(info.Env(), "NativeExperts is made by openExperts()");
    experts_ = *info[0].As<Napi::External<ExpertsHandle>>().Data();
  }

 private:
  const ExpertsHandle& experts(const Napi::CallbackInfo& info) const {
    if (!experts_) throw errorOf(info.Env(), {"experts", "must not be closed"});
    return experts_;
  }

  Napi::Value hold(const Napi::CallbackInfo& info) {
    const int layer = Whole(info[0], "layer", 0, kInt);
    const Napi::Array given = info[2].As<Napi::Array>();
    std::vector<std::string> paths;
    for (uint32_t i = 0; i < given.Length(); i++)
      paths.push_back(given.Get(i).ToString().Utf8Value());
    return EngineCall::run(
        info.Env(),
        [experts = experts(info), layer, numbers = numbersOf(info[1]), paths](zen_error* error) {
          std::vector<const char*> blobs;
          for (const std::string& path : paths)
            blobs.push_back(path.c_str());
          return zen_hold_experts(experts.get(), layer, numbers.data(), numbers.size(), blobs.data(), blobs.size(),
                                  error);
        },
        [](Napi::Env env) { return env.Undefined(); });
  }

  Napi::Value release(const Napi::CallbackInfo& info) {
    const int layer = Whole(info[0], "layer", 0, kInt);
    const std::vector<int32_t> numbers = numbersOf(info[1]);
    zen_error error;
    expect(info.Env(), zen_release_experts(experts(info).get(), layer, numbers.data(), numbers.size(), &error), error);
    return info.Env().Undefined();
  }

  Napi::Value run(const Napi::CallbackInfo& info) {
    const ExpertsHandle handle = experts(info);
    auto call = std::make_shared<ExpertArgument>(info[0].ToObject());
    const int32_t answer = placeOf(info[1], kRowEncodings);
    const size_t width = static_cast<size_t>(zen_experts_shape(handle.get()).hidden_size) * (answer == ZEN_F32 ? 4 : 2);
    if (call->rows.pair_count > static_cast<size_t>(kInt) / width)
      throw errorOf(info.Env(), {"pairs", "must make at most 2 GiB of outputs"});
    auto outputs = std::make_shared<std::vector<uint8_t>>(call->rows.pair_count * width);
    auto computeUs = std::make_shared<double>(0);
    return EngineCall::run(
        info.Env(),
        [handle, call, answer, outputs, computeUs](zen_error* error) {
          return zen_run_experts(handle.get(), &call->rows, answer, outputs->data(), outputs->size(), computeUs.get(),
                                 error);
        },
        [call, outputs, computeUs](Napi::Env env) {
          Napi::Object result = Napi::Object::New(env);
          result["outputs"] = quant::Wrap<Napi::Uint8Array>(env, outputs);
          result["computeUs"] = Napi::Number::New(env, *computeUs);
          return result;
        });
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    zen_experts_stats s;
    zen_error error;
    expect(info.Env(), zen_experts_stats_of(experts(info).get(), &s, &error), error);
    Napi::Object object = Napi::Object::New(info.Env());
    object["held"] = Napi::Number::New(info.Env(), s.held);
    object["mappedBytes"] = Napi::Number::New(info.Env(), static_cast<double>(s.mapped_bytes));
    object["mergedBytes"] = Napi::Number::New(info.Env(), static_cast<double>(s.merged_bytes));
    return object;
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    experts_.reset();  // what runs holds it until its end
    return info.Env().Undefined();
  }

  ExpertsHandle experts_;
};

}  // namespace

Napi::Function defineExperts(Napi::Env env) { return NativeExperts::define(env); }

Napi::Value openExperts(const Napi::CallbackInfo& info) {
  const std::string config = info[0].ToString().Utf8Value();
  const int threads = Whole(info[1].ToObject().Get("threads"), "threads", 1, 256);
  zen_experts* experts = nullptr;
  zen_error error;
  expect(info.Env(), zen_open_experts(config.data(), config.size(), threads, &experts, &error), error);
  ExpertsHandle handle(experts, zen_close_experts);
  return info.Env().GetInstanceData<Constructors>()->experts.New(
      {Napi::External<ExpertsHandle>::New(info.Env(), &handle)});
}

}  // namespace zen

#include "talker_addon.h"

#include <limits>
#include <string>
#include <vector>

#include "engine_call.h"
#include "experts_addon.h"
#include "quant_job.h"

namespace zen {
namespace {

using quant::Typed;
using quant::Whole;
constexpr int kInt = std::numeric_limits<int>::max();
using TalkerHandle = std::shared_ptr<zen_talker>;

template <typename T>
std::vector<T> copyOf(const Napi::Value& value, const char* name) {
  const auto span = Typed<T>(value, name);
  return std::vector<T>(span.data, span.data + span.count);
}

// What a frame's promise owns.
struct Frame {
  std::shared_ptr<std::vector<int32_t>> codes;
  std::shared_ptr<std::vector<float>> samples;
  zen_speech_frame made = {};
};

class NativeTalker : public Napi::ObjectWrap<NativeTalker> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeTalker",
        {InstanceMethod<&NativeTalker::shape>("shape"), InstanceMethod<&NativeTalker::openSpeech>("openSpeech"),
         InstanceMethod<&NativeTalker::prefill>("prefill"), InstanceMethod<&NativeTalker::begin>("begin"),
         InstanceMethod<&NativeTalker::speak>("speak"), InstanceMethod<&NativeTalker::closeSpeech>("closeSpeech"),
         InstanceMethod<&NativeTalker::close>("close")});
  }

  // Only openTalker() makes one, with the handle as an External.
  explicit NativeTalker(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeTalker>(info) {
    if (info.Length() != 1 || !info[0].IsExternal())
      throw Napi::TypeError::New(info.Env(), "NativeTalker is made by openTalker()");
    talker_ = *info[0].As<Napi::External<TalkerHandle>>().Data();
  }

 private:
  const TalkerHandle& talker(const Napi::CallbackInfo& info) const {
    if (!talker_) throw errorOf(info.Env(), {"talker", "must not be closed"});
    return talker_;
  }

  Napi::Value shape(const Napi::CallbackInfo& info) {
    const zen_talker_shape s = zen_talker_shape_of(talker(info).get());
    Napi::Object object = Napi::Object::New(info.Env());
    object["textVocab"] = Napi::Number::New(info.Env(), s.text_vocab);
    object["thinkerHidden"] = Napi::Number::New(info.Env(), s.thinker_hidden);
    object["groups"] = Napi::Number::New(info.Env(), s.groups);
    object["codes"] = Napi::Number::New(info.Env(), s.codes);
    object["firstSamples"] = Napi::Number::New(info.Env(), s.first_samples);
    object["frameSamples"] = Napi::Number::New(info.Env(), s.frame_samples);
    object["contextTokens"] = Napi::Number::New(info.Env(), s.context_tokens);
    return object;
  }

  Napi::Value openSpeech(const Napi::CallbackInfo& info) {
    const Napi::Object given = info[0].ToObject();
    const std::string speaker = given.Get("speaker").ToString().Utf8Value();
    zen_voice voice = {};
    voice.speaker = speaker.c_str();
    voice.temperature = given.Get("temperature").ToNumber().FloatValue();
    voice.top_k = Whole(given.Get("topK"), "topK", 0, kInt);
    voice.top_p = given.Get("topP").ToNumber().FloatValue();
    voice.repetition_penalty = given.Get("repetitionPenalty").ToNumber().FloatValue();
    bool lossless = false;
    voice.seed = given.Get("seed").As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw errorOf(info.Env(), {"seed", "must be from 0 to 2^64 - 1"});
    int32_t speech = 0;
    zen_error error;
    expect(info.Env(), zen_open_speech(talker(info).get(), &voice, &speech, &error), error);
    return Napi::Number::New(info.Env(), speech);
  }

  Napi::Value prefill(const Napi::CallbackInfo& info) {
    const int32_t speech = Whole(info[0], "speech", 0, kInt);
    const Napi::Object given = info[1].ToObject();
    const auto tokens = copyOf<int32_t>(given.Get("tokens"), "tokens");
    const auto hidden = copyOf<float>(given.Get("hidden"), "hidden");
    const auto at = copyOf<int32_t>(given.Get("hiddenAt"), "hiddenAt");
    const Napi::Value three = given.Get("positions");
    const auto positions = three.IsNull() ? std::vector<int32_t>() : copyOf<int32_t>(three, "positions");
    return EngineCall::run(
        info.Env(),
        [talker = talker(info), speech, tokens, hidden, at, positions](zen_error* error) {
          const zen_prompt_rows rows = {tokens.data(), tokens.size(), hidden.data(),    hidden.size(),
                                        at.data(),     at.size(),     positions.data(), positions.size()};
          return zen_prefill_speech(talker.get(), speech, &rows, error);
        },
        [](Napi::Env env) { return env.Undefined(); });
  }

  Napi::Value begin(const Napi::CallbackInfo& info) {
    const int32_t speech = Whole(info[0], "speech", 0, kInt);
    return EngineCall::run(
        info.Env(),
        [talker = talker(info), speech, tokens = copyOf<int32_t>(info[1], "tokens")](zen_error* error) {
          return zen_begin_speech(talker.get(), speech, tokens.data(), tokens.size(), error);
        },
        [](Napi::Env env) { return env.Undefined(); });
  }

  Napi::Value speak(const Napi::CallbackInfo& info) {
    const int32_t speech = Whole(info[0], "speech", 0, kInt);
    const Napi::Value text = info[1];
    const int32_t token = text.IsNumber()                                ? Whole(text, "text", 0, kInt)
                          : text.ToString().Utf8Value() == "end" ? ZEN_TEXT_END
                                                                         : ZEN_TEXT_PAD;
    const zen_talker_shape shape = zen_talker_shape_of(talker(info).get());
    auto frame = std::make_shared<Frame>();
    frame->codes = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(shape.groups));
    frame->samples = std::make_shared<std::vector<float>>(static_cast<size_t>(shape.frame_samples));
    return EngineCall::run(
        info.Env(),
        [talker = talker(info), speech, token, frame](zen_error* error) {
          return zen_speak(talker.get(), speech, token, frame->codes->data(), frame->samples->data(), &frame->made,
                           error);
        },
        [frame](Napi::Env env) -> Napi::Value {
          if (frame->made.finished) return env.Null();
          frame->samples->resize(frame->made.samples);
          Napi::Object result = Napi::Object::New(env);
          result["codes"] = quant::Wrap<Napi::Int32Array>(env, frame->codes);
          result["samples"] = quant::Wrap<Napi::Float32Array>(env, frame->samples);
          result["position"] = Napi::Number::New(env, static_cast<double>(frame->made.position));
          return result;
        });
  }

  Napi::Value closeSpeech(const Napi::CallbackInfo& info) {
    const int32_t speech = Whole(info[0], "speech", 0, kInt);
    return EngineCall::run(
        info.Env(),
        [talker = talker(info), speech](zen_error* error) { return zen_close_speech(talker.get(), speech, error); },
        [](Napi::Env env) { return env.Undefined(); });
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    talker_.reset();  // what runs holds it until its end
    return info.Env().Undefined();
  }

  TalkerHandle talker_;
};

}  // namespace

Napi::Function defineTalker(Napi::Env env) { return NativeTalker::define(env); }

Napi::Value openTalker(const Napi::CallbackInfo& info) {
  const std::string config = info[0].ToString().Utf8Value();
  const Napi::Array given = info[1].As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < given.Length(); i++) paths.push_back(given.Get(i).ToString().Utf8Value());
  const Napi::Object o = info[2].ToObject();
  zen_talker_options options = {};
  options.threads = Whole(o.Get("threads"), "threads", 1, 256);
  options.context_tokens = Whole(o.Get("contextTokens"), "contextTokens", 1, kInt);
  options.speeches = Whole(o.Get("speeches"), "speeches", 1, kInt);
  // Opening maps files and lays out convolutions: seconds at most, and only when a service starts, so off the loop too.
  struct Opened {
    Napi::FunctionReference* constructor;
    TalkerHandle talker;
  };
  auto opened = std::make_shared<Opened>();
  opened->constructor = &info.Env().GetInstanceData<Constructors>()->talker;
  return EngineCall::run(
      info.Env(),
      [config, paths, options, opened](zen_error* error) {
        std::vector<const char*> files;
        for (const std::string& path : paths) files.push_back(path.c_str());
        zen_talker* talker = nullptr;
        const int status =
            zen_open_talker(config.data(), config.size(), files.data(), files.size(), &options, &talker, error);
        if (status == 0) opened->talker = TalkerHandle(talker, zen_close_talker);
        return status;
      },
      [opened](Napi::Env env) -> Napi::Value {
        return opened->constructor->New({Napi::External<TalkerHandle>::New(env, &opened->talker)});
      });
}

}  // namespace zen

#include "engine_addon.h"

#include <limits>
#include <string>
#include <vector>

#include "delta_argument.h"
#include "engine_call.h"
#include "expert_dispatch.h"
#include "experts_addon.h"
#include "quant_job.h"
#include "talker_addon.h"

namespace zen {
namespace {

using quant::Typed;
using quant::Whole;
constexpr int kInt = std::numeric_limits<int>::max();

template <typename T>
std::vector<T> copyOf(const Napi::Value& value, const char* name) {
  const auto span = Typed<T>(value, name);
  return std::vector<T>(span.data, span.data + span.count);
}
// A handle or null.
int32_t deltaOf(const Napi::Value& value) { return value.IsNull() ? 0 : Whole(value, "delta", 1, kInt); }
float real(const Napi::Object& object, const char* name) { return object.Get(name).ToNumber().FloatValue(); }

// What a step's promise owns.
struct Step {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::vector<float>> embeddings;
  std::vector<std::vector<int32_t>> drafts;
  std::vector<zen_step_item> items;
  std::vector<zen_step_output> outputs;
};

// Either {tokens} or {stage, count}.
void readDraft(const Napi::Object& object, std::vector<int32_t>& tokens, zen_step_item& item) {
  if (object.Has("tokens")) {
    tokens = copyOf<int32_t>(object.Get("tokens"), "draft.tokens");
    item.draft_count = tokens.size();
  } else {
    item.draft_stage = Whole(object.Get("stage"), "draft.stage", 0, ZEN_STAGES - 1);
    item.draft_count = static_cast<size_t>(Whole(object.Get("count"), "draft.count", 1, ZEN_MAX_DRAFT));
  }
}

void readItem(const Napi::Object& object, int hidden, Step& step) {
  step.tokens.push_back(copyOf<int32_t>(object.Get("tokens"), "tokens"));
  const Napi::Value rows = object.Get("embeddings");
  step.embeddings.push_back(rows.IsNull() ? std::vector<float>() : copyOf<float>(rows, "embeddings"));
  if (step.embeddings.back().size() % static_cast<size_t>(hidden) != 0)
    throw Napi::RangeError::New(object.Env(), "embeddings must have rows of " + std::to_string(hidden));
  zen_step_item item = {};
  item.sequence = Whole(object.Get("sequence"), "sequence", 0, kInt);
  item.token_count = step.tokens.back().size();
  item.embedding_rows = step.embeddings.back().size() / static_cast<size_t>(hidden);
  item.stage = Whole(object.Get("stage"), "stage", 0, ZEN_STAGES - 1);
  item.sample = object.Get("sample").ToBoolean().Value();
  item.expert_floor = placeOf(object.Get("expertFloor"), kExpertFloors);
  step.drafts.emplace_back();
  const Napi::Value draft = object.Get("draft");
  if (!draft.IsNull()) readDraft(draft.ToObject(), step.drafts.back(), item);
  step.items.push_back(item);
}

Napi::Object writeToken(Napi::Env env, const zen_step_output& o) {
  Napi::Object object = Napi::Object::New(env);
  object["token"] = Napi::Number::New(env, o.token);
  object["logprob"] = Napi::Number::New(env, o.token < 0 ? std::numeric_limits<double>::quiet_NaN() : o.logprob);
  const size_t count = static_cast<size_t>(o.top_count);
  Napi::Int32Array tokens = Napi::Int32Array::New(env, count);
  Napi::Float32Array logprobs = Napi::Float32Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    tokens[i] = o.top_tokens[i];
    logprobs[i] = o.top_logprobs[i];
  }
  object["topTokens"] = tokens;
  object["topLogprobs"] = logprobs;
  return object;
}

// Of an item's 1 + `drafts` outputs.
Napi::Object writeOutput(Napi::Env env, const zen_step_output* all, size_t drafts) {
  static const char* const kStatus[] = {"ok", "noKv", "notFinite", "noExpert"};
  static const char* const kFinish[] = {"none", "stopToken", "stopText"};
  size_t last = 0;
  while (last < drafts && all[last + 1].token >= 0)
    last++;
  const zen_step_output& o = all[last];
  Napi::Object object = writeToken(env, o);
  Napi::Array kept = Napi::Array::New(env, last);
  for (size_t i = 0; i < last; i++)
    kept.Set(static_cast<uint32_t>(i), writeToken(env, all[i]));
  object["status"] = Napi::String::New(env, kStatus[o.status]);
  object["kept"] = kept;
  object["finish"] = Napi::String::New(env, kFinish[o.finish]);
  object["stopIndex"] = Napi::Number::New(env, o.stop_index);
  Napi::Object falls = Napi::Object::New(env);
  falls["standIn"] = Napi::Number::New(env, o.stand_in);
  falls["without"] = Napi::Number::New(env, o.without);
  object["expertFalls"] = falls;
  return object;
}

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeModel",
        {InstanceMethod<&NativeModel::attachStage>("attachStage"),
         InstanceMethod<&NativeModel::detachStage>("detachStage"), InstanceMethod<&NativeModel::stats>("stats"),
         InstanceMethod<&NativeModel::loadDelta>("loadDelta"), InstanceMethod<&NativeModel::freeDelta>("freeDelta"),
         InstanceMethod<&NativeModel::forgetScope>("forgetScope"),
         InstanceMethod<&NativeModel::createSequence>("createSequence"),
         InstanceMethod<&NativeModel::freeSequence>("freeSequence"),
         InstanceMethod<&NativeModel::matchPrefix>("matchPrefix"), InstanceMethod<&NativeModel::truncate>("truncate"),
         InstanceMethod<&NativeModel::step>("step"), InstanceMethod<&NativeModel::logits>("logits"),
         InstanceMethod<&NativeModel::completeExperts>("completeExperts"),
         InstanceMethod<&NativeModel::setExpertCaps>("setExpertCaps"),
         InstanceMethod<&NativeModel::takeExpertLoad>("takeExpertLoad"),
         InstanceMethod<&NativeModel::close>("close")});
  }

  // Only open() makes one, with the handle as an External.
  explicit NativeModel(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeModel>(info) {
    if (info.Length() != 1 || !info[0].IsExternal())
      throw Napi::TypeError::New(info.Env(), "NativeModel is made by open()");
    model_ = *info[0].As<Napi::External<ModelHandle>>().Data();
  }

 private:
  const ModelHandle& model(const Napi::CallbackInfo& info) const {
    if (!model_) throw errorOf(info.Env(), {"model", "must not be closed"});
    return model_;
  }

  Napi::Value attachStage(const Napi::CallbackInfo& info) {
    const int stage = Whole(info[0], "stage", 0, ZEN_STAGES - 1);
    return EngineCall::run(
        info.Env(),
        [model = model(info), stage, path = info[1].ToString().Utf8Value()](zen_error* error) {
          return zen_attach_stage(model.get(), stage, path.c_str(), error);
        },
        [](Napi::Env env) { return env.Undefined(); });
  }

  Napi::Value detachStage(const Napi::CallbackInfo& info) {
    zen_error error;
    expect(info.Env(), zen_detach_stage(model(info).get(), Whole(info[0], "stage", 0, ZEN_STAGES - 1), &error), error);
    return info.Env().Undefined();
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    zen_engine_stats s;
    zen_error error;
    expect(info.Env(), zen_stats(model(info).get(), &s, &error), error);
    Napi::Object object = Napi::Object::New(info.Env());
    Napi::Array stages = Napi::Array::New(info.Env());
    for (int k = 0; k < s.attached_stages; k++)
      stages.Set(static_cast<uint32_t>(k), k);
    object["attachedStages"] = stages;
    const auto number = [&](const char* name, double value) { object[name] = Napi::Number::New(info.Env(), value); };
    number("mappedBytes", static_cast<double>(s.mapped_bytes));
    number("mergedBytes", static_cast<double>(s.merged_bytes));
    number("kvBlockTokens", s.kv_block_tokens);
    number("kvBlocksTotal", s.kv_blocks_total);
    number("kvBlocksFree", s.kv_blocks_free);
    number("kvBlocksCached", s.kv_blocks_cached);
    number("sequences", s.sequences);
    number("deltaSlots", s.delta_slots);
    number("deltaSlotsUsed", s.delta_slots_used);
    number("denseSlots", s.dense_slots);
    number("denseSlotsUsed", s.dense_slots_used);
    number("deltaBytes", static_cast<double>(s.delta_bytes));
    return object;
  }

  Napi::Value loadDelta(const Napi::CallbackInfo& info) {
    auto delta = std::make_shared<DeltaArgument>(info[0].As<Napi::Array>());
    auto handle = std::make_shared<int32_t>(0);
    return EngineCall::run(
        info.Env(),
        [model = model(info), delta, handle](zen_error* error) {
          return zen_load_delta(model.get(), delta->parts.data(), delta->parts.size(), handle.get(), error);
        },
        [handle, delta](Napi::Env env) { return Napi::Number::New(env, *handle); });
  }

  Napi::Value freeDelta(const Napi::CallbackInfo& info) {
    zen_error error;
    expect(info.Env(), zen_free_delta(model(info).get(), Whole(info[0], "delta", 1, kInt), &error), error);
    return info.Env().Undefined();
  }

  Napi::Value forgetScope(const Napi::CallbackInfo& info) {
    const auto scope = Typed<uint8_t>(info[0], "scope");
    zen_error error;
    expect(info.Env(), zen_forget_scope(model(info).get(), scope.data, scope.count, &error), error);
    return info.Env().Undefined();
  }

  Napi::Value createSequence(const Napi::CallbackInfo& info) {
    const Napi::Object given = info[0].ToObject();
    const auto biasTokens = copyOf<int32_t>(given.Get("logitBiasTokens"), "logitBiasTokens");
    const auto biasValues = copyOf<float>(given.Get("logitBiasValues"), "logitBiasValues");
    if (biasTokens.size() != biasValues.size())
      throw errorOf(info.Env(), {"logitBiasValues", "must have one value for each of logitBiasTokens"});
    const auto stopTokens = copyOf<int32_t>(given.Get("stopTokens"), "stopTokens");
    const Napi::Array stop = given.Get("stop").As<Napi::Array>();
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < stop.Length(); i++)
      texts.push_back(stop.Get(i).ToString().Utf8Value());
    std::vector<const char*> pointers;
    std::vector<size_t> sizes;
    for (const std::string& text : texts) {
      pointers.push_back(text.data());
      sizes.push_back(text.size());
    }
    bool lossless;
    zen_sampling s = {};
    s.temperature = real(given, "temperature");
    s.top_k = Whole(given.Get("topK"), "topK", 0, kInt);
    s.top_p = real(given, "topP");
    s.min_p = real(given, "minP");
    s.repetition_penalty = real(given, "repetitionPenalty");
    s.presence_penalty = real(given, "presencePenalty");
    s.frequency_penalty = real(given, "frequencyPenalty");
    s.logit_bias_tokens = biasTokens.data();
    s.logit_bias_values = biasValues.data();
    s.logit_bias_count = biasTokens.size();
    s.seed = given.Get("seed").As<Napi::BigInt>().Uint64Value(&lossless);
    s.stop = pointers.data();
    s.stop_bytes = sizes.data();
    s.stop_count = texts.size();
    s.stop_tokens = stopTokens.data();
    s.stop_token_count = stopTokens.size();
    s.logprobs = Whole(given.Get("logprobs"), "logprobs", -1, ZEN_MAX_TOP);
    const auto sampled = copyOf<int32_t>(info[1], "sampled");
    const Napi::Object identity = info[2].ToObject();
    const auto scope = Typed<uint8_t>(identity.Get("scope"), "scope");
    const zen_identity whose = {deltaOf(identity.Get("delta")), scope.data, scope.count};
    int32_t sequence = 0;
    zen_error error;
    const int status =
        zen_create_sequence(model(info).get(), &s, sampled.data(), sampled.size(), &whose, &sequence, &error);
    expect(info.Env(), status, error);
    return Napi::Number::New(info.Env(), sequence);
  }

  Napi::Value freeSequence(const Napi::CallbackInfo& info) {
    zen_error error;
    expect(info.Env(), zen_free_sequence(model(info).get(), Whole(info[0], "sequence", 0, kInt), &error), error);
    return info.Env().Undefined();
  }

  Napi::Value matchPrefix(const Napi::CallbackInfo& info) {
    const auto tokens = Typed<int32_t>(info[2], "tokens");
    int32_t computed = 0;
    zen_error error;
    const int status =
        zen_match_prefix(model(info).get(), Whole(info[0], "sequence", 0, kInt),
                         Whole(info[1], "stage", 0, ZEN_STAGES - 1), tokens.data, tokens.count, &computed, &error);
    expect(info.Env(), status, error);
    return Napi::Number::New(info.Env(), computed);
  }

  Napi::Value truncate(const Napi::CallbackInfo& info) {
    zen_error error;
    const int status =
        zen_truncate(model(info).get(), Whole(info[0], "sequence", 0, kInt), Whole(info[1], "length", 0, kInt), &error);
    expect(info.Env(), status, error);
    return info.Env().Undefined();
  }

  Napi::Value step(const Napi::CallbackInfo& info) {
    const ModelHandle handle = model(info);
    const Napi::Array given = info[0].As<Napi::Array>();
    const int hidden = zen_model_shape(handle.get()).hidden_size;
    auto step = std::make_shared<Step>();
    for (uint32_t i = 0; i < given.Length(); i++)
      readItem(given.Get(i).ToObject(), hidden, *step);
    size_t outputs = 0;
    for (size_t i = 0; i < step->items.size(); i++) {
      zen_step_item& item = step->items[i];
      item.tokens = step->tokens[i].data();
      item.embeddings = step->embeddings[i].data();
      item.draft = step->drafts[i].empty() ? nullptr : step->drafts[i].data();
      if (item.draft_count > ZEN_MAX_DRAFT)
        throw errorOf(info.Env(), {"draft", "must have at most 63 tokens"});
      outputs += 1 + item.draft_count;
    }
    step->outputs.resize(outputs);
    return EngineCall::run(
        info.Env(),
        [handle, step](zen_error* error) {
          return zen_step(handle.get(), step->items.data(), step->items.size(), step->outputs.data(), error);
        },
        [step](Napi::Env env) {
          Napi::Array outputs = Napi::Array::New(env, step->items.size());
          const zen_step_output* at = step->outputs.data();
          for (size_t i = 0; i < step->items.size(); i++) {
            const size_t drafts = step->items[i].draft_count;
            outputs.Set(static_cast<uint32_t>(i), writeOutput(env, at, drafts));
            at += 1 + drafts;
          }
          return outputs;
        });
  }

  Napi::Value logits(const Napi::CallbackInfo& info) {
    const ModelHandle handle = model(info);
    const int stage = Whole(info[0], "stage", 0, ZEN_STAGES - 1);
    auto tokens = std::make_shared<std::vector<int32_t>>(copyOf<int32_t>(info[1], "tokens"));
    const zen_shape shape = zen_model_shape(handle.get());
    const size_t most = (size_t{1} << 31) / sizeof(float) / static_cast<size_t>(shape.vocab_size);
    if (tokens->size() > most) throw errorOf(info.Env(), {"tokens", "must make at most 2 GiB of logits"});
    const int32_t delta = deltaOf(info[2]);
    auto out = std::make_shared<std::vector<float>>(tokens->size() * static_cast<size_t>(shape.vocab_size));
    return EngineCall::run(
        info.Env(),
        [handle, stage, tokens, delta, out](zen_error* error) {
          return zen_logits(handle.get(), stage, tokens->data(), tokens->size(), delta, out->data(), error);
        },
        [out](Napi::Env env) { return quant::Wrap<Napi::Float32Array>(env, out); });
  }

  Napi::Value completeExperts(const Napi::CallbackInfo& info) {
    if (!model_) return info.Env().Undefined();  // nobody waits for it any more
    const auto outputs = Typed<float>(info[1], "outputs");
    const auto missing = Typed<uint8_t>(info[2], "missing");
    zen_error error;
    const int status = zen_complete_experts(model_.get(), Whole(info[0], "id", 1, kInt), outputs.data, outputs.count,
                                            missing.data, missing.count, &error);
    expect(info.Env(), status, error);
    return info.Env().Undefined();
  }

  Napi::Value setExpertCaps(const Napi::CallbackInfo& info) {
    const auto caps = Typed<int8_t>(info[0], "caps");
    zen_error error;
    expect(info.Env(), zen_set_expert_caps(model(info).get(), caps.data, caps.count, &error), error);
    return info.Env().Undefined();
  }

  Napi::Value takeExpertLoad(const Napi::CallbackInfo& info) {
    const zen_shape shape = zen_model_shape(model(info).get());
    auto load =
        std::make_shared<std::vector<uint32_t>>(static_cast<size_t>(shape.layers) * static_cast<size_t>(shape.experts));
    zen_error error;
    expect(info.Env(), zen_take_expert_load(model(info).get(), load->data(), load->size(), &error), error);
    return quant::Wrap<Napi::Uint32Array>(info.Env(), load);
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (model_) zen_abandon_experts(model_.get());
    model_.reset();  // a running step or attach holds it until its end
    return info.Env().Undefined();
  }

  ModelHandle model_;
};

Napi::Value kernels(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), zen_kernels()); }

// open(configJson, options): NativeModel
Napi::Value open(const Napi::CallbackInfo& info) {
  const std::string config = info[0].ToString().Utf8Value();
  const Napi::Object given = info[1].ToObject();
  const auto bytes = Typed<uint8_t>(given.Get("tokenBytes"), "tokenBytes");
  const auto offsets = Typed<uint32_t>(given.Get("tokenOffsets"), "tokenOffsets");
  const double kvBytes = given.Get("kvBytes").ToNumber().DoubleValue();
  if (!(kvBytes >= 0 && kvBytes <= 9007199254740991.0))
    throw errorOf(info.Env(), {"kvBytes", "must be from 0 to 2^53"});
  zen_open_options options = {};
  options.threads = Whole(given.Get("threads"), "threads", 1, 256);
  options.kv_bytes = static_cast<uint64_t>(kvBytes);
  const std::string kvType = given.Get("kvType").ToString().Utf8Value();
  options.kv_type = kvType == "f16" ? ZEN_KV_F16 : kvType == "int8" ? ZEN_KV_INT8 : -1;
  options.context_tokens = Whole(given.Get("contextTokens"), "contextTokens", 1, kInt);
  options.token_bytes = bytes.data;
  options.token_bytes_count = bytes.count;
  options.token_offsets = offsets.data;
  options.token_offsets_count = offsets.count;
  const Napi::Object delta = given.Get("delta").ToObject();
  options.delta_slots = Whole(delta.Get("slots"), "delta.slots", 0, kInt);
  options.delta_slot_bytes = static_cast<uint64_t>(Whole(delta.Get("slotBytes"), "delta.slotBytes", 0, kInt));
  options.dense_slots = Whole(delta.Get("denseSlots"), "delta.denseSlots", 0, kInt);
  std::shared_ptr<ExpertDispatch> dispatch;
  if (const Napi::Value experts = given.Get("experts"); !experts.IsNull()) {
    const auto resident = Typed<int8_t>(experts.ToObject().Get("resident"), "experts.resident");
    dispatch = std::make_shared<ExpertDispatch>(info.Env(), experts.ToObject().Get("dispatch").As<Napi::Function>());
    options.resident = resident.data;
    options.resident_count = resident.count;
    options.dispatch = ExpertDispatch::call;
    options.dispatch_context = dispatch.get();
  }
  zen_model* model = nullptr;
  zen_error error;
  expect(info.Env(), zen_open(config.data(), config.size(), &options, &model, &error), error);
  ModelHandle handle(model, [dispatch](zen_model* last) { zen_close(last); });
  if (dispatch) {
    dispatch->bind(model);
    // A step that waits would keep a worker from ending.
    info.Env().AddCleanupHook([model = std::weak_ptr<zen_model>(handle), weak = std::weak_ptr<ExpertDispatch>(dispatch)] {
      const ModelHandle alive = model.lock();
      if (const auto own = weak.lock()) own->close();
    });
  }
  return info.Env().GetInstanceData<Constructors>()->model.New(
      {Napi::External<ModelHandle>::New(info.Env(), &handle)});
}

}  // namespace

void InitEngine(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(
      new Constructors{Napi::Persistent(NativeModel::define(env)), Napi::Persistent(defineExperts(env)),
                       Napi::Persistent(defineTalker(env))});
  exports["kernels"] = Napi::Function::New(env, kernels);
  exports["open"] = Napi::Function::New(env, open);
  exports["openExperts"] = Napi::Function::New(env, openExperts);
  exports["openTalker"] = Napi::Function::New(env, openTalker);
}

}  // namespace zen

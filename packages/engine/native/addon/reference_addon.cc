#include <memory>

#include "quant/gemm.h"
#include "quant/quant_addon.h"
#include "quant_job.h"
#include "quant/reference.h"

namespace zen::quant {
namespace {

ReferenceModel ModelOf(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "model must be an object");
  const Napi::Object object = value.As<Napi::Object>();
  auto whole = [&](const char* name, int high) { return Whole(object.Get(name), name, 1, high); };
  return {whole("hiddenSize", 1 << 20), whole("heads", 4096), whole("kvHeads", 4096), whole("headSize", 4096),
          whole("ffnSize", 1 << 20), whole("vocabSize", 1 << 24), object.Get("ropeTheta").ToNumber().FloatValue(),
          object.Get("rmsEps").ToNumber().FloatValue(), object.Get("ropeStyle").ToString().Utf8Value() == "half"};
}

// Both halves of a layer, or attention alone: what belongs to the other half is null and left unread.
template <bool whole>
Napi::Value LayerCallOf(const Napi::CallbackInfo& info) {
  const ReferenceModel m = ModelOf(info[0]);
  const Napi::Array given = info[1].As<Napi::Array>();
  const size_t h = m.hidden, q = static_cast<size_t>(m.heads) * m.headSize, k = static_cast<size_t>(m.kvHeads) * m.headSize, f = m.ffn;
  const struct { const char* name; size_t count; bool needed; } expected[14] = {
      {"attn_norm", h, true}, {"attn_q", q * h, true}, {"attn_k", k * h, true}, {"attn_v", k * h, true},
      {"attn_output", h * q, true}, {"ffn_norm", h, whole}, {"ffn_gate", f * h, whole}, {"ffn_up", f * h, whole},
      {"ffn_down", h * f, whole}, {"attn_q.bias", q, false}, {"attn_k.bias", k, false}, {"attn_v.bias", k, false},
      {"attn_q_norm", static_cast<size_t>(m.headSize), false}, {"attn_k_norm", static_cast<size_t>(m.headSize), false}};
  const float* w[14];
  for (uint32_t i = 0; i < 14; i++) {
    const Napi::Value value = given.Get(i);
    if (value.IsNull() && expected[i].needed) throw Napi::TypeError::New(info.Env(), std::string(expected[i].name) + " is missing");
    w[i] = TypedOrNull<float>(value, expected[i].name, expected[i].count);
  }
  const ReferenceLayer layer{w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13]};
  const Span<int32_t> lengths = Typed<int32_t>(info[2], "lengths");
  std::vector<int> sizes(lengths.data, lengths.data + lengths.count);
  size_t tokens = 0;
  for (int n : sizes) {
    if (n < 1 || n > 1 << 20) throw Napi::RangeError::New(info.Env(), "lengths must be from 1 to 2^20");
    tokens += n;
  }
  float* x = Typed<float>(info[3], "x", tokens * h).data;
  const bool capture = !info[4].IsNull();
  Hessians hessians{};
  if (capture) {
    const Napi::Array sums = info[4].As<Napi::Array>();
    hessians = {TypedOrNull<float>(sums.Get(0u), "hessian", h * h), TypedOrNull<float>(sums.Get(1u), "hessian", q * q),
                TypedOrNull<float>(sums.Get(2u), "hessian", h * h), TypedOrNull<float>(sums.Get(3u), "hessian", f * f)};
  }
  return Job::Run(
      info,
      [=] { (whole ? ForwardLayer : ForwardAttention)(m, layer, sizes, x, capture ? &hessians : nullptr); },
      [](Napi::Env env) { return env.Undefined(); });
}

// referenceLayer(model, weights, lengths, x, hessians): Promise<void>, x changed in place
// weights: attnNorm, q, k, v, output, ffnNorm, gate, up, down, qBias, kBias, vBias, qNorm, kNorm
// hessians: null, or sums for the inputs of attention, attn_output, ffn and ffn_down
Napi::Value LayerCall(const Napi::CallbackInfo& info) { return LayerCallOf<true>(info); }

// referenceAttention: the same arguments, with null for the weights of the feed-forward and its norm
Napi::Value AttentionCall(const Napi::CallbackInfo& info) { return LayerCallOf<false>(info); }

// referenceRoute(model, experts, norm, router, sharedGate, x, tokens): Promise<{hidden, experts, gates, shared}>
Napi::Value RouteCall(const Napi::CallbackInfo& info) {
  const ReferenceModel m = ModelOf(info[0]);
  if (!info[1].IsObject()) throw Napi::TypeError::New(info.Env(), "experts must be an object");
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int experts = Whole(shape.Get("count"), "experts.count", 1, 1024);
  const int perToken = Whole(shape.Get("perToken"), "experts.perToken", 1, experts);
  const bool normalized = shape.Get("normalized").ToBoolean().Value();
  const int tokens = Whole(info[6], "tokens", 1, 1 << 20);
  const size_t h = m.hidden;
  const float* norm = Typed<float>(info[2], "norm", h).data;
  const float* router = Typed<float>(info[3], "router", experts * h).data;
  const float* sharedGate = TypedOrNull<float>(info[4], "sharedGate", h);
  const float* x = Typed<float>(info[5], "x", tokens * h).data;
  auto out = std::make_shared<Routing>();
  return Job::Run(
      info, [=] { *out = Route(m, experts, perToken, normalized, norm, router, sharedGate, x, tokens); },
      [=](Napi::Env env) {
        auto floats = [env](std::vector<float>& values) {
          return Wrap<Napi::Float32Array>(env, std::make_shared<std::vector<float>>(std::move(values)));
        };
        Napi::Object result = Napi::Object::New(env);
        result["hidden"] = floats(out->hidden);
        result["experts"] = Wrap<Napi::Int32Array>(env, std::make_shared<std::vector<int32_t>>(std::move(out->experts)));
        result["gates"] = floats(out->gates);
        result["shared"] = floats(out->shared);
        return result;
      });
}

// referenceExpert(weights, hidden, ffn, rows, count, hessians): Promise<Float32Array> [count, hidden]
// weights: gate, up, down; hessians: null, or sums for the inputs of gate and down
Napi::Value ExpertCall(const Napi::CallbackInfo& info) {
  const int hidden = Whole(info[1], "hidden", 1, 1 << 20), ffn = Whole(info[2], "ffn", 1, 1 << 20);
  const int rows = Whole(info[4], "count", 1, 1 << 20);
  const size_t h = hidden, f = ffn;
  const Napi::Array given = info[0].As<Napi::Array>();
  const float* gate = Typed<float>(given.Get(0u), "gate", f * h).data;
  const float* up = Typed<float>(given.Get(1u), "up", f * h).data;
  const float* down = Typed<float>(given.Get(2u), "down", h * f).data;
  const float* x = Typed<float>(info[3], "rows", rows * h).data;
  const bool capture = !info[5].IsNull();
  Hessians hessians{};
  if (capture) {
    const Napi::Array sums = info[5].As<Napi::Array>();
    hessians.ffnIn = TypedOrNull<float>(sums.Get(0u), "hessian", h * h);
    hessians.ffnMid = TypedOrNull<float>(sums.Get(1u), "hessian", f * f);
  }
  auto out = std::make_shared<std::vector<float>>(rows * h);
  return Job::Run(
      info,
      [=] { ForwardExpert(hidden, ffn, gate, up, down, x, rows, out->data(), capture ? &hessians : nullptr); },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

// referenceHead(model, norm, head, x, tokens): Promise<Float32Array>
Napi::Value HeadCall(const Napi::CallbackInfo& info) {
  const ReferenceModel m = ModelOf(info[0]);
  const int tokens = Whole(info[4], "tokens", 1, 1 << 20);
  const float* norm = Typed<float>(info[1], "norm", m.hidden).data;
  const float* head = Typed<float>(info[2], "head", static_cast<size_t>(m.vocab) * m.hidden).data;
  const float* x = Typed<float>(info[3], "x", static_cast<size_t>(tokens) * m.hidden).data;
  auto out = std::make_shared<std::vector<float>>(static_cast<size_t>(tokens) * m.vocab);
  return Job::Run(
      info, [=] { Head(m, norm, head, x, tokens, out->data()); },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

// addHeadInput(model, norm, x, tokens, hessian): Promise<void>, hessian changed in place
Napi::Value HeadInputCall(const Napi::CallbackInfo& info) {
  const ReferenceModel m = ModelOf(info[0]);
  const int tokens = Whole(info[3], "tokens", 1, 1 << 20);
  const size_t h = m.hidden;
  const float* norm = Typed<float>(info[1], "norm", h).data;
  const float* x = Typed<float>(info[2], "x", tokens * h).data;
  float* hessian = Typed<float>(info[4], "hessian", h * h).data;
  return Job::Run(
      info, [=] { AddHeadInput(m, norm, x, tokens, hessian); }, [](Napi::Env env) { return env.Undefined(); });
}

// compareLogits(reference, test, targets, vocab): Promise<Float32Array> of kl, reference loss, test loss, same top
Napi::Value CompareCall(const Napi::CallbackInfo& info) {
  const Span<int32_t> targets = Typed<int32_t>(info[2], "targets");
  const int tokens = static_cast<int>(targets.count), vocab = Whole(info[3], "vocab", 1, 1 << 24);
  for (size_t i = 0; i < targets.count; i++) {
    if (targets.data[i] >= vocab) throw Napi::RangeError::New(info.Env(), "targets must be below " + std::to_string(vocab));
  }
  const float* reference = Typed<float>(info[0], "reference", static_cast<size_t>(tokens) * vocab).data;
  const float* test = Typed<float>(info[1], "test", static_cast<size_t>(tokens) * vocab).data;
  auto out = std::make_shared<std::vector<float>>(static_cast<size_t>(tokens) * 4);
  return Job::Run(
      info,
      [=] { CompareLogits(reference, test, targets.data, tokens, vocab, reinterpret_cast<TokenDivergence*>(out->data())); },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

// multiply(a, b, rows, inner, cols): Promise<Float32Array>, a [rows, inner] · b [inner, cols]
Napi::Value MultiplyCall(const Napi::CallbackInfo& info) {
  const int rows = Whole(info[2], "rows", 1, 1 << 24), inner = Whole(info[3], "inner", 1, 1 << 20),
            cols = Whole(info[4], "cols", 1, 1 << 20);
  const size_t m = rows, k = inner, n = cols;
  if (m * n > size_t{1} << 31) throw Napi::RangeError::New(info.Env(), "rows times cols must be at most 2^31");
  const float* a = Typed<float>(info[0], "a", m * k).data;
  const float* b = Typed<float>(info[1], "b", k * n).data;
  auto out = std::make_shared<std::vector<float>>(m * n);
  return Job::Run(
      info, [=] { Gemm(rows, cols, inner, RowMajor(a, inner), RowMajor(b, cols), out->data(), cols, false); },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

}  // namespace

void InitReference(Napi::Env env, Napi::Object quant) {
  quant["referenceLayer"] = Napi::Function::New(env, LayerCall);
  quant["referenceAttention"] = Napi::Function::New(env, AttentionCall);
  quant["referenceRoute"] = Napi::Function::New(env, RouteCall);
  quant["referenceExpert"] = Napi::Function::New(env, ExpertCall);
  quant["referenceHead"] = Napi::Function::New(env, HeadCall);
  quant["addHeadInput"] = Napi::Function::New(env, HeadInputCall);
  quant["compareLogits"] = Napi::Function::New(env, CompareCall);
  quant["multiply"] = Napi::Function::New(env, MultiplyCall);
}

}  // namespace zen::quant

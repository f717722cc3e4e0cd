// Rows through experts between JavaScript and the C ABI.
#pragma once
#include <napi.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "quant_job.h"
#include "zen_engine.h"

namespace zen {

inline const char* const kRowEncodings[] = {"f32", "bf16", "int8", "int16"};
inline const char* const kExpertFloors[] = {"exact", "standIn", "without"};

// Its place among the names; one that is not there becomes their number, which the engine refuses.
template <size_t N>
int32_t placeOf(const Napi::Value& value, const char* const (&names)[N]) {
  const std::string name = value.ToString().Utf8Value();
  size_t at = 0;
  while (at < N && name != names[at])
    at++;
  return static_cast<int32_t>(at);
}

// A dispatch in memory of its own, on its way to the event loop.
class ExpertCallCopy {
 public:
  explicit ExpertCallCopy(const zen_expert_call& call)
      : call_(call),
        rows_(copy(call.rows.rows, call.rows.row_bytes)),
        scales_(copy(call.rows.scales, call.rows.scale_count)),
        experts_(copy(call.rows.experts, call.rows.expert_count)),
        counts_(copy(call.rows.counts, call.rows.expert_count)),
        pairs_(copy(call.rows.pairs, call.rows.pair_count)) {}

  int32_t id() const { return call_.id; }
  size_t pairCount() const { return call_.rows.pair_count; }
  size_t expertCount() const { return call_.rows.expert_count; }

  // Takes the arrays along.
  Napi::Object object(Napi::Env env) const {
    Napi::Object out = Napi::Object::New(env);
    out["id"] = Napi::Number::New(env, call_.id);
    out["exact"] = Napi::Boolean::New(env, call_.exact != 0);
    out["layer"] = Napi::Number::New(env, call_.rows.layer);
    out["stage"] = Napi::Number::New(env, call_.rows.stage);
    out["encoding"] = Napi::String::New(env, kRowEncodings[call_.rows.encoding]);
    out["rows"] = quant::Wrap<Napi::Uint8Array>(env, rows_);
    out["scales"] = quant::Wrap<Napi::Float32Array>(env, scales_);
    out["experts"] = quant::Wrap<Napi::Int32Array>(env, experts_);
    out["counts"] = quant::Wrap<Napi::Int32Array>(env, counts_);
    out["pairs"] = quant::Wrap<Napi::Int32Array>(env, pairs_);
    return out;
  }

 private:
  template <typename T>
  static std::shared_ptr<std::vector<T>> copy(const T* from, size_t count) {
    return std::make_shared<std::vector<T>>(from, from + count);
  }
  zen_expert_call call_;
  std::shared_ptr<std::vector<uint8_t>> rows_;
  std::shared_ptr<std::vector<float>> scales_;
  std::shared_ptr<std::vector<int32_t>> experts_, counts_, pairs_;
};

// A call of experts that are here. What bounds other reads is copied; rows and scales stay the caller's, who keeps
// them as they are. Made and destroyed on the event loop.
class ExpertArgument {
 public:
  explicit ExpertArgument(const Napi::Object& call) {
    const auto ints = [&](const char* name) {
      const auto span = quant::Typed<int32_t>(call.Get(name), name);
      return std::vector<int32_t>(span.data, span.data + span.count);
    };
    experts_ = ints("experts");
    counts_ = ints("counts");
    pairs_ = ints("pairs");
    if (counts_.size() != experts_.size())
      throw Napi::RangeError::New(call.Env(), "counts must have one number for each of experts");
    const auto bytes = quant::Typed<uint8_t>(call.Get("rows"), "rows");
    const auto scales = quant::Typed<float>(call.Get("scales"), "scales");
    kept_ = {Napi::Persistent(call.Get("rows").ToObject()), Napi::Persistent(call.Get("scales").ToObject())};
    constexpr int kMost = 0x7fffffff;
    rows = {quant::Whole(call.Get("layer"), "layer", 0, kMost),
            quant::Whole(call.Get("stage"), "stage", 0, ZEN_STAGES - 1),
            placeOf(call.Get("encoding"), kRowEncodings),
            bytes.data,
            bytes.count,
            scales.data,
            scales.count,
            experts_.data(),
            counts_.data(),
            experts_.size(),
            pairs_.data(),
            pairs_.size()};
  }
  ExpertArgument(const ExpertArgument&) = delete;

  zen_expert_rows rows;

 private:
  std::vector<int32_t> experts_, counts_, pairs_;
  std::array<Napi::ObjectReference, 2> kept_;
};

}  // namespace zen

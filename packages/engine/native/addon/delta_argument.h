// The parts of a delta as C structs over the caller's arrays, which it keeps alive: they are read off the event loop.
#pragma once
#include <napi.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "expert_argument.h"
#include "quant_job.h"
#include "zen_engine.h"

namespace zen {

// Made and destroyed on the event loop.
class DeltaArgument {
 public:
  explicit DeltaArgument(const Napi::Array& given) {
    for (uint32_t i = 0; i < given.Length(); i++)
      parts.push_back(read(given.Get(i).ToObject()));
  }

  std::vector<zen_delta_part> parts;

 private:
  static constexpr int kInt = std::numeric_limits<int>::max();

  template <typename T>
  quant::Span<T> array(const Napi::Object& part, const char* name) {
    const Napi::Value value = part.Get(name);
    const auto span = quant::Typed<T>(value, name);
    kept_.push_back(Napi::Persistent(value.ToObject()));
    return span;
  }

  zen_delta_part read(const Napi::Object& object) {
    static const char* const kModules[] = {"q", "k", "v", "o", "gate", "up", "down"};
    static const char* const kForms[] = {"dense1", "lora1", "lora16", "vec"};
    zen_delta_part part = {};
    part.module = placeOf(object.Get("module"), kModules);
    part.form = placeOf(object.Get("form"), kForms);
    const auto layers = array<int32_t>(object, "layers");
    part.layers = layers.data;
    part.layer_count = layers.count;
    const auto scales = [&] {
      const auto span = array<uint16_t>(object, "scales");
      part.scales = span.data;
      part.scale_count = span.count;
    };
    switch (part.form) {
      case ZEN_DENSE1: {
        const auto signs = array<uint8_t>(object, "signs");
        part.group = quant::Whole(object.Get("group"), "group", 1, kInt);
        part.signs = signs.data;
        part.sign_bytes = signs.count;
        scales();
        break;
      }
      case ZEN_LORA1: {
        const auto a = array<uint8_t>(object, "a"), b = array<uint8_t>(object, "b");
        part.rank = quant::Whole(object.Get("rank"), "rank", 0, kInt);
        part.a = a.data;
        part.a_bytes = a.count;
        part.b = b.data;
        part.b_bytes = b.count;
        scales();
        break;
      }
      case ZEN_LORA16: {
        const auto a = array<uint16_t>(object, "a"), b = array<uint16_t>(object, "b");
        part.rank = quant::Whole(object.Get("rank"), "rank", 0, kInt);
        part.scale = object.Get("scale").ToNumber().FloatValue();
        part.a = reinterpret_cast<const uint8_t*>(a.data);
        part.a_bytes = a.count * 2;
        part.b = reinterpret_cast<const uint8_t*>(b.data);
        part.b_bytes = b.count * 2;
        break;
      }
      case ZEN_VEC: {
        const auto v = array<uint16_t>(object, "v");
        part.v = v.data;
        part.v_count = v.count;
        break;
      }
      default:
        break;  // refused by the engine
    }
    return part;
  }

  std::vector<Napi::ObjectReference> kept_;
};

}  // namespace zen

// Arguments that several packing calls share; every refusal names the argument and its limit.
#pragma once
#include "quant/source.h"
#include "quant_job.h"

namespace zen::quant {

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;
constexpr int kMaxSide = 1 << 24;
constexpr double kMaxWeights = 2147483648.0;

struct Shape {
  int rows, cols;
  size_t count;
};

inline Shape ShapeOf(const Napi::Value& rows, const Napi::Value& cols) {
  const Shape shape{Whole(rows, "rows", 1, kMaxSide), Whole(cols, "cols", 1, kMaxSide), 0};
  if (static_cast<double>(shape.rows) * shape.cols > kMaxWeights) {
    throw Napi::RangeError::New(rows.Env(), "rows·cols must be at most 2^31");
  }
  return {shape.rows, shape.cols, static_cast<size_t>(shape.rows) * shape.cols};
}

template <typename F>
decltype(auto) Checked(Napi::Env env, F&& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

struct Source {
  const SourceFormat* format;
  const uint8_t* bytes;
};

inline Source SourceOf(const Napi::Value& type, const Napi::Value& bytes, Shape shape) {
  return Checked(type.Env(), [&] {
    const SourceFormat& format = FormatOf(type.ToString().Utf8Value());
    return Source{&format, Typed<uint8_t>(bytes, "bytes", shape.rows * RowBytes(format, shape.cols)).data};
  });
}

inline void NeedCodes(Napi::Env env, const Source& source) {
  if (source.format->bits == 0) throw Napi::Error::New(env, std::string(source.format->name) + " has no codes");
}

}  // namespace zen::quant

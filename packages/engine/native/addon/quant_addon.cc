#include "quant/quant_addon.h"

#include <memory>
#include <optional>

#include "quant/parallel.h"
#include "quant_arguments.h"
#include "quant/quantize.h"

namespace zen::quant {

void InitLayout(Napi::Env env, Napi::Object quant);
void InitReference(Napi::Env env, Napi::Object quant);

namespace {

// dequantize(type, bytes, rows, cols): Promise<Float32Array>
Napi::Value DequantizeCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[2], info[3]);
  const Source source = SourceOf(info[0], info[1], shape);
  auto out = std::make_shared<Floats>(shape.count);
  return Job::Run(
      info,
      [=] {
        const size_t rowBytes = RowBytes(*source.format, shape.cols);
        ParallelFor(shape.rows, 16, [&](int begin, int end) {
          Dequantize(*source.format, source.bytes + begin * rowBytes, end - begin, shape.cols,
                     out->data() + static_cast<size_t>(begin) * shape.cols);
        });
      },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

void UnpackAll(const Source& source, Shape shape, uint8_t* codes, Floats* scale, Floats* offset) {
  const int groups = shape.cols / source.format->group;
  const size_t rowBytes = RowBytes(*source.format, shape.cols);
  scale->resize(static_cast<size_t>(shape.rows) * groups);
  offset->resize(scale->size());
  ParallelFor(shape.rows, 16, [&](int begin, int end) {
    for (size_t r = begin; r < static_cast<size_t>(end); r++) {
      UnpackRow(*source.format, source.bytes + r * rowBytes, shape.cols, codes + r * shape.cols,
                scale->data() + r * groups, offset->data() + r * groups);
    }
  });
}

// The source's codes where a residual will be laid over a rung; none where `source` has no format.
struct Unpacked {
  Unpacked(const Source& source, Shape shape, int residualBits) {
    if (source.format == nullptr) return;
    all.resize(shape.count);
    UnpackAll(source, shape, all.data(), &scale, &offset);
    codes = {all.data(), scale.data(), offset.data(), source.format->group, source.format->bits, residualBits};
  }
  Bytes all;
  Floats scale, offset;
  SourceCodes codes{nullptr, nullptr, nullptr, 0, 0, 0};
};

// sourceCodes(type, bytes, rows, cols): Promise<Uint8Array>
Napi::Value SourceCodesCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[2], info[3]);
  const Source source = SourceOf(info[0], info[1], shape);
  NeedCodes(info.Env(), source);
  auto out = std::make_shared<Bytes>(shape.count);
  return Job::Run(
      info,
      [=] {
        Floats scale, offset;
        UnpackAll(source, shape, out->data(), &scale, &offset);
      },
      [=](Napi::Env env) { return Wrap<Napi::Uint8Array>(env, out); });
}

Napi::Value WrapCoded(Napi::Env env, CodedTensor& tensor) {
  Napi::Object result = Napi::Object::New(env);
  result["codes"] = Wrap<Napi::Uint8Array>(env, std::make_shared<Bytes>(std::move(tensor.codes)));
  result["rowScale"] = Wrap<Napi::Uint16Array>(env, std::make_shared<std::vector<uint16_t>>(std::move(tensor.rowScale)));
  result["scale"] = Wrap<Napi::Uint8Array>(env, std::make_shared<Bytes>(std::move(tensor.scale)));
  result["zero"] = Wrap<Napi::Uint8Array>(env, std::make_shared<Bytes>(std::move(tensor.zero)));
  result["bent"] = Napi::Number::New(env, static_cast<double>(tensor.bent));
  return result;
}

// quantize(weights, rows, cols, hessian, type, bytes, residualBits, bits, group, actOrder, damping, rounds);
// null where no scale keeps the source's codes decodable with so few residual bits
Napi::Value QuantizeCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[1], info[2]);
  const float* weights = Typed<float>(info[0], "weights", shape.count).data;
  const float* hessian = TypedOrNull<float>(info[3], "hessian", static_cast<size_t>(shape.cols) * shape.cols);
  const bool residual = !info[4].IsNull();
  Source source{nullptr, nullptr};
  if (residual) {
    source = SourceOf(info[4], info[5], shape);
    NeedCodes(info.Env(), source);
  }
  const int residualBits = Whole(info[6], "residualBits", 0, 8);
  const int group = Whole(info[8], "group", 32, 128);
  if (group != 32 && group != 64 && group != 128) throw Napi::RangeError::New(info.Env(), "group must be 32, 64 or 128");
  if (shape.cols % 32 != 0) throw Napi::RangeError::New(info.Env(), "cols must be a multiple of 32");
  const QuantizeOptions options{Whole(info[7], "bits", 2, 8), group, info[9].ToBoolean().Value(),
                                info[10].ToNumber().FloatValue(), Whole(info[11], "rounds", 0, 16)};
  auto out = std::make_shared<std::optional<CodedTensor>>();
  return Job::Run(
      info,
      [=] {
        const Unpacked from(source, shape, residualBits);
        try {
          *out = Quantize(weights, shape.rows, shape.cols, hessian, from.codes, options);
        } catch (const Undecodable&) {
          out->reset();
        }
      },
      [=](Napi::Env env) { return out->has_value() ? WrapCoded(env, **out) : env.Null(); });
}

// fitScales(weights, codes, rows, cols, bits, group, columnWeight)
Napi::Value FitScalesCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[2], info[3]);
  const float* weights = Typed<float>(info[0], "weights", shape.count).data;
  const uint8_t* codes = Typed<uint8_t>(info[1], "codes", shape.count).data;
  const int bits = Whole(info[4], "bits", 1, 8), group = Whole(info[5], "group", 32, 128);
  const float* columnWeight = TypedOrNull<float>(info[6], "columnWeight", shape.cols);
  auto out = std::make_shared<CodedTensor>();
  return Job::Run(
      info, [=] { *out = FitScales(weights, codes, shape.rows, shape.cols, bits, group, columnWeight); },
      [=](Napi::Env env) { return WrapCoded(env, *out); });
}

Napi::Value SetThreadsCall(const Napi::CallbackInfo& info) {
  SetThreads(Whole(info[0], "threads", 1, 256));
  return info.Env().Undefined();
}

}  // namespace

void InitQuant(Napi::Env env, Napi::Object exports) {
  Napi::Object quant = Napi::Object::New(env);
  quant["setThreads"] = Napi::Function::New(env, SetThreadsCall);
  quant["dequantize"] = Napi::Function::New(env, DequantizeCall);
  quant["sourceCodes"] = Napi::Function::New(env, SourceCodesCall);
  quant["quantize"] = Napi::Function::New(env, QuantizeCall);
  quant["fitScales"] = Napi::Function::New(env, FitScalesCall);
  InitLayout(env, quant);
  InitReference(env, quant);
  exports["quant"] = quant;
}

}  // namespace zen::quant

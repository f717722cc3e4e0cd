#include "quant/quant_addon.h"

#include <memory>

#include "quant/tile_layout.h"
#include "quant/parallel.h"
#include "quant_job.h"
#include "quant/quantize.h"
#include "quant/source.h"

namespace zen::quant {

void InitReference(Napi::Env env, Napi::Object exports);

namespace {

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;
constexpr int kMaxSide = 1 << 24;
constexpr double kMaxWeights = 2147483648.0;

struct Shape {
  int rows, cols;
  size_t count;
};

Shape ShapeOf(const Napi::Value& rows, const Napi::Value& cols) {
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

Source SourceOf(const Napi::Value& type, const Napi::Value& bytes, Shape shape) {
  return Checked(type.Env(), [&] {
    const SourceFormat& format = FormatOf(type.ToString().Utf8Value());
    return Source{&format, Typed<uint8_t>(bytes, "bytes", shape.rows * RowBytes(format, shape.cols)).data};
  });
}

void NeedCodes(Napi::Env env, const Source& source) {
  if (source.format->bits == 0) throw Napi::Error::New(env, std::string(source.format->name) + " has no codes");
}

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
  result["error"] = Napi::Number::New(env, tensor.error);
  result["energy"] = Napi::Number::New(env, tensor.energy);
  result["bent"] = Napi::Number::New(env, static_cast<double>(tensor.bent));
  return result;
}

// quantize(weights, rows, cols, hessian, type, bytes, residualBits, bits, group, actOrder, damping, rounds)
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
  auto out = std::make_shared<CodedTensor>();
  return Job::Run(
      info,
      [=] {
        const Unpacked from(source, shape, residualBits);
        *out = Quantize(weights, shape.rows, shape.cols, hessian, from.codes, options);
      },
      [=](Napi::Env env) { return WrapCoded(env, *out); });
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

// storeScales(codes, rowScale, scale, zero, newScale, newOffset, rows, cols, type, bytes, residualBits, bits, group)
Napi::Value StoreScalesCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[6], info[7]);
  const int bits = Whole(info[11], "bits", 2, 8), group = Whole(info[12], "group", 32, 128);
  const size_t entries = static_cast<size_t>(shape.rows) * Groups(shape.cols, group);
  const StoredScales before{Typed<uint8_t>(info[0], "codes", shape.count).data,
                            Typed<uint16_t>(info[1], "rowScale", shape.rows).data,
                            Typed<uint8_t>(info[2], "scale", entries).data, Typed<uint8_t>(info[3], "zero", entries).data};
  const float* scale = Typed<float>(info[4], "newScale", entries).data;
  const float* offset = Typed<float>(info[5], "newOffset", entries).data;
  const int residualBits = Whole(info[10], "residualBits", 0, 8);
  Source source{nullptr, nullptr};
  if (!info[8].IsNull()) {
    source = SourceOf(info[8], info[9], shape);
    NeedCodes(info.Env(), source);
  }
  auto out = std::make_shared<CodedTensor>();
  return Job::Run(
      info,
      [=] {
        const Unpacked from(source, shape, residualBits);
        *out = StoreScales(before, scale, offset, shape.rows, shape.cols, bits, group, from.codes);
      },
      [=](Napi::Env env) { return WrapCoded(env, *out); });
}

// packPlane(codes, rows, cols, shift, width): Promise<Uint8Array>
Napi::Value PackPlaneCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[1], info[2]);
  const uint8_t* codes = Typed<uint8_t>(info[0], "codes", shape.count).data;
  const int shift = Whole(info[3], "shift", 0, 7), width = Whole(info[4], "width", 1, 8);
  auto out = Checked(info.Env(), [&] { return std::make_shared<Bytes>(PlaneBytes(shape.rows, shape.cols, width)); });
  return Job::Run(
      info, [=] { PackPlane(codes, shape.rows, shape.cols, shift, width, out->data()); },
      [=](Napi::Env env) { return Wrap<Napi::Uint8Array>(env, out); });
}

// packScales(rowScale, scale, zero, rows, cols, group): { rowScale, groups }
Napi::Value PackScalesCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[3], info[4]);
  const int group = Whole(info[5], "group", 32, 128), groups = Groups(shape.cols, group);
  const size_t entries = static_cast<size_t>(shape.rows) * groups;
  const uint16_t* rowScale = Typed<uint16_t>(info[0], "rowScale", shape.rows).data;
  const uint8_t* scale = Typed<uint8_t>(info[1], "scale", entries).data;
  const uint8_t* zero = Typed<uint8_t>(info[2], "zero", entries).data;
  auto rowOut = std::make_shared<Bytes>(RowScaleBytes(shape.rows));
  auto groupOut = std::make_shared<Bytes>(GroupBytes(shape.rows, shape.cols, group));
  PackRowScale(rowScale, shape.rows, rowOut->data());
  PackGroups(scale, zero, shape.rows, groups, groupOut->data());
  Napi::Object result = Napi::Object::New(info.Env());
  result["rowScale"] = Wrap<Napi::Uint8Array>(info.Env(), rowOut);
  result["groups"] = Wrap<Napi::Uint8Array>(info.Env(), groupOut);
  return result;
}

// packParams(type, bytes, rows, cols): { params, supers }
Napi::Value PackParamsCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[2], info[3]);
  const Source source = SourceOf(info[0], info[1], shape);
  NeedCodes(info.Env(), source);
  auto params = std::make_shared<Bytes>(ParamBytes(*source.format, shape.rows, shape.cols));
  auto supers = std::make_shared<Bytes>(SuperBytes(*source.format, shape.rows, shape.cols));
  PackParams(*source.format, source.bytes, shape.rows, shape.cols, params->data(), supers->data());
  Napi::Object result = Napi::Object::New(info.Env());
  result["params"] = Wrap<Napi::Uint8Array>(info.Env(), params);
  result["supers"] = supers->empty() ? info.Env().Null() : Wrap<Napi::Uint8Array>(info.Env(), supers);
  return result;
}

struct Planes {
  std::vector<const uint8_t*> data;
  std::vector<int> widths;
  int bits = 0;
};

Planes PlanesOf(const Napi::Value& planes, const Napi::Value& widths, Shape shape) {
  if (!planes.IsArray() || !widths.IsArray()) throw Napi::TypeError::New(planes.Env(), "planes and widths must be arrays");
  const Napi::Array list = planes.As<Napi::Array>(), sizes = widths.As<Napi::Array>();
  Planes out;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const int width = Whole(sizes.Get(i), "width", 1, 8);
    const size_t bytes = Checked(planes.Env(), [&] { return PlaneBytes(shape.rows, shape.cols, width); });
    out.data.push_back(Typed<uint8_t>(list.Get(i), "plane", bytes).data);
    out.widths.push_back(width);
    out.bits += width;
  }
  if (out.bits > 8) throw Napi::RangeError::New(planes.Env(), "planes must have at most 8 bits together");
  return out;
}

Bytes CodesOf(const Planes& planes, Shape shape) {
  Bytes codes(shape.count, 0);
  int shift = planes.bits;
  for (size_t i = 0; i < planes.data.size(); i++) {
    shift -= planes.widths[i];
    UnpackPlane(planes.data[i], shape.rows, shape.cols, shift, planes.widths[i], codes.data());
  }
  return codes;
}

struct Coded {
  Planes planes;
  const uint8_t *rowScale, *groups;
  int group;
};

// A { planes, widths, rowScale, groups, group } object.
Coded CodedOf(const Napi::Value& value, Shape shape) {
  const Napi::Object object = value.As<Napi::Object>();
  const int group = Whole(object.Get("group"), "group", 32, 128);
  return {PlanesOf(object.Get("planes"), object.Get("widths"), shape),
          Typed<uint8_t>(object.Get("rowScale"), "rowScale", RowScaleBytes(shape.rows)).data,
          Typed<uint8_t>(object.Get("groups"), "groups", GroupBytes(shape.rows, shape.cols, group)).data, group};
}

void Values(const Coded& coded, Shape shape, float* out) {
  DecodeCoded(CodesOf(coded.planes, shape).data(), coded.rowScale, coded.groups, shape.rows, shape.cols,
              coded.planes.bits, coded.group, out);
}

// decodeCoded(coded, rows, cols): Promise<Float32Array>
Napi::Value DecodeCodedCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[1], info[2]);
  const Coded coded = CodedOf(info[0], shape);
  auto out = std::make_shared<Floats>(shape.count);
  return Job::Run(
      info, [=] { Values(coded, shape, out->data()); },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

// decodeExact(type, planes, widths, params, supers, base, rows, cols): Promise<Float32Array>
// `base` is the coded rung below, or null where the planes hold whole codes.
Napi::Value DecodeExactCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[6], info[7]);
  const SourceFormat& format = Checked(info.Env(), [&]() -> const SourceFormat& { return FormatOf(info[0].ToString().Utf8Value()); });
  NeedCodes(info.Env(), {&format, nullptr});
  if (shape.cols % format.blockWeights != 0) throw Napi::RangeError::New(info.Env(), "cols does not fit the source type");
  const Planes planes = PlanesOf(info[1], info[2], shape);
  const uint8_t* params = Typed<uint8_t>(info[3], "params", ParamBytes(format, shape.rows, shape.cols)).data;
  const uint8_t* supers = format.superBytes == 0 ? nullptr : Typed<uint8_t>(info[4], "supers", SuperBytes(format, shape.rows, shape.cols)).data;
  const bool merge = !info[5].IsNull();
  const Coded base = merge ? CodedOf(info[5], shape) : Coded{};
  auto out = std::make_shared<Floats>(shape.count);
  return Job::Run(
      info,
      [=, &format] {
        const Bytes codes = CodesOf(planes, shape);
        const int groups = shape.cols / format.group;
        Floats scale(static_cast<size_t>(shape.rows) * groups), offset(scale.size());
        UnpackParams(format, params, supers, shape.rows, shape.cols, scale.data(), offset.data());
        if (merge) Values(base, shape, out->data());
        for (size_t i = 0; i < shape.count; i++) {
          const size_t g = i / shape.cols * groups + i % shape.cols / format.group;
          int code = codes[i];
          if (merge) code = NearestCode(Prediction((*out)[i], scale[g], offset[g]), code, planes.bits, format.bits);
          (*out)[i] = ExactValue(format.type, scale[g], offset[g], code);
        }
      },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
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
  quant["storeScales"] = Napi::Function::New(env, StoreScalesCall);
  quant["packPlane"] = Napi::Function::New(env, PackPlaneCall);
  quant["packScales"] = Napi::Function::New(env, PackScalesCall);
  quant["packParams"] = Napi::Function::New(env, PackParamsCall);
  quant["decodeCoded"] = Napi::Function::New(env, DecodeCodedCall);
  quant["decodeExact"] = Napi::Function::New(env, DecodeExactCall);
  InitReference(env, quant);
  exports["quant"] = quant;
}

}  // namespace zen::quant

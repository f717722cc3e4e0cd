// Sections of rungs: packing into the tile layout, and reading back without the engine's kernels.
#include <memory>

#include "quant/parallel.h"
#include "quant/quantize.h"
#include "quant/tile_layout.h"
#include "quant_arguments.h"

namespace zen::quant {
namespace {

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

struct Exact {
  const SourceFormat* format = nullptr;
  Planes planes;
  const uint8_t *params = nullptr, *supers = nullptr;
};

Exact ExactOf(const Napi::Value& type, const Napi::Value& planes, const Napi::Value& widths, const Napi::Value& params,
              const Napi::Value& supers, Shape shape) {
  const SourceFormat& format = Checked(type.Env(), [&]() -> const SourceFormat& { return FormatOf(type.ToString().Utf8Value()); });
  NeedCodes(type.Env(), {&format, nullptr});
  if (shape.cols % format.blockWeights != 0) throw Napi::RangeError::New(type.Env(), "cols does not fit the source type");
  return {&format, PlanesOf(planes, widths, shape), Typed<uint8_t>(params, "params", ParamBytes(format, shape.rows, shape.cols)).data,
          format.superBytes == 0 ? nullptr : Typed<uint8_t>(supers, "supers", SuperBytes(format, shape.rows, shape.cols)).data};
}

// The source's codes with scale and offset of each group; where `base` is given, the planes are a residual over it.
Bytes MergedCodes(const Exact& exact, const Coded* base, Shape shape, Floats* scale, Floats* offset) {
  Bytes codes = CodesOf(exact.planes, shape);
  const int groups = shape.cols / exact.format->group;
  scale->resize(static_cast<size_t>(shape.rows) * groups);
  offset->resize(scale->size());
  UnpackParams(*exact.format, exact.params, exact.supers, shape.rows, shape.cols, scale->data(), offset->data());
  if (base == nullptr) return codes;
  Floats predicted(shape.count);
  Values(*base, shape, predicted.data());
  ParallelFor(shape.rows, 16, [&](int begin, int end) {
    for (size_t i = static_cast<size_t>(begin) * shape.cols; i < static_cast<size_t>(end) * shape.cols; i++) {
      const size_t g = i / exact.format->group;
      codes[i] = static_cast<uint8_t>(NearestCode(Prediction(predicted[i], (*scale)[g], (*offset)[g]), codes[i], exact.planes.bits, exact.format->bits));
    }
  });
  return codes;
}

// decodeExact(type, planes, widths, params, supers, base, rows, cols): Promise<Float32Array>
// `base` is the coded rung below, or null where the planes hold whole codes.
Napi::Value DecodeExactCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[6], info[7]);
  const Exact exact = ExactOf(info[0], info[1], info[2], info[3], info[4], shape);
  const bool merge = !info[5].IsNull();
  const Coded base = merge ? CodedOf(info[5], shape) : Coded{};
  auto out = std::make_shared<Floats>(shape.count);
  return Job::Run(
      info,
      [=] {
        Floats scale, offset;
        const Bytes codes = MergedCodes(exact, merge ? &base : nullptr, shape, &scale, &offset);
        ParallelFor(shape.rows, 16, [&](int begin, int end) {
          for (size_t i = static_cast<size_t>(begin) * shape.cols; i < static_cast<size_t>(end) * shape.cols; i++) {
            const size_t g = i / exact.format->group;
            (*out)[i] = ExactValue(exact.format->type, scale[g], offset[g], codes[i]);
          }
        });
      },
      [=](Napi::Env env) { return Wrap<Napi::Float32Array>(env, out); });
}

// storeTrained(base, type, planes, widths, params, supers, scale, offset, rows, cols): Promise<{ rowScale, groups, kept }>
// `type` null: no residual lies over the coded rung `base`.
Napi::Value StoreTrainedCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[8], info[9]);
  const Coded base = CodedOf(info[0], shape);
  const Exact exact = info[1].IsNull() ? Exact{} : ExactOf(info[1], info[2], info[3], info[4], info[5], shape);
  const int groups = Groups(shape.cols, base.group);
  const size_t entries = static_cast<size_t>(shape.rows) * groups;
  const float* newScale = Typed<float>(info[6], "scale", entries).data;
  const float* newOffset = Typed<float>(info[7], "offset", entries).data;
  auto rowOut = std::make_shared<Bytes>(RowScaleBytes(shape.rows));
  auto groupOut = std::make_shared<Bytes>(GroupBytes(shape.rows, shape.cols, base.group));
  auto kept = std::make_shared<int64_t>(0);
  return Job::Run(
      info,
      [=] {
        const Bytes codes = CodesOf(base.planes, shape);
        std::vector<uint16_t> rowScale(shape.rows);
        Bytes scale(entries), zero(entries), sourceCodes;
        UnpackRowScale(base.rowScale, shape.rows, rowScale.data());
        UnpackGroups(base.groups, shape.rows, groups, scale.data(), zero.data());
        Floats sourceScale, sourceOffset;
        SourceCodes source{nullptr, nullptr, nullptr, 0, 0, 0};
        if (exact.format != nullptr) {
          sourceCodes = MergedCodes(exact, &base, shape, &sourceScale, &sourceOffset);
          source = {sourceCodes.data(), sourceScale.data(), sourceOffset.data(), exact.format->group, exact.format->bits, exact.planes.bits};
        }
        const CodedTensor stored = StoreScales({codes.data(), rowScale.data(), scale.data(), zero.data()}, newScale, newOffset,
                                               shape.rows, shape.cols, base.planes.bits, base.group, source);
        PackRowScale(stored.rowScale.data(), shape.rows, rowOut->data());
        PackGroups(stored.scale.data(), stored.zero.data(), shape.rows, groups, groupOut->data());
        *kept = stored.bent;
      },
      [=](Napi::Env env) {
        Napi::Object result = Napi::Object::New(env);
        result["rowScale"] = Wrap<Napi::Uint8Array>(env, rowOut);
        result["groups"] = Wrap<Napi::Uint8Array>(env, groupOut);
        result["kept"] = Napi::Number::New(env, static_cast<double>(*kept));
        return result;
      });
}

// unpackCoded(base, rows, cols): Promise<{ codes, scale, offset }>, value = scale·code + offset
Napi::Value UnpackCodedCall(const Napi::CallbackInfo& info) {
  const Shape shape = ShapeOf(info[1], info[2]);
  const Coded base = CodedOf(info[0], shape);
  const int groups = Groups(shape.cols, base.group);
  auto codes = std::make_shared<Bytes>();
  auto scale = std::make_shared<Floats>(static_cast<size_t>(shape.rows) * groups), offset = std::make_shared<Floats>(scale->size());
  return Job::Run(
      info,
      [=] {
        *codes = CodesOf(base.planes, shape);
        for (size_t i = 0; i < scale->size(); i++) {
          const CodedScale at = CodedScaleAt(base.rowScale, base.groups, groups, base.planes.bits, static_cast<int>(i / groups), static_cast<int>(i % groups));
          (*scale)[i] = at.s;
          (*offset)[i] = -(at.s * at.z);
        }
      },
      [=](Napi::Env env) {
        Napi::Object result = Napi::Object::New(env);
        result["codes"] = Wrap<Napi::Uint8Array>(env, codes);
        result["scale"] = Wrap<Napi::Float32Array>(env, scale);
        result["offset"] = Wrap<Napi::Float32Array>(env, offset);
        return result;
      });
}

}  // namespace

void InitLayout(Napi::Env env, Napi::Object quant) {
  quant["packPlane"] = Napi::Function::New(env, PackPlaneCall);
  quant["packScales"] = Napi::Function::New(env, PackScalesCall);
  quant["packParams"] = Napi::Function::New(env, PackParamsCall);
  quant["unpackCoded"] = Napi::Function::New(env, UnpackCodedCall);
  quant["decodeCoded"] = Napi::Function::New(env, DecodeCodedCall);
  quant["decodeExact"] = Napi::Function::New(env, DecodeExactCall);
  quant["storeTrained"] = Napi::Function::New(env, StoreTrainedCall);
}

}  // namespace zen::quant

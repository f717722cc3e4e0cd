#include "audio_addon.h"

#include <cstring>
#include <string>
#include <vector>

#include "engine_call.h"
#include "quant_job.h"

namespace zen {
namespace {

using quant::Typed;
using quant::Whole;
using EncoderHandle = std::shared_ptr<zen_audio_encoder>;
using StreamHandle = std::shared_ptr<zen_audio_stream>;

// What JavaScript holds: the handle, until close() or the collector takes it; a running call has its own.
template <typename Handle>
Napi::Value wrapped(Napi::Env env, Handle handle) {
  return Napi::External<Handle>::New(env, new Handle(std::move(handle)), [](Napi::Env, Handle* held) { delete held; });
}

template <typename Handle>
Handle& held(const Napi::Value& value, const char* name) {
  if (!value.IsExternal()) throw errorOf(value.Env(), {"handle", "must be one of this addon"});
  Handle& handle = *value.As<Napi::External<Handle>>().Data();
  if (!handle) {
    zen_error error = {};
    std::strncpy(error.field, name, sizeof error.field - 1);
    std::strncpy(error.limit, "must not be closed", sizeof error.limit - 1);
    throw errorOf(value.Env(), error);
  }
  return handle;
}

// openEncoder(configJson, files, threads): encoder
Napi::Value openEncoder(const Napi::CallbackInfo& info) {
  const std::string config = info[0].ToString().Utf8Value();
  const Napi::Array given = info[1].As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < given.Length(); i++)
    paths.push_back(given.Get(i).ToString().Utf8Value());
  std::vector<const char*> files;
  for (const std::string& path : paths)
    files.push_back(path.c_str());
  zen_audio_encoder* encoder = nullptr;
  zen_error error;
  expect(info.Env(),
         zen_open_audio_encoder(config.data(), config.size(), files.data(), files.size(),
                                Whole(info[2], "threads", 1, 256), &encoder, &error),
         error);
  return wrapped(info.Env(), EncoderHandle(encoder, zen_close_audio_encoder));
}

// shape(encoder)
Napi::Value shape(const Napi::CallbackInfo& info) {
  const zen_audio_shape s = zen_audio_shape_of(held<EncoderHandle>(info[0], "encoder").get());
  Napi::Object object = Napi::Object::New(info.Env());
  const auto number = [&](const char* name, int32_t value) { object[name] = Napi::Number::New(info.Env(), value); };
  number("melBins", s.mel_bins);
  number("chunkFrames", s.chunk_frames);
  number("chunkRows", s.chunk_rows);
  number("windowChunks", s.window_chunks);
  number("outputSize", s.output_size);
  return object;
}

// openStream(encoder, peak): stream
Napi::Value openStream(const Napi::CallbackInfo& info) {
  const float peak = info[1].IsNull() ? 0 : info[1].ToNumber().FloatValue();
  zen_audio_stream* stream = nullptr;
  zen_error error;
  expect(info.Env(),
         zen_open_audio_stream(held<EncoderHandle>(info[0], "encoder").get(), info[1].IsNull() ? nullptr : &peak,
                               &stream, &error),
         error);
  return wrapped(info.Env(), StreamHandle(stream, zen_close_audio_stream));
}

// append(stream, kind, values, last, provisional): Promise<AudioRows>; kind 'samples' or 'frames', with the number of
// bins of a frame
Napi::Value append(const Napi::CallbackInfo& info) {
  const StreamHandle stream = held<StreamHandle>(info[0], "stream");
  const bool samples = info[1].ToString().Utf8Value() == "samples";
  const auto given = Typed<float>(info[2], "values");
  const size_t bins = static_cast<size_t>(Whole(info[3], "melBins", 8, 256));
  if (!samples && given.count % bins != 0) throw errorOf(info.Env(), {"frames", "must be whole"});
  auto values = std::make_shared<std::vector<float>>(given.data, given.data + given.count);
  const bool last = info[4].ToBoolean().Value(), provisional = info[5].ToBoolean().Value();
  auto rows = std::make_shared<zen_audio_rows>();
  auto copy = std::make_shared<std::vector<float>>();
  return EngineCall::run(
      info.Env(),
      [=](zen_error* error) {
        const int status =
            samples ? zen_append_samples(stream.get(), values->data(), values->size(), last, provisional, rows.get(), error)
                    : zen_append_frames(stream.get(), values->data(), values->size() / bins, last, provisional,
                                        rows.get(), error);
        if (status == 0) copy->assign(rows->rows, rows->rows + rows->row_values);
        return status;
      },
      [=](Napi::Env env) {
        Napi::Object result = Napi::Object::New(env);
        result["firstRow"] = Napi::Number::New(env, static_cast<double>(rows->first_row));
        result["finalRows"] = Napi::Number::New(env, static_cast<double>(rows->final_rows));
        result["rows"] = quant::Wrap<Napi::Float32Array>(env, copy);
        return result;
      });
}

// logMel(samples, melBins): Promise<Float32Array>
Napi::Value logMel(const Napi::CallbackInfo& info) {
  const auto given = Typed<float>(info[0], "samples");
  const int bins = Whole(info[1], "melBins", 8, 256);
  auto samples = std::make_shared<std::vector<float>>(given.data, given.data + given.count);
  auto frames = std::make_shared<std::vector<float>>(given.count / 160 * static_cast<size_t>(bins));
  return EngineCall::run(
      info.Env(),
      [=](zen_error* error) {
        return zen_log_mel(samples->data(), samples->size(), bins, frames->data(), frames->size(), error);
      },
      [=](Napi::Env env) { return quant::Wrap<Napi::Float32Array>(env, frames); });
}

// close(encoder | stream)
template <typename Handle>
Napi::Value close(const Napi::CallbackInfo& info) {
  if (info[0].IsExternal()) info[0].As<Napi::External<Handle>>().Data()->reset();
  return info.Env().Undefined();
}

}  // namespace

void InitAudio(Napi::Env env, Napi::Object exports) {
  Napi::Object audio = Napi::Object::New(env);
  audio["openEncoder"] = Napi::Function::New(env, openEncoder);
  audio["shape"] = Napi::Function::New(env, shape);
  audio["openStream"] = Napi::Function::New(env, openStream);
  audio["append"] = Napi::Function::New(env, append);
  audio["logMel"] = Napi::Function::New(env, logMel);
  audio["closeEncoder"] = Napi::Function::New(env, close<EncoderHandle>);
  audio["closeStream"] = Napi::Function::New(env, close<StreamHandle>);
  exports["audio"] = audio;
}

}  // namespace zen

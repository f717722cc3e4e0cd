// The addon's front door: the engine's, the audio encoder's and the packing part.
#include <napi.h>

#include "audio_addon.h"
#include "engine_addon.h"
#include "quant/quant_addon.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  zen::InitEngine(env, exports);
  zen::InitAudio(env, exports);
  zen::quant::InitQuant(env, exports);
  return exports;
}

NODE_API_MODULE(zen_engine, Init)

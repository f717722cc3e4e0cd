// The addon's front door: the engine's half and the packing half.
#include <napi.h>

#include "engine_addon.h"
#include "quant/quant_addon.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  zen::InitEngine(env, exports);
  zen::quant::InitQuant(env, exports);
  return exports;
}

NODE_API_MODULE(zen_engine, Init)

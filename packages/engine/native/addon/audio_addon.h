// The audio encoder's half of the addon: `audio/native-audio.ts` lists the same names.
#pragma once
#include <napi.h>

namespace zen {

void InitAudio(Napi::Env env, Napi::Object exports);

}  // namespace zen

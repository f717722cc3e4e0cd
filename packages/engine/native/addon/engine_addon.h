// The serving half of the addon: `native.ts` lists the same names.
#pragma once
#include <napi.h>

namespace zen {

void InitEngine(Napi::Env env, Napi::Object exports);

}  // namespace zen

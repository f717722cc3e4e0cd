// The packing and measuring half of the addon: `quant.ts` lists the same names.
#pragma once
#include <napi.h>

namespace zen::quant {

void InitQuant(Napi::Env env, Napi::Object exports);

}  // namespace zen::quant

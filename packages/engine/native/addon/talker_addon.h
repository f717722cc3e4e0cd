// Speech of a Qwen3-Omni checkpoint: `openTalker` of native.ts.
#pragma once
#include <napi.h>

namespace zen {

Napi::Function defineTalker(Napi::Env env);
// openTalker(configJson, files, options): NativeTalker
Napi::Value openTalker(const Napi::CallbackInfo& info);

}  // namespace zen

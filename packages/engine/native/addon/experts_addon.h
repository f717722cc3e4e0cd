// Experts alone, for a pod: `openExperts` of native.ts.
#pragma once
#include <napi.h>

namespace zen {

// What JavaScript cannot make by itself.
struct Constructors {
  Napi::FunctionReference model, experts, talker;
};

Napi::Function defineExperts(Napi::Env env);
// openExperts(configJson, options): NativeExperts
Napi::Value openExperts(const Napi::CallbackInfo& info);

}  // namespace zen

// How failures leave through the C ABI: as which field or tensor, and the limit that it breaks.
#pragma once
#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "model/failure.h"
#include "model/ladder_config.h"
#include "zen_engine.h"

namespace zen {

inline void put(char* to, size_t size, const std::string& text) {
  const size_t n = std::min(size - 1, text.size());
  std::memcpy(to, text.data(), n);
  to[n] = '\0';
}

template <typename Call>
int guarded(zen_error* error, Call&& call) {
  const auto fail = [&](const std::string& field, const std::string& limit) {
    put(error->field, sizeof error->field, field);
    put(error->limit, sizeof error->limit, limit);
    return 1;
  };
  try {
    call();
    return 0;
  } catch (const Failure& failure) {
    return fail(failure.field(), failure.limit());
  } catch (const std::bad_alloc&) {
    return fail("memory", "must be enough");
  } catch (const std::exception& failure) {
    return fail("engine", std::string("must not fail: ") + failure.what());
  }
}

inline zen_shape shapeOf(const ModelShape& s) { return {s.vocabSize, s.hiddenSize, s.layers, s.contextTokens, s.experts.count}; }

template <typename T>
std::vector<T> copied(const T* from, size_t count) {
  return count == 0 ? std::vector<T>() : std::vector<T>(from, from + count);
}

}  // namespace zen

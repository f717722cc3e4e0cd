// The native tests' only tool: CHECK counts, and the program's last line says how many passed.
#pragma once
#include <cstdio>

namespace zen::test {

inline int passed = 0, failed = 0;

inline void check(bool good, const char* what, const char* file, int line) {
  if (good) {
    passed++;
    return;
  }
  failed++;
  if (failed <= 20) std::printf("FAILED %s:%d: %s\n", file, line, what);
}

// The program's exit status.
inline int report(const char* name) {
  std::printf("%s: %d passed, %d failed\n", name, passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace zen::test

#define CHECK(condition) zen::test::check((condition), #condition, __FILE__, __LINE__)
// With a sentence about the case.
#define CHECK_FOR(condition, text) zen::test::check((condition), (text), __FILE__, __LINE__)

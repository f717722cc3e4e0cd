// Splits [0, count) over short-lived threads; for packing and measuring, where a call takes milliseconds or more.
#pragma once
#include <exception>
#include <functional>

namespace zen::quant {

// Threads that one call may use, 1 to 256; the default is the machine's.
void SetThreads(int threads);
int Threads();

// work(begin, end) on parts whose length is a multiple of `grain`, at most one part per thread.
void ParallelFor(int count, int grain, const std::function<void(int, int)>& work);

}  // namespace zen::quant

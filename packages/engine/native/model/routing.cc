#include "model/routing.h"

#include "kernels/floats.h"

namespace zen {
namespace {

void softmax(float* x, int n) {
  float largest = x[0];
  for (int i = 1; i < n; i++)
    if (x[i] > largest) largest = x[i];
  float sum = 0.0f;
  for (int i = 0; i < n; i++) {
    // The kernels' exponential has a floor; a NaN passes here, so that the sequence says so.
    const float away = x[i] - largest;
    x[i] = away != away ? away : exponentialOf(away);
    sum = sum + x[i];
  }
  for (int i = 0; i < n; i++)
    x[i] = x[i] / sum;
}

}  // namespace

void chooseExperts(const ExpertShape& shape, float* logits, int* experts, float* gates) {
  const int n = shape.count;
  softmax(logits, n);
  for (int taken = 0; taken < shape.perToken; taken++) {
    int best = -1;
    for (int e = 0, at = 0; e < n; e++) {
      // `experts` is ascending: those taken already are passed by.
      if (at < taken && experts[at] == e) {
        at++;
        continue;
      }
      if (best < 0 || logits[e] > logits[best]) best = e;
    }
    int at = taken;
    for (; at > 0 && experts[at - 1] > best; at--)
      experts[at] = experts[at - 1];
    experts[at] = best;
  }
  float sum = 0.0f;
  for (int i = 0; i < shape.perToken; i++) {
    gates[i] = logits[experts[i]];
    sum = sum + gates[i];
  }
  for (int i = 0; shape.normalized && i < shape.perToken; i++)
    gates[i] = gates[i] / sum;
}

float sigmoid(float x) { return x != x ? x : 1.0f / (1.0f + exponentialOf(0.0f - x)); }

}  // namespace zen

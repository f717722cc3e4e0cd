// The reference of the float kernels: plain loops in the documented order of operations.
#include <cmath>

#include "kernels/floats.h"
#include "kernels/variants.h"

namespace zen {
namespace {

int16_t roundedWithin(float x, float inverse, float limit) {
  float q = inverse == 0.0f ? 0.0f : x * inverse;  // 0 · NaN is not 0
  q = q > limit ? limit : q < -limit ? -limit : q;
  return static_cast<int16_t>(std::nearbyint(q));
}

}  // namespace

void scalarQuantize(Acts& a, int begin, int end) {
  const float limit = actLimit(a.levels);
  for (int token = begin; token < end; token++)
    for (int b = 0; b < a.blockCount(); b++) {
      const float* x = a.x + token * a.ldx + b * kBlockCols;
      ActBlock out = {};
      const float inverse = actScale(x, kBlockCols, limit, out.scale);
      int16_t* wide = const_cast<int16_t*>(actWide(a, token, b));
      for (int c = 0; c < kBlockCols; c++) {
        wide[c] = roundedWithin(x[c], inverse, limit);
        out.sum[c / 16] += wide[c];
      }
      out.scaledSum = out.scale * static_cast<float>(out.sum[0] + out.sum[1]);
      splitActs(wide, a.levels, const_cast<int8_t*>(actBytes(a, token, b)));
      a.blocks[static_cast<size_t>(token) * a.blockCount() + b] = out;
    }
}

void scalarRmsnorm(const float* x, const float* weight, float eps, int n, float* y) {
  float lane[16] = {};
  for (int i = 0; i < n; i++) lane[i % 16] = std::fmaf(x[i], x[i], lane[i % 16]);
  const float inverse = rmsInverse(laneTree(lane), n, eps);
  for (int i = 0; i < n; i++) y[i] = (x[i] * inverse) * weight[i];
}

void scalarSiluMul(const float* gate, const float* up, int n, float* y) {
  for (int i = 0; i < n; i++) y[i] = (gate[i] / (1.0f + exponentialOf(0.0f - gate[i]))) * up[i];
}

void scalarAdd(const float* x, int n, float* y) {
  for (int i = 0; i < n; i++) y[i] = y[i] + x[i];
}

void scalarKvStore(KvType type, int headSize, const float* key, const float* value, int slot, uint8_t* head) {
  const KvHead at(type, headSize, head);
  if (type == KvType::F16) {
    for (int d = 0; d < headSize; d++) {
      storeU16(at.keys + 2 * (d * kKvBlockTokens + slot), floatToHalf(kvClamp(key[d])));
      storeU16(at.values + 2 * (slot * headSize + d), floatToHalf(kvClamp(value[d])));
    }
    return;
  }
  const float keyInverse = actScale(key, headSize, kKvLimit, at.keyScales[slot]);
  const float valueInverse = actScale(value, headSize, kKvLimit, at.valueScales[slot]);
  for (int d = 0; d < headSize; d++) {
    at.keys[d * kKvBlockTokens + slot] = static_cast<uint8_t>(roundedWithin(key[d], keyInverse, kKvLimit));
    at.values[slot * headSize + d] = static_cast<uint8_t>(roundedWithin(value[d], valueInverse, kKvLimit));
  }
}

void scalarAttention(const AttentionJob& job, void* scratch) {
  float* weights = static_cast<float*>(scratch);
  const bool int8 = job.type == KvType::Int8;
  for (int t = 0; t < job.tokens; t++)
    for (int h = 0; h < job.queryHeads; h++) {
      const int keys = job.position + t + 1;
      const float* q = job.q + t * job.ldq + h * job.headSize;
      float largest = -std::numeric_limits<float>::infinity();
      for (int k = 0; k < keys; k++) {
        const KvHead at = kvHeadOf(job, k / kKvBlockTokens);
        const int slot = k % kKvBlockTokens;
        float sum = 0;
        for (int d = 0; d < job.headSize; d++) {
          const int i = d * kKvBlockTokens + slot;
          const float key = int8 ? static_cast<float>(static_cast<int8_t>(at.keys[i])) : loadHalf(at.keys + 2 * i);
          sum = std::fmaf(q[d], key, sum);
        }
        if (int8) sum = sum * at.keyScales[slot];
        weights[k] = sum * job.scale;
        largest = weights[k] > largest ? weights[k] : largest;
      }
      float lane[16] = {};
      for (int k = 0; k < keys; k++) {
        weights[k] = exponentialOf(weights[k] - largest);
        lane[k % 16] = lane[k % 16] + weights[k];
      }
      const float inverse = 1.0f / laneTree(lane);
      for (int d = 0; d < job.headSize; d++) {
        float sum = 0;
        for (int k = 0; k < keys; k++) {
          const KvHead at = kvHeadOf(job, k / kKvBlockTokens);
          const int slot = k % kKvBlockTokens, i = slot * job.headSize + d;
          const float value =
              int8 ? static_cast<float>(static_cast<int8_t>(at.values[i])) : loadHalf(at.values + 2 * i);
          sum = std::fmaf(int8 ? weights[k] * at.valueScales[slot] : weights[k], value, sum);
        }
        job.out[t * job.ldout + h * job.headSize + d] = sum * inverse;
      }
    }
}

}  // namespace zen

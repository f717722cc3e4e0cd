// Attention of every vector instruction set, over its V16. A group of query rows shares every key and value block:
// scores of 16 keys at a time lie in the lanes of a vector, values' dimensions likewise, so that each score sums over
// ascending dimensions and each output over ascending keys, as in scalar_float.cc.
namespace zen {
namespace {

// Keys as floats, or in place.
struct FloatKeys {
  const float* at;
  ZEN_INLINE V16 operator()(int d) const { return load(at + 16 * d); }
};
struct HalfKeys {
  const uint8_t* at;
  ZEN_INLINE V16 operator()(int d) const { return loadHalves(at + 32 * d); }
};
struct Int8Keys {
  const uint8_t* at;
  ZEN_INLINE V16 operator()(int d) const { return loadInt8(at + 16 * d); }
};

// What a group of rows works with.
struct Rows {
  const AttentionJob& job;
  int first, count;  // row r is token r / queryHeads, head r % queryHeads
  float* weights;    // [count][stride]: scores, then their exponentials
  size_t stride;
  float* out;  // [count][headSize]

  ZEN_INLINE int token(int i) const { return (first + i) / job.queryHeads; }
  ZEN_INLINE int head(int i) const { return (first + i) % job.queryHeads; }
  ZEN_INLINE int keys(int i) const { return job.position + token(i) + 1; }
  ZEN_INLINE const float* query(int i) const { return job.q + token(i) * job.ldq + head(i) * job.headSize; }
  ZEN_INLINE float* result(int i) const { return job.out + token(i) * job.ldout + head(i) * job.headSize; }
};

template <int N, class Keys>
ZEN_INLINE void scoreRows(const Rows& rows, int first, int block, const Keys& keys, const float* keyScales) {
  V16 acc[N];
  const float* q[N];
  for (int i = 0; i < N; i++) {
    acc[i] = splat(0.0f);
    q[i] = rows.query(first + i);
  }
  for (int d = 0; d < rows.job.headSize; d++) {
    const V16 k = keys(d);
    for (int i = 0; i < N; i++) acc[i] = fma(splat(q[i][d]), k, acc[i]);
  }
  for (int i = 0; i < N; i++) {
    if (keyScales) acc[i] = mul(acc[i], load(keyScales));
    store(rows.weights + (first + i) * rows.stride + block * kKvBlockTokens, mul(acc[i], splat(rows.job.scale)));
  }
}

template <class Keys>
ZEN_INLINE void scoreBlock(const Rows& rows, int block, const Keys& keys, const float* keyScales) {
  int i = 0;
  for (; i + kScoreRows <= rows.count; i += kScoreRows) scoreRows<kScoreRows>(rows, i, block, keys, keyScales);
  for (; i + 3 <= rows.count; i += 3) scoreRows<3>(rows, i, block, keys, keyScales);
  for (; i < rows.count; i++) scoreRows<1>(rows, i, block, keys, keyScales);
}

// Scores to exponentials, zero from the row's own last key on; returns 1 / their sum.
ZEN_INLINE float softmaxRow(float* weights, int keys) {
  const V16 nothing = splat(-std::numeric_limits<float>::infinity());
  const int whole = keys / 16 * 16, padded = (keys + 15) / 16 * 16;
  for (int k = keys; k < padded; k++) weights[k] = -std::numeric_limits<float>::infinity();
  V16 most = nothing;
  for (int k = 0; k < padded; k += 16) most = larger(load(weights + k), most);
  float lane[16];
  store(lane, most);
  float largest = lane[0];
  for (int l = 1; l < 16; l++) largest = lane[l] > largest ? lane[l] : largest;
  V16 sum = splat(0.0f);
  const V16 shift = splat(largest);
  for (int k = 0; k < whole; k += 16) {
    const V16 e = exponential(sub(load(weights + k), shift));
    store(weights + k, e);
    sum = add(sum, e);
  }
  store(lane, sum);
  if (whole < padded) {
    float part[16];
    store(part, exponential(sub(load(weights + whole), shift)));
    for (int l = 0; l < 16; l++) {
      const bool seen = whole + l < keys;
      weights[whole + l] = seen ? part[l] : 0.0f;
      if (seen) lane[l] = lane[l] + part[l];
    }
  }
  return 1.0f / laneTree(lane);
}

// `weights` of a row in this block, times the values' scales for int8.
template <int N, int W>
ZEN_INLINE void valueRows(const Rows& rows, int first, const float (*weights)[16], const float* values, int d,
                          int keys) {
  V16 acc[N][W];
  for (int i = 0; i < N; i++)
    for (int w = 0; w < W; w++) acc[i][w] = load(rows.out + (first + i) * rows.job.headSize + d + 16 * w);
  for (int k = 0; k < keys; k++) {
    for (int w = 0; w < W; w++) {
      const V16 v = load(values + k * rows.job.headSize + d + 16 * w);
      for (int i = 0; i < N; i++) acc[i][w] = fma(splat(weights[first + i][k]), v, acc[i][w]);
    }
  }
  for (int i = 0; i < N; i++)
    for (int w = 0; w < W; w++) store(rows.out + (first + i) * rows.job.headSize + d + 16 * w, acc[i][w]);
}

template <int N>
ZEN_INLINE void valueDims(const Rows& rows, int first, const float (*weights)[16], const float* values, int keys) {
  int d = 0;
  for (; d + 32 <= rows.job.headSize; d += 32) valueRows<N, 2>(rows, first, weights, values, d, keys);
  if (d < rows.job.headSize) valueRows<N, 1>(rows, first, weights, values, d, keys);
}

ZEN_INLINE void valueBlock(const Rows& rows, int block, const float* values, const float* valueScales, int keys) {
  float weights[kAttentionRows][16];
  for (int i = 0; i < rows.count; i++) {
    const int own = rows.keys(i) - block * kKvBlockTokens;
    store(weights[i], own > 0 ? load(rows.weights + i * rows.stride + block * kKvBlockTokens) : splat(0.0f));
    if (valueScales)
      for (int k = 0; k < own && k < 16; k++) weights[i][k] = weights[i][k] * valueScales[k];
  }
  int i = 0;
  for (; i + kValueRows <= rows.count; i += kValueRows) valueDims<kValueRows>(rows, i, weights, values, keys);
  for (; i < rows.count; i++) valueDims<1>(rows, i, weights, values, keys);
}

ZEN_INLINE void attendRows(const Rows& rows, float* floats) {
  const AttentionJob& job = rows.job;
  const bool int8 = job.type == KvType::Int8;
  const int size = job.headSize, keys = rows.keys(rows.count - 1), blocks = (keys + 15) / 16;
  for (int b = 0; b < blocks; b++) {
    const KvHead head = kvHeadOf(job, b);
    const float* scales = int8 ? head.keyScales : nullptr;
    if (rows.count <= kScoreRows) {
      if (int8)
        scoreBlock(rows, b, Int8Keys{head.keys}, scales);
      else
        scoreBlock(rows, b, HalfKeys{head.keys}, scales);
      continue;
    }
    for (int d = 0; d < size; d++)
      store(floats + 16 * d, int8 ? loadInt8(head.keys + 16 * d) : loadHalves(head.keys + 32 * d));
    scoreBlock(rows, b, FloatKeys{floats}, scales);
  }
  float inverse[kAttentionRows];
  for (int i = 0; i < rows.count; i++) {
    inverse[i] = softmaxRow(rows.weights + i * rows.stride, rows.keys(i));
    for (int d = 0; d < size; d += 16) store(rows.out + i * size + d, splat(0.0f));
  }
  for (int b = 0; b < blocks; b++) {
    const KvHead head = kvHeadOf(job, b);
    const int here = keys - 16 * b < 16 ? keys - 16 * b : 16;
    for (int i = 0; i < here * size; i += 16)
      store(floats + i, int8 ? loadInt8(head.values + i) : loadHalves(head.values + 2 * i));
    valueBlock(rows, b, floats, int8 ? head.valueScales : nullptr, here);
  }
  for (int i = 0; i < rows.count; i++)
    for (int d = 0; d < size; d += 16) store(rows.result(i) + d, mul(load(rows.out + i * size + d), splat(inverse[i])));
}

}  // namespace

void ZEN_NAME(Attention)(const AttentionJob& job, void* scratch) {
  float* floats = static_cast<float*>(scratch);
  float* out = floats + kKvBlockTokens * job.headSize;
  float* weights = out + kAttentionRows * job.headSize;
  const size_t stride = static_cast<size_t>(job.position + job.tokens + 15) / 16 * 16;
  const int all = job.tokens * job.queryHeads;
  for (int first = 0; first < all; first += kAttentionRows) {
    const int count = all - first < kAttentionRows ? all - first : kAttentionRows;
    attendRows(Rows{job, first, count, weights, stride, out}, floats);
  }
}

void ZEN_NAME(KvStore)(KvType type, int headSize, const float* key, const float* value, int slot, uint8_t* head) {
  const KvHead at(type, headSize, head);
  if (type == KvType::Int8) {
    const float keyInverse = actScale(key, headSize, kKvLimit, at.keyScales[slot]);
    const float valueInverse = actScale(value, headSize, kKvLimit, at.valueScales[slot]);
    for (int d = 0; d < headSize; d += 16) {
      int16_t k[16], v[16];
      storeRounded(k, key + d, keyInverse, kKvLimit);
      storeRounded(v, value + d, valueInverse, kKvLimit);
      for (int i = 0; i < 16; i++) at.keys[(d + i) * kKvBlockTokens + slot] = static_cast<uint8_t>(k[i]);
      for (int i = 0; i < 16; i++) at.values[slot * headSize + d + i] = static_cast<uint8_t>(v[i]);
    }
    return;
  }
  const V16 low = splat(-65504.0f), high = splat(65504.0f);
  for (int d = 0; d < headSize; d += 16) {
    uint8_t column[32];
    storeHalves(column, smaller(high, larger(low, load(key + d))));
    for (int i = 0; i < 16; i++) std::memcpy(at.keys + 2 * ((d + i) * kKvBlockTokens + slot), column + 2 * i, 2);
    storeHalves(at.values + 2 * (slot * headSize + d), smaller(high, larger(low, load(value + d))));
  }
}

}  // namespace zen

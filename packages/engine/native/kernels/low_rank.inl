// A delta's thin factors and its vector, for every vector instruction set, over its V16. The order of operations is that
// of scalar_low_rank.cc.
namespace zen {
namespace {

// 16 columns of a row of A times x, added to the lanes.
template <bool Signs>
ZEN_INLINE V16 addColumns(const uint8_t* row, int column, V16 x, V16 lanes) {
  if constexpr (Signs) return add(lanes, withSigns(x, loadU16(row + column / 8)));
  return fma(loadBrains(row + 2 * column), x, lanes);
}

ZEN_INLINE float scaleOf(const LowRank& f, int r) { return f.signs ? loadHalf(f.scales + 2 * r) : f.scale; }

template <bool Signs, int Rows>
ZEN_INLINE void inRows(const LowRank& f, const float* x, int first, float* u) {
  const size_t bytes = static_cast<size_t>(f.in) * (Signs ? 1 : 16) / 8;
  const uint8_t* row = f.a + static_cast<size_t>(first) * bytes;
  V16 lanes[Rows];
  for (V16& v : lanes) v = splat(0.0f);
  for (int c = 0; c < f.in; c += 16) {
    const V16 v = load(x + c);
    for (int r = 0; r < Rows; r++) lanes[r] = addColumns<Signs>(row + r * bytes, c, v, lanes[r]);
  }
  for (int r = 0; r < Rows; r++) u[first + r] = scaleOf(f, first + r) * tree(lanes[r]);
}

template <bool Signs>
void inAll(const LowRank& f, const float* x, float* u) {
  int r = 0;
  for (; r + 4 <= f.rank; r += 4) inRows<Signs, 4>(f, x, r, u);
  for (; r < f.rank; r++) inRows<Signs, 1>(f, x, r, u);
}

template <bool Signs, int Tiles>
ZEN_INLINE void outTiles(const LowRank& f, const float* u, int tile, float* y) {
  const size_t bytes = static_cast<size_t>(f.rank) * (Signs ? 2 : 32);
  const uint8_t* b = f.b + static_cast<size_t>(tile) * bytes;
  V16 sums[Tiles];
  for (V16& v : sums) v = splat(0.0f);
  for (int r = 0; r < f.rank; r++) {
    const V16 v = splat(u[r]);
    for (int t = 0; t < Tiles; t++) {
      if constexpr (Signs)
        sums[t] = add(sums[t], withSigns(v, loadU16(b + t * bytes + 2 * r)));
      else
        sums[t] = fma(loadBrains(b + t * bytes + 32 * r), v, sums[t]);
    }
  }
  for (int t = 0; t < Tiles; t++) {
    float* at = y + (tile + t) * kTileRows;
    const int rows = f.out - (tile + t) * kTileRows;
    if (rows >= kTileRows)
      store(at, add(load(at), sums[t]));
    else
      storePart(at, add(loadPart(at, rows), sums[t]), rows);
  }
}

template <bool Signs>
void outAll(const LowRank& f, const float* u, int tileBegin, int tileEnd, float* y) {
  int tile = tileBegin;
  for (; tile + 4 <= tileEnd; tile += 4) outTiles<Signs, 4>(f, u, tile, y);
  for (; tile < tileEnd; tile++) outTiles<Signs, 1>(f, u, tile, y);
}

}  // namespace

void ZEN_NAME(LowRankIn)(const LowRank& f, const float* x, float* u) {
  f.signs ? inAll<true>(f, x, u) : inAll<false>(f, x, u);
}

void ZEN_NAME(LowRankOut)(const LowRank& f, const float* u, int tileBegin, int tileEnd, float* y) {
  f.signs ? outAll<true>(f, u, tileBegin, tileEnd, y) : outAll<false>(f, u, tileBegin, tileEnd, y);
}

void ZEN_NAME(Amplify)(const uint8_t* halves, int n, float* y) {
  const V16 one = splat(1.0f);
  int i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, mul(load(y + i), add(one, loadHalves(halves + 2 * i))));
  for (; i < n; i++) y[i] = y[i] * (1.0f + loadHalf(halves + 2 * i));
}

}  // namespace zen

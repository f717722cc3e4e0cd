// The graph at every stage of every architecture against the double-precision forward pass.
#include "check.h"
#include "model/engine.h"
#include "tiny_forward.h"

using namespace zen;
using namespace zen::test;

namespace {

EngineOptions options(const TinyShape& s, KvType kv, int threads) {
  return {threads, 1 << 20, kv, s.context, "", std::vector<uint32_t>(size_t(s.vocab) + 1)};
}

// Squared error over squared size of a token's logits: the median of all tokens. Where two experts' chances are nearly
// equal, rounding may choose the other one, and such a token is not the measure.
double noise(const std::vector<Doubles>& expected, const std::vector<float>& got) {
  std::vector<double> rows;
  size_t i = 0;
  for (const Doubles& row : expected) {
    double error = 0, size = 0;
    for (double v : row) {
      error += (v - got[i]) * (v - got[i]);
      size += v * v;
      i++;
    }
    rows.push_back(error / size);
  }
  std::sort(rows.begin(), rows.end());
  return rows[rows.size() / 2];
}

}  // namespace

int main() {
  std::vector<TinyShape> shapes = tinyShapes();
  shapes.insert(shapes.end(), tinyMixtures().begin(), tinyMixtures().end());
  for (const TinyShape& shape : shapes) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    std::vector<int32_t> tokens;
    Random random(7);
    for (int i = 0; i < 70; i++)
      tokens.push_back(below(random, shape.vocab));
    for (KvType kv : {KvType::F16, KvType::Int8}) {
      Engine engine(LadderConfig::parse(ladder.config()), options(shape, kv, 2));
      for (int stage = 0; stage < 5; stage++) {
        engine.attachStage(stage, files.path(stage));
        std::vector<float> got(tokens.size() * size_t(shape.vocab));
        engine.logits(stage, tokens, got.data());
        const double nsr = noise(forward(ladder, stage, tokens), got);
        std::printf("%s with %d experts, stage %d kv %s: noise to signal %.1e\n", shape.architecture, shape.experts, stage,
                    kv == KvType::F16 ? "f16" : "int8", nsr);
        // Nearly all of it comes from 8-bit inputs: of attn_output and ffn_down, below the exact stages of all layers;
        // int8 keys and values add as much again.
        // What other experts make of earlier tokens reaches the later ones.
        CHECK(nsr < (shape.experts > 0 ? 2 : 1) * ((stage < 3 ? 8e-4 : 3e-4) + (kv == KvType::F16 ? 0 : 2e-4)));
      }
      // Stages differ, so the check above is not blind.
      CHECK(noise(forward(ladder, 0, tokens), std::vector<float>(tokens.size() * size_t(shape.vocab), 0.0f)) > 0.9);
      std::vector<float> low(tokens.size() * size_t(shape.vocab));
      engine.logits(0, tokens, low.data());
      CHECK(noise(forward(ladder, 4, tokens), low) > 1e-3);
    }
  }
  return report("model_graph");
}

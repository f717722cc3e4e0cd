// Deltas in the graph: the formulas against double precision, and that a row with or without a delta gets the same
// bits whatever its neighbours are.
#include <cmath>

#include "check.h"
#include "delta_cases.h"
#include "model/engine.h"
#include "model/failure.h"
#include "tiny_forward.h"

using namespace zen;
using namespace zen::test;

namespace {

using Tokens = std::vector<int32_t>;

EngineOptions options(const TinyShape& shape, int threads, DeltaOptions delta) {
  return {threads, 4 << 20, KvType::F16, shape.context, "", std::vector<uint32_t>(size_t(shape.vocab) + 1), delta};
}

class Bench {
 public:
  Bench(const TinyLadder& ladder, const TinyFiles& files, int threads = 2, DeltaOptions delta = {8, 1 << 16, 4})
      : engine(LadderConfig::parse(ladder.config()), options(ladder.shape(), threads, delta)) {
    for (int k = 0; k < 5; k++)
      engine.attachStage(k, files.path(k));
  }
  Engine engine;
};

Tokens prompt(int count, int salt, int vocab) {
  Tokens out;
  for (int i = 0; i < count; i++)
    out.push_back((i * 37 + salt * 11) % vocab);
  return out;
}

// All forms, alone and together.
std::vector<std::pair<std::string, OwnedDelta>> deltas(const ModelShape& model, Random& random) {
  const Module q = Module::Q, down = Module::Down;
  return {{"dense1, groups of 32", uniform(model, Form::Dense1, 32, q, down, random)},
          {"attn1, a scale a row", uniform(model, Form::Dense1, model.hiddenSize, q, Module::O, random)},
          {"lora1 of rank 8", uniform(model, Form::Lora1, 8, q, Module::O, random)},
          {"lora1 of rank 3", uniform(model, Form::Lora1, 3, q, down, random)},
          {"lora16 of rank 5", uniform(model, Form::Lora16, 5, q, down, random)},
          {"vec", uniform(model, Form::Vec, 0, q, down, random)},
          {"mixed", mixed(model, random)}};
}

// The engine quantizes its inputs (8 bits inside): the same measure as without a delta, see model_graph.cc.
void numbers(const TinyLadder& ladder, const TinyFiles& files) {
  const ModelShape model = LadderConfig::parse(ladder.config()).model;
  Bench bench(ladder, files);
  Random random(3);
  const Tokens tokens = prompt(20, 1, model.vocabSize);
  for (const auto& [name, delta] : deltas(model, random)) {
    const int handle = bench.engine.loadDelta(delta.views());
    for (int stage : {1, 4}) {
      std::vector<float> got(tokens.size() * size_t(model.vocabSize));
      bench.engine.logits(stage, tokens, got.data(), handle);
      const auto plain = forward(ladder, stage, tokens), wanted = forward(ladder, stage, tokens, changed(ladder, stage, delta));
      double off = 0, moved = 0, size = 0;
      for (size_t t = 0; t < tokens.size(); t++)
        for (size_t i = 0; i < size_t(model.vocabSize); i++) {
          const double w = wanted[t][i];
          off += std::pow(w - got[t * size_t(model.vocabSize) + i], 2);
          moved += std::pow(w - plain[t][i], 2);
          size += w * w;
        }
      off = std::sqrt(off / size);
      moved = std::sqrt(moved / size);
      if (std::getenv("ZEN_PRINT")) std::printf("%s stage %d: off %.4f moved %.4f\n", name.c_str(), stage, off, moved);
      CHECK_FOR(off < 0.02, name.c_str());
      CHECK_FOR(moved > 0.1, name.c_str());
    }
    bench.engine.freeDelta(handle);
  }
}

}  // namespace

int main() {
  for (const TinyShape& shape : tinyShapes()) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    numbers(ladder, files);
  }
  return report("model_delta");
}

// A mixture of experts: what each pair gets, bit for bit against the scalar kernels row by row; caps, counters, and what
// memory experts take when. That a sequence's answer depends on nothing else is in model_batch.
#include <algorithm>
#include <cmath>
#include <functional>

#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "model/delta.h"
#include "model/engine.h"
#include "model/expert_ffn.h"
#include "model/expert_pairs.h"
#include "model/failure.h"
#include "model/routing.h"
#include "tiny_forward.h"

using namespace zen;
using namespace zen::test;

namespace {

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no refusal";
}

void choices() {
  int experts[4];
  float gates[4];
  ExpertShape shape;
  shape.count = 4;
  shape.perToken = 2;
  std::vector<float> logits = {1, 3, 2, 3};
  chooseExperts(shape, logits.data(), experts, gates);
  CHECK(experts[0] == 1 && experts[1] == 3 && gates[0] == gates[1] && std::fabs(gates[0] - 0.39949f) < 1e-5f);
  logits = {5, 5, 5, 5};
  shape.normalized = true;
  chooseExperts(shape, logits.data(), experts, gates);
  CHECK_FOR(experts[0] == 0 && experts[1] == 1 && gates[0] == 0.5f, "of equals the lowest number");
  logits = {-1000, -1000, 0, -1000};
  chooseExperts(shape, logits.data(), experts, gates);
  CHECK(experts[0] == 0 && experts[1] == 2 && gates[1] == 1.0f);
  logits = {1, std::nanf(""), 0, 2};
  chooseExperts(shape, logits.data(), experts, gates);
  CHECK(experts[0] >= 0 && experts[0] < experts[1] && experts[1] < 4 && gates[0] != gates[0]);
  CHECK(sigmoid(0) == 0.5f && sigmoid(200) == 1.0f && sigmoid(-200) >= 0);
}

// An expert with coded matrices of one format.
struct CodedExpert {
  CodedMatrix gate, up, down;
  ExpertWeights weights;
  CodedExpert(const Format& f, int hidden, int width, Random& random)
      : gate(f, width, hidden, Codes::Random, random),
        up(f, width, hidden, Codes::Random, random),
        down(f, hidden, width, Codes::Random, random),
        weights{gate.m, up.m, down.m} {}
};

std::vector<float> rowByRow(const ExpertWeights& w, const Acts& acts, int row, int hidden, int width) {
  const Kernels& k = scalarKernels();
  const Memory scratch = memory(matmulScratchBytes());
  std::vector<float> gate(size_t(row + 1) * width), up(gate.size()), out(static_cast<size_t>(hidden));
  k.matmul(w.gate, acts, row, row + 1, gate.data(), size_t(width), 0, w.gate.tiles(), scratch.get());
  k.matmul(w.up, acts, row, row + 1, up.data(), size_t(width), 0, w.up.tiles(), scratch.get());
  const std::vector<float> own(gate.end() - width, gate.end()), other(up.end() - width, up.end());
  std::vector<float> product(size_t(width), 0.0f);
  k.siluMul(own.data(), other.data(), width, product.data());
  const QuantizedActs inner(k, product, 1, width, 1);
  k.matmul(w.down, inner.acts, 0, 1, out.data(), size_t(hidden), 0, w.down.tiles(), scratch.get());
  return out;
}

void products() {
  const int hidden = 96, width = 64, rows = 37;
  Random random(3);
  const std::vector<Format> all = formats();
  std::vector<std::unique_ptr<CodedExpert>> experts;
  for (size_t i : {5u, 0u, 14u, 20u})
    experts.push_back(std::make_unique<CodedExpert>(all[i], hidden, width, random));
  std::vector<float> x(size_t(rows) * hidden);
  for (float& v : x)
    v = real(random);
  const QuantizedActs fine(kernels(), x, rows, hidden, 2), coarse(kernels(), x, rows, hidden, 1);
  for (int count : {1, 2, 7, rows})
    for (int threads : {1, 2, 3}) {
      // Each row takes two experts at random; every third one has inputs of 8 bits.
      std::vector<std::vector<int>> byExpert(experts.size());
      for (int row = 0; row < count; row++) {
        const int first = below(random, int(experts.size()));
        byExpert[size_t(first)].push_back(row);
        byExpert[size_t((first + 1 + below(random, int(experts.size()) - 1)) % int(experts.size()))].push_back(row);
      }
      std::vector<int> order;
      for (const auto& each : byExpert)
        order.insert(order.end(), each.begin(), each.end());
      std::vector<ExpertRun> runs;
      for (size_t e = 0, pair = 0; e < experts.size(); e++)
        for (size_t i = 0; i < byExpert[e].size(); i++, pair++) {
          const Acts* acts = order[pair] % 3 == 0 ? &coarse.acts : &fine.acts;
          const int at = int(pair);
          if (i > 0 && runs.back().acts == acts)
            runs.back().end++;
          else
            runs.push_back({int(e), 0, e == 3 ? nullptr : &experts[e]->weights, acts, &order[pair], at, at + 1});
        }
      ThreadPool pool(threads);
      ExpertFfn ffn(hidden, width, threads), again(hidden, width, threads);
      ffn.reserve(2 * count);
      again.reserve(2 * count);
      std::vector<float> out(order.size() * hidden, -7.0f), out2 = out;
      pool.run([&](Team& team) {
        ExpertFfn::run(team, {{&ffn, &runs, out.data()}, {&again, &runs, out2.data()}});
      });
      std::vector<float> expected(out.size(), -7.0f);
      for (const ExpertRun& run : runs)
        for (int pair = run.begin; run.weights && pair < run.end; pair++) {
          const auto row = rowByRow(*run.weights, *run.acts, run.rows[pair - run.begin], hidden, width);
          std::copy(row.begin(), row.end(), expected.begin() + long(pair) * hidden);
        }
      CHECK_FOR(sameBits(out, expected), "as the scalar kernels, row by row; an expert that is away is left alone");
      CHECK_FOR(sameBits(out2, expected), "two works side by side");
    }
}

struct Served {
  const TinyLadder ladder;
  const TinyFiles files;
  Engine engine;
  std::vector<int32_t> tokens;
  explicit Served(const TinyShape& shape, int stages = 5, int threads = 2)
      : ladder(shape),
        files(ladder.blobs),
        engine(LadderConfig::parse(ladder.config()),
               {threads, 1 << 20, KvType::F16, shape.context, "", std::vector<uint32_t>(size_t(shape.vocab) + 1)}) {
    for (int k = 0; k < stages; k++)
      engine.attachStage(k, files.path(k));
    Random random(7);
    for (int i = 0; i < 40; i++)
      tokens.push_back(below(random, shape.vocab));
  }
  std::vector<float> logits(int stage) {
    std::vector<float> out(tokens.size() * size_t(ladder.shape().vocab));
    engine.logits(stage, tokens, out.data());
    return out;
  }
  size_t pairs() const { return size_t(ladder.shape().layers) * size_t(ladder.shape().experts); }
};

void kernelsAgree() {
  const std::string best = kernels().name;
  for (const TinyShape& shape : tinyMixtures()) {
    Served vector(shape);
    CHECK(forceKernels("scalar"));
    Served scalar(shape);
    for (int stage : {0, 1, 4})
      CHECK_FOR(sameBits(vector.logits(stage), scalar.logits(stage)), "scalar and vector kernels");
    CHECK(forceKernels(best.c_str()));
  }
}

// A router that the threads share.
void largeRouter() {
  TinyShape shape = tinyMixtures()[2];
  shape.hidden = 256;
  shape.ffn = 32;
  shape.layers = 1;
  shape.experts = 150;
  shape.perToken = 6;
  Served one(shape, 5, 1), three(shape, 5, 3);
  const auto decode = [](Served& s) {
    Sampling sampling;
    sampling.logprobs = 20;
    const int handle = s.engine.createSequence(sampling);
    std::vector<float> all;
    for (int32_t token : s.tokens) {
      const auto out = s.engine.step({{handle, {token}, {}, 4, true}})[0];
      all.insert(all.end(), out.sampled.topLogprobs, out.sampled.topLogprobs + 20);
    }
    return all;
  };
  CHECK(sameBits(decode(one), decode(three)));
}

double distance(const std::vector<Doubles>& expected, const std::vector<float>& got) {
  std::vector<double> rows;
  for (size_t r = 0, i = 0; r < expected.size(); r++) {
    double error = 0, size = 0;
    for (double v : expected[r]) {
      error += (v - got[i]) * (v - got[i]);
      size += v * v;
      i++;
    }
    rows.push_back(error / size);
  }
  std::sort(rows.begin(), rows.end());
  return rows[rows.size() / 2];
}

void caps() {
  Served s(tinyMixtures()[0]);
  const auto top = s.logits(4);
  std::vector<int8_t> low(s.pairs(), 0);
  const int running = s.engine.createSequence({}), before = s.engine.createSequence({});
  s.engine.step({{running, s.tokens, {}, 4, false}});
  CHECK(s.engine.matchPrefix(before, 4, s.tokens) == 32);
  s.engine.truncate(before, 0);
  s.engine.setExpertCaps(low);
  CHECK_FOR(s.engine.matchPrefix(before, 4, s.tokens) == 0, "no keys and values of other caps");
  const auto capped = s.logits(4);
  std::map<std::string, std::vector<float>> changed;
  for (int layer = 0; layer < s.ladder.shape().layers; layer++)
    for (int e = 0; e < s.ladder.shape().experts; e++)
      for (const char* module : {"gate", "up", "down"}) {
        const std::string name =
            "blk." + std::to_string(layer) + ".ffn_" + module + "." + std::to_string(e) + ".weight";
        changed[name] = s.ladder.values(name, 0);
      }
  const double near = distance(forward(s.ladder, 4, s.tokens, changed), capped),
               far = distance(forward(s.ladder, 4, s.tokens), capped);
  std::printf("capped at stage 0: %.1e from experts of stage 0, %.1e from the top\n", near, far);
  CHECK(near < 2e-3 && far > 4 * near);
  // Rows of stage 0 get what they got before.
  Served other(tinyMixtures()[0]);
  CHECK(sameBits(s.logits(0), other.logits(0)));
  // Half of them capped: rows of several stages in one batch, as alone.
  for (size_t i = 0; i < low.size(); i++)
    low[i] = int8_t(i * 7 % 5);
  s.engine.setExpertCaps(low);
  std::vector<StepItem> items;
  std::vector<std::vector<float>> alone;
  Sampling sampling;
  sampling.logprobs = 20;
  for (int stage = 0; stage < 5; stage++) {
    const StepItem item = {s.engine.createSequence(sampling), s.tokens, {}, stage, true};
    const auto out = s.engine.step({item})[0].sampled;
    alone.push_back(std::vector<float>(out.topLogprobs, out.topLogprobs + 20));
    s.engine.truncate(item.sequence, 0);
    items.push_back(item);
  }
  const auto together = s.engine.step(items);
  for (size_t i = 0; i < items.size(); i++)
    CHECK(sameBits(alone[i], std::vector<float>(together[i].sampled.topLogprobs, together[i].sampled.topLogprobs + 20)));
  s.engine.setExpertCaps(std::vector<int8_t>(s.pairs(), 4));
  CHECK_FOR(sameBits(s.logits(4), top), "without caps as ever");
  CHECK(refusal([&] { s.engine.setExpertCaps({0}); }) == "caps must have 8 stages");
  low[3] = 5;
  CHECK(refusal([&] { s.engine.setExpertCaps(low); }) == "caps must be from 0 to 4");
  Served dense(tinyShapes()[0]);
  CHECK(refusal([&] { dense.engine.setExpertCaps({}); }) == "experts must be of a mixture");
  CHECK(refusal([&] { dense.engine.takeExpertLoad(); }) == "experts must be of a mixture");
}

// Experts take memory when something uses them, and give it back under a cap.
void residency() {
  TinyShape shape = tinyMixtures()[2];
  Served s(shape, 3);
  CHECK(s.engine.stats().mergedBytes == 0);
  s.tokens.resize(2);
  s.logits(2);
  const auto load = s.engine.takeExpertLoad();
  CHECK(load.size() == s.pairs());
  for (int layer = 0; layer < shape.layers; layer++) {
    uint32_t sum = 0;
    for (int e = 0; e < shape.experts; e++)
      sum += load[size_t(layer * shape.experts + e)];
    CHECK(sum == 2u * uint32_t(shape.perToken));
  }
  const auto rest = s.engine.takeExpertLoad();
  CHECK(std::all_of(rest.begin(), rest.end(), [](uint32_t n) { return n == 0; }));
  const size_t used = size_t(std::count_if(load.begin(), load.end(), [](uint32_t n) { return n > 0; }));
  CHECK(used >= 8 && used < s.pairs());
  // Of a 64 · 96 matrix with 4 bits, three times; what of the layers' other matrices merges at stage 3 comes on top.
  const uint64_t expert = 3 * 64 * 96 / 2;
  Served cold(shape, 4);
  const uint64_t dense = cold.engine.stats().mergedBytes;
  s.engine.attachStage(3, s.files.path(3));
  CHECK_FOR(s.engine.stats().mergedBytes == dense + used * expert, "those that are used are ready before a step asks");
  s.tokens.resize(1);
  cold.tokens.resize(1);
  CHECK(sameBits(s.logits(3), cold.logits(3)));
  CHECK(cold.engine.stats().mergedBytes == dense + uint64_t(shape.layers * shape.perToken) * expert);
  std::vector<int8_t> low(s.pairs(), 2);
  s.engine.setExpertCaps(low);
  CHECK(s.engine.stats().mergedBytes == dense);
  s.logits(3);
  CHECK(s.engine.stats().mergedBytes == dense);
}

// A disk that cannot give an expert's bytes ends the step, not the process.
void unreadable() {
#if defined(MADV_POPULATE_READ)
  TinyShape shape = tinyMixtures()[0];
  shape.layers = 1;
  Served s(shape, 1), whole(shape, 1);
  const std::string config = s.ladder.config();
  const size_t entry = config.find("\"blk.0.ffn_gate.0.weight\""), at = config.find("\"offset\":", entry) + 9;
  const long experts = std::atol(config.c_str() + at);
  const auto& blob = s.ladder.blobs[0];
  CHECK(blob.size() > size_t(experts) + 16384);
  CHECK(truncate(s.files.path(0).c_str(), experts) == 0);
  CHECK(refusal([&] { s.logits(0); }).find("stage 0 must be readable") == 0);
  CHECK(refusal([&] { s.logits(0); }).find("stage 0 must be readable") == 0);
  s.files.write(0, blob);
  CHECK(sameBits(s.logits(0), whole.logits(0)));
#endif
}

void deltas() {
  const ModelShape model = LadderConfig::parse(TinyLadder(tinyMixtures()[0]).config()).model;
  const std::vector<uint32_t> offsets(102);
  EngineOptions options = {1, 1 << 20, KvType::F16, 64, "", offsets};
  options.delta = {2, 1 << 16, 1};
  Engine engine(LadderConfig::parse(TinyLadder(tinyMixtures()[0]).config()), options);
  const std::vector<int32_t> layers = {0};
  const auto vec = [&](Module module, int out) {
    static std::vector<uint16_t> v(512, 0);
    DeltaPart part = {};
    part.module = module;
    part.form = DeltaPart::Form::Vec;
    part.layers = {layers.data(), 1};
    part.v = {v.data(), size_t(out)};
    return std::vector<DeltaPart>{part};
  };
  CHECK(engine.loadDelta(vec(Module::O, model.hiddenSize)) > 0);
  for (Module module : {Module::Gate, Module::Up, Module::Down})
    CHECK(refusal([&] { engine.loadDelta(vec(module, module == Module::Down ? model.hiddenSize : model.ffnSize)); }) ==
          std::string("delta ") + nameOf(module) + ".module must be q, k, v or o in a mixture of experts");
}

}  // namespace

int main() {
  choices();
  products();
  kernelsAgree();
  largeRouter();
  caps();
  residency();
  unreadable();
  deltas();
  return report("model_experts");
}

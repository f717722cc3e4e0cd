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
  Bench(const TinyLadder& ladder, const TinyFiles& files, int threads = 2, DeltaOptions delta = {8, 1 << 17, 4})
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

struct Trace {
  Tokens tokens;
  std::vector<float> logprobs;
  bool operator==(const Trace& other) const {
    return tokens == other.tokens && logprobs.size() == other.logprobs.size() &&
           std::memcmp(logprobs.data(), other.logprobs.data(), logprobs.size() * sizeof(float)) == 0;
  }
  void add(const Sampled& s) {
    tokens.push_back(s.token);
    logprobs.insert(logprobs.end(), s.topLogprobs, s.topLogprobs + s.topCount);
  }
};

KvScope scopeOf(int number) {
  KvScope scope;
  scope.given = number > 0;
  scope.bytes[31] = uint8_t(number);
  return scope;
}

struct Case {
  Tokens prompt;
  int stage, index;
  int delta = 0;  // its place among the loaded ones, from 1; 0: the base
};

Sampling sampling(int index) {
  Sampling s;
  s.temperature = index % 2 ? 0.9f : 0.0f;
  s.topK = index % 3 ? 20 : 0;
  s.seed = uint64_t(index) * 77;
  s.logprobs = 20;
  return s;
}

enum class Draft { None, Right, Wrong, Stage };

// All cases in one batch, prompts in chunks, `count` sampled tokens each; `known` is what drafts are made from.
std::vector<Trace> together(Engine& engine, const std::vector<int>& handles, const std::vector<Case>& cases, int chunk,
                            int count, Draft draft = Draft::None, const std::vector<Trace>& known = {}) {
  std::vector<Trace> traces(cases.size());
  std::vector<int> sequences;
  std::vector<size_t> at(cases.size(), 0);
  for (size_t i = 0; i < cases.size(); i++) {
    const Case& c = cases[i];
    const int delta = c.delta == 0 ? 0 : handles[size_t(c.delta - 1)];
    sequences.push_back(engine.createSequence(sampling(c.index), {}, {delta, scopeOf(c.delta)}));
    at[i] = size_t(engine.matchPrefix(sequences[i], c.stage, c.prompt));
  }
  for (bool more = true; more;) {
    more = false;
    std::vector<StepItem> items;
    std::vector<size_t> who;
    for (size_t i = 0; i < cases.size(); i++) {
      const Case& c = cases[i];
      const size_t done = traces[i].tokens.size();
      if (int(done) >= count) continue;
      more = true;
      StepItem item{sequences[i], {}, {}, c.stage, true};
      if (at[i] < c.prompt.size()) {
        const size_t end = std::min(c.prompt.size(), at[i] + size_t(chunk));
        item.tokens = Tokens(c.prompt.begin() + long(at[i]), c.prompt.begin() + long(end));
        at[i] = end;
        item.sample = end == c.prompt.size();
      } else {
        item.tokens.assign(1, traces[i].tokens.back());
        if (draft == Draft::Stage && c.stage > 0) {
          item.draftStage = 0;
          item.draftCount = 3;
        } else if (draft == Draft::Right || draft == Draft::Wrong) {
          for (size_t k = done; k < std::min(done + 3, size_t(count)); k++)
            item.draft.push_back((known[i].tokens[k] + (draft == Draft::Wrong && k % 2 ? 1 : 0)) % 101);
        }
      }
      items.push_back(item);
      who.push_back(i);
    }
    if (!more) break;
    const auto outputs = engine.step(items);
    for (size_t j = 0; j < outputs.size(); j++) {
      CHECK(outputs[j].status == StepOutput::Status::Ok);
      if (!items[j].sample) continue;
      for (const Sampled& kept : outputs[j].kept)
        traces[who[j]].add(kept);
      traces[who[j]].add(outputs[j].sampled);
    }
  }
  for (Trace& t : traces) {  // drafts may have gone further
    const size_t top = t.logprobs.size() / t.tokens.size();
    t.tokens.resize(size_t(count));
    t.logprobs.resize(size_t(count) * top);
  }
  for (int sequence : sequences)
    engine.freeSequence(sequence);
  return traces;
}

// Every row is what it is alone: for all recipes at several stages in one step, whatever the chunks, the threads, the
// kernels and the drafts. Rows of the base are those of an engine that has no delta.
void independent(const TinyLadder& ladder, const TinyFiles& files, const std::vector<const char*>& variants,
                 const std::vector<int>& threadCounts) {
  const ModelShape model = LadderConfig::parse(ladder.config()).model;
  Random random(9);
  const auto recipes = deltas(model, random);
  const int count = int(recipes.size());
  std::vector<Case> cases;
  for (int i = 0; i < 3 * count; i++) {
    // The base, two sequences of the first recipes with one delta, two stages.
    const int delta = i % (count + 1);
    cases.push_back({prompt(3 + i * 5 % 40, i, model.vocabSize), i % 3 == 0 ? 1 : 4, i, delta});
  }
  std::vector<Trace> expected;
  Bench bare(ladder, files, 1, {});
  for (const Case& c : cases)
    if (c.delta == 0) expected.push_back(together(bare.engine, {}, {c}, 1000, 8)[0]);
  const auto baseOf = [&](const std::vector<Trace>& all) {
    std::vector<Trace> out;
    for (size_t i = 0; i < cases.size(); i++)
      if (cases[i].delta == 0) out.push_back(all[i]);
    return out;
  };
  std::vector<Trace> alone;
  for (const char* name : variants) {
    const char* before = kernels().name;
    if (!forceKernels(name)) continue;
    for (int threads : threadCounts) {
      Bench bench(ladder, files, threads);
      std::vector<int> handles;
      for (const auto& [what, delta] : recipes)
        handles.push_back(bench.engine.loadDelta(delta.views()));
      if (alone.empty()) {
        for (const Case& c : cases)
          alone.push_back(together(bench.engine, handles, {c}, 1000, 8)[0]);
        CHECK_FOR(baseOf(alone) == expected, "the base beside loaded deltas");
        for (size_t i = 0; i < alone.size(); i++)
          for (size_t j = 0; j < i; j++)
            if (cases[i].delta != 0) CHECK(!(alone[i] == alone[j]));
      }
      CHECK_FOR(together(bench.engine, handles, cases, 1000, 8) == alone, name);
      CHECK_FOR(together(bench.engine, handles, cases, 7, 8) == alone, "in chunks, over shared prefixes");
      for (Draft draft : {Draft::Right, Draft::Wrong, Draft::Stage})
        CHECK_FOR(together(bench.engine, handles, cases, 1000, 8, draft, alone) == alone, "with drafts");
      // Few rows: every thread computes the factors for itself.
      CHECK(together(bench.engine, handles, {cases[3], cases[4]}, 1, 8) == std::vector<Trace>({alone[3], alone[4]}));
    }
    forceKernels(before);
  }
  CHECK(!alone.empty());
}

template <typename Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no refusal";
}

// A handle means one load of one delta for ever; a slot in use stays.
void slots(const TinyLadder& ladder, const TinyFiles& files) {
  const ModelShape model = LadderConfig::parse(ladder.config()).model;
  Random random(4);
  Bench bench(ladder, files, 1, {2, 4096, 1});
  Engine& e = bench.engine;
  const OwnedDelta small = uniform(model, Form::Lora1, 4, Module::Q, Module::O, random),
                   dense = uniform(model, Form::Dense1, 32, Module::Q, Module::Down, random);
  const int a = e.loadDelta(small.views()), b = e.loadDelta(small.views()), c = e.loadDelta(dense.views());
  CHECK(a != b && b != c && a != c && a > 0 && b > 0 && c > 0);
  CHECK(refusal([&] { e.loadDelta(small.views()); }) == "delta must find a free slot: all 2 small slots are taken");
  CHECK(refusal([&] { e.loadDelta(dense.views()); }) == "delta must find a free slot: all 1 dense slots are taken");
  Stats stats = e.stats();
  CHECK(stats.deltaSlots == 2 && stats.deltaSlotsUsed == 2 && stats.denseSlots == 1 && stats.denseSlotsUsed == 1);
  CHECK(stats.deltaBytes > 4096);
  const int s = e.createSequence({}, {}, {a, scopeOf(1)}), t = e.createSequence({}, {}, {a, scopeOf(1)});
  CHECK(refusal([&] { e.freeDelta(a); }) == "delta must not be in use: 2 use it");
  e.freeSequence(s);
  e.freeSequence(t);
  e.freeDelta(a);
  CHECK(refusal([&] { e.freeDelta(a); }) == "delta must be a loaded delta, not " + std::to_string(a));
  const int again = e.loadDelta(small.views());
  CHECK(again != a && again != b && again != c);
  for (int bad : {a, -1, 0x7fffffff, again + 1000})
    CHECK(refusal([&] { e.createSequence({}, {}, {bad, scopeOf(1)}); }) ==
          "delta must be a loaded delta, not " + std::to_string(bad));
  CHECK(refusal([&] { e.createSequence({}, {}, {again, {}}); }) == "scope must be 32 bytes where there is a delta");
  CHECK(refusal([&] { e.freeDelta(0); }) == "delta must be a loaded delta, not 0");
  // What is refused half-way leaves its slot free.
  e.freeDelta(again);
  OwnedDelta broken = small;
  broken.parts.back().scales.back() = 0x7c00;
  CHECK(refusal([&] { e.loadDelta(broken.views()); }) == "delta o.scales must be finite numbers");
  CHECK(e.stats().deltaSlotsUsed == 1);
  const OwnedDelta whole = uniform(model, Form::Lora16, 64, Module::Q, Module::Down, random);
  CHECK(refusal([&] { e.loadDelta(whole.views()); }).find("delta must fit in a slot: it takes ") == 0);
  CHECK(refusal([&] { Bench(ladder, files, 1, {1, 0, 0}); }) == "delta.slotBytes must be from 1 to 2^32");
}

}  // namespace

int main() {
  for (const TinyShape& shape : tinyShapes()) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    numbers(ladder, files);
    if (&shape == &tinyShapes()[0])
      independent(ladder, files, {"scalar", "avx2", "avx512", "neon"}, {1, 3});
    else
      independent(ladder, files, {kernels().name}, {2});
  }
  const TinyLadder ladder(tinyShapes()[0]);
  const TinyFiles files(ladder.blobs);
  slots(ladder, files);
  return report("model_delta");
}

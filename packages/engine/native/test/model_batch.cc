// What a sequence gets must not depend on its neighbours, the batch, chunks, threads, shared prefixes or preemption:
// every comparison here is of the exact bits of the 20 largest log-probabilities of every sampled token.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "check.h"
#include "model/engine.h"
#include "model/failure.h"
#include "tiny_ladder.h"

using namespace zen;
using namespace zen::test;

namespace {

using Tokens = std::vector<int32_t>;

struct Trace {
  Tokens tokens;
  std::vector<float> logprobs;
  bool operator==(const Trace& other) const {
    return tokens == other.tokens && logprobs.size() == other.logprobs.size() &&
           std::memcmp(logprobs.data(), other.logprobs.data(), logprobs.size() * sizeof(float)) == 0;
  }
  void add(const StepOutput& o) {
    tokens.push_back(o.sampled.token);
    logprobs.insert(logprobs.end(), o.sampled.topLogprobs, o.sampled.topLogprobs + o.sampled.topCount);
  }
};

Sampling sampling(int index) {
  Sampling s;
  s.temperature = index % 3 == 0 ? 0.0f : 0.9f;
  s.topK = index % 2 ? 20 : 0;
  s.topP = index % 3 == 1 ? 0.9f : 1.0f;
  s.minP = index % 4 == 2 ? 0.02f : 0.0f;
  s.repetitionPenalty = index % 2 ? 1.1f : 1.0f;
  s.presencePenalty = index % 3 == 2 ? 0.5f : 0.0f;
  s.seed = uint64_t(index) * 77;
  s.logprobs = 20;
  return s;
}

struct Case {
  Tokens prompt;
  int stage, index;
};

class Bench {
 public:
  Bench(const TinyLadder& ladder, const TinyFiles& files, KvType kv, int threads, size_t kvBytes = 4 << 20)
      : engine(LadderConfig::parse(ladder.config()), {threads, kvBytes, kv, ladder.shape().context, "",
                                                      std::vector<uint32_t>(size_t(ladder.shape().vocab) + 1)}) {
    for (int k = 0; k < 5; k++)
      engine.attachStage(k, files.path(k));
  }
  Engine engine;

  // All cases in one batch, prompts in chunks; `count` sampled tokens each.
  std::vector<Trace> together(const std::vector<Case>& cases, int chunk, int count, bool prefix = false) {
    std::vector<Trace> traces(cases.size());
    std::vector<int> handles;
    std::vector<size_t> at(cases.size(), 0);
    matched = 0;
    for (const Case& c : cases) {
      handles.push_back(engine.createSequence(sampling(c.index)));
      if (!prefix) continue;
      at[handles.size() - 1] = size_t(engine.matchPrefix(handles.back(), c.stage, c.prompt));
      matched += int(at[handles.size() - 1]);
    }
    for (bool more = true; more;) {
      more = false;
      std::vector<StepItem> items;
      std::vector<size_t> who;
      for (size_t i = 0; i < cases.size(); i++) {
        const Case& c = cases[i];
        if (int(traces[i].tokens.size()) == count) continue;
        more = true;
        Tokens next;
        if (at[i] < c.prompt.size()) {
          const size_t end = std::min(c.prompt.size(), at[i] + size_t(chunk));
          next = Tokens(c.prompt.begin() + long(at[i]), c.prompt.begin() + long(end));
          at[i] = end;
        } else {
          next.assign(1, traces[i].tokens.back());
        }
        items.push_back({handles[i], next, {}, c.stage, at[i] >= c.prompt.size()});
        who.push_back(i);
      }
      if (!more) break;
      const auto outputs = engine.step(items);
      for (size_t j = 0; j < outputs.size(); j++) {
        CHECK(outputs[j].status == StepOutput::Status::Ok);
        if (items[j].sample) traces[who[j]].add(outputs[j]);
      }
    }
    for (int handle : handles)
      engine.freeSequence(handle);
    return traces;
  }
  int matched = 0;
};

std::vector<Case> cases(int vocab) {
  std::vector<Case> all;
  Random random(5);
  for (int i = 0; i < 8; i++) {
    Case c{{}, i % 5, i};
    const int length = 3 + below(random, 70);
    for (int t = 0; t < length; t++)
      c.prompt.push_back(below(random, vocab));
    all.push_back(c);
  }
  return all;
}

void independent(const TinyLadder& ladder, const TinyFiles& files, KvType kv) {
  const auto all = cases(ladder.shape().vocab);
  Bench one(ladder, files, kv, 1);
  std::vector<Trace> alone;
  for (const Case& c : all)
    alone.push_back(one.together({c}, 1000, 12)[0]);
  CHECK_FOR(one.together(all, 1000, 12) == alone, "among 7 others, of other stages");
  CHECK_FOR(one.together(all, 5, 12) == alone, "prompts in chunks of 5");
  for (int threads : {2, 3}) {
    Bench many(ladder, files, kv, threads);
    CHECK_FOR(many.together(all, 17, 12) == alone, "more threads");
  }
  CHECK_FOR(one.together(all, 1000, 12, true) == alone, "prefix taken over");
  CHECK(one.matched > 100);
}

// A pass holds 512 rows; these prompts cross that border together.
void longBatch(const TinyLadder& ladder, const TinyFiles& files) {
  std::vector<Case> all;
  Random random(9);
  for (int i = 0; i < 5; i++) {
    Case c{{}, i % 2 * 4, i};
    for (int t = 0; t < 140; t++)
      c.prompt.push_back(below(random, ladder.shape().vocab));
    all.push_back(c);
  }
  Bench bench(ladder, files, KvType::F16, 2);
  std::vector<Trace> alone;
  for (const Case& c : all)
    alone.push_back(bench.together({c}, 1000, 3)[0]);
  CHECK(bench.together(all, 1000, 3) == alone);
}

// Forgetting computed tokens and computing them again changes nothing, from a shared block too (copy-on-write).
void preempted(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 2);
  const Case c = cases(ladder.shape().vocab)[1];
  Tokens all = c.prompt;
  const auto run = [&](int from, int keep) {
    const int handle = bench.engine.createSequence(sampling(c.index));
    Trace trace;
    Tokens history = c.prompt, next = c.prompt;
    for (int i = 0; i < 10; i++) {
      const auto out = bench.engine.step({{handle, next, {}, c.stage, true}})[0];
      trace.add(out);
      history.push_back(out.sampled.token);
      next.assign(1, out.sampled.token);
      if (i == from) {
        bench.engine.truncate(handle, keep);
        next = Tokens(history.begin() + keep, history.end());
      }
    }
    bench.engine.freeSequence(handle);
    return trace;
  };
  const Trace plain = run(-1, 0);
  CHECK(run(4, 0) == plain);
  CHECK(run(4, 7) == plain);   // inside a cached block
  CHECK(run(6, 16) == plain);  // at its border
}

// Writing over a shared block's tokens leaves the cached block as it was.
void copyOnWrite(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 2);
  const Case c{Tokens(40, 5), 4, 3};
  const Trace plain = bench.together({c}, 1000, 5)[0];
  const int handle = bench.engine.createSequence(sampling(0));
  CHECK(bench.engine.matchPrefix(handle, c.stage, c.prompt) == 32);
  bench.engine.truncate(handle, 7);
  bench.engine.step({{handle, Tokens(20, 6), {}, c.stage, true}});
  CHECK(bench.together({c}, 1000, 5, true)[0] == plain);
  CHECK(bench.matched == 32);
}

// The budget holds: the sequence that does not fit says so and can go on when another one is gone.
void outOfKv(const TinyLadder& ladder, const TinyFiles& files) {
  const size_t block = Graph::kvBlockBytes(LadderConfig::parse(ladder.config()).model, KvType::F16);
  Bench bench(ladder, files, KvType::F16, 1, 5 * block + 17);
  CHECK(bench.engine.stats().kvBlocksTotal == 5);
  const Tokens prompt(40, 3);
  const int a = bench.engine.createSequence(sampling(0)), b = bench.engine.createSequence(sampling(0));
  auto out = bench.engine.step({{a, prompt, {}, 0, true}, {b, prompt, {}, 1, true}});
  CHECK(out[0].status == StepOutput::Status::Ok && out[1].status == StepOutput::Status::NoKv &&
        out[1].sampled.token == -1);
  CHECK(bench.engine.stats().kvBlocksFree == 2);
  bench.engine.freeSequence(a);
  CHECK(bench.engine.stats().kvBlocksFree == 5 && bench.engine.stats().kvBlocksCached == 2);
  out = bench.engine.step({{b, prompt, {}, 1, true}});
  CHECK(out[0].status == StepOutput::Status::Ok);
  // Evicted for b: the chain of a went from its end.
  const int c = bench.engine.createSequence(sampling(0));
  CHECK(bench.engine.matchPrefix(c, 0, prompt) == 32);
  CHECK(bench.engine.step({{c, Tokens(8, 3), {}, 0, true}})[0].status == StepOutput::Status::NoKv);
  bench.engine.freeSequence(b);
  CHECK(bench.engine.step({{c, Tokens(8, 3), {}, 0, true}})[0].status == StepOutput::Status::Ok);
}

// A stage that is dropped leaves no keys and values behind, those of a step that ran meanwhile included; lower stages
// keep theirs.
void dropped(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 2);
  Engine& e = bench.engine;
  const Tokens prompt(40, 7);
  const auto cachedAt = [&](int stage) {
    const int s = e.createSequence(sampling(0));
    const int found = e.matchPrefix(s, stage, prompt);
    e.freeSequence(s);
    return found;
  };
  const auto attach = [&] {
    for (int k = 2; k < 5; k++)
      e.attachStage(k, files.path(k));
  };
  bench.together({{prompt, 1, 0}, {prompt, 3, 0}, {prompt, 4, 0}}, 64, 1);
  CHECK(cachedAt(1) == 32 && cachedAt(3) == 32 && cachedAt(4) == 32);
  // Holds 8 tokens of stage 3: its block is offered when it is full, which must not happen any more.
  const int half = e.createSequence(sampling(0));
  e.step({{half, Tokens(8, 9), {}, 3, false}});
  e.detachStage(2);
  attach();
  CHECK(cachedAt(1) == 32 && cachedAt(3) == 0 && cachedAt(4) == 0);
  e.step({{half, Tokens(24, 9), {}, 3, false}});
  const int other = e.createSequence(sampling(0));
  CHECK(e.matchPrefix(other, 3, Tokens(32, 9)) == 0);
  e.truncate(half, 0);
  e.step({{half, Tokens(32, 9), {}, 3, false}});
  CHECK(e.matchPrefix(other, 3, Tokens(40, 9)) == 32);
  // A step that runs meanwhile publishes nothing either.
  int ran = 0;
  for (int round = 0; round < 40; round++) {
    const int s = e.createSequence(sampling(0));
    std::atomic<bool> begun{false};
    std::thread stepping([&] {
      begun = true;
      try {
        e.step({{s, Tokens(150, 5), {}, 3, false}});
        ran++;
      } catch (const Failure&) {
        // Detached before it began.
      }
    });
    while (!begun)
      std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(20 * round));
    e.detachStage(2);
    stepping.join();
    e.freeSequence(s);
    attach();
    const int fresh = e.createSequence(sampling(0));
    CHECK(e.matchPrefix(fresh, 3, Tokens(150, 5)) == 0);
    e.freeSequence(fresh);
  }
  CHECK(ran > 0);
}

// Another sequence goes on where one stopped, penalties and stop texts included.
void resumed(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 2);
  Engine& e = bench.engine;
  for (int index = 0; index < 8; index++) {
    const Case c{Tokens(20, index), 2, index};
    const Trace whole = bench.together({c}, 64, 12)[0];
    const Tokens sampled(whole.tokens.begin(), whole.tokens.begin() + 6);
    const int s = e.createSequence(sampling(index), sampled);
    Tokens next = c.prompt;
    next.insert(next.end(), sampled.begin(), sampled.end());
    Trace rest;
    for (int i = 6; i < 12; i++) {
      rest.add(e.step({{s, next, {}, c.stage, true}})[0]);
      next.assign(1, rest.tokens.back());
    }
    CHECK(rest.tokens == Tokens(whole.tokens.begin() + 6, whole.tokens.end()));
    CHECK(std::memcmp(rest.logprobs.data(), whole.logprobs.data() + 6 * 20, rest.logprobs.size() * 4) == 0);
  }
}

// Rows of embeddings in place of tokens; equal rows give equal results, and nothing is shared by mistake.
void embeddings(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 2);
  const Case c = cases(ladder.shape().vocab)[0];
  const size_t h = size_t(ladder.shape().hidden);
  std::vector<float> rows;
  for (int32_t token : c.prompt) {
    const float* row = ladder.values("token_embd.weight", c.stage).data() + size_t(token) * h;
    rows.insert(rows.end(), row, row + h);
  }
  const int a = bench.engine.createSequence(sampling(0));
  Trace got;
  got.add(bench.engine.step({{a, {}, rows, c.stage, true}})[0]);
  CHECK(bench.engine.stats().kvBlocksCached == 0);
  CHECK(bench.together({c}, 1000, 1)[0] == got);
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

void refusals(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16, 1);
  Engine& e = bench.engine;
  const int a = e.createSequence(sampling(0));
  const auto step = [&](StepItem item) { return refusal([&] { e.step({item}); }); };
  CHECK(step({a + 1, {1}, {}, 0, true}) == "sequence " + std::to_string(a + 1) + " must be a live handle");
  CHECK(step({a, {101}, {}, 0, true}) == "items[0].tokens must be from 0 to 100, not 101");
  CHECK(step({a, {-1}, {}, 0, true}) == "items[0].tokens must be from 0 to 100, not -1");
  CHECK(step({a, {}, {}, 0, true}) == "items[0] must have either tokens or embeddings");
  CHECK(step({a, {1}, {}, 5, true}) == "stage 5 must be attached");
  CHECK(step({a, {}, std::vector<float>(63), 0, true}) == "items[0].embeddings must have rows of 64");
  CHECK(step({a, {}, std::vector<float>(64, std::nanf("")), 0, true}) ==
        "items[0].embeddings must be numbers of at most 1e6");
  CHECK(step({a, Tokens(161, 1), {}, 0, true}) == "items[0].tokens must end within the context of 160 tokens");
  CHECK(refusal([&] { e.step({{a, {1}, {}, 0, true}, {a, {1}, {}, 0, true}}); }) ==
        "items[1].sequence must be in a step once");
  CHECK(refusal([&] { e.truncate(a, 1); }) == "length must be from 0 to 0");
  e.detachStage(2);
  CHECK(e.stats().attachedStages == std::vector<int>({0, 1}));
  CHECK(step({a, {1}, {}, 2, true}) == "stage 2 must be attached");
  CHECK(refusal([&] { e.attachStage(4, files.path(4)); }) == "stage 4 must follow stage 3");
  CHECK(refusal([&] { e.attachStage(1, files.path(1)); }) == "stage 1 must not be attached already");
  e.attachStage(2, files.path(2));
  CHECK(step({a, {1}, {}, 2, true}) == "no refusal");
}

}  // namespace

int main() {
  std::vector<TinyShape> shapes = tinyShapes();
  shapes.insert(shapes.end(), tinyMixtures().begin(), tinyMixtures().end());
  for (const TinyShape& shape : shapes) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    for (KvType kv : {KvType::F16, KvType::Int8})
      independent(ladder, files, kv);
  }
  const TinyLadder ladder(tinyShapes()[0]);
  const TinyFiles files(ladder.blobs);
  longBatch(ladder, files);
  preempted(ladder, files);
  copyOnWrite(ladder, files);
  outOfKv(ladder, files);
  dropped(ladder, files);
  resumed(ladder, files);
  embeddings(ladder, files);
  refusals(ladder, files);
  return report("model_batch");
}

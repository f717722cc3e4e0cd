// Experts elsewhere change no bit: whatever placement, order of answers, threads, batch and way of the passes, a sequence
// gets what it gets where all experts are at home. Where an expert is missing its floor decides, for its own rows only.
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <thread>

#include "check.h"
#include "model/engine.h"
#include "model/expert_pod.h"
#include "model/failure.h"
#include "tiny_ladder.h"

using namespace zen;
using namespace zen::test;

namespace {

using Tokens = std::vector<int32_t>;
using Two = EngineOptions::Experts::Two;
using Way = std::pair<Two, int>;  // and threads

// Pods that hold everything behind threads of their own; calls are answered in no order. `lose` says which experts of a
// call nobody has.
class Elsewhere {
 public:
  Elsewhere(const TinyLadder& ladder, const TinyFiles& files) : pod_(LadderConfig::parse(ladder.config()), 1) {
    std::vector<std::string> paths;
    for (int k = 0; k < 5; k++)
      paths.push_back(files.path(k));
    Tokens all;
    for (int e = 0; e < ladder.shape().experts; e++)
      all.push_back(e);
    for (int layer = 0; layer < ladder.shape().layers; layer++)
      pod_.hold(layer, all, paths);
    for (int i = 0; i < 2; i++)
      threads_.emplace_back([this, i] { serve(unsigned(i)); });
  }
  ~Elsewhere() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }

  ExpertCalls::Dispatch dispatch() {
    return [this](const ExpertCall& call) {
      calls++;
      exact += call.exact;
      const std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(call);
      wake_.notify_one();
    };
  }

  Engine* engine = nullptr;
  std::atomic<int> calls{0}, exact{0};
  std::atomic<bool> hears{true};  // false: calls are left lying
  std::function<bool(const ExpertCall&, int expert)> lose = [](const ExpertCall&, int) { return false; };

 private:
  void serve(unsigned seed) {
    Random random(seed);
    for (;;) {
      ExpertCall call;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || (!queue_.empty() && hears); });
        if (stop_) return;
        const size_t at = size_t(below(random, int(queue_.size())));
        call = queue_[at];
        queue_.erase(queue_.begin() + long(at));
      }
      std::vector<float> out(call.pairs.size() * size_t(pod_.shape().hiddenSize));
      std::vector<uint8_t> missing;
      pod_.run(call.view(), RowEncoding::F32, reinterpret_cast<uint8_t*>(out.data()), out.size() * sizeof(float));
      size_t at = 0;
      for (size_t e = 0; e < call.experts.size(); e++) {
        missing.push_back(lose(call, call.experts[e]));
        const size_t count = size_t(call.counts[e]) * size_t(pod_.shape().hiddenSize);
        if (missing.back()) std::fill_n(out.begin() + long(at), count, NAN);
        at += count;
      }
      engine->completeExperts(call.id, {out.data(), out.size()}, {missing.data(), missing.size()});
    }
  }

  ExpertPod pod_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<ExpertCall> queue_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

struct Trace {
  Tokens tokens;
  std::vector<float> logprobs;
  ExpertFalls falls;
  int refused = 0;  // steps that it left for want of an expert
  bool operator==(const Trace& o) const {
    return tokens == o.tokens && logprobs.size() == o.logprobs.size() &&
           std::memcmp(logprobs.data(), o.logprobs.data(), logprobs.size() * sizeof(float)) == 0;
  }
};

struct Case {
  Tokens prompt;
  int stage;
  ExpertFloor floor = ExpertFloor::Exact;
};

Sampling greedy() {
  Sampling s;
  s.temperature = 0;
  s.topP = 1;
  s.repetitionPenalty = 1;
  s.logprobs = 20;
  return s;
}

struct Bench {
  Bench(const TinyLadder& ladder, const TinyFiles& files, int threads, std::vector<int8_t> resident = {},
        Elsewhere* elsewhere = nullptr, Two two = Two::Never)
      : engine(LadderConfig::parse(ladder.config()),
               {threads, 4 << 20, KvType::F16, ladder.shape().context, "",
                std::vector<uint32_t>(size_t(ladder.shape().vocab) + 1), {},
                {std::move(resident), elsewhere ? elsewhere->dispatch() : nullptr, two}}) {
    if (elsewhere) elsewhere->engine = &engine;
    for (int k = 0; k < 5; k++)
      engine.attachStage(k, files.path(k));
  }
  Engine engine;

  // All cases in one batch, prompts in chunks, `count` sampled tokens each. A sequence that leaves a step tries again.
  std::vector<Trace> together(const std::vector<Case>& cases, size_t chunk, size_t count, int drafts = 0) {
    std::vector<Trace> traces(cases.size());
    std::vector<int> handles;
    std::vector<size_t> at(cases.size(), 0);
    for (size_t i = 0; i < cases.size(); i++)
      handles.push_back(engine.createSequence(greedy()));
    for (;;) {
      std::vector<StepItem> items;
      std::vector<size_t> who, ends;
      for (size_t i = 0; i < cases.size(); i++) {
        const Case& c = cases[i];
        if (traces[i].tokens.size() >= count) continue;
        StepItem item{handles[i], {}, {}, c.stage, true};
        item.expertFloor = c.floor;
        const size_t end = std::min(c.prompt.size(), at[i] + chunk);
        if (at[i] < c.prompt.size()) {
          item.tokens = Tokens(c.prompt.begin() + long(at[i]), c.prompt.begin() + long(end));
          item.sample = end == c.prompt.size();
        } else {
          item.tokens = Tokens(1, traces[i].tokens.back());
          if (drafts > 0 && c.stage > 0) {
            item.draftStage = 0;
            item.draftCount = drafts;
          }
        }
        items.push_back(item);
        who.push_back(i);
        ends.push_back(end);
      }
      if (items.empty()) break;
      const auto outputs = engine.step(items);
      for (size_t j = 0; j < outputs.size(); j++) {
        const StepOutput& o = outputs[j];
        Trace& t = traces[who[j]];
        if (o.status == StepOutput::Status::NoExpert) {
          if (++t.refused > 200) std::abort();
          continue;
        }
        CHECK(o.status == StepOutput::Status::Ok);
        at[who[j]] = std::max(at[who[j]], ends[j]);
        t.falls.standIn += o.falls.standIn;
        t.falls.without += o.falls.without;
        if (!items[j].sample) continue;
        const auto add = [&](const Sampled& s) {
          if (t.tokens.size() >= count) return;
          t.tokens.push_back(s.token);
          t.logprobs.insert(t.logprobs.end(), s.topLogprobs, s.topLogprobs + s.topCount);
        };
        for (const Sampled& kept : o.kept)
          add(kept);
        add(o.sampled);
      }
    }
    for (int handle : handles)
      engine.freeSequence(handle);
    return traces;
  }
};

std::vector<Case> cases(const TinyShape& shape, ExpertFloor floor = ExpertFloor::Exact) {
  std::vector<Case> all;
  Random random(5);
  for (int i = 0; i < 7; i++) {
    Case c{{}, (i * 2) % 5, floor};
    const int length = 3 + below(random, 40);
    for (int t = 0; t < length; t++)
      c.prompt.push_back(below(random, shape.vocab));
    all.push_back(c);
  }
  return all;
}

std::vector<int8_t> table(const TinyShape& shape, const std::function<int(int)>& of) {
  std::vector<int8_t> all;
  for (int i = 0; i < shape.layers * shape.experts; i++)
    all.push_back(int8_t(of(i)));
  return all;
}

void placements(const TinyShape& shape) {
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  Elsewhere elsewhere(ladder, files);
  const auto all = cases(shape);
  std::vector<Trace> right;
  {
    Bench home(ladder, files, 1);
    right = home.together(all, 1000, 8);
  }
  Random random(9);
  const std::pair<const char*, std::vector<int8_t>> where[] = {
      {"all away", table(shape, [](int) { return -1; })},
      {"the lowest stage at home", table(shape, [](int) { return 0; })},
      {"mixed", table(shape, [&](int) { return below(random, 6) - 1; })},
      {"all at home", table(shape, [](int) { return 4; })}};
  for (const auto& [name, resident] : where)
    for (const auto& [two, threads] : {Way{Two::Never, 1}, Way{Two::Always, 3}, Way{Two::Quicker, 2}}) {
        Bench bench(ladder, files, threads, resident, &elsewhere, two);
        const int before = elsewhere.calls;
        CHECK_FOR(bench.together(all, 9, 8) == right, name);
        CHECK_FOR((elsewhere.calls > before) == (std::string(name) != "all at home"), name);
        for (size_t i = 0; i < 2; i++)
          CHECK_FOR(bench.together({all[i]}, 1000, 8)[0] == right[i], "alone");
        CHECK_FOR(bench.together(all, 1000, 8, 3) == right, "with drafts of stage 0");
    }
  CHECK(elsewhere.exact > 0);
}

// Every expert is missing now and then: those whose floor is exact try again and get what they would have got.
void failures(const TinyShape& shape) {
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  Elsewhere elsewhere(ladder, files);
  auto all = cases(shape);
  std::vector<Trace> right;
  {
    Bench home(ladder, files, 1);
    right = home.together(all, 1000, 8);
  }
  std::atomic<unsigned> count{0};
  elsewhere.lose = [&](const ExpertCall&, int) { return ++count % 97 == 0; };
  for (const auto& [two, threads] : {Way{Two::Never, 1}, Way{Two::Always, 3}}) {
      Bench bench(ladder, files, threads, table(shape, [](int i) { return i % 2 - 1; }), &elsewhere, two);
      const auto got = bench.together(all, 9, 8);
      CHECK_FOR(got == right, "exact floors across missing experts");
      int refused = 0;
      for (const Trace& t : got)
        refused += t.refused;
      CHECK(refused > 0);
    }
}

void floors(const TinyShape& shape) {
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  Elsewhere elsewhere(ladder, files);
  const auto lowest = table(shape, [](int) { return 0; }), none = table(shape, [](int) { return -1; });
  const auto exact = cases(shape), lower = cases(shape, ExpertFloor::StandIn), less = cases(shape, ExpertFloor::Without);
  std::vector<Trace> right, low;
  {
    Bench home(ladder, files, 1);
    right = home.together(exact, 1000, 8);
    home.engine.setExpertCaps(lowest);
    low = home.together(exact, 1000, 8);
  }
  CHECK(!(right == low));
  elsewhere.lose = [](const ExpertCall&, int) { return true; };
  for (const auto& [two, threads] : {Way{Two::Never, 1}, Way{Two::Always, 3}}) {
      Bench bench(ladder, files, threads, lowest, &elsewhere, two);
      // Nothing comes: what a floor of stand-ins gets is what the caps would give it.
      for (const auto& some : {lower, less}) {
        const auto got = bench.together(some, 9, 8);
        CHECK_FOR(got == low, "stand-ins");
        for (size_t i = 0; i < got.size(); i++)
          CHECK((got[i].falls.standIn > 0) == (some[i].stage > 0) && got[i].falls.without == 0 && got[i].refused == 0);
      }
      // Nobody finds the keys and values of who fell, and those of who did not.
      const Tokens prompt(40, 7);
      for (int stage : {0, 4}) {
        const int made = bench.engine.createSequence(greedy());
        bench.engine.step({{made, prompt, {}, stage, true}});
        const int later = bench.engine.createSequence(greedy());
        CHECK(bench.engine.matchPrefix(later, stage, prompt) == (stage == 0 ? 32 : 0));
        bench.engine.freeSequence(made);
        bench.engine.freeSequence(later);
      }
      // The stage of the lowest is at home: its rows fall never, and are not changed by neighbours that leave.
      std::vector<StepItem> items;
      for (const Case& c : exact)
        items.push_back({bench.engine.createSequence(greedy()), c.prompt, {}, c.stage, true});
      for (size_t i = 0; i < items.size(); i++)
        items[i].expertFloor = i % 2 ? ExpertFloor::Exact : ExpertFloor::StandIn;
      const auto outputs = bench.engine.step(items);
      for (size_t i = 0; i < items.size(); i++) {
        const bool leaves = i % 2 == 1 && items[i].stage > 0;
        CHECK((outputs[i].status == StepOutput::Status::NoExpert) == leaves);
        if (leaves) {
          CHECK(outputs[i].sampled.token == -1 && outputs[i].falls.standIn == 0);
          bench.engine.truncate(items[i].sequence, 0);  // nothing was appended
        } else {
          CHECK(outputs[i].sampled.token == low[i].tokens[0]);
        }
      }
    }
  for (int threads : {1, 2}) {
    Bench bench(ladder, files, threads, none, &elsewhere);
    const auto got = bench.together(less, 9, 4);
    for (const Trace& t : got)
      CHECK(t.falls.without > 0 && t.falls.standIn == 0 && t.tokens.size() == 4 && std::isfinite(t.logprobs[0]));
    // A stand-in that is nowhere is none.
    const auto outputs = bench.engine.step({{bench.engine.createSequence(greedy()), {1, 2, 3}, {}, 4, true}});
    CHECK(outputs[0].status == StepOutput::Status::NoExpert);
    bool threw = false;
    std::vector<float> logits(size_t(3 * shape.vocab));
    try {
      bench.engine.logits(4, {1, 2, 3}, logits.data());
    } catch (const Failure& failure) {
      threw = failure.field() == "experts";
    }
    CHECK(threw);
  }
}

// One of two experts: the other's gate becomes 1, whatever it was. So where all experts of a layer are the same (their
// outputs are), one of them is as good as both.
void renormalized() {
  TinyShape shape = tinyMixtures()[0];
  const TinyLadder ladder(shape);
  LadderConfig config = LadderConfig::parse(ladder.config());
  auto blobs = std::vector<std::vector<uint8_t>>(ladder.blobs, ladder.blobs + 5);
  for (int layer = 0; layer < shape.layers; layer++)
    for (int e = 1; e < shape.experts; e++)
      for (size_t t = 0; t < 3; t++) {
        const auto& from = config.tensors[expertTensor(config.model, layer, 0) + t].rungs;
        const auto& to = config.tensors[expertTensor(config.model, layer, e) + t].rungs;
        for (size_t r = 0; r < from.size(); r++) {
          std::vector<Section> sections;
          from[r].eachSection([&](const Section& s) { sections.push_back(s); });
          size_t i = 0;
          to[r].eachSection([&](const Section& s) {
            const Section& own = sections[i++];
            std::memcpy(blobs[size_t(s.stage)].data() + s.offset, blobs[size_t(own.stage)].data() + own.offset, s.bytes);
          });
        }
      }
  const TinyFiles files(blobs.data());
  Elsewhere elsewhere(ladder, files);
  const auto less = cases(shape, ExpertFloor::Without);
  Bench home(ladder, files, 1);
  const auto right = home.together(less, 1000, 6);
  std::atomic<bool> lost{false};
  elsewhere.lose = [&](const ExpertCall& call, int expert) {
    const bool loses = call.experts.size() > 1 && expert == call.experts[0] && call.pairs.size() == 2;
    lost = lost || loses;
    return loses;
  };
  Bench bench(ladder, files, 2, table(shape, [](int) { return -1; }), &elsewhere);
  for (size_t i = 0; i < less.size(); i++) {
    const Trace got = bench.together({less[i]}, 1, 6)[0];
    CHECK(got.falls.without > 0 && got.tokens.size() == 6);
    for (size_t n = 0; n < got.logprobs.size(); n++)
      if (!(std::fabs(got.logprobs[n] - right[i].logprobs[n]) < 0.02f)) {
        CHECK_FOR(false, "renormalized gates");
        break;
      }
  }
  CHECK(lost);
}

// A step that nobody answers ends when the calls are given up; later ones ask nobody.
void abandoned(const TinyShape& shape) {
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  Elsewhere elsewhere(ladder, files);
  Bench bench(ladder, files, 2, table(shape, [](int) { return 0; }), &elsewhere);
  elsewhere.hears = false;
  StepItem item{bench.engine.createSequence(greedy()), {1, 2, 3}, {}, 4, true};
  std::vector<StepOutput> outputs;
  std::thread stepping([&] { outputs = bench.engine.step({item}); });
  while (elsewhere.calls == 0)
    std::this_thread::yield();
  bench.engine.abandonExperts();
  stepping.join();
  CHECK(outputs[0].status == StepOutput::Status::Ok && outputs[0].falls.standIn > 0);
  const int before = elsewhere.calls;
  item.tokens = {4};
  item.expertFloor = ExpertFloor::Exact;
  CHECK(bench.engine.step({item})[0].status == StepOutput::Status::NoExpert && elsewhere.calls == before);
  const uint8_t missing = 0;
  bench.engine.completeExperts(12345, {nullptr, 0}, {&missing, 1});  // late: nobody minds
}

void answers(const TinyShape& shape) {
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  std::vector<std::string> said;
  Engine* engine = nullptr;
  int answered = 0;
  // Wrong answers, inside the dispatch.
  const auto dispatch = [&](const ExpertCall& call) {
    const std::vector<float> some(call.pairs.size() * size_t(shape.hidden) + 1);
    const std::vector<uint8_t> missing(call.experts.size() + 1);
    const auto complete = [&](int id, size_t outputs, size_t experts) {
      try {
        engine->completeExperts(id, {some.data(), outputs}, {missing.data(), experts});
      } catch (const Failure& failure) {
        if (said.size() < 4) said.push_back(failure.field());
      }
    };
    const int id = call.id;
    if (answered == 0) complete(id + 7, some.size() - 1, missing.size() - 1);
    complete(id, some.size() - (answered % 2 ? 1 : 0), missing.size() - (answered % 2 ? 0 : 1));
    if (answered == 0) complete(id, some.size() - 1, missing.size() - 1);
    answered++;
  };
  Engine own(LadderConfig::parse(ladder.config()),
             {1, 4 << 20, KvType::F16, shape.context, "", std::vector<uint32_t>(size_t(shape.vocab) + 1), {},
              {table(shape, [](int) { return 0; }), dispatch, Two::Never}});
  engine = &own;
  for (int k = 0; k < 5; k++)
    own.attachStage(k, files.path(k));
  const auto outputs = own.step({{own.createSequence(greedy()), {1, 2, 3}, {}, 4, true}});
  CHECK(outputs[0].status == StepOutput::Status::Ok && outputs[0].falls.standIn > 0);
  CHECK((said == std::vector<std::string>{"id", "outputs", "id", "missing"}));
}

}  // namespace

int main() {
  for (const TinyShape& shape : tinyMixtures()) {
    placements(shape);
    failures(shape);
    floors(shape);
  }
  renormalized();
  abandoned(tinyMixtures()[0]);
  answers(tinyMixtures()[0]);
  return report("model_remote");
}

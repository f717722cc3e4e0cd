// Drafted tokens never change an answer: whatever is guessed, by whom, and among whichever neighbours, tokens,
// log-probabilities and ends are bit for bit those of plain decoding.
#include <cmath>
#include <cstring>

#include "check.h"
#include "model/engine.h"
#include "model/failure.h"
#include "tiny_ladder.h"

using namespace zen;
using namespace zen::test;

namespace {

using Tokens = std::vector<int32_t>;
using Finish = StepOutput::Finish;

struct Answer {
  Tokens tokens;
  std::vector<float> logprobs;
  Finish finish = Finish::None;
  int stopIndex = -1, steps = 0;
  bool operator==(const Answer& o) const {
    return tokens == o.tokens && finish == o.finish && stopIndex == o.stopIndex && logprobs.size() == o.logprobs.size() &&
           std::memcmp(logprobs.data(), o.logprobs.data(), logprobs.size() * sizeof(float)) == 0;
  }
  void add(const Sampled& s) {
    tokens.push_back(s.token);
    logprobs.push_back(s.logprob);
    logprobs.insert(logprobs.end(), s.topLogprobs, s.topLogprobs + s.topCount);
  }
};

// Token t stands for the letter 'a' + t % 26.
EngineOptions options(const TinyShape& s, KvType kv, size_t kvBytes) {
  std::string bytes;
  std::vector<uint32_t> offsets = {0};
  for (int t = 0; t < s.vocab; t++) {
    bytes += static_cast<char>('a' + t % 26);
    offsets.push_back(static_cast<uint32_t>(t + 1));
  }
  return {2, kvBytes, kv, s.context, bytes, offsets};
}

Sampling sampling(int index) {
  Sampling s;
  s.temperature = index % 3 == 0 ? 0.0f : 0.8f;
  s.topK = index % 2 ? 12 : 0;
  s.topP = index % 3 == 1 ? 0.9f : 1.0f;
  s.minP = index % 4 == 2 ? 0.02f : 0.0f;
  s.repetitionPenalty = index % 2 ? 1.2f : 1.0f;
  s.presencePenalty = index % 3 == 2 ? 0.5f : 0.0f;
  s.frequencyPenalty = index % 4 == 3 ? 0.7f : 0.0f;
  if (index % 5 == 4) s.logitBias = {{3, 2.0f}, {7, -4.0f}};
  s.seed = uint64_t(index) * 991 + 5;
  s.logprobs = index % 4 == 1 ? -1 : 5;
  return s;
}

enum class Drafter { None, Right, Half, Wrong, Stage };
constexpr int kLength = 24;

class Bench {
 public:
  Bench(const TinyLadder& ladder, const TinyFiles& files, KvType kv, size_t kvBytes = 4 << 20)
      : engine(LadderConfig::parse(ladder.config()), options(ladder.shape(), kv, kvBytes)) {
    for (int k = 0; k < 5; k++)
      engine.attachStage(k, files.path(k));
  }
  Engine engine;

  struct Request {
    Tokens prompt;
    int stage;
    Sampling sampling;
    Drafter drafter;
    Answer known;  // what the drafts are made from
  };

  // All in one batch, each until it ends or has kLength tokens.
  std::vector<Answer> together(const std::vector<Request>& requests) {
    std::vector<Answer> answers(requests.size());
    std::vector<int> handles;
    for (const Request& r : requests)
      handles.push_back(engine.createSequence(r.sampling));
    for (;;) {
      std::vector<StepItem> items;
      std::vector<size_t> who;
      for (size_t i = 0; i < requests.size(); i++) {
        Answer& a = answers[i];
        if (a.finish != Finish::None || int(a.tokens.size()) >= kLength) continue;
        StepItem item{handles[i], a.tokens.empty() ? requests[i].prompt : Tokens(1, a.tokens.back()), {},
                      requests[i].stage, true};
        guess(requests[i], a, item);
        items.push_back(item);
        who.push_back(i);
      }
      if (items.empty()) break;
      const auto outputs = engine.step(items);
      for (size_t j = 0; j < outputs.size(); j++) {
        Answer& a = answers[who[j]];
        CHECK(outputs[j].status == StepOutput::Status::Ok);
        CHECK(int(outputs[j].kept.size()) <= items[j].drafts());
        for (const Sampled& kept : outputs[j].kept)
          a.add(kept);
        a.add(outputs[j].sampled);
        a.finish = outputs[j].finish;
        a.stopIndex = outputs[j].stopIndex;
        a.steps++;
      }
    }
    for (int handle : handles)
      engine.freeSequence(handle);
    return answers;
  }

 private:
  void guess(const Request& r, const Answer& a, StepItem& item) {
    const size_t at = a.tokens.size();
    if (r.drafter == Drafter::None) return;
    if (r.drafter == Drafter::Stage) {
      if (r.stage == 0 || at == 0 || int(at) + 5 > kLength) return;
      item.draftStage = r.stage - 1;
      item.draftCount = 4;
      return;
    }
    // Never past the end: as a caller with a limit of tokens does.
    for (size_t i = at; i < r.known.tokens.size() && i + 1 < size_t(kLength) && i < at + 7; i++) {
      const bool right = r.drafter == Drafter::Right || (r.drafter == Drafter::Half && i % 5 != 3);
      item.draft.push_back((r.known.tokens[i] + (right ? 0 : 1)) % 101);
    }
  }
};

std::vector<Bench::Request> requests(int vocab) {
  std::vector<Bench::Request> all;
  Random random(5);
  for (int i = 0; i < 12; i++) {
    Tokens prompt;
    const int length = 3 + below(random, 60);
    for (int t = 0; t < length; t++)
      prompt.push_back(below(random, vocab));
    all.push_back({prompt, i % 5, sampling(i), Drafter::None, {}});
  }
  return all;
}

void equal(const TinyLadder& ladder, const TinyFiles& files, KvType kv) {
  Bench bench(ladder, files, kv);
  auto all = requests(ladder.shape().vocab);
  for (auto& r : all) {
    r.known = bench.together({r})[0];
    // Ends inside of what is drafted: by a text over two tokens, or by a token.
    const auto letter = [&](size_t i) { return static_cast<char>('a' + r.known.tokens[i] % 26); };
    if (&r - all.data() == 2) r.sampling.stop = {"zzz", {letter(10), letter(11)}};
    if (&r - all.data() == 3) r.sampling.stopTokens = {r.known.tokens[9]};
    r.known = bench.together({r})[0];
  }
  CHECK(all[2].known.finish == Finish::StopText && all[3].known.finish == Finish::StopToken);
  const int free = bench.engine.stats().kvBlocksFree;
  for (Drafter drafter : {Drafter::Right, Drafter::Half, Drafter::Wrong, Drafter::Stage}) {
    int steps = 0, plain = 0;
    for (auto& r : all) {
      r.drafter = drafter;
      const Answer alone = bench.together({r})[0];
      CHECK_FOR(alone == r.known, "alone");
      steps += alone.steps;
      plain += int(r.known.tokens.size());
    }
    if (drafter == Drafter::Right) CHECK(steps * 5 < plain);
    if (drafter == Drafter::Half) CHECK(steps * 2 < plain);
    if (drafter == Drafter::Wrong) CHECK(steps == plain);
    if (drafter == Drafter::Stage) CHECK(steps < plain);
    const auto among = bench.together(all);
    for (size_t i = 0; i < all.size(); i++)
      CHECK_FOR(among[i] == all[i].known, "among the others");
    CHECK(bench.engine.stats().kvBlocksFree == free);
  }
  for (size_t i = 0; i < all.size(); i++)
    all[i].drafter = static_cast<Drafter>(i % 5);
  const auto mixed = bench.together(all);
  for (size_t i = 0; i < all.size(); i++)
    CHECK_FOR(mixed[i] == all[i].known, "drafters mixed");
}

// Rejected tokens leave no blocks behind, and none that others could find.
void blocks(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16);
  Engine& e = bench.engine;
  const int total = e.stats().kvBlocksFree;
  const int a = e.createSequence({});
  const int32_t next = e.step({{a, Tokens(15, 5), {}, 4, true}})[0].sampled.token;
  const Tokens wrong(40, (next + 1) % 101 == 5 ? 6 : 5);
  e.step({{a, {next}, {}, 4, true, wrong}});
  CHECK(e.stats().kvBlocksFree == total - 1);
  const int b = e.createSequence({});
  Tokens same(15, 5);
  same.push_back(next);
  same.insert(same.end(), wrong.begin(), wrong.end());
  CHECK(e.matchPrefix(b, 4, same) == 16);
}

// A draft that crosses the border of a pass; and a step that is refused or fails changes nothing.
void borders(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16);
  Engine& e = bench.engine;
  const auto run = [&](int neighbours, const Tokens& draft) {
    std::vector<StepItem> items;
    for (int i = 0; i < neighbours; i++)
      items.push_back({e.createSequence({}), Tokens(101, i), {}, 4, false});
    Sampling s;
    s.logprobs = 5;
    items.push_back({e.createSequence(s), Tokens(10, 3), {}, 4, true, draft});
    Answer answer;
    const StepOutput out = e.step(items).back();
    for (const Sampled& kept : out.kept)
      answer.add(kept);
    answer.add(out.sampled);
    for (const StepItem& item : items)
      e.freeSequence(item.sequence);
    return answer;
  };
  Tokens draft;
  for (int i = 0; i < 20; i++)
    draft.push_back(run(0, draft).tokens.back());
  const Answer plain = run(0, draft);
  CHECK(plain.tokens.size() == 21);
  for (int neighbours : {4, 5})
    CHECK(run(neighbours, draft) == plain);
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
  Bench bench(ladder, files, KvType::F16);
  Engine& e = bench.engine;
  const int a = e.createSequence(sampling(1));
  const auto step = [&](StepItem item) { return refusal([&] { e.step({item}); }); };
  CHECK(step({a, {1}, {}, 1, true, Tokens(64, 1)}) == "items[0].draft must have at most 63 tokens");
  CHECK(step({a, {1}, {}, 1, true, {}, 0, 64}) == "items[0].draft must have at most 63 tokens");
  CHECK(step({a, {1}, {}, 1, true, {}, 0, -1}) == "items[0].draft must have at most 63 tokens");
  CHECK(step({a, {1}, {}, 1, true, {101}}) == "items[0].draft must be from 0 to 100, not 101");
  CHECK(step({a, {1}, {}, 1, true, {1}, 0, 1}) == "items[0].draft must be given or drafted, not both");
  CHECK(step({a, {1}, {}, 1, false, {1}}) == "items[0].draft must follow tokens that are sampled after");
  CHECK(step({a, {}, std::vector<float>(64), 1, true, {1}}) == "items[0].draft must follow tokens that are sampled after");
  CHECK(step({a, {1}, {}, 1, true, {}, 1, 1}) == "items[0].draft.stage must be below the item's");
  CHECK(step({a, {1, 2}, {}, 1, true, {}, 0, 1}) == "items[0].draft must follow one token where a stage drafts");
  CHECK(step({a, Tokens(160, 1), {}, 1, true, {1}}) == "items[0].tokens must end within the context of 160 tokens");
  CHECK(step({a, {1}, {}, 1, true, {}, -1, 1}) == "stage -1 must be attached");
}

// A sequence whose logits are no numbers leaves the step alone, and what it has counted is taken back: the answer goes
// on as if it had not been.
void failing(const TinyLadder& given) {
  TinyLadder ladder = given;
  for (uint8_t& byte : ladder.blobs[3])
    byte = 0x7f;  // scales that are no numbers
  const TinyFiles files(ladder.blobs);
  Bench bench(ladder, files, KvType::F16);
  Engine& e = bench.engine;
  Sampling s = sampling(5);
  s.frequencyPenalty = 3;
  Bench::Request request{Tokens(12, 9), 2, s, Drafter::None, {}};
  const Answer plain = bench.together({request})[0];
  s.stop = {{static_cast<char>('a' + plain.tokens[13] % 26), static_cast<char>('a' + plain.tokens[14] % 26)}};
  request.sampling = s;
  request.known = bench.together({request})[0];
  CHECK(request.known.finish == Finish::StopText);
  const int a = e.createSequence(s);
  Answer answer;
  Tokens next = request.prompt;
  while (answer.finish == Finish::None) {
    const size_t at = answer.tokens.size();
    Tokens draft(request.known.tokens.begin() + long(at), request.known.tokens.end());
    if (draft.size() > 4) draft.resize(4);
    const StepItem given{a, next, {}, 2, true, draft};
    const auto fails = [&](StepItem item, int stage) {
      item.stage = stage;
      const int other = e.createSequence({});
      const auto outs = e.step({item, {other, {1}, {}, 2, true}});
      CHECK(outs[0].status == StepOutput::Status::NotFinite && outs[0].kept.empty() && outs[0].sampled.token == -1);
      CHECK(outs[1].status == StepOutput::Status::Ok && outs[1].sampled.token >= 0);
      e.freeSequence(other);
    };
    fails(given, 3);
    if (next.size() == 1) {
      fails({a, next, {}, 3, true, {}, 0, 3}, 3);
      fails({a, next, {}, 4, true, {}, 3, 3}, 4);  // while it drafts
    }
    const StepOutput out = e.step({given})[0];
    for (const Sampled& kept : out.kept)
      answer.add(kept);
    answer.add(out.sampled);
    answer.finish = out.finish;
    answer.stopIndex = out.stopIndex;
    next.assign(1, out.sampled.token);
  }
  CHECK(answer == request.known);
}

// Drafted by a stage, tokens are distributed as the sampler says: chi-squared over many seeds.
void distribution(const TinyLadder& ladder, const TinyFiles& files) {
  Bench bench(ladder, files, KvType::F16);
  Engine& e = bench.engine;
  Sampling s;
  s.temperature = 1;
  s.topK = 12;
  s.logprobs = 12;
  std::map<int32_t, double> expected;
  std::map<int32_t, int> hits;
  int kept = 0;
  constexpr int kDraws = 6000;
  for (int i = 0; i < kDraws; i++) {
    s.seed = uint64_t(i) * 7919;
    const int a = e.createSequence(s);
    const StepOutput out = e.step({{a, {40}, {}, 4, true, {}, 0, 2}})[0];
    const Sampled& first = out.kept.empty() ? out.sampled : out.kept[0];
    kept += out.kept.empty() ? 0 : 1;
    hits[first.token]++;
    if (i == 0) {
      double sum = 0;
      for (int t = 0; t < 12; t++)
        sum += std::exp(double(first.topLogprobs[t]));
      for (int t = 0; t < 12; t++)
        expected[first.topTokens[t]] = kDraws * std::exp(double(first.topLogprobs[t])) / sum;
    }
    e.freeSequence(a);
  }
  double chi = 0;
  int total = 0;
  for (const auto& [token, count] : expected) {
    chi += (hits[token] - count) * (hits[token] - count) / count;
    total += hits[token];
  }
  std::printf("chi-squared %.1f over 12 tokens, %d of %d drafts kept\n", chi, kept, kDraws);
  CHECK(total == kDraws);
  CHECK(kept > kDraws / 10 && kept < kDraws / 2);  // drafts were both kept and rejected
  CHECK(chi < 31.3);                          // 11 degrees of freedom, p = 0.001
}

}  // namespace

int main() {
  for (const TinyShape& shape : tinyShapes()) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    for (KvType kv : {KvType::F16, KvType::Int8})
      equal(ladder, files, kv);
  }
  const TinyLadder ladder(tinyShapes()[0]);
  const TinyFiles files(ladder.blobs);
  blocks(ladder, files);
  borders(ladder, files);
  refusals(ladder, files);
  failing(ladder);
  distribution(ladder, files);
  return report("model_draft");
}

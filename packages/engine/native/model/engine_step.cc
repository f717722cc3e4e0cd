// One step: admission, passes over the graph, sampling, and what becomes of the sequences.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <unordered_set>

#include "model/failure.h"
#include "model/running.h"

namespace zen {

namespace {
// Beyond this a row of embeddings cannot be real, and its squares would overflow.
constexpr float kMaxEmbedding = 1e6f;
}  // namespace

void Engine::checkItem(const StepItem& item, const std::string& at) const {
  const size_t hidden = static_cast<size_t>(config_.model.hiddenSize);
  if (item.tokens.empty() == item.embeddings.empty()) throw Failure(at, "must have either tokens or embeddings");
  checkTokens(item.tokens, at + ".tokens");
  if (item.embeddings.size() % hidden != 0)
    throw Failure(at + ".embeddings", "must have rows of " + std::to_string(hidden));
  for (float v : item.embeddings)
    if (!(std::fabs(v) <= kMaxEmbedding)) throw Failure(at + ".embeddings", "must be numbers of at most 1e6");
  checkDraft(item, at + ".draft");
}

void Engine::checkDraft(const StepItem& item, const std::string& at) const {
  if (item.draft.empty() && item.draftCount == 0) return;
  if (item.draftCount < 0 || item.drafts() > kMaxDraft)
    throw Failure(at, "must have at most " + std::to_string(kMaxDraft) + " tokens");
  if (!item.draft.empty() && item.draftCount > 0) throw Failure(at, "must be given or drafted, not both");
  if (!item.sample || item.tokens.empty()) throw Failure(at, "must follow tokens that are sampled after");
  checkTokens(item.draft, at);
  if (item.draftCount == 0) return;
  if (item.draftStage >= item.stage) throw Failure(at + ".stage", "must be below the item's");
  if (item.tokens.size() != 1) throw Failure(at, "must follow one token where a stage drafts");
}

std::vector<Engine::Running> Engine::admit(const std::vector<StepItem>& items, const Stages& stages) {
  std::vector<Running> all;
  std::unordered_set<int> seen;
  size_t tokens = 0;
  for (size_t i = 0; i < items.size(); i++) {
    const StepItem& item = items[i];
    const std::string at = "items[" + std::to_string(i) + "]";
    checkItem(item, at);
    weightsAt(stages, item.stage);
    if (item.draftCount > 0) weightsAt(stages, item.draftStage);
    Running running;
    running.item = &item;
    running.sequence = find(item.sequence);
    running.before = running.sequence->length();
    const size_t count = item.tokens.empty() ? item.embeddings.size() / static_cast<size_t>(config_.model.hiddenSize)
                                             : item.tokens.size();
    const size_t rows = count + static_cast<size_t>(item.drafts());
    tokens += rows;
    if (tokens > kMaxStepTokens)
      throw Failure("items", "must have at most " + std::to_string(kMaxStepTokens) + " tokens together");
    if (rows > static_cast<size_t>(options_.contextTokens - running.before))
      throw Failure(at + ".tokens",
                    "must end within the context of " + std::to_string(options_.contextTokens) + " tokens");
    if (!seen.insert(item.sequence).second) throw Failure(at + ".sequence", "must be in a step once");
    running.count = static_cast<int>(count);
    all.push_back(std::move(running));
  }
  for (Running& r : all) {
    if (!r.sequence->reserve(r.count + r.item->drafts())) {
      r.output.status = StepOutput::Status::NoKv;
      continue;
    }
    r.sequence->busy = true;
    r.stopTail = r.sequence->stops.tail();
    r.draft = r.item->draft;
    auto& own = r.sequence->tokens;
    if (r.item->tokens.empty())
      own.insert(own.end(), static_cast<size_t>(r.count), Sequence::kNoToken);
    else
      own.insert(own.end(), r.item->tokens.begin(), r.item->tokens.end());
  }
  return all;
}

std::vector<StepOutput> Engine::step(const std::vector<StepItem>& items) {
  const std::lock_guard<std::mutex> one(stepping_);
  const Turns::Step turn(turns_);
  useCaps();
  Stages stages;
  std::vector<Running> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stages = stages_;
    all = admit(items, stages);
  }
  std::vector<Running*> order;
  for (Running& r : all)
    if (r.output.status == StepOutput::Status::Ok) order.push_back(&r);
  // Rows of one stage are neighbours, and within them those of one delta, which is then read once for all.
  std::stable_sort(order.begin(), order.end(), [](const Running* a, const Running* b) {
    if (a->item->stage != b->item->stage) return a->item->stage < b->item->stage;
    return std::less<const Delta*>()(a->sequence->delta(), b->sequence->delta());
  });
  try {
    compute(order, stages);
  } catch (...) {
    settle(all, stages, false);
    throw;
  }
  settle(all, stages, true);
  std::vector<StepOutput> outputs;
  for (Running& r : all)
    outputs.push_back(r.output);
  return outputs;
}

float* Engine::logitRows(size_t rows) {
  const size_t bytes = rows * static_cast<size_t>(config_.model.vocabSize) * sizeof(float);
  if (bytes > logits_.bytes()) logits_ = Region(std::max(bytes, 2 * logits_.bytes()));
  return reinterpret_cast<float*>(logits_.data());
}

// Passes of at most Graph::kPassRows tokens; a long prompt goes over several, the rows that are sampled over one.
void Engine::compute(const std::vector<Running*>& order, const Stages& stages) {
  const size_t vocab = static_cast<size_t>(config_.model.vocabSize);
  draft(order, stages);
  std::vector<Span> spans;
  std::vector<Running*> sampled, computed;
  int rows = 0, logitCount = 0;
  const auto flush = [&] {
    if (spans.empty()) return;
    float* logits = logitRows(static_cast<size_t>(logitCount));
    float* at = logits;
    for (Running* r : sampled) {
      r->logits = at;
      at += static_cast<size_t>(r->sampledRows()) * vocab;
    }
    pass(spans, logits, computed);
    const auto left = [](const Running* r) { return r->output.status != StepOutput::Status::Ok; };
    sampled.erase(std::remove_if(sampled.begin(), sampled.end(), left), sampled.end());
    sampleRows(sampled);
    spans.clear();
    sampled.clear();
    computed.clear();
    rows = logitCount = 0;
  };
  for (Running* r : order) {
    if (r->output.status != StepOutput::Status::Ok) continue;  // its draft failed
    if (!r->draft.empty()) {
      r->joined = r->item->tokens;
      r->joined.insert(r->joined.end(), r->draft.begin(), r->draft.end());
    }
    const int total = r->rows(), whole = std::max(1, r->sampledRows());
    for (int done = 0; done < total;) {
      int count = std::min(total - done, Graph::kPassRows - rows);
      if (done + count < total) count = std::min(count, total - whole - done);
      if (count <= 0) {
        flush();
        if (r->output.status != StepOutput::Status::Ok) break;
        continue;
      }
      const int logits = done + count == total ? r->sampledRows() : 0;
      const float* embeddings =
          r->item->embeddings.empty()
              ? nullptr
              : r->item->embeddings.data() + static_cast<size_t>(done) * static_cast<size_t>(config_.model.hiddenSize);
      spans.push_back({weightsAt(stages, r->item->stage), embeddings ? nullptr : r->tokens() + done, embeddings, count,
                       r->before + done, r->sequence->blocks(), logits, r->sequence->delta(), r->item->expertFloor,
                       &r->output.falls});
      computed.push_back(r);
      if (logits > 0) sampled.push_back(r);
      rows += count;
      logitCount += logits;
      done += count;
    }
  }
  flush();
}

void Engine::pass(const std::vector<Span>& spans, float* logits, const std::vector<Running*>& rows) {
  int count = 0;
  for (const Span& span : spans)
    count += span.count;
  using Two = EngineOptions::Experts::Two;
  const Two way = options_.experts.two;
  const bool may = spans.size() > 1 && !options_.experts.resident.empty() && way != Two::Never;
  const bool two = may && (way == Two::Always || overlap_.two(count));
  const auto begun = std::chrono::steady_clock::now();
  if (two)
    passTwo(spans, count, logits);
  else
    graph_.forward(spans, logits);
  if (may && graph_.sent()) overlap_.took(count, two, std::chrono::steady_clock::now() - begun, graph_.slept());
  for (Running* r : rows)
    if (r->output.falls.left) fail(*r, StepOutput::Status::NoExpert);
}

// Cut where the first has about half of the rows.
void Engine::passTwo(const std::vector<Span>& spans, int rows, float* logits) {
  if (!second_) {
    second_ = std::make_unique<Graph>(config_.model, options_.kvType, options_.contextTokens, pool_, hasDeltas());
    second_->setExpertCalls(calls_);
    second_->setExpertCaps(capsInUse_);
    shownSecond_ = second_.get();
  }
  size_t cut = 1;
  int first = spans[0].count, logitRows = spans[0].logits;
  for (; cut + 1 < spans.size() && 2 * (first + spans[cut].count) <= rows + spans[cut].count; cut++) {
    first += spans[cut].count;
    logitRows += spans[cut].logits;
  }
  const auto middle = spans.begin() + static_cast<long>(cut);
  Graph::forwardBoth(graph_, {spans.begin(), middle}, logits, *second_, {middle, spans.end()},
                     logits + static_cast<size_t>(logitRows) * static_cast<size_t>(config_.model.vocabSize));
}

void Engine::settle(std::vector<Running>& all, const Stages& stages, bool done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Running& r : all) {
    if (r.output.status == StepOutput::Status::NoKv) {
      r.sequence.reset();
      continue;
    }
    Sequence& s = *r.sequence;
    const bool kept = r.output.status == StepOutput::Status::Ok;
    if (!kept) {
      s.truncate(r.before);
    } else if (done) {
      // Its keys and values are not what others would compute.
      if (r.output.falls.standIn + r.output.falls.without > 0) s.withhold();
      // Room that rejected tokens took.
      if (!r.draft.empty()) s.truncate(s.length());
      // A stage that was detached meanwhile leaves nothing behind.
      if (stages_[r.item->stage] != stages[r.item->stage]) s.withhold();
      s.publish(r.item->stage);
    } else {
      takeBack(r, r.before);
    }
    s.busy = false;
    if (s.freed) sequences_.erase(r.item->sequence);
    r.sequence.reset();  // the last reference gives blocks back, which needs the lock
  }
}

void Engine::logits(int stage, const std::vector<int32_t>& tokens, float* out, int delta) {
  if (tokens.empty() || tokens.size() > static_cast<size_t>(options_.contextTokens))
    throw Failure("tokens", "must be 1 to " + std::to_string(options_.contextTokens));
  checkTokens(tokens, "tokens");
  const std::lock_guard<std::mutex> one(stepping_);
  const Turns::Step turn(turns_);
  useCaps();
  const int count = static_cast<int>(tokens.size());
  Stages stages;
  // Its blocks come and go under the lock, an exception or not.
  struct Passing {
    std::mutex& mutex;
    std::unique_ptr<Sequence> sequence;
    ~Passing() {
      const std::lock_guard<std::mutex> lock(mutex);
      sequence.reset();
    }
  } passing{mutex_, nullptr};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stages = stages_;
    weightsAt(stages, stage);
    auto fresh = std::make_unique<Sequence>(Sampling{}, cache_, DeltaUse(deltas_.find(delta)));
    if (!fresh->reserve(count)) throw Failure("tokens", "must fit in the KV budget that is free");
    passing.sequence = std::move(fresh);
  }
  ExpertFalls falls;
  for (int done = 0; done < count; done += Graph::kPassRows) {
    const int here = std::min(Graph::kPassRows, count - done);
    graph_.forward(
        {{weightsAt(stages, stage), tokens.data() + done, nullptr, here, done, passing.sequence->blocks(), here,
          passing.sequence->delta(), ExpertFloor::Exact, &falls}},
        out + static_cast<size_t>(done) * static_cast<size_t>(config_.model.vocabSize));
    if (falls.left) throw Failure("experts", "must all be there");
  }
}

}  // namespace zen

// One step: admission, passes over the graph, sampling, and what becomes of the sequences.
#include <algorithm>
#include <cmath>
#include <exception>
#include <unordered_set>

#include "model/engine.h"
#include "model/failure.h"

namespace zen {

struct Engine::Running {
  const StepItem* item;
  std::shared_ptr<Sequence> sequence;
  int before = 0;  // length before the step
  int count = 0;
  StepOutput output;
  float* logits = nullptr;  // its row, while the pass is sampled
};

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
    Running running{&item, find(item.sequence), 0, 0, {}, nullptr};
    running.before = running.sequence->length();
    const size_t count = item.tokens.empty() ? item.embeddings.size() / static_cast<size_t>(config_.model.hiddenSize)
                                             : item.tokens.size();
    tokens += count;
    if (tokens > kMaxStepTokens)
      throw Failure("items", "must have at most " + std::to_string(kMaxStepTokens) + " tokens together");
    if (count > static_cast<size_t>(options_.contextTokens - running.before))
      throw Failure(at + ".tokens",
                    "must end within the context of " + std::to_string(options_.contextTokens) + " tokens");
    if (!seen.insert(item.sequence).second) throw Failure(at + ".sequence", "must be in a step once");
    running.count = static_cast<int>(count);
    all.push_back(std::move(running));
  }
  for (Running& r : all) {
    if (!r.sequence->reserve(r.count)) {
      r.output.status = StepOutput::Status::NoKv;
      continue;
    }
    r.sequence->busy = true;
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
  std::stable_sort(order.begin(), order.end(),
                   [](const Running* a, const Running* b) { return a->item->stage < b->item->stage; });
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

// Passes of at most Graph::kPassRows tokens; a long prompt goes over several.
void Engine::compute(std::vector<Running*> order, const Stages& stages) {
  const size_t vocab = static_cast<size_t>(config_.model.vocabSize);
  std::vector<Span> spans;
  std::vector<Running*> sampled;
  int rows = 0;
  const auto flush = [&] {
    if (spans.empty()) return;
    const size_t bytes = sampled.size() * vocab * sizeof(float);
    if (bytes > logits_.bytes()) logits_ = Region(std::max(bytes, 2 * logits_.bytes()));
    float* logits = reinterpret_cast<float*>(logits_.data());
    for (size_t i = 0; i < sampled.size(); i++)
      sampled[i]->logits = logits + i * vocab;
    graph_.forward(spans, logits);
    sampleRows(sampled);
    spans.clear();
    sampled.clear();
    rows = 0;
  };
  for (Running* r : order) {
    for (int done = 0; done < r->count;) {
      if (rows == Graph::kPassRows) flush();
      const int count = std::min(r->count - done, Graph::kPassRows - rows);
      const bool last = done + count == r->count && r->item->sample;
      const float* embeddings =
          r->item->embeddings.empty()
              ? nullptr
              : r->item->embeddings.data() + static_cast<size_t>(done) * static_cast<size_t>(config_.model.hiddenSize);
      spans.push_back({weightsAt(stages, r->item->stage), embeddings ? nullptr : r->item->tokens.data() + done,
                       embeddings, count, r->before + done, r->sequence->blocks(), last ? 1 : 0});
      if (last) sampled.push_back(r);
      rows += count;
      done += count;
    }
  }
  flush();
}

void Engine::sampleRows(const std::vector<Running*>& rows) {
  const auto one = [&](Running& r, SamplerScratch& scratch) {
    const Sequence& s = *r.sequence;
    r.output.sampled = sample(s.sampling, s.tokens, s.outputCounts, static_cast<uint64_t>(s.length()), r.logits,
                              config_.model.vocabSize, scratch);
  };
  if (rows.size() == 1) return one(*rows[0], scratch_[0]);
  if (rows.empty()) return;
  std::mutex failed;
  std::exception_ptr failure;
  pool_.run([&](Team& team) {
    team.parallelFor(static_cast<int>(rows.size()), 1, [&](int begin, int end) {
      for (int i = begin; i < end; i++) {
        try {
          one(*rows[i], scratch_[team.index()]);
        } catch (...) {
          const std::lock_guard<std::mutex> lock(failed);
          failure = std::current_exception();
        }
      }
    });
  });
  if (failure) std::rethrow_exception(failure);
}

int Engine::count(Sequence& s, int32_t token) const {
  s.outputCounts[token]++;
  const uint32_t begin = options_.tokenOffsets[token], end = options_.tokenOffsets[token + 1];
  return s.stops.append(std::string_view(options_.tokenBytes).substr(begin, end - begin));
}

void Engine::finish(Running& r) {
  const int32_t token = r.output.sampled.token;
  if (token < 0) return;
  Sequence& s = *r.sequence;
  const int stop = count(s, token);
  const auto& stops = s.sampling.stopTokens;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    r.output.finish = StepOutput::Finish::StopToken;
    return;
  }
  r.output.stopIndex = stop;
  if (stop >= 0) r.output.finish = StepOutput::Finish::StopText;
}

void Engine::settle(std::vector<Running>& all, const Stages& stages, bool done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Running& r : all) {
    if (r.output.status != StepOutput::Status::Ok) {
      r.sequence.reset();
      continue;
    }
    Sequence& s = *r.sequence;
    if (done) {
      finish(r);
      // A stage that was detached meanwhile leaves nothing behind.
      if (stages_[r.item->stage] != stages[r.item->stage]) s.withhold();
      s.publish(r.item->stage);
    } else {
      s.tokens.resize(static_cast<size_t>(r.before));
    }
    s.busy = false;
    if (s.freed) sequences_.erase(r.item->sequence);
    r.sequence.reset();  // the last reference gives blocks back, which needs the lock
  }
}

void Engine::logits(int stage, const std::vector<int32_t>& tokens, float* out) {
  if (tokens.empty() || tokens.size() > static_cast<size_t>(options_.contextTokens))
    throw Failure("tokens", "must be 1 to " + std::to_string(options_.contextTokens));
  checkTokens(tokens, "tokens");
  const std::lock_guard<std::mutex> one(stepping_);
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
    auto fresh = std::make_unique<Sequence>(Sampling{}, cache_);
    if (!fresh->reserve(count)) throw Failure("tokens", "must fit in the KV budget that is free");
    passing.sequence = std::move(fresh);
  }
  for (int done = 0; done < count; done += Graph::kPassRows) {
    const int here = std::min(Graph::kPassRows, count - done);
    graph_.forward(
        {{weightsAt(stages, stage), tokens.data() + done, nullptr, here, done, passing.sequence->blocks(), here}},
        out + static_cast<size_t>(done) * static_cast<size_t>(config_.model.vocabSize));
  }
}

}  // namespace zen

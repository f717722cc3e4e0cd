// What a step samples: a token after each item, and the check of drafts. A draft is checked by sampling as if there
// were none: token by token, with penalties, stop texts and the draw of each position. So its output is that of plain
// decoding, whatever was drafted.
#include <algorithm>
#include <exception>

#include "model/running.h"

namespace zen {

// Work of different sequences touches nothing in common; `work(item, scratch)` for each. One that has no numbers leaves
// the step alone: the weights or its own delta may be to blame, its neighbours are not.
template <typename Work>
void Engine::eachSequence(const std::vector<Running*>& rows, Work&& work) {
  const auto alone = [&](Running& r, SamplerScratch& scratch) {
    try {
      work(r, scratch);
    } catch (const NotFinite&) {
      fail(r, StepOutput::Status::NotFinite);
    }
  };
  if (rows.size() == 1) return alone(*rows[0], scratch_[0]);
  if (rows.empty()) return;
  std::mutex failed;
  std::exception_ptr failure;
  pool_.run([&](Team& team) {
    team.parallelFor(static_cast<int>(rows.size()), 1, [&](int begin, int end) {
      for (int i = begin; i < end; i++) {
        try {
          alone(*rows[i], scratch_[team.index()]);
        } catch (...) {
          const std::lock_guard<std::mutex> lock(failed);
          failure = std::current_exception();
        }
      }
    });
  });
  if (failure) std::rethrow_exception(failure);
}

Sampled Engine::sampleRow(const Running& r, int row, SamplerScratch& scratch) const {
  const Sequence& s = *r.sequence;
  const int vocab = config_.model.vocabSize;
  return sample(s.sampling, s.tokens, s.outputCounts, static_cast<uint64_t>(s.length()),
                r.logits + static_cast<size_t>(row) * static_cast<size_t>(vocab), vocab, scratch);
}

void Engine::sampleRows(const std::vector<Running*>& rows) {
  eachSequence(rows, [&](Running& r, SamplerScratch& scratch) {
    Sequence& s = *r.sequence;
    for (size_t row = 0;; row++) {
      const Sampled sampled = sampleRow(r, static_cast<int>(row), scratch);
      finish(r, sampled.token);
      const bool goesOn = row < r.draft.size() && r.draft[row] == sampled.token &&
                          r.output.finish == StepOutput::Finish::None;
      if (!goesOn) {
        r.output.sampled = sampled;
        return;
      }
      r.output.kept.push_back(sampled);
      s.tokens.push_back(sampled.token);
    }
  });
}

void Engine::draft(const std::vector<Running*>& all, const Stages& stages) {
  std::vector<Running*> drafting;
  for (Running* r : all)
    if (r->item->draftCount > 0) drafting.push_back(r);
  std::stable_sort(drafting.begin(), drafting.end(),  // `all` has those of one delta together
                   [](const Running* a, const Running* b) { return a->item->draftStage < b->item->draftStage; });
  const size_t vocab = static_cast<size_t>(config_.model.vocabSize);
  const std::vector<Running*> drafted = drafting;
  while (!drafting.empty()) {
    for (size_t begin = 0; begin < drafting.size(); begin += Graph::kPassRows) {
      const size_t end = std::min(drafting.size(), begin + Graph::kPassRows);
      const std::vector<Running*> pass(drafting.begin() + static_cast<long>(begin),
                                       drafting.begin() + static_cast<long>(end));
      float* logits = logitRows(pass.size());
      std::vector<Span> spans;
      for (size_t i = 0; i < pass.size(); i++) {
        Running& r = *pass[i];
        r.logits = logits + i * vocab;
        const int done = static_cast<int>(r.draft.size());
        const int32_t* last = done == 0 ? r.item->tokens.data() : r.draft.data() + done - 1;
        spans.push_back({weightsAt(stages, r.item->draftStage), last, nullptr, 1, r.before + done,
                         r.sequence->blocks(), 1, r.sequence->delta()});
      }
      graph_.forward(spans, logits);
      eachSequence(pass, [&](Running& r, SamplerScratch& scratch) {
        const int32_t token = sampleRow(r, 0, scratch).token;
        r.draft.push_back(token);
        r.sequence->tokens.push_back(token);
        r.sequence->outputCounts[token]++;
        r.counted.push_back(token);
      });
    }
    const auto done = [&](const Running* r) {
      if (r->output.status != StepOutput::Status::Ok) return true;
      const auto& stops = r->sequence->sampling.stopTokens;
      return static_cast<int>(r->draft.size()) == r->item->draftCount ||
             std::find(stops.begin(), stops.end(), r->draft.back()) != stops.end();
    };
    drafting.erase(std::remove_if(drafting.begin(), drafting.end(), done), drafting.end());
  }
  for (Running* r : drafted)
    if (r->output.status == StepOutput::Status::Ok) takeBack(*r, r->before + r->count);
}

int Engine::count(Sequence& s, int32_t token) const {
  s.outputCounts[token]++;
  const uint32_t begin = options_.tokenOffsets[token], end = options_.tokenOffsets[token + 1];
  return s.stops.append(std::string_view(options_.tokenBytes).substr(begin, end - begin));
}

void Engine::finish(Running& r, int32_t token) const {
  Sequence& s = *r.sequence;
  const int stop = count(s, token);
  r.counted.push_back(token);
  const auto& stops = s.sampling.stopTokens;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    r.output.finish = StepOutput::Finish::StopToken;
    return;
  }
  r.output.stopIndex = stop;
  if (stop >= 0) r.output.finish = StepOutput::Finish::StopText;
}

void Engine::fail(Running& r, StepOutput::Status why) const {
  takeBack(r, r.before);
  r.output = {};
  r.output.status = why;
}

void Engine::takeBack(Running& r, int length) const {
  Sequence& s = *r.sequence;
  for (int32_t token : r.counted)
    if (--s.outputCounts[token] == 0) s.outputCounts.erase(token);
  r.counted.clear();
  s.stops.restore(r.stopTail);
  s.tokens.resize(static_cast<size_t>(length));
}

}  // namespace zen

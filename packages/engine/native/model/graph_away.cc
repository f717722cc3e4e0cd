// Experts of a mixture that are elsewhere: what a pass asks for, waits for, and makes of an answer that does not come.
#include <algorithm>
#include <cstring>

#include "model/mixture.h"

namespace zen {

void Graph::setExpertCalls(ExpertCalls& calls) {
  if (mixture_) mixture_->away.calls = &calls;
}
bool Graph::sent() const { return mixture_ && mixture_->away.any; }
std::chrono::nanoseconds Graph::slept() const { return mixture_ ? mixture_->away.slept : std::chrono::nanoseconds{0}; }

Expert* Graph::lower(const StageWeights& weights, int stage, int index, int expert) const {
  const size_t place = static_cast<size_t>(index * mixture_->count + expert);
  while (--stage >= 0)
    if (Expert* found = weights.experts[static_cast<size_t>(stage)][place].get(); !found->away()) return found;
  return nullptr;
}

// A row is in a call once, however many of its experts it needs.
void Graph::send(int index, const ExpertPairs& pairs) {
  Mixture& m = *mixture_;
  Away& away = m.away;
  const size_t hidden = static_cast<size_t>(model_.hiddenSize), blocks = hidden / kBlockCols;
  away.count = 0;
  away.parts.clear();
  away.any = true;
  const auto callOf = [&](const ExpertRun& run, RowEncoding encoding) {
    for (size_t c = 0; c < away.count; c++)
      if (const ExpertCall& call = away.sent[c]; call.stage == run.stage && call.encoding == encoding &&
                                                 call.experts.back() < run.expert)
        return c;
    const size_t c = away.count++;
    if (away.sent.size() < away.count) {
      away.sent.emplace_back();
      away.rowPlace.emplace_back();
    }
    ExpertCall& call = away.sent[c];
    call.layer = index;
    call.stage = run.stage;
    call.encoding = encoding;
    call.exact = false;
    call.rows.clear();
    call.scales.clear();
    for (std::vector<int32_t>* each : {&call.experts, &call.counts, &call.pairs})
      each->clear();
    call.outputs.clear();
    away.rowPlace[c].assign(rows_.size(), -1);
    return c;
  };
  const auto append = [&](ExpertCall& call, const Acts& acts, int row) {
    const size_t at = call.rows.size(), scale = call.scales.size();
    call.rows.resize(at + hidden * bytesPerColumn(call.encoding));
    if (call.encoding == RowEncoding::F32) {
      std::memcpy(call.rows.data() + at, acts.x + static_cast<size_t>(row) * acts.ldx, hidden * sizeof(float));
      return;
    }
    call.scales.resize(scale + blocks);
    writeInteger(acts, row, call.rows.data() + at, call.scales.data() + scale);
  };
  for (size_t r = 0; r < pairs.runs().size(); r++) {
    const ExpertRun& run = pairs.runs()[r];
    if (run.weights) continue;
    const StageWeights& some = *rows_[pairs.rowOf(run.begin)].weights;
    const Expert& expert =
        *some.experts[static_cast<size_t>(run.stage)][static_cast<size_t>(index * m.count + run.expert)];
    const RowEncoding encoding = expert.takesFloats()        ? RowEncoding::F32
                                 : run.acts->levels == 1 ? RowEncoding::Int8
                                                         : RowEncoding::Int16;
    const bool standsIn = lower(some, run.stage, index, run.expert) != nullptr;
    const size_t c = callOf(run, encoding);
    ExpertCall& call = away.sent[c];
    away.parts.push_back({r, c, call.experts.size()});
    call.experts.push_back(run.expert);
    call.counts.push_back(run.end - run.begin);
    call.outputs.push_back(m.routedOut + static_cast<size_t>(run.begin) * hidden);
    for (int pair = run.begin; pair < run.end; pair++) {
      const int row = pairs.rowOf(pair);
      int& place = away.rowPlace[c][static_cast<size_t>(row)];
      if (place < 0) {
        place = static_cast<int>(call.rows.size() / (hidden * bytesPerColumn(encoding)));
        append(call, *run.acts, run.rows[pair - run.begin]);
      }
      call.pairs.push_back(place);
      const Span& span = (*spans_)[rows_[row].span];
      const bool left = span.falls && span.falls->left;
      const bool waits = span.floor == ExpertFloor::Exact || (span.floor == ExpertFloor::StandIn && !standsIn);
      call.exact = call.exact || (waits && !left);
    }
  }
  for (size_t c = 0; c < away.count; c++)
    away.calls->send(away.sent[c]);
}

void Graph::await(Team& team, Stream& stream, int index) {
  Away& away = mixture_->away;
  if (team.index() == 0) {
    const auto begun = std::chrono::steady_clock::now();
    away.calls->await(away.sent, away.count);
    away.slept += std::chrono::steady_clock::now() - begun;
    away.missing = std::any_of(away.parts.begin(), away.parts.end(), [&](const Away::Part& part) {
      return away.sent[part.call].missing[part.expert] != 0;
    });
  }
  team.barrier();
  if (away.missing && !mixture_->failed) fall(team, stream, index);
}

// Every thread draws the same conclusions; the first one writes what they share.
void Graph::fall(Team& team, Stream& stream, int index) {
  Mixture& m = *mixture_;
  Away& away = m.away;
  const size_t own = static_cast<size_t>(team.index()), hidden = static_cast<size_t>(model_.hiddenSize);
  const bool first = team.index() == 0;
  const ExpertPairs& pairs = m.pairs[own];
  std::vector<ExpertRun>& runs = m.standIns[own];
  runs.clear();
  std::vector<Expert*> cold;
  std::vector<std::pair<int, int>> dropped;  // row, expert
  const auto standIn = [&](const ExpertRun& run, int pair, Expert& expert, int stage) {
    if (!expert.ready() && std::find(cold.begin(), cold.end(), &expert) == cold.end()) cold.push_back(&expert);
    if (!runs.empty() && runs.back().end == pair && runs.back().weights == &expert.weights() &&
        runs.back().acts == run.acts)
      runs.back().end++;
    else
      runs.push_back({run.expert, stage, &expert.weights(), run.acts, run.rows + (pair - run.begin), pair, pair + 1});
  };
  for (const Away::Part& part : away.parts) {
    if (!away.sent[part.call].missing[part.expert]) continue;
    const ExpertRun& run = pairs.runs()[part.run];
    for (int pair = run.begin; pair < run.end; pair++) {
      const int row = pairs.rowOf(pair);
      const Span& span = (*spans_)[rows_[row].span];
      const bool left = span.falls && span.falls->left;
      Expert* instead =
          span.floor == ExpertFloor::Exact || left ? nullptr : lower(*rows_[row].weights, run.stage, index, run.expert);
      if (instead) {
        standIn(run, pair, *instead, run.stage);
        if (first && span.falls) span.falls->standIn++;
        continue;
      }
      if (first) std::fill_n(m.routedOut + static_cast<size_t>(pair) * hidden, hidden, 0.0f);
      if (left) continue;
      if (span.floor == ExpertFloor::Without) {
        dropped.emplace_back(row, run.expert);
        if (first && span.falls) span.falls->without++;
      } else if (first && span.falls) {
        away.leaving.push_back(span.falls);
      }
    }
  }
  if (ownStreams_ || first) renormalize(*stream.choices, dropped);
  if (!cold.empty()) prepare(team, cold);
  if (!m.failed) ExpertFfn::run(team, {{&m.routed, &runs, m.routedOut}});
  team.barrier();
  if (!first) return;
  // Nobody looks before the next barrier.
  for (ExpertFalls* falls : away.leaving)
    falls->left = true;
  away.leaving.clear();
}

void Graph::renormalize(Choices& choices, std::vector<std::pair<int, int>>& dropped) const {
  std::sort(dropped.begin(), dropped.end());
  for (size_t i = 0; i < dropped.size();) {
    const int row = dropped[i].first;
    const size_t at = static_cast<size_t>(row * mixture_->perToken), end = at + static_cast<size_t>(mixture_->perToken);
    float all = 0, rest = 0;
    for (size_t j = at; j < end; j++) {
      all += choices.gates[j];
      const bool gone = i < dropped.size() && dropped[i] == std::make_pair(row, choices.experts[j]);
      if (gone) {
        choices.gates[j] = 0;
        i++;
      }
      rest += choices.gates[j];
    }
    for (size_t j = at; rest > 0 && j < end; j++)
      choices.gates[j] = choices.gates[j] * (all / rest);
  }
}

}  // namespace zen

// A mixture's feed-forward. Rows are routed where they get their input, by the thread that makes it; then come the
// experts' two regions (three where an expert's rows are no neighbours), and a row's experts are added up by the thread
// that needs the sum: two regions a layer for decoding, as in a dense model.
#include <algorithm>
#include <utility>

#include "model/mixture.h"
#include "model/routing.h"

namespace zen {
namespace {

// Bytes of a router that every thread reads whole: less than what a barrier costs.
constexpr size_t kOwnRouterBytes = 128 << 10;

int tilesOf(int experts) { return (experts + kTileRows - 1) / kTileRows; }

}  // namespace

Graph::Mixture::Mixture(const ModelShape& m, int threads)
    : count(m.experts.count),
      perToken(m.experts.perToken),
      sharesRouter(threads > 1 && sizeof(float) * static_cast<size_t>(m.experts.count) * static_cast<size_t>(m.hiddenSize) >
                                      kOwnRouterBytes),
      routed(m.hiddenSize, m.ffnSize, threads),
      choices(static_cast<size_t>(threads)),
      pairs(static_cast<size_t>(threads), ExpertPairs(m.experts.count, m.experts.perToken)),
      sharedRuns(static_cast<size_t>(threads)),
      standIns(static_cast<size_t>(threads)),
      guess{std::vector<float>(static_cast<size_t>(m.hiddenSize)), std::vector<float>(static_cast<size_t>(m.experts.count)),
            std::vector<float>(static_cast<size_t>(m.experts.perToken)), std::vector<int>(static_cast<size_t>(m.experts.perToken))},
      load(static_cast<size_t>(m.layers) * static_cast<size_t>(m.experts.count)) {
  if (m.experts.sharedFfnSize > 0) shared = std::make_unique<ExpertFfn>(m.hiddenSize, m.experts.sharedFfnSize, threads);
}

void Graph::Mixture::reserve(int rows, int ownRows, int hidden) {
  const size_t n = static_cast<size_t>(rows), k = static_cast<size_t>(perToken), h = static_cast<size_t>(hidden);
  routed.reserve(rows * perToken);
  if (shared) shared->reserve(rows);
  outputs = Region();
  outputs = Region(sizeof(float) * n * h * (k + (shared ? 1 : 0)));
  routedOut = reinterpret_cast<float*>(outputs.data());
  sharedOut = routedOut + n * k * h;
  numbers.resize(n);
  for (size_t i = 0; i < n; i++)
    numbers[i] = static_cast<int>(i);
  for (size_t t = 0; t < choices.size(); t++) {
    const size_t own = t == 0 ? n : static_cast<size_t>(ownRows);
    Choices& c = choices[t];
    c.experts.resize(own * k);
    c.gates.resize(own * k);
    c.logits.resize(own * static_cast<size_t>(count));
    c.shared.resize(own);
    pairs[t].reserve(rows);
    sharedRuns[t].reserve(kStages);
  }
  sharedLogits.resize(static_cast<size_t>(ownRows) * static_cast<size_t>(count));
}

void Graph::routerLogits(const Team& team, const Stream& stream, int index, int begin, int end, int tileBegin, int tileEnd,
                         float* logits) {
  const size_t count = static_cast<size_t>(mixture_->count);
  for (const Group& g : layout_.groups) {
    const int from = std::max(begin, g.begin), to = std::min(end, g.end), first = layout_.bands[g.band].begin;
    if (from >= to) continue;
    kernels_.matmul(g.weights->layers[index].router, stream.acts[g.band], from - first, to - first,
                    logits + static_cast<size_t>(first) * count, count, tileBegin, tileEnd, scratch(team));
  }
}

void Graph::route(const Team& team, Stream& stream, int index, int begin, int end) {
  Mixture& m = *mixture_;
  routerLogits(team, stream, index, begin, end, 0, tilesOf(m.count), stream.choices->logits.data());
  choose(team, stream, index, begin, end);
}

// Few rows and a large router: its tiles are shared, and every thread draws its own conclusions.
void Graph::routeTogether(Team& team, Stream& stream, int index) {
  Mixture& m = *mixture_;
  const int rows = static_cast<int>(rows_.size());
  team.parallelFor(tilesOf(m.count), 1, [&](int begin, int end) {
    routerLogits(team, stream, index, 0, rows, begin, end, m.sharedLogits.data());
  });
  std::copy(m.sharedLogits.begin(), m.sharedLogits.begin() + rows * m.count, stream.choices->logits.begin());
  choose(team, stream, index, 0, rows);
}

void Graph::choose(const Team& team, Stream& stream, int index, int begin, int end) {
  Choices& c = *stream.choices;
  for (int row = begin; row < end; row++) {
    const size_t k = static_cast<size_t>(row * mixture_->perToken);
    chooseExperts(model_.experts, c.logits.data() + row * mixture_->count, c.experts.data() + k, c.gates.data() + k);
    if (!mixture_->shared) continue;
    const Row& r = rows_[row];
    float* gate = c.shared.data() + row - r.inBand;
    kernels_.matmul(r.weights->layers[index].sharedRouter, stream.acts[r.band], r.inBand, r.inBand + 1, gate, 1, 0, 1,
                    scratch(team));
    c.shared[static_cast<size_t>(row)] = sigmoid(c.shared[static_cast<size_t>(row)]);
  }
}

void Graph::ask(Team& team, Stream& stream, int index) {
  Mixture& m = *mixture_;
  const size_t own = static_cast<size_t>(team.index());
  if (m.sharesRouter && ownStreams_) routeTogether(team, stream, index);
  ExpertPairs& pairs = m.pairs[own];
  pairs.build(static_cast<int>(rows_.size()), stream.choices->experts.data(), [&](int row, int expert) {
    const Row& r = rows_[row];
    const int stage = m.stageOf(r.weights->stage, index, expert);
    Expert* found = r.weights->experts[static_cast<size_t>(stage)][static_cast<size_t>(index * m.count + expert)].get();
    return ExpertPairs::Source{found, stage, &stream.acts[r.band], r.inBand};
  });
  if (team.index() == 0)
    for (int e = 0; e < m.count; e++)
      if (const int count = pairs.countOf(e); count > 0)
        m.load[static_cast<size_t>(index * m.count + e)].fetch_add(static_cast<uint32_t>(count), std::memory_order_relaxed);
  if (pairs.away() && team.index() == 0) send(index, pairs);
}

void Graph::experts(Team& team, Stream& stream, int index) {
  Mixture& m = *mixture_;
  const size_t own = static_cast<size_t>(team.index());
  ExpertPairs& pairs = m.pairs[own];
  pairs.forgetReady();  // another pass may have prepared them meanwhile
  if (!pairs.cold().empty()) {
    if (team.index() == 0) foresee(team, stream, index + 1);
    prepare(team, pairs.cold());
  }
  std::vector<ExpertRun>& runs = m.sharedRuns[own];
  runs.clear();
  for (const Group& g : layout_.groups)
    if (m.shared)
      runs.push_back({0, g.weights->stage, &g.weights->layers[index].shared, &stream.acts[g.band],
                      m.numbers.data() + g.begin - layout_.bands[g.band].begin, g.begin, g.end});
  if (!m.failed) {
    if (m.shared)
      ExpertFfn::run(team, {{&m.routed, &pairs.runs(), m.routedOut}, {m.shared.get(), &runs, m.sharedOut}});
    else
      ExpertFfn::run(team, {{&m.routed, &pairs.runs(), m.routedOut}});
  }
  if (pairs.away()) await(team, stream, index);
}

bool Graph::failed() const { return mixture_ && mixture_->failed; }

// All threads together bring in what is used for the first time. The list is the same for all of them: what is ready
// changes between two barriers that each of them passes.
void Graph::prepare(Team& team, const std::vector<Expert*>& cold) {
  Mixture& m = *mixture_;
  const auto guarded = [&](auto&& work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(m.failing);
      m.failure = std::current_exception();
      m.failed = true;
    }
  };
  if (team.index() == 0)
    guarded([&] {
      for (Expert* expert : cold) {
        expert->advise();
        expert->begin();
      }
    });
  if (team.index() == 0) m.begun = !m.failed;
  team.barrier();
  // Not by `failed`, which a piece may set before another thread has looked.
  if (m.begun) {
    int pieces = 0;
    for (const Expert* expert : cold)
      pieces += expert->pieces();
    team.parallelFor(pieces, 1, [&](int begin, int) {
      guarded([&] {
        int at = begin;
        for (Expert* expert : cold) {
          if (at < expert->pieces()) return expert->piece(at);
          at -= expert->pieces();
        }
      });
    });
  }
  if (team.index() == 0)
    for (Expert* expert : cold)
      m.failed ? expert->release() : expert->end();
  team.barrier();
}

// out = Σ gate · output from 0 by ascending expert, then the shared expert; x += out.
void Graph::combine(const Team& team, const Stream& stream, int row, float* x) {
  const Mixture& m = *mixture_;
  const Choices& c = *stream.choices;
  const size_t hidden = static_cast<size_t>(model_.hiddenSize);
  float* sum = static_cast<float*>(scratch(team));
  std::fill(sum, sum + hidden, 0.0f);
  const auto add = [&](float gate, const float* y) {
    for (size_t i = 0; i < hidden; i++)
      sum[i] = sum[i] + gate * y[i];
  };
  for (int j = 0; j < m.perToken; j++)
    add(c.gates[static_cast<size_t>(row * m.perToken + j)],
        m.routedOut + static_cast<size_t>(m.pairs[static_cast<size_t>(team.index())].pairOf(row, j)) * hidden);
  if (m.shared) add(c.shared[static_cast<size_t>(row)], m.sharedOut + static_cast<size_t>(row) * hidden);
  kernels_.add(sum, model_.hiddenSize, x);
}

void Graph::setExpertCaps(ExpertCaps caps) {
  if (mixture_) mixture_->caps = std::move(caps);
}

std::vector<uint32_t> Graph::takeExpertLoad() {
  std::vector<uint32_t> load(mixture_ ? mixture_->load.size() : 0);
  for (size_t i = 0; i < load.size(); i++)
    load[i] = mixture_->load[i].exchange(0, std::memory_order_relaxed);
  return load;
}

void Graph::finishMixture() {
  if (!mixture_ || !mixture_->failed) return;
  mixture_->failed = false;
  std::rethrow_exception(std::exchange(mixture_->failure, nullptr));
}

}  // namespace zen

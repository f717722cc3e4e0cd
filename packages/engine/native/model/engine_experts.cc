// A mixture's caps and counters.
#include <algorithm>
#include <functional>

#include "model/engine.h"
#include "model/failure.h"

namespace zen {

void Engine::setExpertCaps(const std::vector<int8_t>& caps) {
  const ModelShape& m = config_.model;
  if (!m.mixture()) throw Failure("experts", "must be of a mixture");
  const size_t count = static_cast<size_t>(m.layers) * static_cast<size_t>(m.experts.count);
  if (caps.size() != count) throw Failure("caps", "must have " + std::to_string(count) + " stages");
  for (int8_t cap : caps)
    if (cap < 0 || cap >= kStages) throw Failure("caps", "must be from 0 to " + std::to_string(kStages - 1));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (caps_ ? *caps_ == caps : std::all_of(caps.begin(), caps.end(), [](int8_t cap) { return cap == kStages - 1; }))
      return;
    caps_ = std::make_shared<const std::vector<int8_t>>(caps);
    // Nobody finds keys and values of other caps: an answer would depend on who was cached.
    cache_.purge(0);
    for (auto& [id, sequence] : sequences_)
      sequence->withhold();
  }
  // Else the next step does it.
  if (const std::unique_lock<std::mutex> idle(stepping_, std::try_to_lock); idle) useCaps();
}

void Engine::useCaps() {
  ExpertCaps caps;
  Stages stages;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (caps_ == capsInUse_) return;
    caps = capsInUse_ = caps_;
    stages = stages_;
  }
  graph_.setExpertCaps(caps);
  if (second_) second_->setExpertCaps(caps);
  // What no row gets any more gives its memory back.
  for (const auto& weights : stages)
    for (size_t i = 0; weights && i < caps->size(); i++) {
      const size_t cap = static_cast<size_t>((*caps)[i]), stage = static_cast<size_t>(weights->stage);
      if (stage <= cap) continue;
      Expert& above = *weights->experts[stage][i];
      if (above.ready() && &above != weights->experts[cap][i].get()) above.release();
    }
}

std::vector<uint32_t> Engine::takeExpertLoad() {
  if (!config_.model.mixture()) throw Failure("experts", "must be of a mixture");
  std::vector<uint32_t> load = graph_.takeExpertLoad();
  if (Graph* second = shownSecond_.load()) {
    const std::vector<uint32_t> more = second->takeExpertLoad();
    std::transform(load.begin(), load.end(), more.begin(), load.begin(), std::plus<uint32_t>());
  }
  return load;
}

}  // namespace zen

// Cold experts cost a disk's time. While one layer's are brought in, the next layer's router already looks at the rows as
// they are, and what it would take is asked of the disk. A guess: it changes what is read when, and nothing else.
#include <algorithm>

#include "model/mixture.h"
#include "model/routing.h"

namespace zen {

void Graph::foresee(const Team& team, const Stream& stream, int index) {
  if (index >= model_.layers) return;
  Mixture& m = *mixture_;
  // More rows than these would take nearly every expert.
  constexpr int kRows = 16;
  const size_t hidden = static_cast<size_t>(model_.hiddenSize);
  for (int row = 0; row < std::min<int>(kRows, static_cast<int>(rows_.size())); row++) {
    const StageWeights& weights = *rows_[row].weights;
    const LayerWeights& layer = weights.layers[index];
    kernels_.rmsnorm(stream.x + static_cast<size_t>(row) * hidden, layer.ffnNorm, model_.rmsEps, model_.hiddenSize,
                     m.guess.input.data());
    Acts acts;  // a raw matrix reads the floats only
    acts.tokens = 1;
    acts.cols = model_.hiddenSize;
    acts.x = m.guess.input.data();
    acts.ldx = hidden;
    kernels_.matmul(layer.router, acts, 0, 1, m.guess.logits.data(), static_cast<size_t>(m.count), 0, layer.router.tiles(),
                    scratch(team));
    chooseExperts(model_.experts, m.guess.logits.data(), m.guess.experts.data(), m.guess.gates.data());
    for (int expert : m.guess.experts) {
      const size_t stage = static_cast<size_t>(m.stageOf(weights.stage, index, expert));
      const Expert& found = *weights.experts[stage][static_cast<size_t>(index * m.count + expert)];
      if (!found.ready() && !found.away()) found.advise();
    }
  }
}

}  // namespace zen

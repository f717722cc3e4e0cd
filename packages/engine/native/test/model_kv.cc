// The KV cache under random use. Every slot of a block is marked with what a real step would have left there (a hash
// of scope, stage and all tokens up to the slot), so that a wrong sharing, one between scopes among them, a missed copy or a stolen block shows up.
#include <cstring>
#include <stdexcept>

#include "check.h"
#include "kernels_cases.h"
#include "model/failure.h"
#include "model/sequence.h"

using namespace zen;
using namespace zen::test;

namespace {

constexpr size_t kBlock = KvCache::kTokens * sizeof(uint64_t);

struct Model {
  std::unique_ptr<Sequence> sequence;
  std::vector<int32_t> tokens;
  int stage;
  int scope;           // 0: none
  bool mixed = false;  // of several stages: nothing more may be shared
};

uint64_t markAt(const Model& m, int length) {
  uint64_t h = uint64_t(m.stage) + 99 + 1000 * uint64_t(m.scope);
  for (int i = 0; i < length; i++)
    h = (h ^ uint64_t(uint32_t(m.tokens[size_t(i)]))) * 0x100000001b3u + 7;
  return h;
}
uint64_t* slot(Sequence& s, int position) {
  return reinterpret_cast<uint64_t*>(const_cast<uint8_t*>(s.blocks()[position / KvCache::kTokens])) +
         position % KvCache::kTokens;
}

void intact(Model& m) {
  if (m.mixed) return;
  for (int i = 0; i < m.sequence->length(); i++)
    if (*slot(*m.sequence, i) != markAt(m, i + 1)) return CHECK_FOR(false, "a slot has another sequence's mark");
  CHECK(m.sequence->tokens == m.tokens);
}

// What a step does with a sequence.
bool append(Model& m, int count, int stage, Random& random) {
  if (!m.sequence->reserve(count)) return false;
  if (m.tokens.empty()) m.stage = stage;
  if (stage != m.stage) m.mixed = true;
  for (int i = 0; i < count; i++) {
    m.tokens.push_back(below(random, 20) == 0);  // mostly the same in every sequence
    m.sequence->tokens.push_back(m.tokens.back());
    *slot(*m.sequence, m.sequence->length() - 1) = m.mixed ? 0xbad : markAt(m, m.sequence->length());
  }
  m.sequence->publish(stage);
  return true;
}

// They differ in their last byte only.
KvScope scopeOf(int number) {
  KvScope scope;
  scope.given = number > 0;
  scope.bytes[31] = uint8_t(number > 0 ? number - 1 : 0);
  return scope;
}

int refused = 0, matched = 0, purged = 0;

void randomUse(unsigned seed) {
  Random random(seed);
  const int total = 4 + below(random, 40);
  KvCache cache(kBlock, kBlock * size_t(total) + 5);
  CHECK(cache.total() == total);
  std::vector<Model> live;
  for (int round = 0; round < 2000; round++) {
    const int what = below(random, 10);
    if (what < 2 || live.empty()) {
      const int scope = below(random, 3);
      Model m{std::make_unique<Sequence>(Sampling{}, cache, DeltaUse(), scopeOf(scope)), {}, below(random, 2), scope};
      // Few different tokens, so that prefixes meet.
      std::vector<int32_t> wish;
      for (int i = below(random, 80); i > 0; i--)
        wish.push_back(below(random, 20) == 0);
      const int n = m.sequence->matchPrefix(m.stage, wish.data(), int(wish.size()));
      CHECK(n % KvCache::kTokens == 0 && (n == 0 || n < int(wish.size())));
      m.tokens.assign(wish.begin(), wish.begin() + n);
      matched += n;
      intact(m);
      live.push_back(std::move(m));
    } else {
      Model& m = live[size_t(below(random, int(live.size())))];
      if (what < 7) {
        Model before{nullptr, m.tokens, m.stage, m.scope};
        const int available = cache.available();
        if (!append(m, 1 + below(random, 40), below(random, 50) == 0 ? 1 - m.stage : m.stage, random)) {
          refused++;
          CHECK(m.tokens == before.tokens && cache.available() == available);
        }
      } else if (what < 8) {
        const int length = below(random, m.sequence->length() + 1);
        m.sequence->truncate(length);
        m.tokens.resize(size_t(length));
        if (length == 0) m.mixed = false;
      } else {
        std::swap(m, live.back());
        live.pop_back();
      }
    }
    if (round % 50 == 49) {
      const int stage = below(random, 2);
      cache.purge(stage);
      for (const Model& m : live) {
        Sequence fresh(Sampling{}, cache);
        purged += fresh.matchPrefix(1, m.tokens.data(), int(m.tokens.size())) != 0;
      }
      CHECK(purged == 0);
    }
    try {
      cache.verify();
    } catch (const std::logic_error& error) {
      CHECK_FOR(false, error.what());
    }
    if (round % 7 == 0)
      for (Model& m : live)
        intact(m);
  }
  live.clear();
  CHECK(cache.available() == total);
}

}  // namespace

int main() {
  for (unsigned seed = 1; seed <= 20; seed++)
    randomUse(seed);
  CHECK(refused > 100 && matched > 1000);
  bool refused = false;
  try {
    KvCache cache(kBlock, kBlock - 1);
  } catch (const Failure& failure) {
    refused = failure.field() == "kvBytes";
  }
  CHECK(refused);
  return report("model_kv");
}

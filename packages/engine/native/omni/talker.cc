#include "omni/talker.h"

#include <algorithm>
#include <limits>

namespace zen::omni {
namespace {

constexpr int kRowsAtOnce = 128;
constexpr int kMostPosition = 1 << 24;
// How codes after the first are drawn where the first one is.
constexpr int kLaterTopK = 50;
constexpr float kLaterTopP = 0.8f;

// The files, once the options fit the config.
const std::vector<std::string>& checked(const OmniConfig& config, const TalkerOptions& o,
                                        const std::vector<std::string>& files) {
  const auto range = [](const char* field, int value, int most) {
    if (value < 1 || value > most) throw Failure(field, "must be from 1 to " + std::to_string(most));
  };
  range("threads", o.threads, 256);
  range("contextTokens", o.contextTokens, config.talker.contextTokens);
  range("speeches", o.speeches, 4096);
  return files;
}

}  // namespace

enum class Talker::State : uint8_t { Prompt, Answer, Finished, Broken };

struct Talker::Speech {
  State state = State::Prompt;
  Sampling first, later;
  int speaker = 0;
  KvRows kv;
  int nextPosition = 0;
  std::vector<float> pending;  // [hidden]: the last frame's embeddings, before the first the beginning's
  std::vector<int32_t> codes;  // code 0 of each frame
  std::unordered_map<int32_t, int> counts;
  Code2Wav::State sound;
};

Talker::Talker(std::string_view config, const std::vector<std::string>& files, const TalkerOptions& options)
    : config_(OmniConfig::parse(config)),
      options_(options),
      files_(checked(config_, options, files)),
      model_(files_, config_),
      predictor_(files_, config_.predictor, config_.code2wav.groups, config_.code2wav.codes),
      code2wav_(files_, config_.code2wav),
      pool_(options.threads) {
  end_ = textRows({config_.ttsEos});
  pad_ = textRows({config_.ttsPad});
  bos_ = textRows({config_.ttsBos});
}

Talker::~Talker() = default;

int Talker::open(const Voice& voice) {
  auto speech = std::make_unique<Speech>();
  Sampling& first = speech->first;
  first.temperature = voice.temperature;
  first.topK = voice.topK;
  first.topP = voice.topP;
  first.repetitionPenalty = voice.repetitionPenalty;
  first.seed = voice.seed;
  first.check(config_.talkerVocab);
  Sampling& later = speech->later;
  later.seed = voice.seed;
  if (voice.temperature > 0) {
    later.temperature = 1;
    later.topK = kLaterTopK;
    later.topP = kLaterTopP;
  }
  const auto& known = config_.speakers;
  const auto found = std::find_if(known.begin(), known.end(), [&](const auto& s) { return s.first == voice.speaker; });
  if (found == known.end()) throw Failure("speaker", "must be one that the model has");
  speech->speaker = found->second;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (speeches_.size() >= static_cast<size_t>(options_.speeches))
    throw Failure("speeches", "must be at most " + std::to_string(options_.speeches) + " at once");
  if (next_ == std::numeric_limits<int>::max()) throw Failure("speeches", "must be at most 2^31 in all");
  speeches_.emplace(next_, std::move(speech));
  return next_++;
}

void Talker::close(int speech) {
  const std::lock_guard<std::mutex> lock(mutex_);
  find(speech);
  speeches_.erase(speech);
}

Talker::Speech& Talker::find(int speech) {
  const auto found = speeches_.find(speech);
  if (found == speeches_.end()) throw Failure("speech", "must be open");
  return *found->second;
}

void Talker::checkToken(int32_t token) const {
  if (token < 0 || token >= config_.textVocab)
    throw Failure("tokens", "must be from 0 to " + std::to_string(config_.textVocab - 1));
}

std::vector<float> Talker::textRows(const std::vector<int32_t>& tokens) {
  std::vector<float> rows(tokens.size() * config_.talker.hidden);
  model_.textRows(pool_, tokens.data(), static_cast<int>(tokens.size()), rows.data());
  return rows;
}

// What fails in between leaves a speech that is refused from then on.
void Talker::forward(Speech& speech, const Position* positions, int rows, float* x) {
  const State before = speech.state;
  speech.state = State::Broken;
  model_.stack().forward(pool_, speech.kv, positions, rows, x);
  speech.state = before;
}

void Talker::prefill(int number, const PromptRows& given) {
  const size_t count = given.tokens.size(), wide = config_.thinkerHidden;
  for (int32_t token : given.tokens) checkToken(token);
  if (given.hidden.size() != given.hiddenAt.size() * wide)
    throw Failure("hidden", "must have " + std::to_string(wide) + " numbers for each of hiddenAt");
  for (size_t i = 0; i < given.hiddenAt.size(); i++)
    if (given.hiddenAt[i] < 0 || static_cast<size_t>(given.hiddenAt[i]) >= count ||
        (i > 0 && given.hiddenAt[i] <= given.hiddenAt[i - 1]))
      throw Failure("hiddenAt", "must be places of the tokens, ascending");
  if (!given.positions.empty() && given.positions.size() != 3 * count)
    throw Failure("positions", "must be three for each token");
  for (int32_t p : given.positions)
    if (p < 0 || p >= kMostPosition) throw Failure("positions", "must be from 0 to 16777215");

  const std::lock_guard<std::mutex> lock(mutex_);
  Speech& speech = find(number);
  if (speech.state != State::Prompt) throw Failure("speech", "must not have begun");
  if (count > static_cast<size_t>(options_.contextTokens) - static_cast<size_t>(speech.kv.length))
    throw Failure("tokens", "must be at most " + std::to_string(options_.contextTokens) + " in all");
  const size_t hidden = config_.talker.hidden;
  std::vector<float> rows(std::min<size_t>(count, kRowsAtOnce) * hidden), other(hidden);
  size_t nextHidden = 0;
  for (size_t from = 0; from < count; from += kRowsAtOnce) {
    const int some = static_cast<int>(std::min<size_t>(kRowsAtOnce, count - from));
    model_.textRows(pool_, given.tokens.data() + from, some, rows.data());
    while (nextHidden < given.hiddenAt.size() && static_cast<size_t>(given.hiddenAt[nextHidden]) < from + some) {
      const size_t at = given.hiddenAt[nextHidden] - from;
      model_.hiddenRows(pool_, &given.hidden[nextHidden * wide], 1, &rows[at * hidden]);
      nextHidden++;
    }
    std::vector<Position> positions;
    for (int i = 0; i < some; i++) {
      Position p = {speech.nextPosition, speech.nextPosition, speech.nextPosition};
      if (!given.positions.empty()) {
        const int32_t* own = &given.positions[3 * (from + i)];
        p = {own[0], own[1], own[2]};
      }
      positions.push_back(p);
      speech.nextPosition = std::max({speech.nextPosition, p.t + 1, p.h + 1, p.w + 1});
    }
    forward(speech, positions.data(), some, rows.data());
  }
}

void Talker::begin(int number, const std::vector<int32_t>& tokens) {
  if (tokens.size() != 3) throw Failure("tokens", "must be the three that begin an answer");
  for (int32_t token : tokens) checkToken(token);
  const std::lock_guard<std::mutex> lock(mutex_);
  Speech& speech = find(number);
  if (speech.state != State::Prompt) throw Failure("speech", "must not have begun");
  const size_t hidden = config_.talker.hidden;
  std::vector<float> rows = textRows(tokens);
  // Under each of these stands one of the talker's own ids.
  const int codes[] = {config_.nothink, config_.thinkBos, config_.thinkEos, speech.speaker, config_.pad};
  for (int i = 0; i < 5; i++) {
    const std::vector<float>& text = i < 4 ? pad_ : bos_;
    rows.insert(rows.end(), text.begin(), text.end());
    model_.addCode(codes[i], &rows[rows.size() - hidden]);
  }
  const int count = static_cast<int>(rows.size() / hidden);
  if (speech.kv.length + count > options_.contextTokens)
    throw Failure("tokens", "must leave " + std::to_string(count) + " of " + std::to_string(options_.contextTokens));
  std::vector<Position> positions;
  for (int i = 0; i < count; i++, speech.nextPosition++)
    positions.push_back({speech.nextPosition, speech.nextPosition, speech.nextPosition});
  forward(speech, positions.data(), count, rows.data());
  speech.pending.assign(hidden, 0.0f);
  model_.addCode(config_.bos, speech.pending.data());
  speech.state = State::Answer;
}

int32_t Talker::firstCode(Speech& speech, const float* row) {
  std::vector<float> logits(static_cast<size_t>(config_.talkerVocab));
  model_.logits(pool_, row, logits.data());
  // Of what is no code only the end may come.
  for (int id = config_.code2wav.codes; id < config_.talkerVocab; id++)
    if (id != config_.eos && logits[id] < std::numeric_limits<float>::infinity())
      logits[id] = -std::numeric_limits<float>::infinity();
  const uint64_t position = speech.codes.size() * static_cast<uint64_t>(config_.code2wav.groups);
  return sample(speech.first, speech.codes, speech.counts, position, logits.data(), config_.talkerVocab, scratch_).token;
}

SpeechFrame Talker::speak(int number, int32_t text) {
  if (text != kTextEnd && text != kTextPad) checkToken(text);
  const std::lock_guard<std::mutex> lock(mutex_);
  Speech& speech = find(number);
  if (speech.state != State::Answer) throw Failure("speech", "must have begun and not have ended");
  if (speech.kv.length >= options_.contextTokens)
    throw Failure("speech", "must have at most " + std::to_string(options_.contextTokens) + " rows");
  std::vector<float> row = text == kTextEnd ? end_ : text == kTextPad ? pad_ : textRows({text});
  kernels().add(speech.pending.data(), config_.talker.hidden, row.data());
  const Position position = {speech.nextPosition, speech.nextPosition, speech.nextPosition};
  speech.nextPosition++;
  forward(speech, &position, 1, row.data());

  // A step that fails from here on has changed the speech.
  speech.state = State::Broken;
  SpeechFrame frame;
  frame.position = config_.code2wav.samplesAfter(speech.sound.frames);
  const int32_t first = firstCode(speech, row.data());
  if (first == config_.eos) {
    frame.finished = true;
    speech.state = State::Finished;
    return frame;
  }
  const int groups = config_.code2wav.groups;
  const uint64_t draw = speech.codes.size() * static_cast<uint64_t>(groups);
  frame.codes.resize(static_cast<size_t>(groups));
  frame.codes[0] = first;
  std::fill(speech.pending.begin(), speech.pending.end(), 0.0f);
  model_.addCode(first, speech.pending.data());
  predictor_.predict(
      pool_, row.data(), speech.pending.data(),
      [&](int group, float* logits) {
        return sample(speech.later, {}, {}, draw + group, logits, config_.code2wav.codes, scratch_).token;
      },
      &frame.codes[1]);
  code2wav_.decode(pool_, speech.sound, frame.codes.data(), 1, frame.samples);
  speech.codes.push_back(first);
  speech.counts[first]++;
  speech.state = State::Answer;
  return frame;
}

}  // namespace zen::omni

// The JSON reader, and every check of docs/ladder-format.md: refused with the tensor's name and the limit.
#include <functional>
#include <string>

#include "check.h"
#include "model/engine.h"
#include "model/failure.h"
#include "model/json.h"
#include "tiny_ladder.h"

using namespace zen;
using namespace zen::test;

namespace {

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void json() {
  const Json v = Json::parse(
      " {\"b\":[1,-2.5e3,0.1,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\"],\"a\":{\"x\":12345678901234567}} ");
  const Json* list = v.member("b");
  CHECK(list && list->items.size() == 7 && list->items[0].number == 1 && list->items[1].number == -2500 &&
        list->items[2].number == 0.1);
  CHECK(list->items[6].text == "\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(v.member("a")->member("x")->number == 12345678901234567.0 && !v.member("c"));
  CHECK(Json::parse("{\"skip\":[1,{}],\"keep\":1}", "skip").member("skip") == nullptr);
  for (const char* bad : {"",
                          "{",
                          "[1,]",
                          "{\"a\":1,}",
                          "{\"a\" 1}",
                          "{a:1}",
                          "01",
                          "1.",
                          "-",
                          "1e",
                          "+1",
                          "nul",
                          "\"\n\"",
                          "\"\\x\"",
                          "\"\\u12g4\"",
                          "\"open",
                          "[1] 2",
                          "{\"a\":1,\"a\":2}",
                          "1e999",
                          "\"\\ud800\\u0041\"",
                          "[",
                          "]",
                          "NaN",
                          "{\"a\":\"b}"})
    CHECK_FOR(contains(refusal([&] { Json::parse(bad); }), "config must"), bad);
  CHECK(refusal([] { Json::parse(std::string(32, '[') + std::string(32, ']')); }).empty());
  CHECK(contains(refusal([] { Json::parse(std::string(100000, '[')); }), "must be nested at most 32 deep"));
  CHECK(contains(refusal([] { Json::parse(std::string(kMaxConfigBytes + 1, ' ')); }), "67108864"));
  std::string many = "[0";
  for (size_t i = 0; i < kMaxJsonValues; i++)
    many += ",0";
  CHECK(contains(refusal([&] { Json::parse(many + "]"); }), "2^22 values"));
}

std::string config;
TinyLadder* ladder;

// The config with one text in place of another, `nth` time it occurs.
std::string with(const std::string& from, const std::string& to, int nth = 0) {
  size_t at = config.find(from);
  while (nth-- > 0 && at != std::string::npos)
    at = config.find(from, at + 1);
  if (at == std::string::npos) return "the case does not exist";
  return config.substr(0, at) + to + config.substr(at + from.size());
}

// The first number after `key` after `where`.
std::string withNumber(const std::string& where, const std::string& key, const std::string& to) {
  const size_t at = config.find(key, config.find(where)) + key.size();
  return config.substr(0, at) + to + config.substr(config.find_first_not_of("0123456789", at));
}

void checks() {
  const struct {
    const char* name;
    std::string text;
    const char* expected;
  } cases[] = {
      {"other format", with("zen.ladder/1", "zen.ladder/2"), "format must be one of zen.ladder/1"},
      {"unknown kind", with("\"kind\":\"coded\"", "\"kind\":\"lossy\"", 1),
       "tensor blk.0.attn_q.weight.rungs[0].kind must be one of coded, exact, raw"},
      {"stage 5", withNumber("blk.0.attn_q.weight", "\"kind\":\"coded\",\"stage\":", "5"),
       "tensor blk.0.attn_q.weight.rungs[0].stage must be a whole number from 0 to 0"},
      {"section past its blob", withNumber("blk.0.attn_v.weight", "\"offset\":", "99999936"),
       "tensor blk.0.attn_v.weight.rungs[0].planes[0].offset must be a whole number from 0 to"},
      {"unaligned section", withNumber("blk.0.attn_v.weight", "\"offset\":", "65"),
       "tensor blk.0.attn_v.weight.rungs[0].planes[0].offset must be a multiple of 64"},
      {"overlap", withNumber("blk.0.attn_v.weight", "\"offset\":", "64"), "must not overlap"},
      {"size that does not follow", withNumber("blk.0.attn_v.weight", "\"bytes\":", "1088"),
       "tensor blk.0.attn_v.weight.rungs[0].planes[0].bytes must be a whole number from 1024 to 1024"},
      {"negative offset", withNumber("blk.0.attn_v.weight", "\"offset\":", "-64"),
       "tensor blk.0.attn_v.weight.rungs[0].planes[0].offset must be a whole number"},
      {"fraction", withNumber("blk.0.attn_v.weight", "\"offset\":", "0.5"), "offset must be a whole number"},
      {"width 3", withNumber("blk.0.attn_v.weight", "\"width\":", "3"),
       "tensor blk.0.attn_v.weight.rungs[0].planes[0].width must be 1, 2, 4 or 8"},
      {"planes that do not add up", withNumber("blk.0.attn_q.weight", "\"bits\":", "4"),
       "tensor blk.0.attn_q.weight.rungs[0].planes must have 4 bits together, not 3"},
      {"group 48", withNumber("blk.0.attn_q.weight", "\"group\":", "48"),
       "tensor blk.0.attn_q.weight.rungs[0].group must be 32, 64 or 128"},
      {"other shape",
       with("\"name\":\"blk.0.attn_q.weight\",\"shape\":[64,64]", "\"name\":\"blk.0.attn_q.weight\",\"shape\":[64,96]"),
       "tensor blk.0.attn_q.weight.shape must be [64, 64], as the model says"},
      {"unknown tensor", with("\"name\":\"blk.0.attn_q.weight\"", "\"name\":\"blk.9.attn_q.weight\""),
       "tensor blk.9.attn_q.weight must belong to the model"},
      {"tensor twice", with("\"name\":\"blk.0.attn_k.weight\"", "\"name\":\"blk.0.attn_v.weight\""),
       "tensor blk.0.attn_v.weight"},
      {"model that grew", with("\"layers\":2", "\"layers\":3"), "tensor blk.2.attn_norm.weight must be in the table"},
      {"2^31 weights", with("\"vocabSize\":101", "\"vocabSize\":4194305"),
       "model.vocabSize must be a whole number from 2 to 4194304"},
      {"heads", with("\"heads\":4", "\"heads\":3"), "model.heads must be a multiple of kvHeads"},
      {"head size", with("\"headSize\":16", "\"headSize\":24"), "model.headSize must be a multiple of 16"},
      {"unknown source type", with("\"sourceType\":\"Q4_1\"", "\"sourceType\":\"Q3_K\""), "sourceType must be one of"},
      {"exact of floats", with("\"sourceType\":\"Q4_1\"", "\"sourceType\":\"F32\""),
       "tensor blk.0.attn_q.weight.rungs[2].kind must be raw for a source of type F32"},
      {"columns", with("\"sourceType\":\"Q4_1\"", "\"sourceType\":\"Q4_K\""), "needs a multiple of 256 columns"},
      {"residual without a coded rung", with("\"residual\":null", "\"residual\":{\"bits\":1,\"planes\":[]}", 1),
       "planes must be a list of 0 to 0 items"},
      {"text for a number", with("\"layers\":2", "\"layers\":\"2\""), "model.layers must be a whole number"},
      {"missing field", with("\"rmsEps\":1e-5,", ""), "model.rmsEps must be a number"},
      {"stages", with("\"stages\":[{\"stage\":0", "\"stages\":[{\"stage\":1"),
       "stages[0].stage must be a whole number from 0 to 0"},
      {"no tensors", with("\"tensors\":[", "\"tensors\":{\"a\":["), "config must"},
  };
  for (const auto& c : cases) {
    const std::string got = refusal([&] { LadderConfig::parse(c.text); });
    if (!contains(got, c.expected)) std::printf("%s: \"%s\" has no \"%s\"\n", c.name, got.c_str(), c.expected);
    CHECK_FOR(contains(got, c.expected), c.name);
  }
  CHECK(refusal([] { LadderConfig::parse(config); }).empty());
  // 2^31 weights in one tensor: a vocabulary that the model's limits allow.
  const std::string wide = with("\"hiddenSize\":64", "\"hiddenSize\":4096");
  const size_t at = wide.find("\"vocabSize\":101");
  const std::string huge = wide.substr(0, at) + "\"vocabSize\":1000000" + wide.substr(at + 15);
  const size_t shape = huge.find("\"shape\":[101,64]");
  CHECK(contains(refusal([&] {
                   LadderConfig::parse(huge.substr(0, shape) + "\"shape\":[1000000,4096]" + huge.substr(shape + 16));
                 }),
                 "tensor token_embd.weight.shape must have at most 2^31 weights"));
}

// The second shape's embedding uses the head's codes.
void likes() {
  const std::string good = TinyLadder(tinyShapes()[1]).config();
  const size_t at = good.find("\"like\":");
  const auto with = [&](const std::string& from, const std::string& to) {
    const size_t where = good.find(from, at);
    return good.substr(0, where) + to + good.substr(where + from.size());
  };
  const std::string rung = "tensor token_embd.weight.rungs[0]";
  const struct {
    const char* name;
    std::string text, expected;
  } cases[] = {
      {"no such tensor", with("output.weight", "output.bias"), rung + " must name the sections of a coded rung of"},
      {"itself", with("output.weight", "token_embd.weight"), rung + " must name the sections"},
      {"no name", with("\"output.weight\"", "\"\""), rung + ".like must name a tensor"},
      {"a number", with("\"output.weight\"", "7"), rung + ".like must be a text"},
      {"another plane", with("\"offset\":", "\"offset\":64,\"was\":"), rung + " must name the sections"},
      {"no like", with("\"like\"", "\"lime\""), "must not overlap"},
      {"past its blob", with("\"offset\":", "\"offset\":99999936,\"was\":"), ".offset must be a whole number from 0 to"},
  };
  CHECK(refusal([&] { LadderConfig::parse(good); }).empty());
  for (const auto& c : cases) {
    const std::string got = refusal([&] { LadderConfig::parse(c.text); });
    if (!contains(got, c.expected.c_str())) std::printf("%s: \"%s\"\n", c.name, got.c_str());
    CHECK_FOR(contains(got, c.expected.c_str()), c.name);
  }
}

// A mixture's shape is bounded before anything is made of it, and what routes is not coded.
void mixtures() {
  TinyShape shape = tinyMixtures()[1];
  const std::string good = TinyLadder(shape).config();
  const auto changed = [&](const std::string& from, const std::string& to) {
    const size_t at = good.find(from);
    return at == std::string::npos ? "the case does not exist" : good.substr(0, at) + to + good.substr(at + from.size());
  };
  const struct {
    std::string text, expected;
  } cases[] = {
      {changed("\"count\":5", "\"count\":1"), "model.experts.count must be a whole number from 2 to 1024"},
      {changed("\"count\":5", "\"count\":1025"), "model.experts.count must be a whole number from 2 to 1024"},
      {changed("\"count\":5", "\"count\":6"), "tensor blk.0.ffn_gate_inp.weight.shape must be [6, 64]"},
      {changed("\"perToken\":3", "\"perToken\":6"), "model.experts.perToken must be a whole number from 1 to 5"},
      {changed("\"perToken\":3", "\"perToken\":0"), "model.experts.perToken must be a whole number from 1 to 5"},
      {changed("\"normalized\":false", "\"normalized\":0"), "model.experts.normalized must be true or false"},
      {changed("\"sharedFfnSize\":32", "\"sharedFfnSize\":33"), "model.experts.sharedFfnSize must be a multiple of 32"},
      {changed("\"sharedFfnSize\":32", "\"sharedFfnSize\":0"), "must belong to the model"},
      {changed("\"layers\":2", "\"layers\":1024").replace(good.find("\"count\":5") + 3, 9, "\"count\":1000"),
       "model.experts.count times layers must be at most 21845"},
      {changed("\"experts\":{", "\"experts\":7,\"were\":{"), "model.experts must be an object"},
      {changed("blk.1.ffn_down.4.weight", "blk.1.ffn_down.5.weight"), "must belong to the model"},
      {changed("\"blk.0.ffn_gate_inp.weight\",\"shape\":[5,64],\"sourceType\":\"F32\",\"rungs\":[{\"kind\":\"raw\",\"stage\":0,\"dtype\":\"F32\"",
               "\"blk.0.ffn_gate_inp.weight\",\"shape\":[5,64],\"sourceType\":\"F32\",\"rungs\":[{\"kind\":\"raw\",\"stage\":0,\"dtype\":\"F16\""),
       "tensor blk.0.ffn_gate_inp.weight"},
  };
  CHECK(refusal([&] { LadderConfig::parse(good); }).empty());
  for (const auto& c : cases) {
    const std::string got = refusal([&] { LadderConfig::parse(c.text); });
    if (!contains(got, c.expected)) std::printf("\"%s\" lacks \"%s\"\n", got.c_str(), c.expected.c_str());
    CHECK_FOR(contains(got, c.expected), c.expected.c_str());
  }
}

void blobs() {
  const TinyFiles files(ladder->blobs);
  Engine engine(LadderConfig::parse(config), {1, 1 << 20, KvType::F16, 100, "", std::vector<uint32_t>(102)});
  CHECK(contains(refusal([&] { engine.attachStage(0, files.path(0) + "x"); }),
                 "stage 0 must be a file that can be read"));
  auto shorter = ladder->blobs[0];
  shorter.pop_back();
  files.write(0, shorter);
  const std::string wanted = "stage 0 must have " + std::to_string(ladder->blobs[0].size()) + " bytes";
  CHECK(contains(refusal([&] { engine.attachStage(0, files.path(0)); }), wanted));
  shorter.resize(shorter.size() + 2);
  files.write(0, shorter);
  CHECK(contains(refusal([&] { engine.attachStage(0, files.path(0)); }), wanted));
  CHECK(contains(refusal([&] { engine.attachStage(0, "/"); }), wanted));
  CHECK(refusal([&] {
          Engine(LadderConfig::parse(config), {1, 10, KvType::F16, 100, "", std::vector<uint32_t>(102)});
        }).find("kvBytes must hold one block") == 0);
  CHECK(refusal([&] {
          Engine(LadderConfig::parse(config), {1, 1 << 20, KvType::F16, 161, "", std::vector<uint32_t>(102)});
        }) == "contextTokens must be from 1 to 160");
  CHECK(refusal([&] {
          Engine(LadderConfig::parse(config), {1, 1 << 20, KvType::F16, 100, "", std::vector<uint32_t>(101)});
        }) == "tokenOffsets must have 102 entries");
  CHECK(refusal([&] {
          Engine(LadderConfig::parse(config), {1, 1 << 20, KvType::F16, 100, "", std::vector<uint32_t>(102, 1)});
        }) == "tokenOffsets must end within tokenBytes");
}

}  // namespace

int main() {
  json();
  TinyLadder tiny(tinyShapes()[0]);
  ladder = &tiny;
  config = tiny.config();
  checks();
  likes();
  mixtures();
  blobs();
  return report("model_config");
}

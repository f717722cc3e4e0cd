// Random damage to an audio encoder's config and safetensors, and random cuts of audio, through the C ABI. Whatever comes,
// the process lives, and what is refused is refused by name. Deterministic.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "tiny_audio.h"
#include "zen_engine.h"

using namespace zen::test;

namespace {

std::mt19937 chance(29);
int below(int n) { return static_cast<int>(chance() % static_cast<unsigned>(n)); }

// Whether it opened.
bool use(const std::string& config, const std::string& file) {
  const TinyFile stored(file);
  const char* paths[] = {stored.path().c_str()};
  zen_error error = {};
  zen_audio_encoder* encoder = nullptr;
  if (zen_open_audio_encoder(config.data(), config.size(), paths, 1, 1, &encoder, &error) != 0) {
    CHECK(error.field[0] != '\0' && error.limit[0] != '\0');
    return false;
  }
  zen_audio_stream* stream = nullptr;
  CHECK(zen_open_audio_stream(encoder, nullptr, &stream, &error) == 0);
  const zen_audio_shape shape = zen_audio_shape_of(encoder);
  zen_close_audio_encoder(encoder);  // the stream goes on
  bool last = false;
  int64_t final = 0;
  for (int i = 0; i < 4 && !last; i++) {
    std::vector<float> samples(static_cast<size_t>(below(24000)));
    for (float& sample : samples)
      sample = static_cast<float>(below(2001) - 1000) / 1000;
    if (below(40) == 0 && !samples.empty()) samples[0] = NAN;
    last = i == 3 || below(6) == 0;
    zen_audio_rows rows;
    if (zen_append_samples(stream, samples.data(), samples.size(), last, below(2), &rows, &error) != 0) {
      CHECK(error.field[0] != '\0' && error.limit[0] != '\0');
      error = {};
      continue;
    }
    CHECK(rows.first_row == final && rows.final_rows >= final);
    CHECK(rows.row_values % static_cast<size_t>(shape.output_size) == 0);
    CHECK(!last || static_cast<int64_t>(rows.row_values) == (rows.final_rows - final) * shape.output_size);
    CHECK(std::all_of(rows.rows, rows.rows + rows.row_values, [](float value) { return std::isfinite(value); }));
    final = rows.final_rows;
  }
  zen_close_audio_stream(stream);
  return true;
}

std::string damaged(std::string text) {
  static const char* const kNumbers[] = {"0", "-1", "1", "2", "7", "64", "2147483648", "4294967296", "9007199254740993", "1e308", "0.5"};
  static const char* const kTexts[] = {"null", "[]", "{}", "\"\"", "\"F16\"", "\"I64\"", "[1]", "[4294967296,4294967296]"};
  for (int n = 1 + below(2); n > 0; n--) {
    const size_t at = static_cast<size_t>(below(static_cast<int>(text.size())));
    switch (below(5)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        text.erase(at, static_cast<size_t>(1 + below(40)));
        break;
      case 2:
        text.insert(static_cast<size_t>(below(static_cast<int>(text.size()))), text.substr(at, static_cast<size_t>(1 + below(80))));
        break;
      case 3: {
        const size_t begin = text.find_first_of("0123456789", at);
        if (begin == std::string::npos) break;
        const size_t end = text.find_first_not_of("0123456789", begin);
        text.replace(begin, (end == std::string::npos ? text.size() : end) - begin, kNumbers[below(11)]);
        break;
      }
      default: {
        const size_t begin = text.find(':', at);
        if (begin == std::string::npos) break;
        const size_t end = text.find_first_of(",}]", begin);
        text.replace(begin + 1, (end == std::string::npos ? text.size() : end) - begin - 1, kTexts[below(8)]);
      }
    }
    if (text.empty()) text = "{";
  }
  return text;
}

}  // namespace

int main() {
  const TinyAudio good;
  CHECK(use(good.config(), good.file()));
  int opened = 0, refused = 0;
  const auto count = [&](bool open) { (open ? opened : refused)++; };
  for (int i = 0; i < 400; i++)
    count(use(damaged(good.config()), good.file()));
  for (int i = 0; i < 400; i++) {
    TinyAudio bad = good;
    bad.header = damaged(bad.header);
    count(use(good.config(), bad.file()));
  }
  for (int i = 0; i < 100; i++) {
    std::string file = good.file();
    if (i % 2) {
      for (int n = 0; n < 40; n++)
        file[static_cast<size_t>(below(static_cast<int>(file.size())))] = static_cast<char>(below(256));
    } else {
      file.resize(static_cast<size_t>(below(static_cast<int>(file.size()))));
    }
    count(use(good.config(), file));
  }
  for (int i = 0; i < 50; i++) {  // weights alone: all of them are numbers, finite or not
    TinyAudio bad = good;
    for (int n = 0; n < 20; n++)
      bad.data[static_cast<size_t>(below(static_cast<int>(bad.data.size())))] = static_cast<char>(below(256));
    CHECK(use(bad.config(), bad.file()));
  }
  std::printf("%d opened, %d refused\n", opened, refused);
  CHECK(opened > 5 && refused > 450);
  return report("fuzz_audio");
}

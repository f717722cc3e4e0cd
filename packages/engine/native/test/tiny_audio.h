// An audio encoder small enough for tests: random weights as safetensors, written to a file of its own.
#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace zen::test {

struct TinyAudio {
  int bins = 20, channels = 3, width = 12, layers = 2, heads = 3, ffn = 18, output = 7, windowFrames = 200;
  std::string header, data;

  explicit TinyAudio(unsigned seed = 1) {
    std::mt19937 random(seed);
    const auto number = [&] { return static_cast<float>(random()) / 4294967296.0f * 2 - 1; };
    const auto tensor = [&](const std::string& name, std::vector<int> shape, float middle, float spread) {
      size_t count = 1;
      std::string sizes;
      for (const int size : shape) {
        sizes += (sizes.empty() ? "" : ",") + std::to_string(size);
        count *= static_cast<size_t>(size);
      }
      const size_t from = data.size();
      for (size_t i = 0; i < count; i++) {
        const float value = middle + spread * number();
        data.append(reinterpret_cast<const char*>(&value), sizeof value);
      }
      header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"F32\",\"shape\":[" + sizes +
                "],\"data_offsets\":[" + std::to_string(from) + "," + std::to_string(data.size()) + "]}";
    };
    const auto linear = [&](const std::string& name, std::vector<int> shape) {
      tensor(name + ".weight", shape, 0, 0.5f);
      tensor(name + ".bias", {shape[0]}, 0, 0.3f);
    };
    const auto norm = [&](const std::string& name) {
      tensor(name + ".weight", {width}, 1, 0.3f);
      tensor(name + ".bias", {width}, 0, 0.3f);
    };
    linear("conv2d1", {channels, 1, 3, 3});
    linear("conv2d2", {channels, channels, 3, 3});
    linear("conv2d3", {channels, channels, 3, 3});
    tensor("conv_out.weight", {width, channels * ((bins + 7) / 8)}, 0, 0.5f);
    for (int i = 0; i < layers; i++) {
      const std::string at = "layers." + std::to_string(i) + ".";
      norm(at + "self_attn_layer_norm");
      for (const char* part : {"q_proj", "k_proj", "v_proj", "out_proj"})
        linear(at + "self_attn." + part, {width, width});
      norm(at + "final_layer_norm");
      linear(at + "fc1", {ffn, width});
      linear(at + "fc2", {width, ffn});
    }
    norm("ln_post");
    linear("proj1", {width, width});
    linear("proj2", {output, width});
    header += "}";
  }

  std::string config() const {
    const auto field = [](const char* name, int value) { return "\"" + std::string(name) + "\":" + std::to_string(value) + ","; };
    return "{" + field("num_mel_bins", bins) + field("downsample_hidden_size", channels) + field("d_model", width) +
           field("encoder_layers", layers) + field("encoder_attention_heads", heads) + field("encoder_ffn_dim", ffn) +
           field("output_dim", output) + field("n_window", 50) + field("n_window_infer", windowFrames) +
           "\"activation_function\":\"gelu\"}";
  }
  std::string file() const {
    std::string out;
    for (int i = 0; i < 8; i++)
      out += static_cast<char>(header.size() >> (8 * i) & 255);
    return out + header + data;
  }
};

// Bytes in a file that goes with it.
class TinyFile {
 public:
  explicit TinyFile(const std::string& bytes) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder ? folder : "/tmp") + "/zen-audio-XXXXXX";
    const int file = mkstemp(path_.data());
    if (file < 0 || write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
    close(file);
  }
  ~TinyFile() { std::remove(path_.c_str()); }
  TinyFile(const TinyFile&) = delete;
  TinyFile& operator=(const TinyFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace zen::test

// Finds stop texts in the bytes of sampled tokens, across their borders.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zen {

class StopMatcher {
 public:
  explicit StopMatcher(const std::vector<std::string>& texts) : texts_(texts) {
    for (const std::string& text : texts_)
      if (text.size() > longest_) longest_ = text.size();
  }

  // Index of the stop text that is complete with these bytes: the one that begins first, the lowest index among
  // those. −1: none.
  int append(std::string_view bytes) {
    if (longest_ == 0) return -1;
    tail_.append(bytes);
    int found = -1;
    size_t first = std::string::npos;
    for (size_t i = 0; i < texts_.size(); i++) {
      const size_t at = tail_.find(texts_[i]);
      if (at < first) {
        first = at;
        found = static_cast<int>(i);
      }
    }
    if (tail_.size() >= longest_) tail_.erase(0, tail_.size() - (longest_ - 1));
    return found;
  }

  // To go back to an earlier state.
  const std::string& tail() const { return tail_; }
  void restore(const std::string& tail) { tail_ = tail; }

 private:
  std::vector<std::string> texts_;
  size_t longest_ = 0;
  std::string tail_;  // the last bytes that a stop text may begin in
};

}  // namespace zen

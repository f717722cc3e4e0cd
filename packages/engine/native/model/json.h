// A strict JSON reader for untrusted configs: bounded in bytes, depth and number of values; no duplicate keys.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zen {

class Json {
 public:
  enum class Kind : uint8_t { Null, False, True, Number, Text, List, Object };

  // The members of the outermost object named `unread` are checked but not kept. Throws Failure("config", …) with
  // the byte where it went wrong.
  static Json parse(std::string_view text, std::string_view unread = {});

  Kind kind = Kind::Null;
  double number = 0;
  std::string text;
  std::vector<Json> items;                            // of a list
  std::vector<std::pair<std::string, Json>> members;  // of an object, sorted by name

  // Null where there is no such member, or this is no object.
  const Json* member(std::string_view name) const;
};

constexpr size_t kMaxConfigBytes = size_t{64} << 20;
constexpr int kMaxJsonDepth = 32;
constexpr size_t kMaxJsonValues = 4 << 20;

}  // namespace zen

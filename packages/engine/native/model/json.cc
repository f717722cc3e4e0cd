#include "model/json.h"

#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>

#include "model/failure.h"

namespace zen {
namespace {

class Reader {
 public:
  Reader(std::string_view text, std::string_view unread) : text_(text), unread_(unread) {}

  Json document() {
    Json value = read(1, true);
    space();
    if (at_ != text_.size()) fail("must end after its first value");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* limit) {
    throw Failure("config", std::string(limit) + " (byte " + std::to_string(at_) + ")");
  }
  char peek() { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      at_++;
  }
  void expect(char c, const char* limit) {
    if (peek() != c) fail(limit);
    at_++;
  }
  void word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) fail("must be JSON");
    at_ += w.size();
  }

  Json read(int depth, bool keep) {
    if (depth > kMaxJsonDepth) fail("must be nested at most 32 deep");
    if (++values_ > kMaxJsonValues) fail("must have at most 2^22 values");
    space();
    Json value;
    switch (peek()) {
      case '{':
        object(value, depth, keep);
        break;
      case '[':
        list(value, depth, keep);
        break;
      case '"':
        value.kind = Json::Kind::Text;
        value.text = string(keep);
        break;
      case 't':
        word("true");
        value.kind = Json::Kind::True;
        break;
      case 'f':
        word("false");
        value.kind = Json::Kind::False;
        break;
      case 'n':
        word("null");
        break;
      default:
        value.kind = Json::Kind::Number;
        value.number = number();
    }
    return value;
  }

  void object(Json& value, int depth, bool keep) {
    value.kind = Json::Kind::Object;
    at_++;
    space();
    if (peek() == '}') {
      at_++;
      return;
    }
    for (;;) {
      space();
      if (peek() != '"') fail("must be JSON: a name in quotes");
      std::string name = string(keep);
      space();
      expect(':', "must be JSON: a colon after a name");
      const bool wanted = keep && !(depth == 1 && !unread_.empty() && name == unread_);
      Json member = read(depth + 1, wanted);
      if (wanted) value.members.emplace_back(std::move(name), std::move(member));
      space();
      if (peek() == '}') break;
      expect(',', "must be JSON: a comma between members");
    }
    at_++;
    std::sort(value.members.begin(), value.members.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 1; i < value.members.size(); i++)
      if (value.members[i].first == value.members[i - 1].first) fail("must not name a member twice");
  }

  void list(Json& value, int depth, bool keep) {
    value.kind = Json::Kind::List;
    at_++;
    space();
    if (peek() == ']') {
      at_++;
      return;
    }
    for (;;) {
      Json item = read(depth + 1, keep);
      if (keep) value.items.push_back(std::move(item));
      space();
      if (peek() == ']') break;
      expect(',', "must be JSON: a comma between items");
    }
    at_++;
  }

  unsigned hex4() {
    unsigned code = 0;
    for (int i = 0; i < 4; i++, at_++) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("must have four hex digits after \\u");
      code = code * 16 + static_cast<unsigned>(digit);
    }
    return code;
  }

  static void utf8(std::string& out, unsigned code) {
    const auto push = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) return push(code);
    if (code < 0x800) {
      push(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      push(0xe0 | code >> 12);
      push(0x80 | (code >> 6 & 63));
    } else {
      push(0xf0 | code >> 18);
      push(0x80 | (code >> 12 & 63));
      push(0x80 | (code >> 6 & 63));
    }
    push(0x80 | (code & 63));
  }

  std::string string(bool keep) {
    std::string out;
    at_++;
    for (;;) {
      if (at_ >= text_.size()) fail("must close a text");
      const unsigned char c = static_cast<unsigned char>(text_[at_++]);
      if (c == '"') return out;
      if (c < 0x20) fail("must not have control characters in a text");
      if (c != '\\') {
        if (keep) out.push_back(static_cast<char>(c));
        continue;
      }
      escape(out);
    }
  }

  void escape(std::string& out) {
    static const char kFrom[] = "\"\\/bfnrt", kTo[] = "\"\\/\b\f\n\r\t";
    const char c = peek();
    at_++;
    if (c == 'u') {
      unsigned code = hex4();
      if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        const unsigned low = hex4();
        if (low < 0xdc00 || low > 0xdfff) fail("must pair surrogates");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      return utf8(out, code);
    }
    for (int i = 0; kFrom[i]; i++)
      if (c == kFrom[i]) {
        out.push_back(kTo[i]);
        return;
      }
    fail("must not have an unknown escape");
  }

  double number() {
    const size_t begin = at_;
    const auto digits = [&] {
      const size_t first = at_;
      while (peek() >= '0' && peek() <= '9')
        at_++;
      return at_ - first;
    };
    if (peek() == '-') at_++;
    const size_t whole = at_;
    const size_t wholeDigits = digits();
    if (wholeDigits == 0 || (wholeDigits > 1 && text_[whole] == '0')) fail("must be JSON");
    bool integer = true;
    if (peek() == '.') {
      integer = false;
      at_++;
      if (digits() == 0) fail("must have digits after the point");
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      at_++;
      if (peek() == '+' || peek() == '-') at_++;
      if (digits() == 0) fail("must have digits in the exponent");
    }
    if (at_ - begin > 64) fail("must have numbers of at most 64 characters");
    if (integer && wholeDigits <= 15) {
      double value = 0;
      for (size_t i = whole; i < whole + wholeDigits; i++)
        value = value * 10 + (text_[i] - '0');
      return whole > begin ? -value : value;
    }
    std::istringstream stream{std::string(text_.substr(begin, at_ - begin))};
    stream.imbue(std::locale::classic());  // strtod would follow the process's locale
    double value = 0;
    stream >> value;
    if (!std::isfinite(value) || stream.fail()) fail("must have numbers that fit a double");
    return value;
  }

  std::string_view text_, unread_;
  size_t at_ = 0, values_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text, std::string_view unread) {
  if (text.size() > kMaxConfigBytes) throw Failure("config", "must have at most 67108864 bytes");
  return Reader(text, unread).document();
}

const Json* Json::member(std::string_view name) const {
  const auto found =
      std::lower_bound(members.begin(), members.end(), name,
                       [](const auto& member, std::string_view wanted) { return member.first < wanted; });
  return found != members.end() && found->first == name ? &found->second : nullptr;
}

}  // namespace zen

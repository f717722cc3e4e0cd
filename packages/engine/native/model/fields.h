// Reads untrusted JSON field by field; every refusal names the field's path and the limit.
#pragma once
#include <cmath>
#include <initializer_list>
#include <string>

#include "model/failure.h"
#include "model/json.h"

namespace zen {

class Fields {
 public:
  Fields(const Json* value, std::string path) : json_(value), path_(std::move(path)) {
    if (!value || value->kind != Json::Kind::Object)
      throw Failure(path_.empty() ? "config" : path_, "must be an object");
  }

  std::string at(const char* name) const { return path_.empty() ? name : path_ + "." + name; }
  const std::string& path() const { return path_; }
  [[noreturn]] void refuse(const char* name, const std::string& limit) const { throw Failure(at(name), limit); }

  const Json* value(const char* name) const { return json_->member(name); }
  bool isNull(const char* name) const {
    const Json* v = value(name);
    return v && v->kind == Json::Kind::Null;
  }
  Fields child(const char* name) const { return Fields(value(name), at(name)); }

  int64_t whole(const char* name, int64_t low, int64_t high) const {
    const Json* v = value(name);
    if (!v || v->kind != Json::Kind::Number ||
        !(v->number >= static_cast<double>(low) && v->number <= static_cast<double>(high)) ||
        v->number != std::floor(v->number))
      refuse(name, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return static_cast<int64_t>(v->number);
  }
  int integer(const char* name, int low, int high) const { return static_cast<int>(whole(name, low, high)); }

  double real(const char* name, double low, double high) const {
    const Json* v = value(name);
    if (!v || v->kind != Json::Kind::Number || !(v->number >= low && v->number <= high))
      refuse(name, "must be a number from " + std::to_string(low) + " to " + std::to_string(high));
    return v->number;
  }
  bool flag(const char* name) const {
    const Json* v = value(name);
    if (!v || (v->kind != Json::Kind::True && v->kind != Json::Kind::False)) refuse(name, "must be true or false");
    return v->kind == Json::Kind::True;
  }
  const std::string& text(const char* name, size_t most) const {
    const Json* v = value(name);
    if (!v || v->kind != Json::Kind::Text || v->text.size() > most)
      refuse(name, "must be a text of at most " + std::to_string(most) + " bytes");
    return v->text;
  }
  // Index of the text among `options`.
  int choice(const char* name, std::initializer_list<const char*> options) const {
    const Json* v = value(name);
    std::string all;
    int index = 0;
    for (const char* option : options) {
      if (v && v->kind == Json::Kind::Text && v->text == option) return index;
      all += (index++ ? ", " : "") + std::string(option);
    }
    refuse(name, "must be one of " + all);
  }
  const std::vector<Json>& list(const char* name, size_t low, size_t high) const {
    const Json* v = value(name);
    if (!v || v->kind != Json::Kind::List || v->items.size() < low || v->items.size() > high)
      refuse(name, "must be a list of " + std::to_string(low) + " to " + std::to_string(high) + " items");
    return v->items;
  }
  Fields item(const char* name, const Json& value, size_t index) const {
    return Fields(&value, at(name) + "[" + std::to_string(index) + "]");
  }

 private:
  const Json* json_;
  std::string path_;
};

}  // namespace zen

// An OCI layout folder as `zen pack` writes it, for the benchmarks.
#pragma once
#include <fstream>
#include <iterator>
#include <string>

#include "model/failure.h"
#include "model/json.h"

inline std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw zen::Failure(path, "must be a file that can be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline const zen::Json& need(const zen::Json& from, const char* name) {
  const zen::Json* found = from.member(name);
  if (!found) throw zen::Failure(name, "must be in the manifest");
  return *found;
}

inline std::string blobPath(const std::string& folder, const zen::Json& descriptor) {
  return folder + "/blobs/sha256/" + need(descriptor, "digest").text.substr(7);
}

inline zen::Json manifestOf(const std::string& folder) {
  const zen::Json index = zen::Json::parse(readAll(folder + "/index.json"));
  return zen::Json::parse(readAll(blobPath(folder, need(index, "manifests").items.at(0))));
}

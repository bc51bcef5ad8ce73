#include "apps/commands.h"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

namespace tamis::apps {

int report(const Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "tamis: %s\n", status.message().c_str());
  return 1;
}

std::string read_stdin() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found("{}: cannot be opened", path);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

}  // namespace tamis::apps

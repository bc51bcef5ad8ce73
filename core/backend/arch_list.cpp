#include "core/backend/arch_list.h"

#include <algorithm>
#include <string>

namespace tamis {

bool covers_arch(std::string_view archs, std::string_view device) {
  const auto settings_agree = [device](std::string_view settings) {
    while (!settings.empty()) {  // ":xnack+"
      const std::size_t length = std::min(settings.find(':', 1), settings.size());
      std::string opposite(settings.substr(0, length));
      opposite.back() = opposite.back() == '+' ? '-' : '+';
      if (device.find(opposite) != std::string_view::npos) return false;
      settings.remove_prefix(length);
    }
    return true;
  };
  const std::string_view number = device.substr(0, device.find(':'));
  while (!archs.empty()) {
    const std::string_view entry = archs.substr(0, archs.find(' '));
    archs.remove_prefix(std::min(entry.size() + 1, archs.size()));
    const std::size_t settings = std::min(entry.find(':'), entry.size());
    if (entry.ends_with("-generic")) return true;
    if (entry.substr(0, settings) == number && settings_agree(entry.substr(settings))) return true;
  }
  return false;
}

}  // namespace tamis

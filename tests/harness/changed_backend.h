// A backend that is not finished: another one without some of its rows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/backend/kernel_table.h"

namespace tamis {

// A backend without the rows of some ops, and with those of other ops under new names.
class ChangedBackend final : public Backend {
 public:
  ChangedBackend(const Backend& inner, std::vector<std::string> missing,
                 std::map<std::string, std::string> renamed = {})
      : inner_(inner), missing_(std::move(missing)), renamed_(std::move(renamed)) {}
  const char* name() const override { return inner_.name(); }
  DeviceList enumerate() override { return {}; }
  std::span<const KernelRow> rows(const char* op) const override {
    for (const std::string& name : missing_) {
      if (name == op) return {};
    }
    const auto it = renamed_.find(op);
    return inner_.rows(it == renamed_.end() ? op : it->second.c_str());
  }

 private:
  const Backend& inner_;
  std::vector<std::string> missing_;
  std::map<std::string, std::string> renamed_;
};

}  // namespace tamis

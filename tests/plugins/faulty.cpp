#include "tests/plugins/faulty.h"

#include <array>
#include <map>
#include <mutex>
#include <string>

#include "core/backend/registry.h"
#include "tamis_abi_hash.h"
#include "tests/plugins/renamed_device.h"

namespace tamis::faulty {
namespace {

// True once, when the count reaches it.
bool due(std::atomic<int>& count) { return count.load() >= 0 && count.fetch_sub(1) == 0; }

class FaultyQueue final : public Queue {
 public:
  FaultyQueue(std::unique_ptr<Queue> inner, Faults& faults) : inner_(std::move(inner)), faults_(faults) {}

  Status upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) override {
    return inner_->upload(dst, offset, src);
  }
  Status download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) override {
    return inner_->download(dst, src, offset);
  }
  Status copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
              std::int64_t bytes) override {
    return inner_->copy(dst, dst_offset, src, src_offset, bytes);
  }
  Status fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) override {
    return inner_->fill(dst, offset, bytes, value);
  }
  Result<std::unique_ptr<Event>> record_event() override { return inner_->record_event(); }
  Status wait_event(Event& event) override { return inner_->wait_event(event); }
  Result<double> elapsed_seconds(Event& begin, Event& end) override {
    return inner_->elapsed_seconds(begin, end);
  }
  Status begin_capture() override {
    capturing_ = std::make_unique<FaultyCapture>();
    return inner_->begin_capture();
  }
  Result<std::unique_ptr<Capture>> end_capture() override {
    std::unique_ptr<FaultyCapture> capture = std::move(capturing_);
    TAMIS_ASSIGN_OR_RETURN(capture->inner, inner_->end_capture());
    return std::unique_ptr<Capture>(std::move(capture));
  }
  Status replay(Capture& capture) override {
    auto& captured = static_cast<FaultyCapture&>(capture);
    log().note_all(captured.launches);
    lose_if_due();
    return pending_.ok() ? inner_->replay(*captured.inner) : Status();
  }
  Status sync() override {
    TAMIS_RETURN_IF_ERROR(inner_->sync());
    Status status = log().explain(pending_);
    pending_ = {};
    log().clear();
    return status;
  }

  Status launch(const KernelRow& row, const OpCall& call, const Scratch& scratch) {
    if (due(faults_.bad_launch_in)) return internal_error("kernel launch: invalid configuration");
    if (capturing_ != nullptr) {
      capturing_->launches.push_back(log().current());
    } else {
      log().note();
      lose_if_due();
    }
    return pending_.ok() ? row.launch(*inner_, call, scratch) : Status();
  }

 private:
  struct FaultyCapture final : Capture {
    std::unique_ptr<Capture> inner;
    std::vector<LoggedLaunch> launches;
  };
  void lose_if_due() {
    if (due(faults_.lost_in)) pending_ = {StatusCode::kDeviceLost, "sync: the device is lost"};
  }

  std::unique_ptr<Queue> inner_;
  Faults& faults_;
  Status pending_;
  std::unique_ptr<FaultyCapture> capturing_;
};

class FaultyDevice final : public RenamedDevice {
 public:
  explicit FaultyDevice(std::shared_ptr<Device> inner) : RenamedDevice(std::move(inner), "faulty") {}
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override {
    if (due(faults_.no_memory_in)) return out_of_memory("faulty: needs {} bytes, 0 are free", bytes);
    return RenamedDevice::alloc(bytes);
  }
  Result<std::unique_ptr<Queue>> create_queue() override {
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Queue> inner, RenamedDevice::create_queue());
    return std::unique_ptr<Queue>(new FaultyQueue(std::move(inner), faults_));
  }
  void* extension(const char* name) override { return std::string(name) == kExtension ? &faults_ : nullptr; }

 private:
  Faults faults_;
};

// A row's launch has no place for the row that it wraps: one function per slot.
constexpr std::size_t kSlots = 256;
std::array<const KernelRow*, kSlots> slots{};

template <std::size_t slot>
Status launch_slot(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return static_cast<FaultyQueue&>(queue).launch(*slots[slot], call, scratch);
}

template <std::size_t... slot>
constexpr auto launch_functions(std::index_sequence<slot...>) {
  return std::array{&launch_slot<slot>...};
}

class FaultyBackend final : public Backend {
 public:
  const char* name() const override { return "faulty"; }
  DeviceList enumerate() override {
    return {{std::make_shared<FaultyDevice>(create_cpu_backend()->enumerate().devices[0])}, ""};
  }
  std::span<const KernelRow> rows(const char* op) const override {
    const std::scoped_lock lock(mutex_);
    const auto [it, added] = rows_.try_emplace(op);
    if (!added) return it->second;
    constexpr auto kLaunch = launch_functions(std::make_index_sequence<kSlots>());
    for (const KernelRow& row : create_cpu_backend()->rows(op)) {
      slots.at(used_) = &row;
      it->second.push_back(row);
      it->second.back().launch = kLaunch.at(used_++);
    }
    return it->second;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::vector<KernelRow>> rows_;
  mutable std::size_t used_ = 0;
};

Backend* create() {
  static FaultyBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::faulty

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::faulty::kEntry; }

#include "tests/hip_emulation/block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/context/detail/fcontext.hpp>

#include "tests/hip_emulation/faults.h"
#include "tests/hip_emulation/local_memory.h"
#include "tests/hip_emulation/memory.h"

namespace hip_emulation {

Place place;

namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr std::size_t kStackBytes = 128 * 1024, kPage = 4096;
constexpr unsigned char kPoison = 0xff;  // NaN, -1

enum class State { kReady, kAtBarrier, kAtExchange, kDone };

struct Fiber {
  fcontext_t context = nullptr;
  State state = State::kDone;
  Site site;
  Place place;
  std::size_t exchange_bytes = 0;
  unsigned char value[kMaxExchangeBytes];
};

bool same_site(const Site& a, const Site& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::string describe(const Site& site) {
  const char* name = std::strrchr(site.file, '/');
  return fmt::format("{}:{}", name != nullptr ? name + 1 : site.file, site.line);
}

class BlockRunner {
 public:
  BlockRunner() : fibers_(kMaxBlockThreads), lanes_(kMaxBlockThreads / 32) {
    // Reserved, not touched: a page that no thread reaches costs nothing. Below each stack lies a page that
    // faults, so that an overflow ends in a crash at the culprit and not in another thread's values.
    const std::size_t bytes = kMaxBlockThreads * kStackBytes;
    stacks_ = static_cast<unsigned char*>(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (unsigned i = 0; i < kMaxBlockThreads; ++i) mprotect(stacks_ + i * kStackBytes, kPage, PROT_NONE);
  }

  std::string run(const Grid& grid, const std::function<void()>& body, int wave);
  void wait(State state, Site site);
  const Lanes& exchange(const void* value, std::size_t bytes, Site site);
  void* dynamic() { return local_.dynamic(); }
  void report(std::string why) {
    if (report_.empty()) report_ = std::move(why);
  }
  bool fault(const void* address, Access access);
  void check(const void* address, std::size_t bytes, Use use);

 private:
  static void fiber_main(transfer_t from);
  void start_block(const Grid& grid, Index block);
  std::string run_block();
  void run_wave(unsigned first);
  bool release_exchange(unsigned first, unsigned end);
  std::string release_barrier();
  void resume(Fiber& fiber);
  void give_up(Access access, const std::string& where);

  std::vector<Fiber> fibers_;
  std::vector<Lanes> lanes_;  // per wave, of its last exchange
  LocalMemory local_;
  unsigned char* stacks_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::string report_;
  std::uint64_t exchanges_ = 0;
  Fiber* running_ = nullptr;  // null: the scheduler is
  bool faulted_ = false;
  fcontext_t scheduler_ = nullptr;
  unsigned threads_ = 0;
  unsigned wave_ = 64;
  // Lanes and waves run upwards and, after the next barrier or in the next block, downwards: of two threads
  // that pass a value without a barrier, the reader is then first at some point, and finds poison or what was
  // before.
  bool downwards_ = false;
};

// Never destroyed: fibers of an aborted block would have to be unwound.
BlockRunner& runner() {
  static auto* the_runner = new BlockRunner;
  return *the_runner;
}

std::mutex grid_mutex;
int chosen_arch = 0x942;

// Runs kernels for as long as the process lives: one block's thread after another, on one stack.
void BlockRunner::fiber_main(transfer_t from) {
  BlockRunner& self = runner();
  self.scheduler_ = from.fctx;
  for (;;) {
    (*self.body_)();
    self.wait(State::kDone, {});
  }
}

void BlockRunner::wait(State state, Site site) {
  Fiber& me = *running_;
  me.state = state;
  me.site = site;
  scheduler_ = jump_fcontext(scheduler_, nullptr).fctx;
}

void BlockRunner::resume(Fiber& fiber) {
  running_ = &fiber;
  place = fiber.place;
  fiber.context = jump_fcontext(fiber.context, nullptr).fctx;
  running_ = nullptr;
}

// Gives the running thread up where it stands, and with it the block.
void BlockRunner::give_up(Access access, const std::string& where) {
  const char* verb = access == Access::kRead ? "reads" : access == Access::kWrite ? "writes" : "accesses";
  report(fmt::format("thread {} {} {}", running_ - fibers_.data(), verb, where));
  faulted_ = true;
  wait(State::kDone, {});
}

// In the signal handler, on the thread's stack.
bool BlockRunner::fault(const void* address, Access access) {
  if (running_ == nullptr) return false;
  if (local_.admit(address, access)) return true;
  std::string where = local_.describe(address);
  give_up(access, where.empty() ? describe_address(address) : where);
  return false;
}

void BlockRunner::check(const void* address, std::size_t bytes, Use use) {
  if (running_ == nullptr) return;
  const auto thread = static_cast<unsigned>(running_ - fibers_.data());
  std::string why = local_.check_access(address, bytes, use, {thread, thread / wave_});
  if (why.empty()) why = check_address(address, bytes);
  if (!why.empty()) give_up(use == Use::kRead ? Access::kRead : Access::kWrite, why);
}

const Lanes& BlockRunner::exchange(const void* value, std::size_t bytes, Site site) {
  Fiber& me = *running_;
  std::memcpy(me.value, value, bytes);
  me.exchange_bytes = bytes;
  wait(State::kAtExchange, site);
  return lanes_[static_cast<std::size_t>(running_ - fibers_.data()) / wave_];
}

// All lanes of a wave wait: those at one site exchange. Of several sites the one that comes first in the
// source goes first, as a GPU runs the inner part of a branch before its lanes meet again. False if none is
// waiting.
bool BlockRunner::release_exchange(unsigned first, unsigned end) {
  const Fiber* chosen = nullptr;
  for (unsigned i = first; i < end; ++i) {
    const Fiber& fiber = fibers_[i];
    if (fiber.state != State::kAtExchange) continue;
    if (chosen == nullptr || fiber.site.line < chosen->site.line) chosen = &fiber;
  }
  if (chosen == nullptr) return false;
  const Site site = chosen->site;
  const std::size_t bytes = chosen->exchange_bytes;
  Lanes& lanes = lanes_[first / wave_];
  lanes.active = 0;
  lanes.serial = ++exchanges_;
  for (unsigned i = first; i < first + wave_; ++i) {
    unsigned char* value = lanes.values[i - first];
    if (i < end && fibers_[i].state == State::kAtExchange && same_site(fibers_[i].site, site)) {
      std::memcpy(value, fibers_[i].value, bytes);
      lanes.active |= std::uint64_t{1} << (i - first);
      fibers_[i].state = State::kReady;
    } else {
      std::memset(value, kPoison, bytes);
    }
  }
  return true;
}

// Until every lane of the wave has ended or waits at a barrier.
void BlockRunner::run_wave(unsigned first) {
  const unsigned end = std::min(first + wave_, threads_);
  do {
    for (unsigned n = 0; n < end - first; ++n) {
      Fiber& fiber = fibers_[downwards_ ? end - 1 - n : first + n];
      if (fiber.state == State::kReady) resume(fiber);
      if (faulted_) return;
    }
  } while (release_exchange(first, end));
}

// All threads have ended or wait at a barrier. A GPU would hang, or let some through too early, unless all
// wait at the same one.
std::string BlockRunner::release_barrier() {
  const Fiber* waiting = nullptr;
  unsigned ended = 0, waits = 0;
  for (unsigned i = 0; i < threads_; ++i) {
    const Fiber& fiber = fibers_[i];
    if (fiber.state == State::kDone) {
      ++ended;
      continue;
    }
    ++waits;
    if (waiting == nullptr) waiting = &fiber;
    if (!same_site(waiting->site, fiber.site)) {
      return fmt::format("divergent barrier: thread {} waits at {}, thread {} at {}",
                         waiting - fibers_.data(), describe(waiting->site), i, describe(fiber.site));
    }
  }
  if (waits > 0 && ended > 0) {
    return fmt::format("divergent barrier: {} threads wait at {}, {} have ended", waits,
                       describe(waiting->site), ended);
  }
  local_.pass_barrier();
  for (unsigned i = 0; i < threads_; ++i) {
    if (fibers_[i].state == State::kAtBarrier) fibers_[i].state = State::kReady;
  }
  return {};
}

std::string BlockRunner::run_block() {
  const auto runs = [](const Fiber& fiber) { return fiber.state != State::kDone; };
  while (std::any_of(fibers_.begin(), fibers_.begin() + threads_, runs)) {
    const unsigned waves = (threads_ + wave_ - 1) / wave_;
    for (unsigned n = 0; n < waves; ++n) {
      run_wave((downwards_ ? waves - 1 - n : n) * wave_);
      if (faulted_) return std::exchange(report_, {});
    }
    downwards_ = !downwards_;
    if (std::string why = release_barrier(); !why.empty()) return why;
  }
  return {};
}

void BlockRunner::start_block(const Grid& grid, Index block) {
  const Index dim = grid.block_dim;
  for (unsigned i = 0; i < threads_; ++i) {
    Fiber& fiber = fibers_[i];
    fiber.state = State::kReady;
    fiber.place = {{i % dim.x, i / dim.x % dim.y, i / (dim.x * dim.y)},
                   block,
                   dim,
                   grid.grid_dim,
                   static_cast<int>(i % wave_),
                   static_cast<int>(wave_)};
    if (fiber.context != nullptr) continue;
    // Stack tops at the same offset of a page would all fall into the same few cache sets.
    const std::size_t shift = i * 832 % kPage / 64 * 64;
    fiber.context =
        make_fcontext(stacks_ + (i + 1) * kStackBytes - shift, kStackBytes - kPage - shift, fiber_main);
  }
  local_.start_block();
}

std::string BlockRunner::run(const Grid& grid, const std::function<void()>& body, int wave) {
  body_ = &body;
  report_.clear();
  faulted_ = false;
  local_.start_grid(grid.local_bytes);
  const FaultWatch watch([](const void* address, Access access) { return runner().fault(address, access); });
  downwards_ = false;
  wave_ = static_cast<unsigned>(wave);
  threads_ = grid.block_dim.x * grid.block_dim.y * grid.block_dim.z;
  Index block;
  for (block.z = 0; block.z < grid.grid_dim.z; ++block.z) {
    for (block.y = 0; block.y < grid.grid_dim.y; ++block.y) {
      for (block.x = 0; block.x < grid.grid_dim.x; ++block.x) {
        start_block(grid, block);
        std::string why = run_block();
        if (why.empty()) why = std::exchange(report_, {});
        if (why.empty()) why = local_.check();
        if (why.empty()) continue;
        for (Fiber& fiber : fibers_) fiber.context = nullptr;  // abandoned where they wait
        return fmt::format("kernel {}, block ({}, {}, {}): {}", grid.kernel, block.x, block.y, block.z, why);
      }
    }
  }
  return {};
}

}  // namespace

void barrier(Site site) { runner().wait(State::kAtBarrier, site); }

const Lanes& exchange(const void* value, std::size_t bytes, Site site) {
  return runner().exchange(value, bytes, site);
}

void* dynamic_local_memory() { return runner().dynamic(); }

void check_access(const void* address, std::size_t bytes, Use use) { runner().check(address, bytes, use); }

void report(std::string why) { runner().report(std::move(why)); }

int arch() { return chosen_arch; }
void set_arch(int arch) { chosen_arch = arch; }
int wave_size() { return chosen_arch >= 0x1000 ? 32 : 64; }

std::string run_grid(const Grid& grid, const std::function<void()>& body) {
  const std::lock_guard<std::mutex> lock(grid_mutex);
  return runner().run(grid, body, wave_size());
}

}  // namespace hip_emulation

#include "tests/hip_emulation/faults.h"

#include <pthread.h>

#include <csignal>

namespace hip_emulation {
namespace {

struct sigaction previous;
pthread_t watched;
FaultHandler handler = nullptr;

Access access_of([[maybe_unused]] const void* context) {
#if defined(__x86_64__)
  // Bit 1 of the page fault's error code.
  const auto code = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR];
  return (code & 2) != 0 ? Access::kWrite : Access::kRead;
#else
  return Access::kUnknown;
#endif
}

void on_fault(int, siginfo_t* info, void* context) {
  if (pthread_equal(pthread_self(), watched) != 0 && handler(info->si_addr, access_of(context))) return;
  sigaction(SIGSEGV, &previous, nullptr);  // the access is repeated, and faults there
}

}  // namespace

FaultWatch::FaultWatch(FaultHandler wanted) {
  watched = pthread_self();
  handler = wanted;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  // A kernel that is given up does not return from its handler, which runs on the thread's own stack.
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
}

FaultWatch::~FaultWatch() { sigaction(SIGSEGV, &previous, nullptr); }

}  // namespace hip_emulation

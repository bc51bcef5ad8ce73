// A plug-in that is wrong in one way, chosen by a definition of tests/plugins/CMakeLists.txt. The registry
// may look at its entry, and must not call create(): that this would fail the process is the test.
#include <cstdlib>

#include "core/backend/backend_api.h"
#include "tamis_abi_hash.h"

#ifndef PLUGIN_HASH
#define PLUGIN_HASH TAMIS_ABI_HASH
#endif
#ifndef PLUGIN_ABI
#define PLUGIN_ABI kAbiNumber
#endif
#ifndef PLUGIN_ENTRY
#define PLUGIN_ENTRY tamis_backend_entry
#endif

namespace tamis {
namespace {

Backend* create() { std::abort(); }
constexpr BackendEntry kEntry = {PLUGIN_ABI, PLUGIN_HASH, &create};

}  // namespace
}  // namespace tamis

extern "C" const tamis::BackendEntry* PLUGIN_ENTRY() { return &tamis::kEntry; }

// Running single CPU rows and whole decompositions on host memory, for tests of what a parity case cannot
// show.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "core/backend/registry.h"
#include "core/graph/graph.h"
#include "tests/cases/case.h"

namespace tamis::test {

// Address space of any size; only pages that are touched take memory. host() is null if the system refuses.
class SparseBuffer final : public Buffer {
 public:
  explicit SparseBuffer(std::int64_t bytes) : Buffer(bytes) {
    void* memory = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) memory_ = static_cast<std::byte*>(memory);
  }
  ~SparseBuffer() override {
    if (memory_ != nullptr) munmap(memory_, static_cast<std::size_t>(bytes()));
  }
  std::byte* host() override { return memory_; }

 private:
  std::byte* memory_ = nullptr;
};

// Owns what its tensors point to.
class CpuRunner {
 public:
  CpuRunner()
      : device_(Registry::instance().device("cpu").value()), queue_(device_->create_queue().value()) {}

  // Memory of a desc, poisoned (NaN, -1).
  Tensor tensor(const TensorDesc& desc) {
    Tensor result;
    result.desc = desc;
    memory_.push_back(std::make_unique<SparseBuffer>(std::max<std::int64_t>(1, desc.span_bytes())));
    result.buffer = memory_.back().get();
    return result;
  }
  Tensor poisoned(const TensorDesc& desc) {
    Tensor result = tensor(desc);
    std::memset(result.buffer->host(), 0xff, static_cast<std::size_t>(desc.span_bytes()));
    return result;
  }
  Tensor filled(const cases::CaseOperand& operand, std::uint64_t seed = 1) {
    Tensor result = poisoned(operand.desc);
    cases::HostView view(operand.desc, result.buffer->host());
    cases::Rng rng(seed);
    operand.fill(view, rng);
    return result;
  }

  // The row of `op` in a family, or its portable row.
  static const KernelRow* row(const char* op, const char* family) {
    const KernelRow* portable = nullptr;
    for (const KernelRow& candidate : Registry::instance().backend("cpu")->rows(op)) {
      if (has_family(candidate, family)) return &candidate;
      if (has_family(candidate, "portable")) portable = &candidate;
    }
    return portable;
  }

  void run(const OpCall& call, const char* family) {
    const KernelRow* chosen = row(call.op->name, family);
    ASSERT_NE(chosen, nullptr) << call.op->name;
    Scratch scratch;
    if (chosen->workspace != nullptr) {
      scratch.workspace_bytes = chosen->workspace(device_->info(), call);
      Result<std::shared_ptr<Buffer>> memory = device_->alloc(scratch.workspace_bytes);
      ASSERT_TRUE(memory.ok());
      std::memset((*memory)->host(), 0xff, static_cast<std::size_t>(scratch.workspace_bytes));
      scratch.workspace = memory->get();
      const Status launched = chosen->launch(*queue_, call, scratch);
      ASSERT_TRUE(launched.ok()) << launched.message();
      return;
    }
    const Status launched = chosen->launch(*queue_, call, scratch);
    ASSERT_TRUE(launched.ok()) << launched.message();
  }

  // Infers the outputs among `operands` (rank kWanted), allocates them, runs, and returns all operands.
  template <class P>
  std::vector<Tensor> run(const OpDef& op, const P& params, std::vector<Tensor> operands,
                          const char* family) {
    std::vector<TensorDesc> descs;
    for (const Tensor& operand : operands) descs.push_back(operand.desc);
    const Status inferred = op.infer(&params, descs);
    EXPECT_TRUE(inferred.ok()) << inferred.message();
    if (!inferred.ok()) return operands;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (op.operands[i].role == Role::kOut && descs[i].rank > 0 && operands[i].buffer == nullptr) {
        operands[i] = poisoned(descs[i]);
      }
    }
    run({&op, &params, operands}, family);
    return operands;
  }

 private:
  std::shared_ptr<Device> device_;
  std::unique_ptr<Queue> queue_;
  std::vector<std::unique_ptr<SparseBuffer>> memory_;
};

inline Tensor wanted_output() {
  Tensor tensor;
  tensor.desc.rank = kWanted;
  return tensor;
}

inline std::vector<std::byte> memory_of(const Tensor& tensor) {
  const std::byte* first = tensor.buffer->host() + tensor.offset;
  return {first, first + tensor.desc.span_bytes()};
}

}  // namespace tamis::test

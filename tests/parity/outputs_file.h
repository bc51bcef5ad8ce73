// The outputs of one device in a file, to be compared on another machine: safetensors with
//   device                 U8      what computed them
//   seed                   I64 [1]
//   OP/CASE                I64 [1] digest of the case's inputs
//   OP/CASE/ROW/OPERAND            an output, in its own dtype and shape
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "tests/harness/parity.h"

namespace tamis::parity {

class OutputsWriter {
 public:
  OutputsWriter(std::string device, std::uint64_t seed) : device_(std::move(device)), seed_(seed) {}
  void add(const harness::Subject& subject, const std::string& row, harness::OutputBytes outputs);
  Status write(const std::string& path) const;

 private:
  struct Stored {
    std::string name;
    TensorDesc desc;
    std::vector<std::byte> bytes;
  };
  std::string device_;
  std::uint64_t seed_;
  std::string last_case_;
  std::vector<Stored> tensors_;
};

// What a row of the file computed for a case.
struct SavedOutputs {
  std::string row;
  harness::OutputBytes outputs;
};

class OutputsFile {
 public:
  // kCorruptData names file, tensor, expected and found.
  static Result<OutputsFile> open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::string& device() const { return device_; }
  std::uint64_t seed() const { return seed_; }
  // Empty if the file has no such case. kCorruptData: an output of another dtype or shape, or one is missing.
  // kInvalidArgument: computed from other inputs.
  Result<std::vector<SavedOutputs>> find(const harness::Subject& subject) const;

 private:
  explicit OutputsFile(SafetensorsFile file) : file_(std::move(file)) {}
  Status read_output(const harness::Subject& subject, const CheckpointTensor& tensor,
                     std::vector<SavedOutputs>& rows) const;

  SafetensorsFile file_;
  std::string device_;
  std::uint64_t seed_ = 0;
};

}  // namespace tamis::parity

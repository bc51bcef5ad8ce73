#include "tests/parity/outputs_file.h"

#include <algorithm>
#include <cstring>

#include "core/checkpoint/safetensors_writer.h"

namespace tamis::parity {
namespace {

using harness::OutputBytes;
using harness::Subject;

std::string case_key(const Subject& subject) {
  return fmt::format("{}/{}", subject.op->name, subject.test_case->name);
}

std::vector<std::byte> bytes_of(std::uint64_t value) {
  std::vector<std::byte> bytes(8);
  std::memcpy(bytes.data(), &value, 8);
  return bytes;
}

std::vector<std::int64_t> shape_of(const TensorDesc& desc) {
  return {desc.dims.begin(), desc.dims.begin() + desc.rank};
}

Result<std::uint64_t> read_number(const SafetensorsFile& file, const std::string& name) {
  const CheckpointTensor* tensor = file.find(name);
  if (tensor == nullptr || tensor->dtype != DType::kI64 || tensor->bytes.size() != 8)
    return corrupt_data("{}: tensor {}: expected I64[1], found {}: not outputs of parity op", file.path(),
                        name, tensor == nullptr ? "none" : tensor->to_string());
  std::uint64_t value;
  std::memcpy(&value, tensor->bytes.data(), 8);
  return value;
}

}  // namespace

void OutputsWriter::add(const Subject& subject, const std::string& row, OutputBytes outputs) {
  const TensorDesc one(DType::kI64, {1});
  const std::string key = case_key(subject);
  if (key != last_case_) tensors_.push_back({key, one, bytes_of(subject.input_digest())});
  last_case_ = key;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!subject.written(i) || outputs[i].empty()) continue;
    tensors_.push_back({fmt::format("{}/{}/{}", key, row, subject.op->operands[i].name),
                        subject.expected[i].desc, std::move(outputs[i])});
  }
}

Status OutputsWriter::write(const std::string& path) const {
  const std::vector<std::byte> seed = bytes_of(seed_);
  std::vector<TensorToWrite> tensors{
      {"device", DType::kU8, {static_cast<std::int64_t>(device_.size())}, std::as_bytes(std::span(device_))},
      {"seed", DType::kI64, {1}, seed}};
  for (const Stored& stored : tensors_)
    tensors.push_back({stored.name, stored.desc.dtype, shape_of(stored.desc), stored.bytes});
  return write_safetensors(path, tensors);
}

Result<OutputsFile> OutputsFile::open(const std::string& path) {
  TAMIS_ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::open(path));
  OutputsFile file(std::move(opened));
  TAMIS_ASSIGN_OR_RETURN(file.seed_, read_number(file.file_, "seed"));
  const CheckpointTensor* device = file.file_.find("device");
  if (device == nullptr || device->dtype != DType::kU8)
    return corrupt_data("{}: tensor device: expected U8, found {}", path,
                        device == nullptr ? "none" : device->to_string());
  file.device_.assign(reinterpret_cast<const char*>(device->bytes.data()), device->bytes.size());
  return file;
}

Status OutputsFile::read_output(const Subject& subject, const CheckpointTensor& tensor,
                                std::vector<SavedOutputs>& rows) const {
  const std::string rest = tensor.name.substr(case_key(subject).size() + 1);
  const std::size_t slash = rest.rfind('/');
  const std::string row = rest.substr(0, slash), operand = slash < rest.size() ? rest.substr(slash + 1) : "";
  const auto& defs = subject.op->operands;
  const auto def =
      std::find_if(defs.begin(), defs.end(), [&](const OperandDef& d) { return operand == d.name; });
  const auto i = static_cast<std::size_t>(def - defs.begin());
  if (def == defs.end() || !subject.written(i))
    return corrupt_data("{}: tensor {}: not an output of {}", path(), tensor.name, subject.op->name);
  const TensorDesc& desc = subject.expected[i].desc;
  if (tensor.dtype != desc.dtype || tensor.shape != shape_of(desc))
    return corrupt_data("{}: tensor {}: expected {}, found {}", path(), tensor.name, desc.to_string(),
                        tensor.to_string());
  auto it = std::find_if(rows.begin(), rows.end(), [&](const SavedOutputs& s) { return s.row == row; });
  if (it == rows.end()) it = rows.insert(it, {row, OutputBytes(subject.expected.size())});
  it->outputs[i].assign(tensor.bytes.begin(), tensor.bytes.end());
  return {};
}

Result<std::vector<SavedOutputs>> OutputsFile::find(const Subject& subject) const {
  std::vector<SavedOutputs> rows;
  const std::string key = case_key(subject), prefix = key + "/";
  if (file_.find(key) == nullptr) return rows;
  TAMIS_ASSIGN_OR_RETURN(const std::uint64_t digest, read_number(file_, key));
  if (digest != subject.input_digest())
    return invalid_argument("{}: {}: computed from other inputs: by another build, or with another C library",
                            path(), key);
  const auto& tensors = file_.tensors();
  auto it =
      std::lower_bound(tensors.begin(), tensors.end(), prefix,
                       [](const CheckpointTensor& t, const std::string& name) { return t.name < name; });
  for (; it != tensors.end() && it->name.starts_with(prefix); ++it)
    TAMIS_RETURN_IF_ERROR(read_output(subject, *it, rows));
  for (const SavedOutputs& saved : rows) {
    for (std::size_t i = 0; i < saved.outputs.size(); ++i) {
      const bool present = subject.written(i) && subject.expected[i].desc.elements() > 0;
      if (present && saved.outputs[i].empty())
        return corrupt_data("{}: tensor {}{}/{} is missing", path(), prefix, saved.row,
                            subject.op->operands[i].name);
    }
  }
  return rows;
}

}  // namespace tamis::parity

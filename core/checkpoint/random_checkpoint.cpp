#include "core/checkpoint/random_checkpoint.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

#include "core/numeric/float16.h"

namespace tamis {
namespace {

constexpr std::int64_t kPage = 4096;  // tensors begin on pages, so that each can be given back
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 46;
constexpr double kBinadesRms = 7.03;  // of 2^e * [1, 2) with e uniform in 0..3

// SplitMix64 (Steele, Lea, Flood 2014) as a counter-based generator: word i of a stream.
std::uint64_t random_word(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t z = stream + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// FNV-1a.
std::uint64_t hash_name(std::string_view name, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// `word(i)` makes eight bytes; the tail is cut.
template <class Word>
void fill_words(std::span<std::byte> out, Word word) {
  std::size_t at = 0;
  for (std::uint64_t i = 0; at < out.size(); ++i, at += 8) {
    const std::uint64_t value = word(i);
    std::memcpy(out.data() + at, &value, std::min<std::size_t>(8, out.size() - at));
  }
}

// Eight e4m3: sign, exponent field 5 to 8, three bits of mantissa. No byte carries into the next, none is
// NaN.
std::uint64_t e4m3_word(std::uint64_t r) {
  return (r & 0x8080808080808080u) | ((r & 0x1f1f1f1f1f1f1f1fu) + 0x2828282828282828u);
}

// Four bf16: sign, one of four exponents from `exponent` (biased) on, seven bits of mantissa.
std::uint64_t bf16_word(std::uint64_t r, std::uint64_t exponent) {
  return (r & 0x8000800080008000u) | ((r & 0x01ff01ff01ff01ffu) + (exponent << 7) * 0x0001000100010001u);
}

// Two f32: sign, one of four exponents from `exponent` (biased) on, 23 bits of mantissa.
std::uint64_t f32_word(std::uint64_t r, std::uint64_t exponent) {
  return (r & 0x8000000080000000u) | ((r & 0x01ffffff01ffffffu) + (exponent << 23) * 0x0000000100000001u);
}

float near_one(std::uint64_t r, float spread) {
  return 1.0f + spread * (static_cast<float>(r >> 40) * 0x1p-23f - 1.0f);
}

std::uint64_t biased_exponent(float rms) {
  const double exponent = std::round(std::log2(static_cast<double>(rms) / kBinadesRms)) + 127.0;
  return static_cast<std::uint64_t>(std::clamp(exponent, 1.0, 250.0));
}

void fill_centred(const RandomTensor& tensor, std::uint64_t stream, std::span<std::byte> out) {
  const std::uint64_t exponent = biased_exponent(tensor.value);
  switch (*tensor.info.dtype) {
    case DType::kE4M3:
      return fill_words(out, [=](std::uint64_t i) { return e4m3_word(random_word(stream, i)); });
    case DType::kBF16:
      return fill_words(out, [=](std::uint64_t i) { return bf16_word(random_word(stream, i), exponent); });
    default:
      return fill_words(out, [=](std::uint64_t i) { return f32_word(random_word(stream, i), exponent); });
  }
}

// Small tensors: norms, biases, scales.
void fill_elements(const RandomTensor& tensor, std::uint64_t stream, std::span<std::byte> out) {
  const std::size_t size = dtype_size(*tensor.info.dtype);
  for (std::size_t i = 0; i < out.size() / size; ++i) {
    const float value =
        tensor.fill == RandomFill::kConstant ? tensor.value : near_one(random_word(stream, i), tensor.value);
    const std::uint16_t half = numeric::float_to_bf16(value);
    std::memcpy(out.data() + i * size, size == 4 ? static_cast<const void*>(&value) : &half, size);
  }
}

bool can_fill(const RandomTensor& tensor) {
  if (!tensor.info.dtype) return false;
  const DType dtype = *tensor.info.dtype;
  switch (tensor.fill) {
    case RandomFill::kCentred: return dtype == DType::kE4M3 || dtype == DType::kBF16 || dtype == DType::kF32;
    case RandomFill::kNearOne: return dtype == DType::kBF16 || dtype == DType::kF32;
    case RandomFill::kConstant: return dtype == DType::kF32;
  }
  return false;
}

// Anonymous pages without swap reservation: only touched ones count.
class Reservation {
 public:
  Reservation() = default;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  Status reserve(std::size_t size) {
    if (size == 0) return {};
    void* data =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) return out_of_memory("random weights: address space for {} bytes refused", size);
    data_ = static_cast<std::byte*>(data);
    size_ = size;
    ::madvise(data, size, MADV_HUGEPAGE);  // a hint; filling is bound by page faults
    return {};
  }

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

class RandomCheckpoint final : public Checkpoint {
 public:
  RandomCheckpoint(std::string name, std::uint64_t seed) : name_(std::move(name)), seed_(seed) {}

  Status add_all(std::vector<RandomTensor> tensors) {
    // Small tensors side by side: 47 000 scale tensors between weights would touch a huge page each.
    constexpr std::int64_t kSmall = 1 << 20;
    std::stable_partition(tensors.begin(), tensors.end(),
                          [](const RandomTensor& tensor) { return tensor.info.n_bytes < kSmall; });
    std::int64_t end = 0;
    for (RandomTensor& tensor : tensors) {
      const TensorInfo& info = tensor.info;
      if (!can_fill(tensor))
        return invalid_argument("{}: tensor {}: no such random fill for {}", name_, info.name,
                                info.to_string());
      if (info.n_bytes < 0 || info.n_bytes > kMaxBytes - end) {
        return invalid_argument("{}: tensor {}: expected at most {} bytes in all", name_, info.name,
                                kMaxBytes);
      }
      const std::string key = info.name;
      if (!slots_.try_emplace(key, Slot{std::move(tensor), {}, static_cast<std::size_t>(end), false})
               .second) {
        return invalid_argument("{}: tensor {}: given twice", name_, key);
      }
      end += (slots_.at(key).random.info.n_bytes + kPage - 1) / kPage * kPage;
    }
    TAMIS_RETURN_IF_ERROR(memory_.reserve(static_cast<std::size_t>(end)).with_context(name_));
    for (auto& [key, slot] : slots_) {
      static_cast<TensorInfo&>(slot.tensor) = slot.random.info;
      slot.tensor.bytes = writable(slot);
    }
    return {};
  }

  const std::string& where() const override { return name_; }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, slot] : slots_) out.push_back(name);
    return out;
  }

  bool has(std::string_view name) const override { return slots_.find(name) != slots_.end(); }

  Result<TensorInfo> info(std::string_view name) override {
    const auto it = slots_.find(name);
    if (it == slots_.end()) return not_found("{}: tensor {}: no such tensor", name_, name);
    return it->second.random.info;
  }

  Result<const CheckpointTensor*> find(std::string_view name) override {
    const auto it = slots_.find(name);
    if (it == slots_.end()) return static_cast<const CheckpointTensor*>(nullptr);
    Slot& slot = it->second;
    const std::scoped_lock lock(mutex_);
    if (!slot.filled) {
      const std::uint64_t stream = hash_name(name, seed_);
      if (slot.random.fill == RandomFill::kCentred) {
        fill_centred(slot.random, stream, writable(slot));
      } else {
        fill_elements(slot.random, stream, writable(slot));
      }
      slot.filled = true;
    }
    return static_cast<const CheckpointTensor*>(&slot.tensor);
  }

  void release(std::string_view name) override {
    const auto it = slots_.find(name);
    if (it == slots_.end()) return;
    const std::scoped_lock lock(mutex_);
    const std::span<std::byte> bytes = writable(it->second);
    if (!bytes.empty()) ::madvise(bytes.data(), bytes.size(), MADV_DONTNEED);
    it->second.filled = false;
  }

  Status open_all() override { return {}; }
  std::vector<MappedRegion> files() const override { return {}; }

 private:
  struct Slot {
    RandomTensor random;
    CheckpointTensor tensor;
    std::size_t offset = 0;  // in memory_
    bool filled = false;
  };

  std::span<std::byte> writable(const Slot& slot) const {
    return {memory_.data() + slot.offset, static_cast<std::size_t>(slot.random.info.n_bytes)};
  }

  std::string name_;
  std::uint64_t seed_;
  Reservation memory_;
  std::mutex mutex_;  // guards Slot::filled and the filling
  std::map<std::string, Slot, std::less<>> slots_;
};

}  // namespace

Result<std::unique_ptr<Checkpoint>> make_random_checkpoint(std::string name,
                                                           std::vector<RandomTensor> tensors,
                                                           std::uint64_t seed) {
  auto checkpoint = std::make_unique<RandomCheckpoint>(std::move(name), seed);
  TAMIS_RETURN_IF_ERROR(checkpoint->add_all(std::move(tensors)));
  return std::unique_ptr<Checkpoint>(std::move(checkpoint));
}

}  // namespace tamis

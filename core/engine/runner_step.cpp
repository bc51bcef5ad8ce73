// One step of a Runner: inputs staged and uploaded, plan run, results fetched.
#include <algorithm>
#include <cstring>

#include "core/engine/runner.h"
#include "core/numeric/float16.h"

namespace tamis {
namespace {

std::int64_t count_tokens(const std::vector<StepItem>& items) {
  std::int64_t total = 0;
  for (const StepItem& item : items) total += static_cast<std::int64_t>(item.tokens.size());
  return total;
}

std::int64_t count_logits(const std::vector<StepItem>& items) {
  std::int64_t total = 0;
  for (const StepItem& item : items) {
    if (item.logits == StepItem::Logits::kLast) ++total;
    if (item.logits == StepItem::Logits::kAll) total += static_cast<std::int64_t>(item.tokens.size());
  }
  return total;
}

bool samples(const StepItem& item) {
  return item.sample.has_value() && item.logits == StepItem::Logits::kLast;
}

// Multiply-adds of one layer's attention, expanded against absorbed, for T tokens over `keys` cached ones:
// expanding pays kv_b for every cached key, absorbing pays wider dot products for every pair.
bool expanding_is_cheaper(const ModelConfig& c, double tokens, double keys) {
  const double heads = static_cast<double>(c.n_heads), latent = static_cast<double>(c.kv_lora_rank);
  const double nope = static_cast<double>(c.qk_nope_head_dim), rope = static_cast<double>(c.qk_rope_head_dim);
  const double v = static_cast<double>(c.v_head_dim);
  const double expanded = heads * (keys * latent * (nope + v) + tokens * keys * (nope + rope + v));
  const double absorbed = heads * (tokens * latent * (nope + v) + tokens * keys * (2 * latent + rope));
  return expanded < absorbed;
}

}  // namespace

Status Runner::add_input(const char* name, std::int64_t bytes) {
  Input input;
  TAMIS_ASSIGN_OR_RETURN(input.buffer, device_->alloc(bytes));
  input.staging.resize(static_cast<std::size_t>(bytes));
  inputs_[name] = std::move(input);
  return {};
}

// Fixed addresses for the largest step: plans are bound to them once.
Status Runner::make_inputs() {
  namespace in = step_input;
  const std::int64_t tokens = bucket(options_.max_batch_tokens), seqs = bucket(options_.max_sequences);
  const std::int64_t longest = std::min(cache_->n_pages() * kPageSize, config_.max_positions);
  const std::int64_t max_pages = kv_bucket(longest) / kPageSize;
  for (const char* name : {in::kTokenIds, in::kPositions, in::kSeqOfToken, in::kWriteSlot, in::kVisible,
                           in::kOutRows, in::kTemperature, in::kTopK, in::kTopP, in::kMinP, in::kRepetition,
                           in::kPresence, in::kFrequency, in::kPosition}) {
    TAMIS_RETURN_IF_ERROR(add_input(name, tokens * 4));
  }
  TAMIS_RETURN_IF_ERROR(add_input(in::kSeed, tokens * 8));
  TAMIS_RETURN_IF_ERROR(add_input(in::kKvLen, seqs * 4));
  TAMIS_RETURN_IF_ERROR(add_input(in::kPageTable, seqs * max_pages * 4));
  const std::int64_t hidden =
      tokens * config_.hidden * static_cast<std::int64_t>(dtype_size(options_.precision.activations));
  if (options_.mtp) TAMIS_RETURN_IF_ERROR(add_input(in::kDraftHidden, hidden));
  if (!options_.layers_only) return {};
  TAMIS_RETURN_IF_ERROR(add_input(in::kStreamIn, hidden));
  return add_input(in::kDeltaIn, hidden);
}

template <class T>
std::span<T> Runner::stage(const char* name, std::int64_t n) {
  Input& input = inputs_.at(name);
  return {reinterpret_cast<T*>(input.staging.data()), static_cast<std::size_t>(n)};
}

Status Runner::upload(const char* name, std::int64_t bytes) {
  Input& input = inputs_.at(name);
  return queue_->upload(*input.buffer, 0, std::span(input.staging).first(static_cast<std::size_t>(bytes)));
}

Status Runner::check_items(const std::vector<StepItem>& items, const StepOptions& options) const {
  if (options_.plan_only) return unsupported("step: the runner was made to plan only");
  if (items.empty()) return invalid_argument("step: no tokens");
  if (options.mtp && !options_.mtp) return invalid_argument("step: the runner was made without MTP caches");
  if (options.layers_only && (!options_.layers_only || options.mtp || options.all_hidden)) {
    return invalid_argument(
        "step: layers_only: the runner was made without its inputs, or more was asked for");
  }
  if (count_tokens(items) + options.extra_padding > options_.max_batch_tokens) {
    return invalid_argument("step: {} tokens, the limit of one step is {}",
                            count_tokens(items) + options.extra_padding, options_.max_batch_tokens);
  }
  std::vector<SequenceId> seen;
  for (const StepItem& item : items) {
    const auto it = sequences_.find(item.sequence);
    if (it == sequences_.end()) return not_found("step: sequence {} is not open", item.sequence);
    if (item.tokens.empty()) return invalid_argument("step: sequence {}: no tokens", item.sequence);
    if (std::find(seen.begin(), seen.end(), item.sequence) != seen.end()) {
      return invalid_argument("step: sequence {} appears twice", item.sequence);
    }
    seen.push_back(item.sequence);
    for (std::int32_t token : item.tokens) {
      if (token < 0 || token >= config_.vocab_size) {
        return invalid_argument("step: token id {}: expected 0 to {}", token, config_.vocab_size - 1);
      }
    }
    const std::int64_t after = it->second.length + static_cast<std::int64_t>(item.tokens.size());
    if (after > config_.max_positions) {
      return invalid_argument("step: sequence {} would reach {} tokens, the model's limit is {}",
                              item.sequence, after, config_.max_positions);
    }
    const std::size_t hidden =
        options.mtp ? item.tokens.size() * static_cast<std::size_t>(config_.hidden) : 0;
    if (item.draft_hidden.size() != hidden) {
      return invalid_argument("step: draft_hidden: expected {} values, found {}", hidden,
                              item.draft_hidden.size());
    }
  }
  return {};
}

StepKey Runner::make_key(const PolicyBatch& batch, bool keep_sparse) const {
  StepKey key;
  std::int64_t tokens = 0, longest = 0, total = 0;
  for (const PolicyBatch::Sequence& sequence : batch.sequences) {
    tokens += sequence.fresh;
    total += sequence.fresh + sequence.prefix;
    longest = std::max(longest, sequence.fresh + sequence.prefix);
  }
  key.n_tokens = bucket(tokens);
  key.n_seqs = key.n_out = bucket(static_cast<std::int64_t>(batch.sequences.size()));
  key.max_kv = kv_bucket(longest);
  // Under invariance `batch` the form must not depend on the batch's size.
  const bool may_switch = options_.plan.invariance == Invariance::kRun;
  const bool stay = keep_sparse || !may_switch || options_.attention == AttentionMode::kSparse;
  const StepPolicy::Attention attention = policy_->attention(batch, stay);
  if (config_.is_dsa() && options_.attention != AttentionMode::kDense) {
    key.variant = attention.dense_prefill ? StepVariant::kDenseExpanded : StepVariant::kSparse;
  } else if (may_switch &&
             expanding_is_cheaper(config_, static_cast<double>(tokens), static_cast<double>(total))) {
    key.variant = StepVariant::kDenseExpanded;
  } else {
    key.variant = StepVariant::kDenseAbsorbed;
  }
  if (key.variant == StepVariant::kDenseExpanded) key.total_kv = bucket(total);
  key.attention = attention.family(attention_op(key.variant));
  return key;
}

StepKey Runner::key_for_shapes(const std::vector<StepShape>& shapes) const {
  std::vector<PolicyBatch::Sequence> sequences;
  for (const StepShape& shape : shapes)
    sequences.push_back({shape.new_tokens, shape.length - shape.new_tokens});
  return make_key(make_batch(std::move(sequences)), false);
}

StepKey Runner::key_for(const std::vector<StepItem>& items, const StepOptions& options) const {
  std::vector<PolicyBatch::Sequence> sequences;
  for (const StepItem& item : items)
    sequences.push_back({static_cast<std::int64_t>(item.tokens.size()), sequences_.at(item.sequence).length});
  PolicyBatch batch = make_batch(std::move(sequences));
  if (options.mtp) batch.kind = BatchKind::kDraftExtend;
  StepKey key = make_key(batch, options.all_hidden);
  key.mtp = options.mtp;
  key.keep_hidden = options.keep_hidden;
  key.all_hidden = options.all_hidden;
  key.layers_only = options.layers_only;
  key.index_scores = options.all_hidden && options.index_scores;
  key.n_tokens = bucket(count_tokens(items) + options.extra_padding);
  key.n_out = bucket(count_logits(items));
  for (const StepItem& item : items) {
    key.sample = key.sample || samples(item);
    key.penalties = key.penalties || (samples(item) && item.sample->has_penalties());
  }
  return key;
}

Status Runner::fill_inputs(const std::vector<StepItem>& items, const StepKey& key) {
  namespace in = step_input;
  const std::int64_t n = key.n_tokens, pages = key.max_kv / kPageSize;
  const auto ids = stage<std::int32_t>(in::kTokenIds, n), positions = stage<std::int32_t>(in::kPositions, n);
  const auto seqs = stage<std::int32_t>(in::kSeqOfToken, n), slots = stage<std::int32_t>(in::kWriteSlot, n);
  const auto visible = stage<std::int32_t>(in::kVisible, n),
             kv_len = stage<std::int32_t>(in::kKvLen, key.n_seqs);
  const auto out_rows = stage<std::int32_t>(in::kOutRows, key.n_out);
  const auto table = stage<std::int32_t>(in::kPageTable, key.n_seqs * pages);
  for (auto zeroed : {ids, positions, seqs, visible, kv_len}) std::fill(zeroed.begin(), zeroed.end(), 0);
  for (auto none : {slots, out_rows, table}) std::fill(none.begin(), none.end(), -1);
  std::size_t row = 0, out = 0;
  for (std::size_t s = 0; s < items.size(); ++s) {
    const StepItem& item = items[s];
    const SequenceCache& cache = sequences_.at(item.sequence);
    std::copy(cache.pages.begin(), cache.pages.end(), table.begin() + static_cast<std::ptrdiff_t>(s) * pages);
    kv_len[s] = static_cast<std::int32_t>(cache.length + static_cast<std::int64_t>(item.tokens.size()));
    for (std::size_t i = 0; i < item.tokens.size(); ++i, ++row) {
      const std::int64_t position = cache.length + static_cast<std::int64_t>(i);
      ids[row] = item.tokens[i];
      positions[row] = static_cast<std::int32_t>(position);
      seqs[row] = static_cast<std::int32_t>(s);
      slots[row] = static_cast<std::int32_t>(CachePool::slot(cache, position));
      visible[row] = static_cast<std::int32_t>(position + 1);
      const bool last = i + 1 == item.tokens.size();
      const bool wanted =
          item.logits == StepItem::Logits::kAll || (item.logits == StepItem::Logits::kLast && last);
      if (wanted) out_rows[out++] = static_cast<std::int32_t>(row);
    }
  }
  for (const char* name : {in::kTokenIds, in::kPositions, in::kSeqOfToken, in::kWriteSlot, in::kVisible}) {
    TAMIS_RETURN_IF_ERROR(upload(name, n * 4));
  }
  TAMIS_RETURN_IF_ERROR(upload(in::kKvLen, key.n_seqs * 4));
  TAMIS_RETURN_IF_ERROR(upload(in::kOutRows, key.n_out * 4));
  TAMIS_RETURN_IF_ERROR(upload(in::kPageTable, key.n_seqs * pages * 4));
  if (key.mtp) TAMIS_RETURN_IF_ERROR(fill_draft_hidden(items));
  return key.sample ? fill_sampling(items, key) : Status();
}

Status Runner::fill_draft_hidden(const std::vector<StepItem>& items) {
  const bool bf16 = options_.precision.activations == DType::kBF16;
  const auto n = count_tokens(items) * config_.hidden;
  std::size_t at = 0;
  for (const StepItem& item : items) {
    for (float value : item.draft_hidden) {
      if (bf16) {
        stage<std::uint16_t>(step_input::kDraftHidden, n)[at++] = numeric::float_to_bf16(value);
      } else {
        stage<float>(step_input::kDraftHidden, n)[at++] = value;
      }
    }
  }
  return upload(step_input::kDraftHidden, n * (bf16 ? 2 : 4));
}

Status Runner::fill_sampling(const std::vector<StepItem>& items, const StepKey& key) {
  namespace in = step_input;
  const std::int64_t n = key.n_out;
  // Made on first use: a row of counts per sequence, half a megabyte each for the published models.
  const std::int64_t most_rows = bucket(options_.max_sequences);
  if (key.penalties && n > most_rows) {
    return invalid_argument("step: penalties with {} rows of logits, the limit is {}", n, most_rows);
  }
  if (key.penalties && inputs_.count(in::kCounts) == 0) {
    TAMIS_RETURN_IF_ERROR(add_input(in::kCounts, most_rows * config_.vocab_size * 4));
  }
  const auto temperature = stage<float>(in::kTemperature, n), top_p = stage<float>(in::kTopP, n);
  const auto min_p = stage<float>(in::kMinP, n), repetition = stage<float>(in::kRepetition, n);
  const auto presence = stage<float>(in::kPresence, n), frequency = stage<float>(in::kFrequency, n);
  const auto top_k = stage<std::int32_t>(in::kTopK, n), position = stage<std::int32_t>(in::kPosition, n);
  const auto seed = stage<std::int32_t>(in::kSeed, 2 * n);
  const std::int64_t vocab = config_.vocab_size;
  const auto counts = key.penalties ? stage<std::int32_t>(in::kCounts, n * vocab) : std::span<std::int32_t>();
  std::fill(counts.begin(), counts.end(), 0);
  std::size_t row = 0;
  const auto put = [&](const StepItem* item) {
    const SamplingConfig config = item != nullptr && samples(*item) ? *item->sample : SamplingConfig{};
    temperature[row] = config.temperature;
    top_k[row] = config.top_k;
    top_p[row] = config.top_p;
    min_p[row] = config.min_p;
    repetition[row] = config.repetition;
    presence[row] = config.presence;
    frequency[row] = config.frequency;
    seed[2 * row] = static_cast<std::int32_t>(config.seed);
    seed[2 * row + 1] = static_cast<std::int32_t>(config.seed >> 32);
    const std::int64_t length = item == nullptr ? 0 : sequences_.at(item->sequence).length;
    position[row] = item == nullptr
                        ? 0
                        : static_cast<std::int32_t>(length + static_cast<std::int64_t>(item->tokens.size()));
    if (key.penalties && item != nullptr) {
      for (std::int32_t token : item->history) {
        if (token >= 0 && token < vocab)
          ++counts[row * static_cast<std::size_t>(vocab) + static_cast<std::size_t>(token)];
      }
    }
    ++row;
  };
  for (const StepItem& item : items) {
    if (item.logits == StepItem::Logits::kLast) put(&item);
    if (item.logits == StepItem::Logits::kAll) {
      for (std::size_t i = 0; i < item.tokens.size(); ++i) put(&item);
    }
  }
  while (row < static_cast<std::size_t>(n)) put(nullptr);
  for (const char* name : {in::kTemperature, in::kTopK, in::kTopP, in::kMinP, in::kRepetition, in::kPresence,
                           in::kFrequency, in::kPosition}) {
    TAMIS_RETURN_IF_ERROR(upload(name, n * 4));
  }
  TAMIS_RETURN_IF_ERROR(upload(in::kSeed, n * 8));
  return key.penalties ? upload(in::kCounts, n * vocab * 4) : Status();
}

Result<std::vector<std::byte>> Runner::download_rows(const Tensor& tensor, std::int64_t rows) {
  const std::int64_t row_bytes = tensor.desc.elements() / std::max<std::int64_t>(1, tensor.desc.dim(0)) *
                                 static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows * row_bytes));
  TAMIS_RETURN_IF_ERROR(queue_->download(bytes, *tensor.buffer, tensor.offset));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  return bytes;
}

Result<std::vector<float>> Runner::download_floats(const Plan& plan, const std::string& output,
                                                   std::int64_t rows) {
  TAMIS_ASSIGN_OR_RETURN(const Tensor tensor, plan.output(output));
  TAMIS_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, download_rows(tensor, rows));
  std::vector<float> values(bytes.size() / dtype_size(tensor.desc.dtype));
  if (tensor.desc.dtype == DType::kF32) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t code;
    std::memcpy(&code, bytes.data() + 2 * i, 2);
    values[i] = numeric::bf16_to_float(code);
  }
  return values;
}

Result<std::vector<std::int32_t>> Runner::download_ints(const Plan& plan, const std::string& output,
                                                        std::int64_t rows) {
  TAMIS_ASSIGN_OR_RETURN(const Tensor tensor, plan.output(output));
  TAMIS_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, download_rows(tensor, rows));
  std::vector<std::int32_t> values(bytes.size() / 4);
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// The scores of the selected keys; 0 behind the last one. A row of scores has a column for each position.
Status Runner::collect_index_scores(const Plan& plan, std::int64_t layer, std::int64_t rows,
                                    StepResult& result) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<float> all,
                         download_floats(plan, fmt::format("index_scores_{}", layer), rows));
  const std::vector<std::int32_t>& indices = result.indices[layer];
  std::vector<float>& scores = result.index_scores[layer];
  scores.resize(indices.size());
  const std::size_t columns = all.size() / static_cast<std::size_t>(rows);
  const std::size_t topk = indices.size() / static_cast<std::size_t>(rows);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= 0) scores[i] = all[i / topk * columns + static_cast<std::size_t>(indices[i])];
  }
  return {};
}

Status Runner::collect_hidden(const StepKey& key, Plan& plan, std::int64_t rows, StepResult& result) {
  if (key.keep_hidden) {
    TAMIS_ASSIGN_OR_RETURN(result.hidden, download_floats(plan, step_output::kHidden, rows));
  }
  if (!key.all_hidden || key.mtp) return {};
  for (std::int64_t i = 0; i <= config_.n_layers; ++i) {
    TAMIS_ASSIGN_OR_RETURN(std::vector<float> hidden,
                           download_floats(plan, fmt::format("hidden_{}", i), rows));
    result.all_hidden.push_back(std::move(hidden));
    const bool indexed = i < config_.n_layers && config_.layers[static_cast<std::size_t>(i)].has_indexer;
    if (!indexed || key.variant != StepVariant::kSparse) continue;
    TAMIS_ASSIGN_OR_RETURN(result.indices[i], download_ints(plan, fmt::format("indices_{}", i), rows));
    if (key.index_scores) TAMIS_RETURN_IF_ERROR(collect_index_scores(plan, i, rows, result));
  }
  return {};
}

Result<StepResult> Runner::collect(const std::vector<StepItem>& items, const StepOptions& options,
                                   const StepKey& key, Plan& plan) {
  StepResult result;
  result.n_out = count_logits(items);
  if (result.n_out > 0 && options.logits) {
    TAMIS_ASSIGN_OR_RETURN(result.logits, download_floats(plan, step_output::kLogits, result.n_out));
  }
  if (key.sample) {
    TAMIS_ASSIGN_OR_RETURN(result.tokens, download_ints(plan, step_output::kToken, result.n_out));
    TAMIS_ASSIGN_OR_RETURN(result.logprobs, download_floats(plan, step_output::kLogprob, result.n_out));
  }
  TAMIS_RETURN_IF_ERROR(collect_hidden(key, plan, count_tokens(items), result));
  return result;
}

// Pages for the tokens that the items add. On kOutOfMemory the caller gives them back.
Status Runner::reserve(const std::vector<StepItem>& items) {
  for (const StepItem& item : items) {
    SequenceCache& cache = sequences_.at(item.sequence);
    TAMIS_RETURN_IF_ERROR(
        cache_->reserve(cache, cache.length + static_cast<std::int64_t>(item.tokens.size())));
  }
  return {};
}

Result<StepResult> Runner::run_step(const std::vector<StepItem>& items, const StepOptions& options) {
  TAMIS_RETURN_IF_ERROR(reserve(items));
  const StepKey key = key_for(items, options);
  TAMIS_RETURN_IF_ERROR(fill_inputs(items, key));
  TAMIS_ASSIGN_OR_RETURN(Plan * step_plan, plan(key));
  TAMIS_RETURN_IF_ERROR(checked_ ? step_plan->run_checked(*queue_, *host_queue_)
                                 : step_plan->run(*queue_, *host_queue_, trace_));
  return collect(items, options, key, *step_plan);
}

Result<StepResult> Runner::step(const std::vector<StepItem>& items, const StepOptions& options) {
  TAMIS_RETURN_IF_ERROR(check_items(items, options));
  Result<StepResult> result = run_step(items, options);
  for (const StepItem& item : items) {
    SequenceCache& cache = sequences_.at(item.sequence);
    // What a failed step wrote lies past the length: nobody reads it, and its pages go back.
    if (result.ok()) cache.length += static_cast<std::int64_t>(item.tokens.size());
    cache_->truncate(cache, cache.length);
  }
  return result;
}

}  // namespace tamis

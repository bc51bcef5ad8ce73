#include "bench/markdown.h"

#include "bench/formats.h"

namespace tamis::bench {
namespace {

std::string notes_of(const Row& row) {
  std::string notes = row.note;
  if (row.energy_mj > 0)
    notes += fmt::format("{}{:.3g} mJ ({})", notes.empty() ? "" : "; ", row.energy_mj, row.energy_source);
  if (!row.warnings.empty()) notes += fmt::format("{}**{}**", notes.empty() ? "" : "; ", row.warnings);
  return markdown_cell(notes);
}

std::string mean_of(const Row& row) {
  return fmt::format("{} ± {}", format_time(row.mean_us), format_time(row.stdev_us));
}

std::string op_line(const Row& row) {
  return fmt::format(
      "| {} | {} | {}{} | {} | {} | {} | {} | {:.4g} | {:.4g} | {:.1f} | {:.1f} | {:.1f} | {} | {} | {} |\n",
      markdown_cell(row.op), markdown_cell(row.case_name), markdown_cell(row.kernel), row.chosen ? " *" : "",
      format_time(row.median_us), mean_of(row), format_time(row.min_us), row.repetitions, row.tflops, row.gbs,
      row.memory_percent, row.matrix_percent, row.floor_percent, row.accuracy, row.flush, notes_of(row));
}

std::string layer_line(const Row& row) {
  return fmt::format("| {} | {} | {} | {} | {} | {:.4g} | {:.4g} | {:.1f} | {} | {} | {} |\n",
                     markdown_cell(row.case_name), format_time(row.median_us), mean_of(row),
                     format_time(row.min_us), row.repetitions, row.tflops, row.gbs, row.floor_percent,
                     row.flush, markdown_cell(describe_shares(row)), notes_of(row));
}

std::string projection_line(const Row& row) {
  return fmt::format("| {} | {} | {:.4g} ± {:.2g} | {} | {} | {} |\n", markdown_cell(row.case_name),
                     format_time(row.median_us), row.tokens_per_second, row.tokens_per_second_stdev,
                     row.flush, markdown_cell(describe_shares(row)), notes_of(row));
}

std::string model_line(const Row& row) {
  const std::string first = row.first_token_us > 0 ? format_time(row.first_token_us) : "";
  return fmt::format(
      "| {} | {:.5g} ± {:.2g} | {} | {} | {} | {:.2f} | {:.2f} | {} | {} |\n", markdown_cell(row.case_name),
      row.tokens_per_second, row.tokens_per_second_stdev, format_time(row.median_us), first, row.repetitions,
      static_cast<double>(row.device_bytes) * 1e-9, static_cast<double>(row.host_peak_bytes) * 1e-9,
      markdown_cell(describe_shares(row)), notes_of(row));
}

}  // namespace

std::string markdown_machine(const Row& row) {
  std::string text =
      fmt::format("{}, {} cores, driver {}; commit {}, {}\n", markdown_cell(row.device), row.cores,
                  row.driver.empty() ? "-" : markdown_cell(row.driver), row.commit, row.build);
  if (row.copy_gbs > 0)
    text += fmt::format("Ceilings measured here: {}.\n", markdown_cell(describe_ceilings(row)));
  return text + "\n";
}

std::string markdown_head(const Row& row) {
  // One way of running a model to a table: it stands above.
  const std::string shape = is_op(row) ? "" : markdown_cell(row.shape) + "\n\n";
  if (row.op == kLayerRow)
    return "| step of one layer | median | mean ± stdev | min | r | TFLOPS | GB/s | % floor | flush | time "
           "by op | "
           "notes |\n|---|--:|--:|--:|--:|--:|--:|--:|---|---|---|\n";
  if (row.op == kProjectionRow)
    return "| projection | step | tokens/s | flush | time by op | notes |\n|---|--:|--:|---|---|---|\n";
  if (row.op == kModelRow)
    return shape +
           "| test | tokens/s | median | first token | r | device GB | host peak GB | time by op, one step | "
           "notes "
           "|\n|---|--:|--:|--:|--:|--:|--:|---|---|\n";
  return "| op | case | kernel row | median | mean ± stdev | min | r | TFLOPS | GB/s | % memory | % matrix | "
         "% "
         "floor | accuracy | flush | notes "
         "|\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|---|\n";
}

std::string markdown_line(const Row& row) {
  if (row.op == kLayerRow) return layer_line(row);
  if (row.op == kProjectionRow) return projection_line(row);
  if (row.op == kModelRow) return model_line(row);
  return op_line(row);
}

}  // namespace tamis::bench

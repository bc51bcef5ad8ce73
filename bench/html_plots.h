// The drawings of the comparison page: SVG text, coloured by the page's style sheet.
#pragma once

#include <string>
#include <vector>

#include "bench/compare.h"

namespace tamis::bench {

std::string escape_html(const std::string& text);
// Style class of a file: f0 … f5.
std::string file_class(std::size_t file);
const char* verdict_class(Verdict verdict);
// "1.40 x the time", or nothing where it was refused.
std::string ratio_text(const Comparison& line);

// All rows of ops by arithmetic intensity and rate, under the ceilings of their runs; empty without such
// rows.
std::string roofline_plot(const std::vector<RowFile>& files);
// A pair of bars for each pair of rows; empty without pairs.
std::string bar_plot(const CompareResult& result);

}  // namespace tamis::bench

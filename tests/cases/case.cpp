#include "tests/cases/case.h"

#include <cmath>
#include <cstring>

#include "core/numeric/philox.h"
#include "core/ops/oracle/oracle.h"

namespace tamis::cases {

std::uint32_t Rng::bits() { return numeric::philox4x32_10(seed_, counter_++, 0).v[0]; }

double Rng::uniform(double low, double high) { return low + (high - low) * (bits() / 4294967296.0); }

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(0, 1)));
  return radius * std::cos(6.283185307179586 * uniform(0, 1));
}

std::int64_t Rng::below(std::int64_t n) { return static_cast<std::int64_t>(bits()) % n; }

std::byte* HostView::address(std::int64_t flat) const {
  std::int64_t offset = 0;
  for (int axis = desc_.rank - 1; axis >= 0; --axis) {
    offset += flat % desc_.dim(axis) * desc_.stride(axis);
    flat /= desc_.dim(axis);
  }
  return data_ + offset * static_cast<std::int64_t>(dtype_size(desc_.dtype));
}

void HostView::set(std::int64_t flat, double value) { store_element(desc_.dtype, address(flat), value); }

double HostView::get(std::int64_t flat) const { return load_element(desc_.dtype, address(flat)); }

namespace {

template <class F>
Fill fill_each(F value_of) {
  return [value_of](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, value_of(i, rng));
  };
}

}  // namespace

Fill fill_normal(double scale) {
  return fill_each([scale](std::int64_t, Rng& rng) { return scale * rng.normal(); });
}
Fill fill_uniform(double low, double high) {
  return fill_each([low, high](std::int64_t, Rng& rng) { return rng.uniform(low, high); });
}
Fill fill_constant(double value) {
  return fill_each([value](std::int64_t, Rng&) { return value; });
}
Fill fill_values(std::vector<double> values) {
  return fill_each([values = std::move(values)](std::int64_t i, Rng&) {
    return values[static_cast<std::size_t>(i) % values.size()];
  });
}
Fill fill_ints(std::int64_t low, std::int64_t high) {
  return fill_each(
      [low, high](std::int64_t, Rng& rng) { return static_cast<double>(low + rng.below(high - low)); });
}
Fill fill_iota(double first) {
  return fill_each([first](std::int64_t i, Rng&) { return first + static_cast<double>(i); });
}
Fill fill_exact() {
  return fill_each([](std::int64_t, Rng& rng) { return static_cast<double>(rng.below(17) - 8) / 8.0; });
}

TensorDesc strided(DType dtype, std::initializer_list<std::int64_t> shape, std::int64_t row_stride) {
  TensorDesc desc(dtype, shape);
  desc.strides[0] = row_stride;
  return desc;
}

CaseList find_cases(const char* op) {
#define OP(name) \
  if (std::strcmp(op, #name) == 0) return cases_##name();
#include "core/ops.def"
#undef OP
  return {};
}

}  // namespace tamis::cases

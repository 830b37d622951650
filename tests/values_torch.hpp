// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "values.hpp"

#include <retinue/backend/libtorch.hpp>

namespace retinue::test {

template <>
struct value<at::Tensor> {
  static constexpr std::size_t rows = 33;
  static at::Tensor from(const std::vector<double>& numbers)
  {
    return at::tensor(numbers, at::kDouble).to(at::kFloat);
  }
  static double at(const at::Tensor& v, std::size_t row)
  {
    const at::TensorAccessor<float, 1> values = v.accessor<float, 1>();
    return static_cast<double>(values[static_cast<std::int64_t>(row)]);
  }
  static constexpr double tolerance = 2e-6;
};

}  // namespace retinue::test

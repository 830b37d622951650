// SPDX-License-Identifier: Apache-2.0
// The terms of a loss as tensors, through which autograd flows: of a loss that was computed over
// tensors, or in host memory, whose slopes are then handed to the backward pass.
#pragma once

#include <retinue/backend/host.hpp>      // host_cost
#include <retinue/backend/libtorch.hpp>  // libtorch_backend
#include <retinue/losses/multibox.hpp>   // loss_terms

#include <torch/torch.h>  // autograd::Function

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// Scalars, each to be weighed and summed as you like; total is their sum by the loss's weights.
struct tensor_terms {
  std::vector<std::pair<std::string_view, at::Tensor>> named;    ///< (), in the loss's order
  at::Tensor total;                                              ///< ()
  std::size_t positives = 0, negatives = 0, with_landmarks = 0;  ///< anchors that took part
  /// The same three as integers, where they lie on a device and nobody waits for them; those above
  /// are 0 then.
  at::Tensor counts{};

  /// A term by its name. Throws where there is none.
  [[nodiscard]] const at::Tensor& operator[](std::string_view name) const
  {
    for (const auto& [key, value] : named)
      if (key == name) return value;
    fail("a loss has no term '", name, "'");
  }
};

namespace detail {

/// A value whose gradient by its input is known, and is 0 but for some rows.
struct known_gradient : torch::autograd::Function<known_gradient> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const host_cost& cost, double divisor)
  {
    const auto width = static_cast<std::int64_t>(cost.width);
    const auto count = static_cast<std::int64_t>(cost.rows.size());
    at::Tensor rows = at::empty({count}, at::kLong);
    std::copy(cost.rows.begin(), cost.rows.end(), rows.data_ptr<std::int64_t>());
    at::Tensor slopes = at::empty({count, width}, at::kFloat);
    if (count * width > 0)
      std::memcpy(slopes.data_ptr<float>(), cost.slopes.data(), cost.slopes.size() * sizeof(float));
    context->save_for_backward(
        {rows.to(input.device()), slopes.to(input.device()).div_(divisor).to(input.scalar_type())});
    context->saved_data["shape"] = input.sizes();
    return at::scalar_tensor(cost.sum / divisor, input.options().requires_grad(false));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& by_value)
  {
    const auto saved = context->get_saved_variables();
    const at::Tensor& slope = by_value[0];
    at::Tensor by_input = at::zeros(context->saved_data["shape"].toIntVector(), saved[1].options());
    by_input.view({-1, saved[1].size(1)}).index_copy_(0, saved[0], saved[1] * slope);
    return {by_input, at::Tensor(), at::Tensor()};
  }
};

[[nodiscard]] inline const at::Tensor& part_of(const outputs<libtorch_backend>& said,
                                               output_part part)
{
  switch (part) {
    case output_part::scores:
      return said.scores.values;
    case output_part::boxes:
      return said.boxes.values;
    case output_part::points:
      return said.points.values;
    default:
      return said.quality.values;
  }
}

/// Adds the terms up; `value` gives each its tensor.
template <class B, class Value>
[[nodiscard]] tensor_terms summed(const loss_terms<B>& terms, const outputs<libtorch_backend>& said,
                                  const Value& value)
{
  tensor_terms all{{}, {}, terms.positives, terms.negatives, terms.with_landmarks, {}};
  for (const summed_term<B>& term : terms.terms) {
    const at::Tensor& input = part_of(said, term.part);
    const bool empty = !input.defined() || input.numel() == 0;
    const at::Tensor one = empty ? at::zeros({}, said.scores.values.options().requires_grad(false))
                                 : value(term, input);
    all.named.emplace_back(term.name, one);
    const at::Tensor weighed = one * term.weight;
    all.total = all.total.defined() ? all.total + weighed : weighed;
  }
  return all;
}

}  // namespace detail

/// Of a loss in host memory over views of these outputs.
[[nodiscard]] inline tensor_terms as_tensors(const loss_terms<host_backend>& terms,
                                             const outputs<libtorch_backend>& said)
{
  return detail::summed(terms, said, [](const auto& term, const at::Tensor& input) {
    return detail::known_gradient::apply(input, term.cost, term.divisor);
  });
}

/// Of a loss over tensors.
[[nodiscard]] inline tensor_terms as_tensors(const loss_terms<libtorch_backend>& terms,
                                             const outputs<libtorch_backend>& said)
{
  return detail::summed(terms, said, [](const auto& term, const at::Tensor&) {
    return at::Tensor(term.cost.sum / term.divisor);
  });
}

}  // namespace retinue

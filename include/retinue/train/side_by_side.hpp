// SPDX-License-Identifier: Apache-2.0
// Tensors that lie side by side in one piece of memory, and work on all of them at once.
//
// A network has some hundred parameters, most of them small. Updated one by one, each costs a
// device several launches, whatever its size; side by side they are one long tensor, and an update
// is a few launches in all.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace retinue {

namespace detail {
/// Whether it lies in memory that has addresses; what is lazy or meta does not.
[[nodiscard]] inline bool has_memory(const at::Tensor& tensor)
{
  return tensor.has_storage() && tensor.storage().data() != nullptr;
}

/// How many numbers a tensor takes where others lie behind it: whole lines of 64 bytes, for loads
/// of any width.
[[nodiscard]] inline std::int64_t room_of(const at::Tensor& tensor)
{
  const auto line = static_cast<std::int64_t>(64 / tensor.element_size());
  return (tensor.numel() + line - 1) / line * line;
}

/// Channels of images side by side, as convolutions of this project have them; else as C has it.
[[nodiscard]] inline std::vector<std::int64_t> strides_side_by_side(const at::Tensor& tensor)
{
  if (tensor.dim() == 4) return c10::get_channels_last_strides_2d(tensor.sizes());
  const auto strides = c10::contiguous_strides(tensor.sizes());
  return {strides.begin(), strides.end()};
}

/// Whether numbers of both come in the same order in memory; sides of 1 have no order.
[[nodiscard]] inline bool same_order(const at::Tensor& a, const at::Tensor& b)
{
  if (a.sizes() != b.sizes()) return false;
  for (std::int64_t d = 0; d < a.dim(); ++d)
    if (a.size(d) > 1 && a.stride(d) != b.stride(d)) return false;
  return true;
}

/// Whether `b` begins where the room of `a` ends.
[[nodiscard]] inline bool lies_behind(const at::Tensor& a, const at::Tensor& b)
{
  return has_memory(a) && has_memory(b) && a.scalar_type() == b.scalar_type() &&
         a.storage().is_alias_of(b.storage()) &&
         a.storage_offset() + room_of(a) == b.storage_offset() &&
         a.is_non_overlapping_and_dense() && b.is_non_overlapping_and_dense();
}

/// The numbers of a dense tensor in the order of memory.
[[nodiscard]] inline at::Tensor in_memory_order(const at::Tensor& tensor)
{
  return tensor.as_strided({tensor.numel()}, {1}, tensor.storage_offset());
}

/// From the first number of `first` to the last of `last`, which lies behind it.
[[nodiscard]] inline at::Tensor from_to(const at::Tensor& first, const at::Tensor& last)
{
  return first.as_strided({last.storage_offset() + last.numel() - first.storage_offset()}, {1},
                          first.storage_offset());
}
}  // namespace detail

/// Moves tensors of one type and device behind each other. They stay the tensors that they are, for
/// all who have them; those of four dimensions have the channels of a pixel side by side
/// afterwards.
inline void lay_side_by_side(const std::vector<at::Tensor>& tensors)
{
  const torch::NoGradGuard no_gradients;
  std::vector<at::Tensor> left;
  std::ranges::copy_if(tensors, std::back_inserter(left), &detail::has_memory);
  while (!left.empty()) {
    const auto others =
        std::stable_partition(left.begin(), left.end(), [of = left.front()](const at::Tensor& t) {
          return t.scalar_type() == of.scalar_type() && t.device() == of.device();
        });
    std::int64_t room = 0;
    for (auto t = left.begin(); t != others; ++t) room += detail::room_of(*t);
    const at::Tensor all = at::zeros({room}, left.front().options().requires_grad(false));
    std::int64_t at = 0;
    for (auto t = left.begin(); t != others; at += detail::room_of(*t), ++t) {
      const at::Tensor place = all.as_strided(t->sizes(), detail::strides_side_by_side(*t), at);
      place.copy_(*t);
      t->set_data(place);
    }
    left.erase(left.begin(), others);
  }
}

/// Calls f(a, b, ...) with one tensor of each list for every longest run of places at which the
/// tensors of each list lie side by side, in one order: flat, of all their numbers and the room
/// between, which is 0 and must stay so. Where they do not, with those of one place, as they are.
/// Places at which a list has none are left out. Lists are of one length.
template <class F, std::same_as<std::vector<at::Tensor>>... Lists>
void each_run(const F& f, const Lists&... lists)
{
  const torch::NoGradGuard no_gradients;
  const std::array<const std::vector<at::Tensor>*, sizeof...(Lists)> all{&lists...};
  const std::size_t count = all[0]->size();
  const auto defined = [&](std::size_t i) {
    return std::ranges::all_of(all, [&](const auto* list) { return (*list)[i].defined(); });
  };
  const auto alike = [&](std::size_t i) {
    return std::ranges::all_of(
        all, [&](const auto* list) { return detail::same_order((*all[0])[i], (*list)[i]); });
  };
  const auto goes_on = [&](std::size_t i) {
    return i < count && defined(i) && alike(i) &&
           std::ranges::all_of(
               all,
               [&](const auto* list) { return detail::lies_behind((*list)[i - 1], (*list)[i]); });
  };
  for (std::size_t first = 0, end = 0; first < count; first = end) {
    end = first + 1;
    if (!defined(first)) continue;
    if (alike(first))
      while (goes_on(end)) ++end;
    if (end == first + 1)
      f(lists[first]...);
    else
      f(detail::from_to(lists[first], lists[end - 1])...);
  }
}

/// The gradients of parameters, none where there is none. Where parameters lie side by side, their
/// gradients do afterwards.
[[nodiscard]] inline std::vector<at::Tensor> gathered_gradients(
    const std::vector<at::Tensor>& parameters)
{
  const torch::NoGradGuard no_gradients;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& p : parameters) gradients.push_back(p.grad());
  const auto goes_on = [&](std::size_t i) {
    return i < parameters.size() && gradients[i].defined() &&
           gradients[i].scalar_type() == parameters[i].scalar_type() &&
           detail::lies_behind(parameters[i - 1], parameters[i]);
  };
  for (std::size_t first = 0, end = 0; first < parameters.size(); first = end) {
    end = first + 1;
    if (!gradients[first].defined()) continue;
    while (goes_on(end)) ++end;
    bool there = true;
    for (std::size_t i = first; i < end; ++i)
      there = there && detail::same_order(parameters[i], gradients[i]) &&
              (i == first || detail::lies_behind(gradients[i - 1], gradients[i]));
    if (there) continue;
    std::vector<at::Tensor> pieces;
    const at::Tensor nothing = at::zeros({64}, gradients[first].options());  // more than any gap
    for (std::size_t i = first; i < end; ++i) {
      const at::Tensor& p = parameters[i];
      at::Tensor g = gradients[i];
      if (!detail::same_order(p, g) || !g.is_non_overlapping_and_dense()) {
        const at::Tensor as_parameter = at::empty_strided(p.sizes(), p.strides(), g.options());
        g = as_parameter.copy_(g);
      }
      pieces.push_back(detail::in_memory_order(g));
      if (const std::int64_t gap = detail::room_of(p) - p.numel(); gap > 0)
        pieces.push_back(nothing.narrow(0, 0, gap));
    }
    const at::Tensor all = at::cat(pieces);
    std::int64_t at = 0;
    for (std::size_t i = first; i < end; ++i) {
      const at::Tensor& p = parameters[i];
      gradients[i] = all.as_strided(p.sizes(), p.strides(), at);
      at::Tensor(p).mutable_grad() = gradients[i];
      at += detail::room_of(p);
    }
  }
  return gradients;
}

}  // namespace retinue

// SPDX-License-Identifier: Apache-2.0
// From weights in plain memory to the parameters and statistics of a LibTorch module, by name, and
// back.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/weights/state_dict.hpp>  // state_dict, host_tensor

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// What did not go from the weights into the module.
struct load_report {
  std::vector<std::string> missing;     ///< names that only the module has
  std::vector<std::string> unexpected;  ///< names that only the weights have
  std::vector<std::string> misshaped;   ///< of both, but of another shape or kind: "name (..) (..)"

  [[nodiscard]] bool complete() const
  {
    return missing.empty() && unexpected.empty() && misshaped.empty();
  }
};

namespace detail {

/// LibTorch's types in the order of ours.
inline constexpr std::array<at::ScalarType, 10> scalar_types{
    at::kBool, at::kByte, at::kChar,     at::kShort, at::kInt,
    at::kLong, at::kHalf, at::kBFloat16, at::kFloat, at::kDouble};

[[nodiscard]] inline at::ScalarType scalar_type_of(dtype type)
{
  return scalar_types[static_cast<std::size_t>(type)];
}

[[nodiscard]] inline dtype dtype_of(at::ScalarType type)
{
  const auto at = std::find(scalar_types.begin(), scalar_types.end(), type);
  if (at == scalar_types.end())
    fail("a state dict cannot hold elements of LibTorch's type ", c10::toString(type));
  return static_cast<dtype>(at - scalar_types.begin());
}

/// A view of the bytes, which must outlive it.
[[nodiscard]] inline at::Tensor view_of(const host_tensor& t)
{
  if (static_cast<std::size_t>(t.count()) * size_of(t.type) != t.bytes.size())
    fail("a tensor of shape ", text_of(t.shape), " holds ", t.bytes.size(), " bytes");
  return at::from_blob(const_cast<std::byte*>(t.bytes.data()), t.shape,
                       at::TensorOptions().dtype(scalar_type_of(t.type)));
}

/// Parameters and buffers by name: the tensors themselves, not copies.
[[nodiscard]] inline std::vector<std::pair<std::string, at::Tensor>> named_state(
    const torch::nn::Module& module)
{
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const auto& item : module.named_parameters()) all.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) all.emplace_back(item.key(), item.value());
  return all;
}

[[nodiscard]] inline host_tensor host_copy(const at::Tensor& tensor)
{
  const at::Tensor there = tensor.detach().cpu().contiguous();
  host_tensor copy{dtype_of(there.scalar_type()), there.sizes().vec(), {}};
  copy.bytes.resize(there.nbytes());
  if (!copy.bytes.empty()) std::memcpy(copy.bytes.data(), there.data_ptr(), copy.bytes.size());
  return copy;
}

/// "a, b, c and 12 more"
[[nodiscard]] inline std::string few_of(const std::vector<std::string>& names)
{
  constexpr std::size_t most = 3;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

}  // namespace detail

/// Copies the weights into the module, on its device and in its precision. Strict: throws, with the
/// module unchanged, where the report would not be complete. Otherwise what fits is copied and the
/// rest stays. Batch counters (num_batches_tracked) may be absent: they do not bear on results.
/// Throws where a number of those that have a name of the module is not finite.
inline load_report load(torch::nn::Module& module, const state_dict& weights, bool strict = true)
{
  load_report report;
  std::vector<std::pair<at::Tensor, const host_tensor*>> fitting;
  std::size_t found = 0;
  const auto state = detail::named_state(module);
  for (const auto& [name, tensor] : state) {
    const host_tensor* given = weights.find(name);
    if (!given) {
      if (!name.ends_with("num_batches_tracked")) report.missing.push_back(name);
      continue;
    }
    ++found;
    const bool floating = at::isFloatingType(detail::scalar_type_of(given->type));
    if (floating && !at::isfinite(detail::view_of(*given)).all().item<bool>())
      fail("the weights ", name, " are not all finite numbers");
    if (tensor.sizes() == at::IntArrayRef(given->shape) &&
        floating == at::isFloatingType(tensor.scalar_type()))
      fitting.emplace_back(tensor, given);
    else
      report.misshaped.push_back(name + " (" + text_of(given->shape) + " of " +
                                 std::string(name_of(given->type)) + ", expected " +
                                 text_of(tensor.sizes().vec()) + ")");
  }
  if (found < weights.size())
    for (const auto& [name, tensor] : weights) {
      const auto same = [&n = name](const auto& entry) { return entry.first == n; };
      if (std::none_of(state.begin(), state.end(), same)) report.unexpected.push_back(name);
    }
  if (strict && !report.complete()) {
    std::string sentence = "the weights do not fit the network:";
    const auto say = [&](const char* what, const std::vector<std::string>& names) {
      if (names.empty()) return;
      sentence += (sentence.ends_with(':') ? " " : "; ") + std::to_string(names.size()) + " " +
                  what + ": " + detail::few_of(names);
    };
    say("missing", report.missing);
    say("unexpected", report.unexpected);
    say("mis-shaped", report.misshaped);
    fail(sentence);
  }
  const torch::NoGradGuard no_gradients;
  for (auto& [tensor, given] : fitting) tensor.copy_(detail::view_of(*given));
  return report;
}

/// A copy of the module's parameters, statistics and counters, under the names that `load` takes.
/// Throws where a state dict cannot hold a type of elements.
[[nodiscard]] inline state_dict state_of(const torch::nn::Module& module)
{
  state_dict weights;
  for (const auto& [name, tensor] : detail::named_state(module))
    weights.insert(name, detail::host_copy(tensor));
  return weights;
}

/// Makes one module the copy of another of the same structure: device, precision and values. Throws
/// where names or shapes differ; what stands before the difference is copied then.
inline void copy_state(const torch::nn::Module& from, torch::nn::Module& to)
{
  const torch::NoGradGuard no_gradients;
  const auto source = detail::named_state(from);
  auto target = detail::named_state(to);
  if (source.size() != target.size()) fail("a module cannot take the state of one unlike it");
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i].first != target[i].first || source[i].second.sizes() != target[i].second.sizes())
      fail("a module cannot take the state of one unlike it: ", source[i].first);
    target[i].second.set_data(source[i].second.detach().clone());
  }
}

}  // namespace retinue

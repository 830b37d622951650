// SPDX-License-Identifier: Apache-2.0
// The terms of a loss by programs as tensors, through which autograd flows: one function forward
// and one backward, for outputs of float32, float16 or bfloat16. Terms are float32; gradients are
// computed in float32 and rounded to the type of the outputs.
#pragma once

#include <retinue/backend/libtorch_team.hpp>  // torch_team, view_for_team
#include <retinue/formulas/narrow.hpp>        // float16, bfloat16
#include <retinue/losses/libtorch.hpp>        // tensor_terms
#include <retinue/losses/team_objective.hpp>  // team_objective
#include <retinue/matchers/any_matcher.hpp>   // any_matcher

#include <torch/torch.h>  // autograd::Function

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

namespace retinue {

namespace detail {

/// Whether programs of these settings take outputs of half the size.
template <class Settings>
inline constexpr bool narrow_programs = !requires { typename decltype(Settings::box)::one_of; };

/// What is kept of a forward pass for the backward one.
template <class Objective, class E>
struct kept_for_backward : torch::CustomClassHolder {
  std::shared_ptr<Objective> objective;
  typename Objective::template batch<E> batch;
  at::Tensor weights;  ///< (4), float
};

/// Box, label, landmark, quality and total as one tensor; and beside it how many positives,
/// negatives and positives with landmarks there were.
template <class Objective, class E>
struct team_terms_of : torch::autograd::Function<team_terms_of<Objective, E>> {
  using kept = kept_for_backward<Objective, E>;
  using sent_truths = typename Objective::sent_truths;

  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& scores, const at::Tensor& boxes,
                                                const at::Tensor& points, const at::Tensor& quality,
                                                const std::shared_ptr<Objective>& objective,
                                                const at::Tensor& weights,
                                                const sent_truths* truths,
                                                const batch_counts* whole)
  {
    const team_outputs<E> said{view_for_team<E>(scores), view_for_team<E>(boxes),
                               view_for_team<E>(points), view_for_team<E>(quality)};
    auto all = c10::make_intrusive<kept>();
    all->objective = objective;
    all->batch = (*objective)(said, *truths, whole);
    all->weights = weights;
    team_terms* const terms = all->batch.view.terms;
    const auto options = at::TensorOptions(scores.device());
    const at::Tensor values = at::from_blob(&terms->box, {5}, options.dtype(at::kDouble));
    const at::Tensor counts =
        at::from_blob(&terms->sums.positives, {3}, options.dtype(at::kInt)).clone();
    context->save_for_backward({scores, boxes, points, quality});
    const at::Tensor found = values.to(at::kFloat);
    context->saved_data["batch"] = c10::IValue::make_capsule(std::move(all));
    context->mark_non_differentiable({counts});
    return {found, counts};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& by_value)
  {
    const auto said = context->get_saved_variables();
    const auto holder = context->saved_data["batch"].toCapsule();
    const auto& all = static_cast<const kept&>(*holder);
    const at::Tensor by = by_value[0].to(at::kFloat);
    const at::Tensor of_terms =
        (by.narrow(0, 0, 4) + by.narrow(0, 4, 1) * all.weights).contiguous();
    torch::autograd::variable_list slopes;
    std::array<E*, 4> at{};
    for (std::size_t k = 0; k < said.size(); ++k) {
      slopes.push_back(at::empty(said[k].sizes(), said[k].options()));
      if (said[k].numel() > 0) at[k] = static_cast<E*>(slopes[k].data_ptr());
    }
    at::Tensor room;  // untouched but for the rows that are learnt from
    if constexpr (!std::same_as<E, float>)
      room = at::empty({said[0].numel()}, said[0].options().dtype(at::kFloat));
    all.objective->slopes(
        all.batch, {.scores = at[0],
                    .boxes = at[1],
                    .points = at[2],
                    .quality = at[3],
                    .of_terms = of_terms.template data_ptr<float>(),
                    .before_rounding = room.defined() ? room.template data_ptr<float>() : nullptr});
    slopes.resize(8);
    return slopes;
  }
};

}  // namespace detail

/// The loss of outputs on any device of LibTorch's on which these blocks work. One serves one
/// thread at a time, and the anchors of one image size.
template <class Settings, class Match, class Blocks>
class torch_team_loss {
  static_assert(
      programmed_matcher<Match>,
      "programs match by overlap_matcher, adaptive_matcher, dynamic_k_matcher and aligned_matcher "
      "alone: an objective of another matcher has no blocks");

 public:
  using schema = typename Settings::schema;
  using objective_type = team_objective<torch_team<Blocks>, Settings, Match>;
  using sent_type = typename objective_type::sent_truths;  ///< truths on the device

  /// By programs on that device, for those anchors. Throws where the blocks do not serve it, and
  /// what is wrong with the settings.
  torch_team_loss(at::Device device, const Settings& settings, const Match& match,
                  const anchor_layout& layout)
      : objective_(
            std::make_shared<objective_type>(torch_team<Blocks>(device), settings, match, layout)),
        anchor_count_(static_cast<std::int64_t>(layout.size()))
  {
    const multibox_weights& w = settings.weights;
    weights_ = at::tensor({w.box, w.label, w.landmark, w.quality}, at::kDouble)
                   .to(at::TensorOptions(device).dtype(at::kFloat));
  }

  /// Whether the blocks work on that device's tensors.
  [[nodiscard]] static bool serves(at::Device device)
  {
    return device.type() == device_of_blocks<Blocks>();
  }

  /// Terms that nobody waits for: how many anchors took part stays on the device, in `counts`.
  /// Throws where a part of the outputs is not (images, anchors, columns), or has other columns
  /// than the settings want.
  [[nodiscard]] tensor_terms operator()(const outputs<libtorch_backend>& said,
                                        const truth_batch<schema>& truths,
                                        const batch_counts* whole = nullptr)
  {
    const auto own = objective_->room_for(truths.images(), truths.size());
    objective_->send(truths, own);
    return terms(said, own, whole);
  }

  /// Sends truths ahead, to where they lie until others are sent. Returns the room that they have,
  /// in truths: a power of two that never falls.
  std::size_t send(const truth_batch<schema>& truths)
  {
    if (sent_.images != truths.images() || sent_.room < truths.size())
      sent_ = objective_->room_for(
          truths.images(), std::max({sent_.room, std::bit_ceil(truths.size()), least_room}));
    objective_->send(truths, sent_);
    return sent_.room;
  }
  /// The terms of the truths that were sent. What is launched depends on their room alone. Throws
  /// as the one above.
  [[nodiscard]] tensor_terms operator()(const outputs<libtorch_backend>& said)
  {
    return terms(said, sent_, nullptr);
  }

 private:
  /// That of all parts, or float32 where they differ, or where settings are chosen at run time:
  /// each kernel of those has all choices in it, and takes long to compile.
  [[nodiscard]] static at::ScalarType type_of(const std::array<at::Tensor, 4>& parts)
  {
    if (!detail::narrow_programs<Settings>) return at::kFloat;
    const at::ScalarType first = parts[0].scalar_type();
    for (const at::Tensor& part : parts)
      if (part.defined() && part.scalar_type() != first) return at::kFloat;
    return first == at::kHalf || first == at::kBFloat16 ? first : at::kFloat;
  }
  void check(const at::Tensor& part, std::size_t images) const
  {
    if (part.numel() == 0) return;
    if (part.dim() != 3 || part.size(0) != static_cast<std::int64_t>(images) ||
        part.size(1) != anchor_count_)
      fail("a part of the outputs of a loss has the shape ", c10::str(part.sizes()), ", expected (",
           images, ", ", anchor_count_, ", columns)");
  }

  [[nodiscard]] tensor_terms terms(const outputs<libtorch_backend>& said, const sent_type& truths,
                                   const batch_counts* whole)
  {
    std::array<at::Tensor, 4> parts{said.scores.values, said.boxes.values, said.points.values,
                                    said.quality.values};
    const at::ScalarType type = type_of(parts);
    for (at::Tensor& part : parts) {
      if (!part.defined()) part = at::empty({0}, said.scores.values.options().requires_grad(false));
      if (part.scalar_type() != type) part = part.to(type);
      check(part, truths.images);
    }
    if constexpr (detail::narrow_programs<Settings>) {
      if (type == at::kHalf) return terms_in<float16>(parts, truths, whole);
      if (type == at::kBFloat16) return terms_in<bfloat16>(parts, truths, whole);
    }
    return terms_in<float>(parts, truths, whole);
  }
  template <class E>
  [[nodiscard]] tensor_terms terms_in(const std::array<at::Tensor, 4>& parts,
                                      const sent_type& truths, const batch_counts* whole)
  {
    const auto found = detail::team_terms_of<objective_type, E>::apply(
        parts[0], parts[1], parts[2], parts[3], objective_, weights_, &truths, whole);
    tensor_terms all;
    all.named = {{"box", found[0][0]}, {"label", found[0][1]}, {"landmark", found[0][2]}};
    if (parts[3].numel() > 0) all.named.emplace_back("quality", found[0][3]);
    all.total = found[0][4];
    all.counts = found[1];
    return all;
  }

  static constexpr std::size_t least_room = 64;

  std::shared_ptr<objective_type> objective_;
  sent_type sent_;
  std::int64_t anchor_count_;
  at::Tensor weights_;
};

/// The same of a matcher that is chosen at run time: one of those of that matcher.
template <class Settings, class Blocks>
class torch_team_loss<Settings, any_matcher, Blocks> {
  template <class Match>
  using loss_of = torch_team_loss<Settings, Match, Blocks>;

 public:
  using schema = typename Settings::schema;

  /// As of the one that the matcher holds. Throws as that does.
  torch_team_loss(at::Device device, const Settings& settings, const any_matcher& match,
                  const anchor_layout& layout)
      : chosen_(match.visit([&]<class Match>(const Match& m) {
          return one_of(std::in_place_type<loss_of<Match>>, device, settings, m, layout);
        }))
  {
  }

  /// Whether the blocks work on that device's tensors.
  [[nodiscard]] static bool serves(at::Device device)
  {
    return loss_of<overlap_matcher>::serves(device);
  }

  /// Terms that nobody waits for. Throws as that does.
  [[nodiscard]] tensor_terms operator()(const outputs<libtorch_backend>& said,
                                        const truth_batch<schema>& truths,
                                        const batch_counts* whole = nullptr)
  {
    return std::visit([&](auto& loss) { return loss(said, truths, whole); }, chosen_);
  }
  /// Sends truths ahead. Returns the room that they have.
  std::size_t send(const truth_batch<schema>& truths)
  {
    return std::visit([&](auto& loss) { return loss.send(truths); }, chosen_);
  }
  /// The terms of the truths that were sent. Throws as that does.
  [[nodiscard]] tensor_terms operator()(const outputs<libtorch_backend>& said)
  {
    return std::visit([&](auto& loss) { return loss(said); }, chosen_);
  }

 private:
  using one_of = std::variant<loss_of<overlap_matcher>, loss_of<adaptive_matcher>,
                              loss_of<dynamic_k_matcher>, loss_of<aligned_matcher>>;
  one_of chosen_;
};

}  // namespace retinue

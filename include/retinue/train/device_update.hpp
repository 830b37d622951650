// SPDX-License-Identifier: Apache-2.0
// An update of which nothing comes to the host: the gradient is clipped, the scale of the loss
// decided and the numbers of the log put together where the network is. Where there is a recorder,
// all of it is noted once and played again.
#pragma once

#include <retinue/instance.hpp>             // instance
#include <retinue/losses/libtorch.hpp>      // tensor_terms
#include <retinue/models/network.hpp>       // network_outputs
#include <retinue/train/deferred.hpp>       // kept_tensors, device_loss_scale, clip_on_device
#include <retinue/train/ema.hpp>            // moving_average
#include <retinue/train/optimizers.hpp>     // optimizer, device_optimizer
#include <retinue/train/precision.hpp>      // autocast_scope
#include <retinue/train/side_by_side.hpp>   // each_run, gathered_gradients
#include <retinue/train/step_recorder.hpp>  // step_recorder

#include <torch/torch.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {
/// What a step needs of a loss: its terms by name, in the order in which they are logged.
struct learnt_terms {
  std::vector<std::pair<std::string, at::Tensor>> terms;  ///< each ()
  at::Tensor total;                                       ///< weighed: what is differentiated
  std::size_t positives = 0;
  at::Tensor counts{};  ///< the positives are the first of these, where they are on a device
};

/// The one place that knows what a loss returns.
[[nodiscard]] inline learnt_terms named_terms(const tensor_terms& t)
{
  learnt_terms learnt{{}, t.total, t.positives, t.counts};
  for (const auto& [name, value] : t.named) learnt.terms.emplace_back(name, value);
  return learnt;
}

/// What a network says of planes that are where it is, computed in that precision: as float32.
template <class Network>
[[nodiscard]] network_outputs outputs_of(Network& network, const at::Tensor& planes, precision of)
{
  network_outputs said;
  {
    const autocast_scope casting(of, planes.device().type());
    said = network.forward(planes.contiguous(at::MemoryFormat::ChannelsLast));
  }
  for (tensor_output* t : {&said.scores, &said.boxes, &said.points, &said.quality})
    if (t->values.defined()) t->values = t->values.to(at::kFloat);
  return said;
}

/// An objective to which truths can be sent ahead.
template <class Objective, class Schema>
concept sends_truths = requires(Objective& o, const network_outputs& said,
                                std::span<const std::vector<instance<Schema>>> truths) {
  { o.sends() } -> std::same_as<bool>;
  { o.send(truths) } -> std::same_as<std::size_t>;
  { o(said) } -> std::same_as<tensor_terms>;
};
}  // namespace detail

/// Updates of one run on one device.
template <optimizer Optimizer>
class device_update {
 public:
  /// What is updated, which outlives it; without an average or a scale where there is none. The
  /// largest norm of a gradient is `clip`, 0 for any.
  device_update(at::Device device, Optimizer& optimize, moving_average* average,
                const loss_scale* scale, double clip)
      : optimize_(&optimize),
        average_(average),
        most_(clip > 0 ? clip : std::numeric_limits<double>::infinity()),
        update_(at::zeros({}, at::TensorOptions(at::kDouble).device(device))),
        rate_(at::zeros_like(update_))
  {
    if (scale) scale_.emplace(*scale, device);
  }

  /// Adds the gradient of a part of a batch, and its numbers: terms, total, positives. `share` is
  /// the part's of the whole.
  void learn(const detail::learnt_terms& learnt, double share)
  {
    std::vector<at::Tensor> each;
    for (const auto& [name, term] : learnt.terms) each.push_back(term.detach() * share);
    each.push_back(learnt.total.detach() * share);
    const auto options = learnt.total.options().dtype(at::kDouble).requires_grad(false);
    each.push_back(learnt.counts.defined()
                       ? learnt.counts[0]
                       : at::full({}, static_cast<double>(learnt.positives), options));
    for (at::Tensor& e : each) e = e.to(at::kDouble);
    numbers_ = numbers_.defined() ? numbers_ + at::stack(each) : at::stack(each);
    names_.clear();
    for (const auto& [name, term] : learnt.terms) names_.push_back(name);
    at::Tensor total = learnt.total * share;
    if (scale_) total = total * scale_->value();
    total.backward();
  }

  /// The terms' names.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// The sums of the parts' numbers: (terms + 2), float64.
  [[nodiscard]] const at::Tensor& numbers() const { return numbers_; }

  /// Makes update `update` from the gradients, unless they are not finite. Returns what
  /// deferred_line takes for its numbers.
  [[nodiscard]] at::Tensor finish(std::int64_t update, double rate)
  {
    update_.fill_(static_cast<double>(update));
    rate_.fill_(rate);
    return finish([&] {
      if constexpr (device_optimizer<Optimizer>)
        (*optimize_)(update_, rate_);
      else
        (*optimize_)(update, rate);
    });
  }

  /// A whole update of planes of one batch, which lie where the network is, and of truths that are
  /// sent to the objective: recorded when the first few have been made, and then played. Returns
  /// the numbers as above.
  template <class Network, class Objective, class Schema>
  [[nodiscard]] at::Tensor recorded(step_recorder& recorder, Network& network, precision compute,
                                    Objective& learn_from, const at::Tensor& planes,
                                    std::span<const std::vector<instance<Schema>>> truths,
                                    std::int64_t update, double rate)
    requires device_optimizer<Optimizer> && detail::sends_truths<Objective, Schema>
  {
    const std::size_t room = learn_from.send(truths);
    if (!standing_ || standing_->room != room || standing_->planes.sizes() != planes.sizes())
      standing_.emplace(at::empty_like(planes, at::MemoryFormat::ChannelsLast), room);
    standing& s = *standing_;
    s.planes.copy_(planes);
    update_.fill_(static_cast<double>(update));
    rate_.fill_(rate);
    // Of all that changes between updates, only what lies on the device may be looked at.
    const auto step = [this, &network, &learn_from, &s, compute] {
      network.zero_grad(/*set_to_none=*/true);
      learn(detail::named_terms(learn_from(detail::outputs_of(network, s.planes, compute))), 1);
      s.numbers = finish([this] { (*optimize_)(update_, rate_); });
    };
    if (s.made < made_before) {  // LibTorch takes memory and chooses algorithms at first
      ++s.made;
      step();
      return s.numbers;
    }
    if (!s.noted) recorder.record(step);
    s.noted = true;
    recorder.play();
    return s.numbers.clone();
  }

 private:
  static constexpr int made_before = 3;

  /// What an update that is recorded reads and writes.
  struct standing {
    at::Tensor planes, numbers;
    std::size_t room;
    int made = 0;
    bool noted = false;

    standing(at::Tensor for_planes, std::size_t for_truths)
        : planes(std::move(for_planes)), room(for_truths)
    {
    }
  };

  template <class Optimize>
  [[nodiscard]] at::Tensor finish(const Optimize& optimize)
  {
    const torch::NoGradGuard no_gradients;
    if (scale_) {
      const at::Tensor by = scale_->value().to(at::kFloat);
      each_run([&](at::Tensor g) { g.div_(by); }, gathered_gradients(optimize_->parameters()));
    }
    const at::Tensor norm = clip_on_device(optimize_->parameters(), most_, update_.device());
    const at::Tensor made = at::isfinite(norm);
    at::Tensor wrong = made.logical_not();
    kept_tensors kept;
    kept.keep(optimize_->parameters());
    kept.keep(optimize_->state());
    if (average_) kept.keep(average_->state());
    optimize();
    if (average_) (*average_)(update_);
    kept.undo_unless(made);

    std::vector<at::Tensor> rest{norm, made};
    if (scale_) {
      wrong = wrong.logical_and(scale_->value() <= 1);
      scale_->after(made);
      rest.insert(rest.end(), {wrong, scale_->value(), scale_->good_updates()});
    } else {
      rest.push_back(wrong);
    }
    for (at::Tensor& r : rest) r = r.to(at::kDouble);
    return at::cat({std::exchange(numbers_, {}), at::stack(rest)});
  }

  Optimizer* optimize_;
  moving_average* average_;
  double most_;
  at::Tensor update_, rate_;  // (): what they are told
  std::optional<device_loss_scale> scale_;
  at::Tensor numbers_;
  std::vector<std::string> names_;
  std::optional<standing> standing_;
};

}  // namespace retinue

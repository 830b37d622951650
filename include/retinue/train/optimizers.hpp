// SPDX-License-Identifier: Apache-2.0
// From gradients to an update of the weights, at a rate that the schedule says.
//
//   sgd      v <- momentum v + g + decay w                  w <- w - rate v
//   adamw    w <- (1 - rate decay) w                        Loshchilov 2019, algorithm 2
//            m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
//            w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
//
// Parameters that lie side by side (train/side_by_side.hpp) are updated at once.
//
// They compute what LibTorch's own do, and unlike those, whose state is keyed by addresses in one
// version and by texts in another, show their state by name: a checkpoint can hold it.
#pragma once

#include <retinue/train/named_tensors.hpp>  // named_tensors
#include <retinue/train/side_by_side.hpp>   // each_run, gathered_gradients

#include <torch/torch.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace retinue {

/// An optimizer of your own: make update number `update`, from 0, from the gradients that the
/// parameters have, and show what must be kept from one update to the next.
template <class O>
concept optimizer = requires(O& o, std::int64_t update, double rate) {
  o(update, rate);
  { o.state() } -> std::convertible_to<named_tensors>;
  { o.parameters() } -> std::convertible_to<std::vector<at::Tensor>>;
};

/// One that can be told both as numbers of the device, (), float64, so that what it does can be
/// recorded once and played again.
template <class O>
concept device_optimizer =
    optimizer<O> && requires(O& o, const at::Tensor& number) { o(number, number); };

/// From now on the module's parameters learn no more. Statistics of its batch normalization stay
/// only while the module is in evaluation mode.
inline void freeze(torch::nn::Module& module)
{
  for (at::Tensor& p : module.parameters()) p.requires_grad_(false);
}

namespace detail {
/// The parameters that learn, and beside each a tensor of zeros under prefix + its name.
struct trained_parameters {
  std::vector<at::Tensor> values;
  std::vector<std::vector<at::Tensor>> kept;  ///< of each prefix: a tensor of each parameter
  named_tensors state;                        ///< the same by name

  trained_parameters(const torch::nn::Module& of, std::initializer_list<const char*> prefixes)
  {
    for (const auto& item : of.named_parameters())
      if (item.value().requires_grad()) values.push_back(item.value());
    for (const char* prefix : prefixes) {
      kept.emplace_back();
      for (const auto& item : of.named_parameters())
        if (item.value().requires_grad()) {
          kept.back().push_back(at::zeros_like(item.value().detach()));
          state.emplace_back(prefix + item.key(), kept.back().back());
        }
    }
  }

  /// A number where the parameters are.
  [[nodiscard]] at::Tensor there(double number) const
  {
    const at::Device device = values.empty() ? at::Device(at::kCPU) : values[0].device();
    return at::full({}, number, at::TensorOptions(at::kDouble).device(device));
  }
};
}  // namespace detail

/// Gradient descent with momentum, decay as part of the gradient: torch.optim.SGD's arithmetic.
class sgd {
 public:
  /// Momentum, and the decay of weights.
  struct settings {
    double momentum = 0.9, decay = 5e-4;  ///< of all parameters, as the reference has it
  };

  explicit sgd(const torch::nn::Module& of) : sgd(of, settings{}) {}
  sgd(const torch::nn::Module& of, settings s) : settings_(s), trained_(of, {"momentum/"}) {}

  void operator()(std::int64_t update, double rate)
  {
    (*this)(trained_.there(static_cast<double>(update)), trained_.there(rate));
  }
  /// The same with numbers where the parameters are: (), float64.
  void operator()(const at::Tensor&, const at::Tensor& rate)
  {
    const at::Tensor step = rate.to(at::kFloat);
    each_run(
        [&](at::Tensor w, const at::Tensor& g, at::Tensor v) {
          v.mul_(settings_.momentum).add_(g.add(w, settings_.decay));
          w.addcmul_(v, step, -1);
        },
        trained_.values, gathered_gradients(trained_.values), trained_.kept[0]);
  }

  [[nodiscard]] const named_tensors& state() const { return trained_.state; }
  [[nodiscard]] const std::vector<at::Tensor>& parameters() const { return trained_.values; }

 private:
  settings settings_;
  detail::trained_parameters trained_;
};

/// Adam with decay apart from the gradient (Loshchilov 2019, algorithm 2).
class adamw {
 public:
  /// Rates of forgetting, and the decay of weights in an update of rate 1.
  struct settings {
    double first = 0.9, second = 0.999, epsilon = 1e-8, decay = 0.01;
  };

  explicit adamw(const torch::nn::Module& of) : adamw(of, settings{}) {}
  adamw(const torch::nn::Module& of, settings s)
      : settings_(s), trained_(of, {"first_moment/", "second_moment/"})
  {
  }

  void operator()(std::int64_t update, double rate)
  {
    (*this)(trained_.there(static_cast<double>(update)), trained_.there(rate));
  }
  /// The same with numbers where the parameters are: (), float64.
  void operator()(const at::Tensor& update, const at::Tensor& rate)
  {
    const auto& [b1, b2, epsilon, decay] = settings_;
    const auto share = [t = update + 1](double b) { return 1 - at::pow(b, t); };
    const at::Tensor keeps = (1 - rate * decay).to(at::kFloat),
                     step = (rate / share(b1)).to(at::kFloat),
                     root = share(b2).sqrt().to(at::kFloat);
    each_run(
        [&, b1 = b1, b2 = b2, epsilon = epsilon](at::Tensor w, const at::Tensor& g, at::Tensor m,
                                                 at::Tensor v) {
          w.mul_(keeps);
          m.mul_(b1).add_(g, 1 - b1);
          v.mul_(b2).addcmul_(g, g, 1 - b2);
          w.addcmul_(m / v.sqrt().div_(root).add_(epsilon), step, -1);
        },
        trained_.values, gathered_gradients(trained_.values), trained_.kept[0], trained_.kept[1]);
  }

  [[nodiscard]] const named_tensors& state() const { return trained_.state; }
  [[nodiscard]] const std::vector<at::Tensor>& parameters() const { return trained_.values; }

 private:
  settings settings_;
  detail::trained_parameters trained_;
};

static_assert(device_optimizer<sgd> && device_optimizer<adamw>);

namespace detail {
/// The norm of all gradients together, (), float32, where they are; undefined where there are none.
[[nodiscard]] inline at::Tensor norm_of(const std::vector<at::Tensor>& gradients)
{
  std::vector<at::Tensor> norms;
  each_run([&](const at::Tensor& g) { norms.push_back(g.norm().to(at::kFloat)); }, gradients);
  if (norms.empty()) return {};
  return norms.size() == 1 ? norms[0] : at::stack(norms).norm();
}
}  // namespace detail

/// The norm of all gradients together; where it exceeds `most`, they are scaled down to that.
inline double clip_gradients(const std::vector<at::Tensor>& parameters,
                             double most = std::numeric_limits<double>::infinity())
{
  const torch::NoGradGuard no_gradients;
  const auto gradients = gathered_gradients(parameters);
  const at::Tensor found = detail::norm_of(gradients);
  if (!found.defined()) return 0;
  const double norm = found.item<double>();
  if (norm > most) each_run([&](at::Tensor g) { g.mul_(most / norm); }, gradients);
  return norm;
}

}  // namespace retinue

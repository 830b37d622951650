// SPDX-License-Identifier: Apache-2.0
// From gradients to an update of the weights, at a rate that the schedule says.
//
//   sgd      v <- momentum v + g + decay w                  w <- w - rate v
//   adamw    w <- (1 - rate decay) w                        Loshchilov 2019, algorithm 2
//            m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
//            w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
//
// They compute what LibTorch's own do, and unlike those, whose state is keyed by addresses in one
// version and by texts in another, show their state by name: a checkpoint can hold it.
#pragma once

#include <retinue/train/named_tensors.hpp>  // named_tensors

#include <torch/torch.h>

#include <cmath>
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
  named_tensors state;

  trained_parameters(const torch::nn::Module& of, std::initializer_list<const char*> prefixes)
  {
    for (const char* prefix : prefixes)
      for (const auto& item : of.named_parameters())
        if (item.value().requires_grad())
          state.emplace_back(prefix + item.key(), at::zeros_like(item.value().detach()));
    for (const auto& item : of.named_parameters())
      if (item.value().requires_grad()) values.push_back(item.value());
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

  void operator()(std::int64_t, double rate)
  {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < trained_.values.size(); ++i) {
      at::Tensor& w = trained_.values[i];
      if (!w.grad().defined()) continue;
      at::Tensor& v = trained_.state[i].second;
      v.mul_(settings_.momentum).add_(w.grad().add(w, settings_.decay));
      w.add_(v, -rate);
    }
  }

  [[nodiscard]] const named_tensors& state() const { return trained_.state; }
  [[nodiscard]] const std::vector<at::Tensor>& parameters() const { return trained_.values; }

 private:
  settings settings_;
  detail::trained_parameters trained_;
};

/// Adam with decay apart from the gradient (Loshchilov 2019, algorithm 2).
class adamw {
  /// Rates of forgetting, and the decay of weights in an update of rate 1.
 public:
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
    const torch::NoGradGuard no_gradients;
    const auto& [b1, b2, epsilon, decay] = settings_;
    const auto t = static_cast<double>(update + 1);
    const double first_share = 1 - std::pow(b1, t), second_share = 1 - std::pow(b2, t);
    const std::size_t count = trained_.values.size();
    for (std::size_t i = 0; i < count; ++i) {
      at::Tensor& w = trained_.values[i];
      const at::Tensor& g = w.grad();
      if (!g.defined()) continue;
      at::Tensor &m = trained_.state[i].second, &v = trained_.state[count + i].second;
      w.mul_(1 - rate * decay);
      m.mul_(b1).add_(g, 1 - b1);
      v.mul_(b2).addcmul_(g, g, 1 - b2);
      w.addcdiv_(m, v.sqrt().div_(std::sqrt(second_share)).add_(epsilon), -rate / first_share);
    }
  }

  [[nodiscard]] const named_tensors& state() const { return trained_.state; }
  [[nodiscard]] const std::vector<at::Tensor>& parameters() const { return trained_.values; }

 private:
  settings settings_;
  detail::trained_parameters trained_;
};

static_assert(optimizer<sgd> && optimizer<adamw>);

/// The norm of all gradients together; where it exceeds `most`, they are scaled down to that.
inline double clip_gradients(const std::vector<at::Tensor>& parameters,
                             double most = std::numeric_limits<double>::infinity())
{
  const torch::NoGradGuard no_gradients;
  std::vector<at::Tensor> norms;
  for (const at::Tensor& p : parameters)
    if (p.grad().defined()) norms.push_back(p.grad().norm());
  if (norms.empty()) return 0;
  const double norm = at::stack(norms).norm().item<double>();
  if (norm > most)
    for (const at::Tensor& p : parameters)
      if (p.grad().defined()) at::Tensor(p.grad()).mul_(most / norm);
  return norm;
}

}  // namespace retinue

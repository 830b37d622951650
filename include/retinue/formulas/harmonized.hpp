// SPDX-License-Identifier: Apache-2.0
// The gradient harmonizing of Li 2019 (GHM-C, eq. 8 to 10): logits whose cost has a slope that many
// others have count less each, be they easy negatives or labels that are plainly wrong.
//
//   g             |sigmoid(x) - t|, the length of the slope of binary cross-entropy
//   weight(bin)   N / (N_bin bins), bins in which no logit lies left out of their number
//   cost          weight(bin of g) (-t ln p - (1 - t) ln(1 - p))
//
// N_bin is counted over a batch, or kept as its moving average, as momentum N_bin and the rest of
// what is counted; weights have no slope of their own.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/error.hpp>                   // fail
#include <retinue/formulas/coordinate.hpp>     // pick_less, fill_like
#include <retinue/formulas/cross_entropy.hpp>  // sigmoid
#include <retinue/formulas/focal.hpp>          // binary_cross_entropy

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace retinue {

/// Binary cross-entropy by a weight for each length of its slope, which a gradient_density gives.
template <std::size_t Bins = 10>
struct harmonized_cross_entropy {
  static_assert(Bins > 0);

  std::array<double, Bins> weights = every_weight(1);  ///< of lengths i / Bins to (i + 1) / Bins

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using detail::abs;
    using S = scalar_of_t<T>;
    const T length = abs(T(sigmoid(x) - t));
    T weight = fill_like(x, static_cast<S>(weights[0]));
    for (std::size_t i = 1; i < Bins; ++i)
      weight = pick_less(length, fill_like(x, edge<S>(i)), weight,
                         fill_like(x, static_cast<S>(weights[i])));
    return T(weight * binary_cross_entropy{}(x, t));
  }

  /// The least length of a bin.
  template <class S>
  [[nodiscard]] RETINUE_HD static constexpr S edge(std::size_t bin)
  {
    return static_cast<S>(bin) / static_cast<S>(Bins);
  }
  /// The same weight in each bin.
  [[nodiscard]] static constexpr std::array<double, Bins> every_weight(double of)
  {
    std::array<double, Bins> all{};
    all.fill(of);
    return all;
  }
};

/// Counts how many logits have slopes of which length, batch by batch.
template <std::size_t Bins = 10>
class gradient_density {
 public:
  /// 0: of the last batch alone. Throws where it is not at least 0 and less than 1.
  explicit gradient_density(double momentum = 0) : momentum_(momentum)
  {
    if (!(momentum >= 0 && momentum < 1))
      fail("the momentum of a gradient's density is ", momentum,
           ", expected at least 0 and less than 1");
  }

  /// The cost of a batch: its mean over what is counted is GHM-C. Targets are from 0 to 1; where
  /// `counted` is given, those that have a 0 there take no part. Throws where there are not as many
  /// targets, or marks, as logits.
  template <std::floating_point T>
  [[nodiscard]] harmonized_cross_entropy<Bins> operator()(
      std::span<const T> logits, std::span<const T> targets,
      std::span<const std::uint8_t> counted = {})
  {
    using cost = harmonized_cross_entropy<Bins>;
    if (targets.size() != logits.size() || (!counted.empty() && counted.size() != logits.size()))
      fail("a gradient's density is of ", logits.size(), " logits, ", targets.size(),
           " targets and ", counted.size(), " marks, expected as many of each");
    std::array<std::size_t, Bins> in_bin{};
    std::size_t all = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!counted.empty() && counted[i] == 0) continue;
      const T away = sigmoid(logits[i]) - targets[i], length = away < 0 ? -away : away;
      std::size_t bin = 0;
      while (bin + 1 < Bins && length >= cost::template edge<T>(bin + 1)) ++bin;
      ++in_bin[bin];
      ++all;
    }
    cost made{cost::every_weight(0)};
    double bins = 0;
    for (std::size_t b = 0; b < Bins; ++b) {
      if (in_bin[b] == 0) continue;
      density_[b] = momentum_ * density_[b] + (1 - momentum_) * static_cast<double>(in_bin[b]);
      made.weights[b] = static_cast<double>(all) / density_[b];
      ++bins;
    }
    for (double& weight : made.weights) weight /= bins > 0 ? bins : 1;
    return made;
  }

  /// How many logits lie in each bin, on the moving average.
  [[nodiscard]] const std::array<double, Bins>& density() const { return density_; }

 private:
  double momentum_;
  std::array<double, Bins> density_{};
};

static_assert(binary_cost<harmonized_cross_entropy<>>);

}  // namespace retinue

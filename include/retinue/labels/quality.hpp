// SPDX-License-Identifier: Apache-2.0
// Class scores times what a head says beside them: whether there is an object at all (YOLO, YOLOX),
// how central the anchor lies (FCOS), how well the box fits.
//
//   score(k)   base.score(k) * q             q = sigmoid(quality), or quality as it stands
//              sqrt(base.score(k) * q)       where `root`: YuNet
//
// No score is more than its class's, so rows that cannot reach a floor are found without q. In
// training the scores are learnt as the base learns them, and the quality as a term of its own.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/cross_entropy.hpp>  // sigmoid
#include <retinue/labels/policy.hpp>           // learnable_labels
#include <retinue/labels/sigmoid.hpp>          // the base by default

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

namespace retinue {

/// The scores of another policy times the row's quality: FCOS, YOLOX, and their kin.
template <label_policy Base = sigmoid_labels<>>
struct times_quality {
  static constexpr bool takes_quality = true;
  static constexpr std::string_view kind = "sigmoid_times_quality";  ///< in a configuration

  Base base{};
  bool logit_of_quality = true;  ///< else it is a probability already
  bool root = false;

  [[nodiscard]] std::string_view what() const { return base.what(); }
  [[nodiscard]] RETINUE_HD std::size_t columns(std::size_t classes) const
  {
    return base.columns(classes);
  }

  template <class Row, class T>
  [[nodiscard]] RETINUE_HD T score(const Row& x, std::size_t k, const T& quality) const
  {
    using detail::sqrt;
    const T product = base.score(x, k) * (logit_of_quality ? sigmoid(quality) : quality);
    return root ? T(sqrt(product)) : product;
  }
  /// The most that it can be.
  template <class Row>
  [[nodiscard]] RETINUE_HD auto score(const Row& x, std::size_t k) const
  {
    using detail::sqrt;
    using T = detail::number_in<Row>;
    const T most = base.score(x, k);
    return root ? T(sqrt(most)) : most;
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto logit(const Row& x, std::size_t k) const
  {
    return base.logit(x, k);
  }
  [[nodiscard]] float least_logit(float floor) const
  {
    return base.least_logit(root && floor > 0 ? floor * floor : floor);
  }

  template <class Row>
  [[nodiscard]] RETINUE_HD auto wrong(const Row& x) const
    requires learnable_labels<Base>
  {
    return base.wrong(x);
  }
  template <class Row, class T>
    requires learnable_labels<Base>
  [[nodiscard]] RETINUE_HD T cost(const Row& x, const T& label, const T& quality) const
  {
    return base.cost(x, label, quality);
  }
  template <class Row>
    requires learnable_labels<Base>
  [[nodiscard]] RETINUE_HD float with_slope(const Row& x, std::span<float> slopes, float label,
                                            float quality) const
  {
    return base.with_slope(x, slopes, label, quality);
  }
  template <class Row, class T>
    requires detail::learns_packets<Base, Row, T>
  [[nodiscard]] T with_slopes(const Row& x, std::span<T> slopes, const T& label,
                              const T& quality) const
  {
    return base.with_slopes(x, slopes, label, quality);
  }
};

}  // namespace retinue

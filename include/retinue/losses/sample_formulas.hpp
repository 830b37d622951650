// SPDX-License-Identifier: Apache-2.0
// What samplers compute of each row: how wrong it is, what an assignment makes of it, and in which
// order negatives are taken.
#pragma once

#include <retinue/backend/table.hpp>        // number
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // pick_less, fill_like
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/losses/costs.hpp>         // wanted
#include <retinue/matchers/assignment.hpp>  // assigned, rival

#include <cstddef>
#include <limits>
#include <type_traits>

namespace retinue::detail {

/// How wrong it is to call a row background.
template <class Labels>
struct wrong_of {
  Labels labels;

  template <class Row>
  auto operator()(const Row& x) const
  {
    const auto wrong = labels.wrong(x);
    return number<std::remove_cvref_t<decltype(wrong)>>{wrong};
  }
};

template <class Coder>
struct decoded {
  Coder coder;

  template <class Code, class T>
  box<T> operator()(const Code& code, const centre_box<T>& anchor) const
  {
    return coder.decode(code, anchor);
  }
};

struct label_of_rival {
  template <class T>
  number<T> operator()(const rival<T>& truth) const
  {
    return {truth.label};
  }
};
struct truth_of {
  template <class T>
  number<T> operator()(const assigned<T>& a) const
  {
    return {a.truth};
  }
};

/// An anchor's assignment, and the label that it should have: positives of background are
/// negatives, those of a truth to be ignored are ignored.
template <class T>
struct judged {
  using value_type = T;
  template <class U>
  using rebind = judged<U>;
  static constexpr std::size_t width = 5;

  assigned<T> said;
  T label;

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i < 4 ? said[i] : label; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return i < 4 ? said[i] : label; }
};

struct judge {
  template <class T>
  judged<T> operator()(assigned<T> a, const number<T>& label) const
  {
    const T zero = fill_like(a.verdict, 0), one = fill_like(zero, 1), two = fill_like(zero, 2);
    const T half = fill_like(zero, 0.5), one_and_half = fill_like(zero, 1.5);
    const T by_label =
        pick_less(half, label.value, one, pick_less(label.value, T(zero - half), two, zero));
    const T if_positive = pick_less(a.verdict, one_and_half, by_label, a.verdict);
    a.verdict = pick_less(half, a.verdict, if_positive, a.verdict);
    return {a, label.value};
  }
  template <class T>
  judged<T> operator()(const assigned<T>& a) const
  {
    return {a, fill_like(a.verdict, 0)};
  }
};

/// 1 where the verdict is positive.
struct is_positive {
  template <class T>
  number<T> operator()(const judged<T>& j) const
  {
    const T zero = fill_like(j.label, 0), half = fill_like(zero, 0.5);
    const T above = pick_less(half, j.said.verdict, fill_like(zero, 1), zero);
    return {pick_less(j.said.verdict, fill_like(zero, 1.5), above, zero)};
  }
};
struct wanted_of {
  template <class T>
  wanted<T> operator()(const judged<T>& j, const number<T>& of_truth) const
  {
    return {j.label, j.said.quality, T(j.said.weight * of_truth.value)};
  }
};

/// How wrong a negative is, of which a NaN is the worst; of others -infinity.
struct minable {
  template <class T>
  number<T> operator()(const number<T>& wrong, const number<T>& verdict) const
  {
    using S = scalar_of_t<T>;
    const T& w = wrong.value;
    const auto most = static_cast<S>(std::numeric_limits<float>::max());
    const T infinity = fill_like(w, std::numeric_limits<S>::infinity());
    const T bounded = maximum_of(minimum_of(w, fill_like(w, most)), fill_like(w, -most));
    const T seen = pick_less(T(w * S(0)), fill_like(w, 1), bounded,
                             pick_less(fill_like(w, 0), T(w * S(0) + S(1)), bounded, infinity));
    return {pick_less(verdict.value, fill_like(w, 0.5), seen,
                      fill_like(w, -std::numeric_limits<S>::infinity()))};
  }
  template <class T>
  number<T> operator()(const number<T>& wrong, const judged<T>& j) const
  {
    return (*this)(wrong, number<T>{j.said.verdict});
  }
};
struct was_minable {
  template <class T>
  number<T> operator()(const number<T>& mined) const
  {
    using S = scalar_of_t<T>;
    return {pick_less(fill_like(mined.value, -std::numeric_limits<S>::infinity()), mined.value,
                      fill_like(mined.value, 1), fill_like(mined.value, 0))};
  }
};

/// The same of the first of each image, of whom `within` is 1.
struct was_minable_within {
  template <class T>
  number<T> operator()(const number<T>& mined, const number<T>& within) const
  {
    return {pick_less(fill_like(within.value, 0.5), within.value, was_minable{}(mined).value,
                      fill_like(within.value, 0))};
  }
};

struct blank {
  template <class T>
  judged<T> operator()(const number<T>& place) const
  {
    const T zero = fill_like(place.value, 0);
    return {{zero, zero, zero, zero}, zero};
  }
};

}  // namespace retinue::detail

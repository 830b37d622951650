// SPDX-License-Identifier: Apache-2.0
// Greedy suppression by class, where the tables of any backend lie.
//
//   kept(i) = no j before i of the same class is kept and overlaps i by more than the threshold
//
// Boxes come best first, so whether one is kept depends on better ones alone. All look back at
// once, and those whose better neighbours are decided are decided; a round each until all are. The
// host is told one number a round: how many are left.
#pragma once

#include <retinue/backend.hpp>    // tensor_backend
#include <retinue/candidate.hpp>  // candidate
#include <retinue/geometry.hpp>   // box

#include <cstddef>
#include <vector>

namespace retinue {

namespace detail {

/// A box among those that look back: where it stands in the order, and what became of it.
template <class T>
struct contender {
  using value_type = T;
  template <class U>
  using rebind = contender<U>;
  static constexpr std::size_t width = 7;

  box<T> bounds;
  T label, place;
  T fate;  ///< 0 open, 1 kept, -1 dropped

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i < 4 ? bounds[i] : i == 4 ? label : i == 5 ? place : fate;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < 4 ? bounds[i] : i == 4 ? label : i == 5 ? place : fate;
  }
};
static_assert(record<contender<float>>);

struct enter_contest {
  template <class T>
  contender<T> operator()(const box<T>& bounds, const candidate<T>& found,
                          const number<T>& place) const
  {
    return {bounds, found.label, place.value, fill_like(place.value, 0)};
  }
};

/// 2 where the better box is kept and drops the other, 1 where it may yet.
template <class Measure>
struct looks_back {
  Measure measure;
  float overlap;

  template <class T>
  T operator()(const contender<T>& one, const contender<T>& better) const
  {
    const T zero = fill_like(one.label, 0), threshold = fill_like(one.label, overlap);
    const T weight = better.fate + scalar_of_t<T>(1);  // 0 dropped, 1 open, 2 kept
    const T shared = measure(one.bounds, better.bounds);
    const T touched = pick_less(threshold, shared, weight, zero);
    const T before = pick_less(better.place, one.place, touched, zero);
    const T alike = pick_less(better.label, one.label, zero, before);
    return pick_less(one.label, better.label, zero, alike);
  }
};

struct decide {
  template <class T>
  contender<T> operator()(contender<T> one, const best_row<T>& back) const
  {
    const T zero = fill_like(one.fate, 0), half = fill_like(zero, 0.5);
    const T kept = fill_like(zero, 1), dropped = fill_like(zero, -1);
    const T now = pick_less(back.value, half, kept,
                            pick_less(back.value, fill_like(zero, 1.5), zero, dropped));
    const T size = maximum_of(one.fate, T(zero - one.fate));
    one.fate = pick_less(half, size, one.fate, now);
    return one;
  }
};

struct is_open {
  template <class T>
  T operator()(const contender<T>& one) const
  {
    const T size = maximum_of(one.fate, T(fill_like(one.fate, 0) - one.fate));
    return pick_less(size, fill_like(size, 0.5), fill_like(size, 1), fill_like(size, 0));
  }
};

struct is_kept {
  template <class T>
  number<T> operator()(const contender<T>& one) const
  {
    return {one.fate};
  }
};

}  // namespace detail

/// Boxes best first; `kept` are the places of those kept, rising.
template <class Measure, tensor_backend B>
void suppress_tables(B& b, const typename B::template table<box<float>>& boxes,
                     const typename B::template table<candidate<float>>& found,
                     const Measure& measure, float overlap, typename B::list& kept)
{
  typename B::template table<number<float>> places, marks, left;
  typename B::template table<detail::contender<float>> contenders;
  typename B::template table<best_row<float>> back;
  std::vector<number<float>> open;
  b.count(boxes.shape(), places);
  b.map(detail::enter_contest{}, contenders, boxes, found, places);
  do {
    b.most(detail::looks_back<Measure>{measure, overlap}, back, b.across(contenders), contenders);
    b.map(detail::decide{}, contenders, contenders, b.across(back));
    b.total(detail::is_open{}, left, contenders);
    b.fetch(left, open);
  } while (!open.empty() && open[0].value > 0);
  b.map(detail::is_kept{}, marks, contenders);
  b.compact(marks, kept);
}

}  // namespace retinue

// SPDX-License-Identifier: Apache-2.0
// How a row of class scores is read: the concept of a label policy.
//
// Networks differ in what their columns mean: a background or none, logits or probabilities, a
// factor beside them. Whoever reads scores (selection, mining, the loss, the detector) asks one
// object, and none of them assumes anything of a column. Labels are 1 for the first class of
// objects; 0 is the background, whether it has a column or not.
#pragma once

#include <retinue/backend/packet.hpp>  // packet
#include <retinue/backend/table.hpp>   // number_row

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

namespace retinue {

/// A policy of your own. x is a row, a packet of rows or a batch: x[c] is column c, a T.
///   what()                  how the columns are read, in a few words, for messages
///   columns(classes)        how many columns so many classes of objects have
///   score(x, k)             the probability of label k + 1
///   logit(x, k)             a number that rises with score(x, k)
///   least_logit(floor)      no score is more than floor where the logit is not more than this
template <class L>
concept label_policy =
    requires(const L& labels, const number_row<float>& x, std::size_t n, float floor) {
      { labels.what() } -> std::convertible_to<std::string_view>;
      { labels.columns(n) } -> std::convertible_to<std::size_t>;
      { labels.score(x, n) } -> std::same_as<float>;
      { labels.logit(x, n) } -> std::same_as<float>;
      { labels.least_logit(floor) } -> std::same_as<float>;
    };

/// One that can be learnt from, too.
///   wrong(x)                how wrong it is to call x background: a number that rises with it
///   cost(x, label, quality) what x costs if it should say `label`, 0 for background, and that with
///                           a score of `quality`, 0 to 1; both are a T
///   with_slope(x, slopes, label, quality)   the same of one row, its derivatives written to slopes
///   with_slopes(x, slopes, label, quality)  if you like: of a packet of rows T, for speed
template <class L>
concept learnable_labels = label_policy<L> && requires(const L& labels, const number_row<float>& x,
                                                       float v, std::span<float> slopes) {
  { labels.wrong(x) } -> std::same_as<float>;
  { labels.cost(x, v, v) } -> std::same_as<float>;
  { labels.with_slope(x, slopes, v, v) } -> std::same_as<float>;
};

namespace detail {
#ifdef __CUDACC__  // kernels have no packets
template <class L>
concept label_policy_of_packets = true;
#else
template <class L>
concept label_policy_of_packets =
    requires(const L& labels, const number_row<packet<float>>& x, std::size_t n) {
      { labels.score(x, n) } -> std::convertible_to<packet<float>>;
      { labels.logit(x, n) } -> std::convertible_to<packet<float>>;
    };
#endif

/// Who reads class scores ends a mistake in this sentence,
template <class L>
[[nodiscard]] consteval bool expect_label_policy()
{
  static_assert(label_policy<L>,
                "a label policy must have what(), columns(classes), score(row, class), "
                "logit(row, class) and least_logit(floor), all const: see "
                "retinue/labels/policy.hpp");
  static_assert(!label_policy<L> || label_policy_of_packets<L>,
                "score and logit of a label policy must be templates over the row, for rows are "
                "read in packets: write them for any x whose x[c] is a T, and return a T");
  return true;
}
/// and who learns from them in this one.
template <class L>
[[nodiscard]] consteval bool expect_learnable_labels()
{
  static_assert(!label_policy<L> || learnable_labels<L>,
                "labels to be learnt must have wrong(row), cost(row, label, quality) and "
                "with_slope(row, slopes, label, quality), all const: see "
                "retinue/labels/policy.hpp");
  return expect_label_policy<L>();
}
}  // namespace detail

namespace detail {
/// Whether a policy reads a quality beside the scores, too.
template <label_policy L>
[[nodiscard]] constexpr bool reads_quality(const L& labels)
{
  if constexpr (requires { labels.reads_quality(); })
    return labels.reads_quality();
  else
    return requires { L::takes_quality; };
}
/// Whether a policy learns packets of rows, too.
template <class L, class Row, class T>
concept learns_packets = requires(const L& labels, const Row& x, std::span<T> slopes, const T& v) {
  { labels.with_slopes(x, slopes, v, v) } -> std::same_as<T>;
};
/// Calls f with the policy itself, where it is known at run time alone which one it is: asked once,
/// not for each row.
template <class L, class F>
void with_policy(const L& labels, const F& f)
{
  if constexpr (requires { labels.visit(f); })
    labels.visit(f);
  else
    f(labels);
}
}  // namespace detail

}  // namespace retinue

// SPDX-License-Identifier: Apache-2.0
// A matcher that is chosen at run time. Which one is asked once an image: one that is told anchors
// and truths alone matches near the truths, as it would by itself; one that looks at what the
// network says matches over tables.
#pragma once

#include <retinue/anchors/layout.hpp>             // anchor_layout
#include <retinue/backend.hpp>                    // tensor_backend
#include <retinue/error.hpp>                      // fail
#include <retinue/labels/policy.hpp>              // label_policy
#include <retinue/matchers/adaptive_matcher.hpp>  // adaptive_matcher
#include <retinue/matchers/aligned_matcher.hpp>   // aligned_matcher
#include <retinue/matchers/assignment.hpp>        // matcher
#include <retinue/matchers/dynamic_k.hpp>         // dynamic_k_matcher
#include <retinue/matchers/overlap_matcher.hpp>   // overlap_matcher

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

namespace retinue {

/// One of the shipped matchers; its functions are those of the one that it holds.
class any_matcher {
 public:
  using one_of =
      std::variant<overlap_matcher, adaptive_matcher, dynamic_k_matcher, aligned_matcher>;
  /// What each is made of, for whoever keeps the choice.
  using settings = std::variant<overlap_matcher::settings, adaptive_matcher::settings,
                                dynamic_k_matcher::settings, aligned_matcher::settings>;

  any_matcher() : any_matcher(settings{}) {}
  /// Throws where the settings make no sense.
  explicit any_matcher(const settings& chosen)
      : choice_(std::visit(
            []<class S>(const S& s) {
              if constexpr (std::same_as<S, overlap_matcher::settings>)
                return one_of(overlap_matcher(s));
              else if constexpr (std::same_as<S, adaptive_matcher::settings>)
                return one_of(adaptive_matcher(s));
              else if constexpr (std::same_as<S, dynamic_k_matcher::settings>)
                return one_of(dynamic_k_matcher(s));
              else
                return one_of(aligned_matcher(s));
            },
            chosen))
  {
  }

  /// What f says of the one that it holds.
  template <class F>
  decltype(auto) visit(const F& f) const
  {
    return std::visit(f, choice_);
  }

  /// Whether it looks at what the network says, and so cannot match before.
  [[nodiscard]] bool looks() const
  {
    return visit([]<class M>(const M&) { return !matcher<M>; });
  }

  /// Of one that does not look. Throws where it does.
  void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, assignment& out)
  {
    std::visit(
        [&]<class M>(M& match) {
          if constexpr (matcher<M>)
            match(anchors, truths, ignore, out);
          else
            fail("a matcher that looks at what the network says was asked before it did");
        },
        choice_);
  }

  /// Of one that does. Throws where it does not.
  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    std::visit(
        [&]<class M>(const M& match) {
          if constexpr (matcher<M>)
            fail("a matcher of anchors and truths alone was asked to look at a network's outputs");
          else
            match.in_tables(b, anchors, truths, said, out);
        },
        choice_);
  }

 private:
  one_of choice_;
};
static_assert(matcher<any_matcher>);

}  // namespace retinue

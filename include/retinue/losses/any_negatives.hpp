// SPDX-License-Identifier: Apache-2.0
// Mining that is chosen at run time.
#pragma once

#include <retinue/backend/table.hpp>            // number, row_index
#include <retinue/compiler.hpp>                 // RETINUE_HD
#include <retinue/error.hpp>                    // fail
#include <retinue/formulas/choice.hpp>          // ask
#include <retinue/losses/every_negative.hpp>    // every_negative
#include <retinue/losses/hard_negatives.hpp>    // hard_negatives
#include <retinue/losses/random_negatives.hpp>  // random_negatives

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace retinue {

/// One of the shipped ways to choose negatives; its functions are those of the one that it holds.
class any_negatives {
 public:
  using one_of = std::variant<hard_negatives, every_negative, random_negatives>;
  /// What each is made of, for whoever keeps the choice.
  using settings =
      std::variant<hard_negatives::settings, every_negative, random_negatives::settings>;

  any_negatives() = default;
  /// Throws where the settings make no sense.
  explicit any_negatives(const settings& chosen)
      : choice_(std::visit(
            []<class S>(const S& s) {
              if constexpr (std::same_as<S, hard_negatives::settings>)
                return one_of(hard_negatives(s));
              else if constexpr (std::same_as<S, every_negative>)
                return one_of(s);
              else
                return one_of(random_negatives(s));
            },
            chosen))
  {
  }

  [[nodiscard]] std::size_t quota(std::size_t positives) const
  {
    return std::visit([&](const auto& mine) { return mine.quota(positives); }, choice_);
  }
  void operator()(std::span<const float> wrong, std::span<const verdict> verdicts,
                  std::size_t positives, std::vector<row_index>& chosen)
  {
    std::visit([&](auto& mine) { mine(wrong, verdicts, positives, chosen); }, choice_);
  }

  /// How many to choose, as plain data for kernels: all rankings that are not drawn.
  struct quota_of {
    std::variant<hard_negatives::settings, every_negative::all_wanted> choice;

    [[nodiscard]] RETINUE_HD std::size_t operator()(std::size_t positives) const
    {
      return detail::ask(choice, [&](const auto& wanted) { return wanted(positives); });
    }
  };
  /// Throws where negatives are drawn.
  [[nodiscard]] quota_of wanted() const
  {
    if (const auto* const hard = std::get_if<hard_negatives>(&choice_)) return {hard->wanted()};
    if (draws()) fail("negatives are drawn, and a program was to mine them");
    return {every_negative::wanted()};
  }

  /// Whether negatives are drawn, and perhaps positives.
  [[nodiscard]] bool draws() const { return std::holds_alternative<random_negatives>(choice_); }
  /// Of one that draws.
  void rank(std::size_t anchors, std::vector<number<float>>& ranks)
  {
    std::get<random_negatives>(choice_).rank(anchors, ranks);
  }
  void keep(std::size_t positives, std::vector<row_index>& kept)
  {
    std::get<random_negatives>(choice_).keep(positives, kept);
  }
  void turn(std::uint64_t update)
  {
    if (auto* const drawn = std::get_if<random_negatives>(&choice_)) drawn->turn(update);
  }

 private:
  one_of choice_;
};
static_assert(negative_mining<any_negatives>);

}  // namespace retinue

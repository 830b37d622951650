// SPDX-License-Identifier: Apache-2.0
// Stages one after the other, put together at compile time; and what they decided for one picture.
//
//   const augmentation train{random_square_crop{}, random_mirror{}, random_resize{{640, 640}}};
//   auto plan = train.draw(keyed_random(seed, epoch, i), size, instances);   // moves the instances
//   apply(plan, picture, buffers);                                          // augment/pixels.hpp
#pragma once

#include <retinue/augment/transform.hpp>  // augmentation_stage

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace retinue {

/// The transforms in their order, each with the size of the picture that it takes.
template <class... Transforms>
struct augmentation_plan {
  std::tuple<Transforms...> transforms;
  extent2 before, after;

  /// Moves other instances of the same picture as those were moved for which it was drawn.
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances) const
  {
    extent2 size = before;
    const auto one = [&](const auto& transform) {
      transform.map(instances, size);
      size = transform.size_after(size);
    };
    std::apply([&](const auto&... each) { (one(each), ...); }, transforms);
  }
};

/// Stages one after the other: draw decides, what it gives is applied.
template <class... Stages>
class augmentation {
 public:
  explicit augmentation(Stages... stages) : stages_(std::move(stages)...) {}

  /// Decides for a picture of `size`, stage by stage, and moves its instances along: each stage
  /// sees what those before it have left. Stage i draws from random.fork(i).
  template <random_source Random, class Schema>
  [[nodiscard]] auto draw(const Random& random, extent2 size,
                          std::vector<instance<Schema>>& instances) const
  {
    static_assert((detail::expect_stage<Stages, Random, Schema>() && ...));
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      const extent2 before = size;
      const auto one = [&](const auto& stage, std::uint32_t index) {
        Random own = random.fork(index);
        const auto drawn = stage.draw(own, size, std::span<const instance<Schema>>(instances));
        drawn.map(instances, size);
        size = drawn.size_after(size);
        return drawn;
      };
      // Braces, not parentheses: they keep the order.
      std::tuple transforms{one(std::get<I>(stages_), std::uint32_t{I})...};
      return [&]<class... T>(std::tuple<T...> all) {
        return augmentation_plan<T...>{std::move(all), before, size};
      }(std::move(transforms));
    }(std::index_sequence_for<Stages...>{});
  }

  /// The same with more stages behind it. Those before them draw as they did.
  template <class... More>
  [[nodiscard]] augmentation<Stages..., More...> then(More... more) const
  {
    return std::apply(
        [&](const Stages&... each) {
          return augmentation<Stages..., More...>(each..., std::move(more)...);
        },
        stages_);
  }

 private:
  std::tuple<Stages...> stages_;
};

}  // namespace retinue

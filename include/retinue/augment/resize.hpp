// SPDX-License-Identifier: Apache-2.0
// Resampling to the network's size, by a kernel that is drawn so that none is learnt.
#pragma once

#include <retinue/augment/transform.hpp>  // transform
#include <retinue/error.hpp>              // fail

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// How new pixels are made of old ones: OpenCV's five.
enum class resize_kernel { linear, cubic, area, nearest, lanczos4 };

/// Brings a picture to a size; its shape may change.
struct resize {
  extent2 to{};
  resize_kernel kernel = resize_kernel::linear;

  [[nodiscard]] extent2 size_after(extent2) const { return to; }

  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 from) const
  {
    const auto x = static_cast<float>(double(to.width) / from.width);
    const auto y = static_cast<float>(double(to.height) / from.height);
    for (auto& i : instances) {
      i.bounds = {i.bounds.x1 * x, i.bounds.y1 * y, i.bounds.x2 * x, i.bounds.y2 * y};
      detail::map_points(i, [&](std::size_t, auto& p) {
        p[0] *= x;
        p[1] *= y;
        if constexpr (Schema::dimension == 3) p[2] *= x;
      });
    }
  }
};
static_assert(transform<resize>);

/// Draws the kernel by which pictures are brought to one size.
struct random_resize {
  extent2 to{};
  std::vector<resize_kernel> kernels{resize_kernel::linear, resize_kernel::cubic,
                                     resize_kernel::area, resize_kernel::nearest,
                                     resize_kernel::lanczos4};

  template <random_source Random, class Schema>
  [[nodiscard]] resize draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    if (to.width < 1 || to.height < 1)
      fail("pictures are to be resized to ", to.width, " x ", to.height,
           " pixels, expected at least one along each side");
    if (kernels.empty()) fail("there is no kernel to draw for pictures that are resized");
    return {to, kernels[random.below(static_cast<std::uint32_t>(kernels.size()))]};
  }
};

/// Truths of fewer pixels than `side`, the shorter of their sides, are to be ignored from here on.
struct ignore_small {
  float side = 0;

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2) const
  {
    for (auto& i : instances)
      if (i.bounds.x2 - i.bounds.x1 < side || i.bounds.y2 - i.bounds.y1 < side) i.ignore = true;
  }
  template <random_source Random, class Schema>
  [[nodiscard]] ignore_small draw(Random&, extent2, std::span<const instance<Schema>>) const
  {
    return *this;
  }
};

}  // namespace retinue

// expected: a stage of augmentation must have draw
// SPDX-License-Identifier: Apache-2.0
// A stage draws a transform and changes nothing: one that moves the instances itself is none.
#include <retinue/augment.hpp>

using namespace retinue;

struct mine {
#ifdef CORRECTED
  template <random_source Random, class Schema>
  mirror draw(Random&, extent2, std::span<const instance<Schema>>) const
  {
    return {true};
  }
#else
  template <random_source Random, class Schema>
  void draw(Random&, extent2 size, std::vector<instance<Schema>>& instances) const
  {
    mirror{true}.map(instances, size);
  }
#endif
};

auto drawn(std::vector<instance<schemas::none>>& instances)
{
  const augmentation train{random_square_crop{}, mine{}};
  return train.draw(keyed_random(1, 2, 3), {100, 100}, instances);
}

// SPDX-License-Identifier: Apache-2.0
// Augmentations: what was drawn can be drawn and applied again, what is left lies in the picture
// with its landmarks, and a mirror undoes itself.
#include "target.hpp"

#include <retinue/augment.hpp>

#include <cmath>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 2000;

namespace {
using objects = std::vector<instance<schemas::face5>>;

template <class Pipeline>
void check(const Pipeline& pipeline, const keyed_random& random, extent2 picture,
           const objects& before)
{
  auto now = before, again = before;
  const auto plan = pipeline.draw(random, picture, now);
  static_cast<void>(pipeline.draw(random, picture, again));
  law(now == again, "the same key draws the same");
  again = before;
  plan.map(again);
  law(now == again, "a plan moves what it was drawn for as it was moved");
  law(plan.after.width > 0 && plan.after.height > 0, "a picture has pixels");
  law(now.size() <= before.size(), "no object is made up");
  for (const auto& i : now)
    for (std::size_t k = 0; k < 5; ++k)
      law(i.visible[k] || i.points.points[k] == std::array<float, 2>{},
          "what is hidden is nowhere");
}
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  draws in(bytes, size);
  const extent2 picture{1 + in.any<std::uint16_t>() % 2000, 1 + in.any<std::uint16_t>() % 2000};
  const keyed_random random(in.any<std::uint64_t>(), in.any<std::uint8_t>(), 1);
  const auto which = in.below(4);
  const int side = 1 + static_cast<int>(in.below(200));
  objects before;
  while (!in.empty() && before.size() < 20) {
    const auto coordinate = [&] { return static_cast<float>(in.any<std::int16_t>()) / 16; };
    instance<schemas::face5> i;
    i.bounds = {coordinate(), coordinate(), 0, 0};
    i.bounds.x2 = i.bounds.x1 + std::abs(coordinate()) + 1.f / 16;
    i.bounds.y2 = i.bounds.y1 + std::abs(coordinate()) + 1.f / 16;
    i.ignore = in.below(4) == 0;
    for (std::size_t k = 0; k < 5; ++k) {
      i.visible[k] = in.below(4) != 0;
      if (i.visible[k]) i.points.points[k] = {coordinate(), coordinate()};
    }
    before.push_back(i);
  }
  switch (which) {
    case 0:
      check(retinaface_augmentation(side), random, picture, before);
      break;
    case 1:
      check(ssd_augmentation(side), random, picture, before);
      break;
    case 2:
      check(reference_retinaface_augmentation(side), random, picture, before);
      break;
    default:
      check(
          augmentation{random_affine{.degrees = 180, .shear = 1}, random_erase{}, random_mirror{}},
          random, picture, before);
      break;
  }
  auto mirrored = before;
  mirror{}.map(mirrored, picture);
  mirror{}.map(mirrored, picture);
  for (std::size_t i = 0; i < before.size(); ++i) {
    law(mirrored[i].visible == before[i].visible, "a mirror undoes itself");
    // Sixteenths of pixels below 2^13: no sum rounds.
    law(mirrored[i].bounds == before[i].bounds && mirrored[i].points == before[i].points,
        "a mirror undoes itself to the last bit");
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// The matchers by overlap and by ATSS's thresholds against their definitions, for truths on a
// lattice, which tie, or of any bits at all, on grids and off them.
#include "../by_definition.hpp"
#include "target.hpp"

#include <retinue/anchors.hpp>
#include <retinue/matchers.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

namespace {
const std::vector<anchor_layout>& layouts()
{
  static const std::vector<extent2> floors{{6, 11}, {3, 5}, {1, 2}};
  static const std::vector<anchor_layout> all{
      anchor_layout(square_anchors::retinaface(), {64, 96}),
      anchor_layout(square_anchors::retinaface_small_faces(), {53, 91}, floors),
      anchor_layout(square_anchors::retinaface(), {7, 250}),
      anchor_layout(std::vector<centre_box<float>>{
          {0.5f, 0.5f, 1, 1}, {0.25f, 0.25f, 0.5f, 0.5f}, {0.75f, 0.5f, 0.1f, 0.9f}}),
      anchor_layout(square_anchors::retinaface(), {1, 1})};
  return all;
}
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  draws in(bytes, size);
  const auto& anchors = layouts()[in.below(layouts().size())];
  overlap_settings s;
  s.negative = static_cast<float>(1 + in.below(20)) / 20;
  s.positive = std::max(s.negative, static_cast<float>(in.below(21)) / 20);
  s.floor = static_cast<float>(in.below(21)) / 20;
  s.force = std::array{forcing::none, forcing::best, forcing::ties}[in.below(3)];
  const auto kind = in.below(4);
  const bool any_bits = kind == 3, ignores = kind == 2;
  std::vector<box<float>> truths;
  std::vector<std::uint8_t> ignore;
  while (!in.empty() && truths.size() < 20) {
    box<float> b;
    for (std::size_t c = 0; c < 4; ++c)
      b[c] = any_bits ? in.any<float>() : static_cast<float>(in.any<std::int8_t>()) / 64;
    if (!any_bits) b.x2 = b.x1 + std::abs(b.x2), b.y2 = b.y1 + std::abs(b.y2);
    truths.push_back(b);
    if (ignores) ignore.push_back(in.below(3) == 0);
  }
  overlap_matcher match(s);
  assignment ours;
  match(anchors, truths, ignore, ours);
  const auto expected = test::match_by_definition{s}(anchors, truths, ignore);
  law(ours.verdicts == expected.verdicts, "the verdicts are those of the definition");
  std::size_t positives = 0;
  for (std::size_t a = 0; a < ours.verdicts.size(); ++a)
    if (ours.verdicts[a] == verdict::positive) {
      law(ours.truths[a] == expected.truths[a], "the truths are those of the definition");
      ++positives;
    }
  law(ours.positive_count == positives, "the report counts the positives");

  auto reference = overlap_matcher::reference();  // has a test of its own: here, that it ends
  reference(anchors, truths, ignore, ours);

  adaptive_matcher adapt(
      {.ignored = ignores ? ignoring::all : adaptive_matcher::settings{}.ignored});
  adapt(anchors, truths, ignore, ours);
  law(ours.verdicts.size() == anchors.size(), "each anchor has a verdict");
  if (any_bits) return 0;
  const auto adapted = test::adaptive_by_definition(adapt.how(), anchors, truths, ignore);
  if (adapted.verdicts.empty()) return 0;
  law(ours.verdicts == adapted.verdicts, "ATSS's verdicts are those of the definition");
  for (std::size_t a = 0; a < ours.verdicts.size(); ++a)
    law(ours.verdicts[a] != verdict::positive || ours.truths[a] == adapted.truths[a],
        "ATSS's truths are those of the definition");
  return 0;
}

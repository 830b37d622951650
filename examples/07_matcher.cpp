// SPDX-License-Identifier: Apache-2.0
// A matcher of your own: which anchors answer for which truth.
//
// That of YOLO's first kind: the one cell in which the centre of a truth lies. Here each level has
// its say, and of two truths in one cell the smaller one is learnt, for it has nobody else.
#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

using namespace retinue;

namespace {
struct cell_matcher {
  void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, assignment& out)
  {
    out.verdicts.assign(anchors.size(), verdict::negative);
    out.truths.assign(anchors.size(), 0);
    for (row_index t = 0; t < truths.size(); ++t)
      for (const level_layout& level : anchors.levels()) {
        const centre_box<float> c = to_centre(truths[t]);
        const std::size_t column = cell_of(c.cx, level.columns), row = cell_of(c.cy, level.rows);
        const std::size_t first = level.first + (row * level.columns + column) * level.per_cell;
        for (std::size_t a = first; a < first + level.per_cell; ++a) {
          const bool taken = out.verdicts[a] == verdict::positive;
          if (taken && area(truths[out.truths[a]]) <= area(truths[t])) continue;
          const bool unsure = !ignore.empty() && ignore[t] != 0;
          out.verdicts[a] = unsure ? verdict::ignored : verdict::positive;
          out.truths[a] = t;
        }
      }
  }

 private:
  static std::size_t cell_of(float at, std::size_t cells)  // at, a fraction, lies in the picture
  {
    return std::min(static_cast<std::size_t>(at * static_cast<float>(cells)), cells - 1);
  }
};
static_assert(matcher<cell_matcher>);
}  // namespace

int main()
{
  const extent2 image{.height = 64, .width = 96};
  const anchor_layout anchors(square_anchors{.level = {{16, {16, 24}}, {32, {48}}}}, image);
  const std::vector<box<float>> truths{{0.1f, 0.1f, 0.3f, 0.4f},    // fractions of the sides
                                       {0.0f, 0.0f, 0.44f, 0.52f},  // around the same centre
                                       {0.6f, 0.5f, 0.9f, 0.9f}};
  assignment found;
  cell_matcher match;
  match(anchors, truths, {}, found);
  each_positive(found.verdicts, [&](std::size_t a) {
    const centre_box<float>& at = anchors.anchors()[a];
    std::printf("anchor %2zu, around (%.2f, %.2f), answers for truth %u\n", a, at.cx, at.cy,
                static_cast<unsigned>(found.truths[a]));
  });

  // Where it is plugged in: beside labels, mining and a coder; in training, as the second argument
  // of objective.
  sampler<host_backend, cell_matcher, softmax_labels, hard_negatives, centre_size_coder> sample(
      match, {}, hard_negatives::ssd(), {});
}

// Output:
//   anchor 14, around (0.25, 0.38), answers for truth 0
//   anchor 15, around (0.25, 0.38), answers for truth 0
//   anchor 32, around (0.75, 0.62), answers for truth 2
//   anchor 33, around (0.75, 0.62), answers for truth 2
//   anchor 48, around (0.17, 0.25), answers for truth 0
//   anchor 53, around (0.83, 0.75), answers for truth 2

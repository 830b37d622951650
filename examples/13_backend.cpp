// SPDX-License-Identifier: Apache-2.0
// A backend of your own.
//
// A backend is where tables live and how formulas are run over them: a machine of yours. This one
// is the host's memory with one thing done differently, and so it is derived from the host's: it
// counts the rows that formulas are run over. One from nothing has some twenty functions, listed in
// retinue/backend.hpp; tests/archetype.hpp is one that has these and no more.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

using namespace retinue;

namespace {
struct counting_backend : host_backend {
  explicit counting_backend(std::size_t& to) : rows(&to) {}

  // Every row of a table, a view or a chosen part, by one formula: the heart of a backend.
  template <class Formula, record R, class... In>
  void map(const Formula& formula, table<R>& out, const In&... in) const
  {
    host_backend::map(formula, out, in...);
    *rows += out.size();
  }

  std::size_t* rows;
};
static_assert(tensor_backend<counting_backend>);
}  // namespace

int main()
{
  // The families know nothing of it but the concept, and so a detector runs over it as it is.
  const square_anchors anchors{.level = {{16, {24, 48}}, {32, {96, 192}}}};
  const extent2 image{.height = 320, .width = 512};
  const std::size_t all = make_anchors(anchors, image).size();
  std::vector<float> scores(2 * all), boxes(4 * all);
  for (std::size_t a = 0; a < all; a += 100) scores[2 * a + 1] = 0.6f;

  std::size_t rows = 0;
  detector<schemas::none, counting_backend> detect(anchors, {.score = 0.5f}, {},
                                                   counting_backend(rows));
  const outputs<counting_backend> said{.scores = {scores.data(), all, 2},
                                       .boxes = {boxes.data(), all, 4}};
  const auto found = detect(said, frame::unscaled(image));
  std::printf("%zu anchors, %zu rows were worked on, %zu objects found\n", all, rows, found.size());
}

// Output:
//   1600 anchors, 16 rows were worked on, 16 objects found

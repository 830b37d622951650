// SPDX-License-Identifier: Apache-2.0
// A matcher that looks at what the network says, on any backend.
//
// An anchor answers for the truth that it fits best: half by where the anchor lies, half by the box
// that the network says there. So the network learns where it is good at, as in Zhang 2020 (Mutual
// Guidance). Where the anchors and what is said are tensors on another device, so is all this.
#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

using namespace retinue;

namespace {
struct fit {  // of an anchor and the box that is said there with a truth; T is any coordinate
  template <class T>
  T operator()(const centre_box<T>& anchor, const box<T>& said, const rival<T>& truth) const
  {
    return (iou(to_corners(anchor), truth.bounds) + iou(said, truth.bounds)) / 2;
  }
};
struct decide {
  float least;
  template <class T>
  assigned<T> operator()(const best_row<T>& best) const
  {
    const T none = fill_like(best.value, 0), one = fill_like(best.value, 1);
    return {pick_less(best.value, fill_like(none, least), none, one), best.row, best.value, one};
  }
};

struct mutual_matcher {
  float least = 0.25f;  // of the fit

  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    typename B::template table<best_row<float>> best;  // of each anchor, (anchors, 1)
    b.most(fit{}, best, b.across(anchors), b.across(said.boxes), truths);
    b.map(decide{least}, out, b.across(best));  // a verdict, a truth, a quality, a weight
  }
};
static_assert(predictive_matcher<mutual_matcher, host_backend, sigmoid_labels<>>);
}  // namespace

int main()
{
  using backend = host_backend;
  backend b;
  const extent2 image{.height = 64, .width = 96};
  const anchor_layout layout(square_anchors{.level = {{32, {32}}}}, image);  // 2 x 3 cells
  columns<centre_box<float>> anchors;
  b.put(layout.anchors(), 1, anchors);
  const std::vector<float> scores(6), codes(6 * 4);  // a network that has learnt nothing

  std::vector<std::vector<instance<schemas::none>>> pictures(1);  // one, with one truth in it
  pictures[0].emplace_back().bounds = {0.1f, 0.0f, 0.5f, 0.5f};   // across two cells
  truth_batch<schemas::none> truths;
  truths.read(pictures, 1, truth_reading::classes);

  sampler<backend, mutual_matcher, sigmoid_labels<>, every_negative, centre_size_coder> sample(
      {}, {}, {}, {});
  samples<backend> chosen;
  sample(b, layout, anchors, {.scores = {scores.data(), 6, 1}, .boxes = {codes.data(), 6, 4}},
         truths, chosen);
  std::printf("%zu positives, %zu negatives\n", chosen.positives.size(), chosen.negatives.size());
  for (std::size_t k = 0; k < chosen.positives.size(); ++k)
    std::printf("row %u should be called its truth with %.2f\n", unsigned(chosen.positives[k]),
                chosen.want[k].quality);
}

// Output:
//   2 positives, 4 negatives
//   row 0 should be called its truth with 0.47
//   row 1 should be called its truth with 0.29

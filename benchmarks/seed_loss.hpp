// SPDX-License-Identifier: Apache-2.0
// Matching and the multibox loss as seeds 000 to 003 write them, in ATen operations: what ours is
// compared with.
#pragma once

#include <retinue/formulas/coders.hpp>  // centre_size_coder
#include <retinue/instance.hpp>         // instance
#include <retinue/matchers.hpp>         // assignment

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

struct dense_match;

/// What every anchor of every image should say: (images, anchors, 4), (images, anchors) and
/// (images, anchors, 10), as the seeds' match leaves it.
struct dense_targets {
  using face = retinue::schemas::face5;
  at::Tensor offsets, labels, points;

  /// Of images that were matched one by one.
  explicit dense_targets(const std::vector<dense_match>& matched);

  dense_targets(std::span<const retinue::centre_box<float>> anchors,
                const std::vector<std::vector<retinue::instance<face>>>& truths,
                const std::vector<retinue::assignment>& assigned)
  {
    const auto n = static_cast<std::int64_t>(anchors.size()),
               images = static_cast<std::int64_t>(assigned.size());
    offsets = torch::zeros({images, n, 4});
    labels = torch::zeros({images, n}, torch::kLong);
    points = torch::zeros({images, n, 10});
    const retinue::centre_size_coder coder;
    for (std::size_t b = 0; b < assigned.size(); ++b)
      retinue::each_positive(assigned[b].verdicts, [&](std::size_t a) {
        const auto& truth = truths[b][assigned[b].truths[a]];
        const auto box = coder.encode(truth.bounds, anchors[a]);
        const auto marks = coder.encode(truth.points, anchors[a]);
        const auto row = static_cast<std::int64_t>(b) * n + static_cast<std::int64_t>(a);
        labels.data_ptr<std::int64_t>()[row] = 1;
        for (std::size_t c = 0; c < 4; ++c)
          offsets.data_ptr<float>()[row * 4 + static_cast<std::int64_t>(c)] = box[c];
        for (std::size_t c = 0; c < 10; ++c)
          points.data_ptr<float>()[row * 10 + static_cast<std::int64_t>(c)] = marks[c];
      });
  }
};

/// Who answers for whom in each image.
inline std::vector<retinue::assignment> assignments(
    const retinue::anchor_layout& anchors,
    const std::vector<std::vector<retinue::instance<dense_targets::face>>>& truths)
{
  auto match = retinue::overlap_matcher::retinaface();
  std::vector<retinue::assignment> assigned(truths.size());
  std::vector<retinue::box<float>> boxes;
  for (std::size_t b = 0; b < truths.size(); ++b) {
    boxes.clear();
    for (const auto& truth : truths[b]) boxes.push_back(truth.bounds);
    match(anchors, boxes, {}, assigned[b]);
  }
  return assigned;
}

/// Offsets (n, 4), labels (n) and landmarks (n, 10) that one image's anchors should say, by the
/// overlaps of all truths (m, 4) with all anchors (n, 4: centres and sides).
struct dense_match {
  at::Tensor offsets, labels, points;

  dense_match(const at::Tensor& truths, const at::Tensor& marks, const at::Tensor& anchors)
  {
    const at::Tensor centre = anchors.slice(1, 0, 2), side = anchors.slice(1, 2, 4);
    const at::Tensor corners = at::cat({centre - side / 2, centre + side / 2}, 1);
    const at::Tensor a = truths.unsqueeze(1), b = corners.unsqueeze(0);
    const at::Tensor common = (at::minimum(a.slice(2, 2, 4), b.slice(2, 2, 4)) -
                               at::maximum(a.slice(2, 0, 2), b.slice(2, 0, 2)))
                                  .clamp_min(0);
    const auto area = [](const at::Tensor& of) {
      return (of.select(2, 2) - of.select(2, 0)) * (of.select(2, 3) - of.select(2, 1));
    };
    const at::Tensor shared = common.select(2, 0) * common.select(2, 1);
    const at::Tensor overlaps = shared / (area(a) + area(b) - shared);  // (m, n)

    const auto [own_overlap, own_anchor] = overlaps.max(1);
    auto [overlap, truth] = overlaps.max(0);
    overlap.index_fill_(0, own_anchor.index({own_overlap >= 0.2f}), 2);
    for (std::int64_t t = 0; t < truths.size(0); ++t)
      truth.index_put_({own_anchor[t]}, at::scalar_tensor(t, truth.options()));
    labels = at::ones_like(truth).masked_fill(overlap < 0.35f, 0);

    const at::Tensor own = truths.index({truth}), own_marks = marks.index({truth});
    const at::Tensor middle = (own.slice(1, 0, 2) + own.slice(1, 2, 4)) / 2;
    offsets = at::cat({(middle - centre) / (side * 0.1f),
                       ((own.slice(1, 2, 4) - own.slice(1, 0, 2)) / side).log() / 0.2f},
                      1);
    points = ((own_marks.view({-1, 5, 2}) - centre.unsqueeze(1)) / (side.unsqueeze(1) * 0.1f))
                 .view({-1, 10});
  }
};

inline dense_targets::dense_targets(const std::vector<dense_match>& matched)
{
  const auto stacked = [&](at::Tensor dense_match::* part) {
    std::vector<at::Tensor> all;
    for (const dense_match& image : matched) all.push_back(image.*part);
    return at::stack(all);
  };
  offsets = stacked(&dense_match::offsets);
  labels = stacked(&dense_match::labels);
  points = stacked(&dense_match::points);
}

inline at::Tensor two_sorts(at::Tensor cost, const at::Tensor& positive)
{
  cost = cost.masked_fill(positive, 0);
  const at::Tensor order = std::get<1>(cost.sort(1, true));
  const at::Tensor rank = std::get<1>(order.sort(1));
  const at::Tensor count = torch::clamp_max(7 * positive.sum(1, true), positive.size(1) - 1);
  return rank < count;
}

inline at::Tensor seed_loss(const at::Tensor& offsets, const at::Tensor& logits,
                            const at::Tensor& points, const dense_targets& want)
{
  const at::Tensor positive = want.labels > 0;
  const auto residuals = [&](const at::Tensor& predicted, const at::Tensor& target) {
    const at::Tensor mask = positive.unsqueeze(-1).expand_as(predicted);
    return at::smooth_l1_loss(predicted.index({mask}), target.index({mask}), at::Reduction::Sum);
  };
  const at::Tensor landmark = residuals(points, want.points);
  const at::Tensor box = residuals(offsets, want.offsets);
  const at::Tensor rows = logits.reshape({-1, 2});
  const at::Tensor most = rows.detach().max();
  const at::Tensor cost = torch::log(torch::exp(rows - most).sum(1, true)) + most -
                          rows.gather(1, want.labels.view({-1, 1}));
  const at::Tensor taught =
      positive.logical_or(two_sorts(cost.view(want.labels.sizes()), positive));
  const at::Tensor chosen = logits.index({taught.unsqueeze(2).expand_as(logits)});
  const at::Tensor label = at::cross_entropy_loss(chosen.view({-1, 2}), want.labels.index({taught}),
                                                  {}, at::Reduction::Sum);
  const at::Tensor n = positive.sum().to(at::kFloat).clamp_min(1);
  return 2 * box / n + label / n + landmark / n;
}

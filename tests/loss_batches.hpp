// SPDX-License-Identifier: Apache-2.0
// Batches for the losses: a network's outputs at random, truths, and who answers for them.
#pragma once

#include "npz.hpp"

#include <retinue/anchors.hpp>
#include <retinue/losses.hpp>

#include <algorithm>
#include <cmath>
#include <random>

namespace retinue::test {

template <class Schema>
struct loss_batch {
  static constexpr std::size_t width = Schema::count * Schema::dimension;

  std::vector<std::vector<instance<Schema>>> truths;
  std::vector<image_targets<Schema>> targets;
  std::vector<float> offsets, logits, landmarks;

  [[nodiscard]] std::size_t images() const { return truths.size(); }
  [[nodiscard]] multibox_outputs outputs() const
  {
    return {offsets.data(), logits.data(), landmarks.data()};
  }

  void match(const anchor_layout& anchors, const overlap_matcher& with)
  {
    truth_matcher<overlap_matcher> match_all(with);
    targets.resize(truths.size());
    for (std::size_t b = 0; b < truths.size(); ++b)
      match_all(anchors, std::span<const instance<Schema>>(truths[b]), targets[b]);
  }
};

/// Images with as many truths as `counts` says; some points are invisible, some truths ignored.
template <class Schema>
loss_batch<Schema> random_batch(const anchor_layout& anchors, std::size_t classes,
                                const std::vector<std::size_t>& counts, unsigned seed = 1)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> unit(0, 1);
  std::normal_distribution<float> normal(0, 2);
  loss_batch<Schema> batch;
  for (const std::size_t count : counts) {
    auto& truths = batch.truths.emplace_back();
    for (std::size_t t = 0; t < count; ++t) {
      instance<Schema> truth;
      const float w = 0.03f + 0.5f * unit(random) * unit(random), h = w * (0.6f + unit(random));
      const float x = unit(random), y = unit(random);
      truth.bounds = {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
      truth.label = 1 + static_cast<std::int32_t>(random() % (classes - 1));
      for (std::size_t k = 0; k < Schema::count; ++k) {
        for (float& c : truth.points.points[k]) c = unit(random);
        truth.visible[k] = random() % 4 != 0 && t % 3 != 2;
      }
      truth.ignore = t % 7 == 6;
      truths.push_back(truth);
    }
  }
  const std::size_t rows = anchors.size() * counts.size();
  const auto fill = [&](std::vector<float>& values, std::size_t width) {
    values.resize(rows * width);
    for (float& v : values) v = normal(random);
  };
  fill(batch.offsets, 4);
  fill(batch.logits, classes);
  fill(batch.landmarks, loss_batch<Schema>::width);
  batch.match(anchors, overlap_matcher::retinaface());
  return batch;
}

/// The batch of golden/multibox_loss_640_b4.npz: a label of -1 is a face whose points are unknown.
inline loss_batch<schemas::face5> golden_batch(const npz& golden, const anchor_layout& anchors)
{
  loss_batch<schemas::face5> batch;
  batch.offsets = golden["loc"].as<float>();
  batch.logits = golden["conf"].as<float>();
  batch.landmarks = golden["landm"].as<float>();
  for (std::size_t b = 0; golden.has("targets" + std::to_string(b)); ++b) {
    const auto rows = golden["targets" + std::to_string(b)].as<float>();
    auto& truths = batch.truths.emplace_back();
    for (std::size_t i = 0; i + 15 <= rows.size(); i += 15) {
      instance<schemas::face5> truth;
      truth.bounds = {rows[i], rows[i + 1], rows[i + 2], rows[i + 3]};
      for (std::size_t c = 0; c < 10; ++c) truth.points[c] = rows[i + 4 + c];
      truth.label = static_cast<std::int32_t>(rows[i + 14]);
      truths.push_back(truth);
    }
  }
  batch.match(anchors, overlap_matcher::reference());
  return batch;
}

inline double furthest(const std::vector<float>& a, const std::vector<float>& b)
{
  if (a.size() != b.size()) return HUGE_VAL;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double apart = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = apart <= worst ? worst : apart;  // a NaN stays
  }
  return worst;
}

/// Where the gradients of a batch go.
struct gradient_room {
  std::vector<float> offsets, logits, landmarks;

  template <class Schema>
  explicit gradient_room(const loss_batch<Schema>& of)
      : offsets(of.offsets.size(), 9.0f),
        logits(of.logits.size(), 9.0f),
        landmarks(of.landmarks.size(), 9.0f)
  {
  }
  [[nodiscard]] multibox_gradients all()
  {
    return {offsets.data(), logits.data(), landmarks.data()};
  }
};

}  // namespace retinue::test

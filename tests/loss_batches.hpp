// SPDX-License-Identifier: Apache-2.0
// Batches for the losses: a network's outputs at random, truths, and who answers for them.
#pragma once

#include "npz.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace retinue::test {

template <class Schema>
struct loss_batch {
  static constexpr std::size_t width = Schema::count * Schema::dimension;

  std::vector<std::vector<instance<Schema>>> truths;
  std::vector<assignment> assigned;
  std::vector<float> offsets, logits, landmarks;
  std::vector<float> quality;  ///< (rows), or nothing
  std::size_t box_width = 4;   ///< numbers of a code, for `offsets` may be any other code

  [[nodiscard]] std::size_t images() const { return truths.size(); }
  [[nodiscard]] outputs<host_backend> said() const
  {
    const std::size_t rows = offsets.size() / box_width / std::max<std::size_t>(images(), 1);
    const table_shape shape{images(), rows};
    const std::size_t columns = rows == 0 ? 2 : logits.size() / shape.size();
    return {.scores = {logits.data(), shape, columns},
            .boxes = {offsets.data(), shape, box_width},
            .points = {landmarks.data(), shape, width},
            .quality = quality.empty() ? number_rows() : number_rows(quality.data(), shape, 1)};
  }

  void match(const anchor_layout& anchors, overlap_matcher with)
  {
    truth_batch<Schema> read;
    read.read(truths, 1000, truth_reading::reference);
    assigned.resize(truths.size());
    for (std::size_t b = 0; b < truths.size(); ++b)
      with(anchors, read.bounds(b), read.ignore(b), assigned[b]);
  }
};

/// A matcher that says what it was given, image after image.
struct canned_matcher {
  const std::vector<assignment>* all;
  std::size_t next = 0;

  void operator()(const anchor_layout&, std::span<const box<float>>, std::span<const std::uint8_t>,
                  assignment& out)
  {
    out = (*all)[next++ % all->size()];
  }
};
static_assert(matcher<canned_matcher>);

/// What a batch costs, in numbers.
struct batch_terms {
  double box = 0, label = 0, landmark = 0, total = 0;
  std::size_t positives = 0, negatives = 0, with_landmarks = 0;
  double quality = 0;
};

/// Where the gradients of a batch go.
struct gradient_room {
  std::vector<float> offsets, logits, landmarks, quality;

  template <class Schema>
  explicit gradient_room(const loss_batch<Schema>& of)
      : offsets(of.offsets.size(), 9.0f),
        logits(of.logits.size(), 9.0f),
        landmarks(of.landmarks.size(), 9.0f),
        quality(of.quality.size(), 9.0f)
  {
  }
};

/// Sampling and loss in host memory, of assignments that are given.
template <class Settings>
class batch_loss {
 public:
  using schema = typename Settings::schema;

  batch_loss() : batch_loss(Settings{}) {}
  explicit batch_loss(const Settings& s) : settings_(s), loss_(s) {}

  batch_terms operator()(const anchor_layout& anchors, const loss_batch<schema>& batch,
                         gradient_room* room = nullptr, const batch_counts* whole = nullptr)
  {
    if (!sample_ || given_ != &batch.assigned) {
      given_ = &batch.assigned;
      sample_.emplace(canned_matcher{given_}, settings_.labels, settings_.mining, settings_.code);
    }
    backend_.put(anchors.anchors(), 1, table_);
    truths_.read(batch.truths, settings_.classes, settings_.reading);
    const auto said = batch.said();
    (*sample_)(backend_, anchors, table_, said, truths_, chosen_);
    const auto& terms = loss_(backend_, table_, said, truths_, chosen_, whole);
    batch_terms sums{0, 0, 0, 0, terms.positives, terms.negatives, terms.with_landmarks};
    for (const auto& term : terms.terms) {
      const double value = term.cost.sum / term.divisor;
      sums.total += term.weight * value;
      (term.name == "box"       ? sums.box
       : term.name == "label"   ? sums.label
       : term.name == "quality" ? sums.quality
                                : sums.landmark) = value;
      if (!room) continue;
      std::vector<float>& to = term.part == output_part::boxes     ? room->offsets
                               : term.part == output_part::scores  ? room->logits
                               : term.part == output_part::quality ? room->quality
                                                                   : room->landmarks;
      if (!to.empty())
        term.cost.write(term.weight / term.divisor, to.data(), to.size() / term.cost.width);
    }
    return sums;
  }

 private:
  Settings settings_;
  host_backend backend_;
  typename Settings::template loss_over<host_backend> loss_;
  std::optional<typename Settings::template sampler_over<host_backend, canned_matcher>> sample_;
  const std::vector<assignment>* given_ = nullptr;
  columns<centre_box<float>> table_;
  truth_batch<schema> truths_;
  samples<host_backend> chosen_;
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

}  // namespace retinue::test

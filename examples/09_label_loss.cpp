// SPDX-License-Identifier: Apache-2.0
// What a class score costs, of your own.
//
// A sigmoid for each class, and the square of how far its probability is from what it should be
// (Brier 1950). It is written once: T is a number, a packet of them, a column of a batch, or a
// number that carries its slope, by which it is learnt.
#include <retinue/backend/host.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>

#include <array>
#include <cstdio>

using namespace retinue;

namespace {
struct squared_error {
  template <class T>
  T operator()(const T& logit, const T& target) const  // target: 0, or 1, or a quality between
  {
    const T wrong = sigmoid(logit) - target;
    return wrong * wrong;
  }
};
static_assert(binary_cost<squared_error>);

// With such a policy, scores are read and learnt. Where rows are read in another way altogether,
// say by a softmax in two groups, write a policy of your own: the concept is learnable_labels.
using labels = sigmoid_labels<squared_error>;
static_assert(learnable_labels<labels>);

// Where it is plugged in: the settings of a loss, whoever computes it. The detector that the
// network goes to is told the same labels.
using settings = multibox_settings<schemas::none, centre_size_coder, every_negative, smooth_l1,
                                   smooth_l1, labels>;
}  // namespace

int main()
{
  const labels policy;
  const std::array<float, 3> logits{-2.0f, 0.5f, 1.0f};  // of three classes, at one anchor
  const number_row<float> row{logits.data(), logits.size()};
  for (const float label : {0.0f, 2.0f}) {  // background, and the second class
    std::array<float, 3> slopes{};
    const float cost = policy.with_slope(row, slopes, label, 1.0f);
    std::printf("label %.0f: costs %.4f, slopes %+.4f %+.4f %+.4f\n", label, cost, slopes[0],
                slopes[1], slopes[2]);
  }
  settings chosen;
  chosen.classes = 3;
  chosen.check();
  std::printf("%zu columns for %zu classes\n", chosen.labels.columns(3), chosen.classes);
}

// Output:
//   label 0: costs 0.9361, slopes +0.0250 +0.2926 +0.2875
//   label 2: costs 0.6912, slopes +0.0250 -0.1774 +0.2875
//   3 columns for 3 classes

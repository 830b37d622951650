// SPDX-License-Identifier: Apache-2.0
// What the library ships satisfies the concepts that it is written for. Where a concept is cheap to
// ask, its members ask it in their own headers; these cost every user's compilation too much there.
#include <retinue/backend/host.hpp>
#include <retinue/formulas/deltas.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/distributions.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/suppress.hpp>
#include <retinue/suppress/any_greedy.hpp>

namespace retinue {

static_assert(label_policy<any_labels>);

static_assert(learnable_labels<times_quality<>>);

static_assert(learnable_labels<sigmoid_labels<>> &&
              learnable_labels<sigmoid_labels<quality_focal>>);

static_assert(learnable_labels<softmax_labels>);

static_assert(coordinate<dual<float, 4>> && coordinate<dual<double, 1>, double>);

static_assert(overlap_loss<iou_loss> && overlap_loss<giou_loss, double> &&
              overlap_loss<diou_loss> && overlap_loss<ciou_loss, dual<float, 4>>);

static_assert(tensor_backend<host_backend>);

static_assert(coordinate<packet<float>> && coordinate<packet<float, 16>>);

static_assert(coder<distance_coder, schemas::face5> &&
              coder<distance_coder, schemas::none, double>);

static_assert(coder<delta_coder, schemas::plate4> && coder<distribution_coder<>, schemas::face5> &&
              coder<distribution_coder<8>, schemas::none, double>);

static_assert(suppressor<greedy_suppressor<>> && suppressor<greedy_suppressor<inclusive_pixels>>);

static_assert(suppressor<any_greedy_suppressor>);

static_assert(suppressor<soft_suppressor<linear_decay>> && suppressor<soft_suppressor<>>);

static_assert(binary_cost<binary_cross_entropy> && binary_cost<quality_focal> &&
              binary_cost<sigmoid_focal>);

}  // namespace retinue

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

static_assert(learnable_labels<softmax_labels> && learnable_labels<weighted_softmax_labels>);

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

static_assert(suppressor<any_greedy_suppressor> &&
              std::constructible_from<any_greedy_suppressor, float, std::size_t>);
static_assert(!std::constructible_from<any_greedy_suppressor, bool, float, std::size_t>);

static_assert(suppressor<soft_suppressor<linear_decay>> && suppressor<soft_suppressor<>> &&
              suppressor<soft_suppressor<gaussian_decay, diou_of>>);

static_assert(suppressor<matrix_suppressor<>> && suppressor<voting_suppressor<>> &&
              suppressor<box_fusion> && suppressor<class_agnostic<greedy_suppressor<>>>);

static_assert(class_suppressor<class_agnostic<soft_suppressor<>>> &&
              class_suppressor<measured_suppressor<iof_of<>>> &&
              table_suppressor<measured_suppressor<near_centres>, host_backend> &&
              table_suppressor<class_agnostic<greedy_suppressor<>>, host_backend> &&
              !table_suppressor<class_agnostic<soft_suppressor<>>, host_backend>);

static_assert(binary_cost<binary_cross_entropy> && binary_cost<quality_focal> &&
              binary_cost<sigmoid_focal> && binary_cost<varifocal> && binary_cost<gaussian_focal>);

static_assert(overlap_loss<log_iou_loss> && overlap_loss<square_iou_loss> &&
              overlap_loss<eiou_loss> && overlap_loss<siou_loss> &&
              overlap_loss<extended_iou_loss> && overlap_loss<bounded_iou_loss>);

static_assert(points_loss<keypoint_loss<schemas::face5>, schemas::face5> &&
              points_loss<keypoint_loss<schemas::coco17>, schemas::coco17, double> &&
              points_loss<keypoint_loss<schemas::none>, schemas::none>);

static_assert(negative_mining<random_negatives>);

}  // namespace retinue

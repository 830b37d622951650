// SPDX-License-Identifier: Apache-2.0
// The formulas as CUDA kernels, one thread a row: the text that serves numbers, packets and
// columns. Compiled only, where there is an nvcc of C++20; no device is needed.
#include <retinue/formulas/dual.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/landmarks.hpp>
#include <retinue/formulas/cross_entropy.hpp>
#include <retinue/formulas/focal.hpp>
#include <retinue/formulas/overlap_losses.hpp>
#include <retinue/formulas/residual.hpp>
#include <retinue/formulas/overlap.hpp>
#include <retinue/anchors/near.hpp>
#include <retinue/backend/lane.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/costs.hpp>
#include <retinue/matchers/forcing.hpp>

namespace {

using namespace retinue;
using face5 = schemas::face5;

__device__ int row()
{
  return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

}  // namespace

__global__ void code_boxes(const box<float>* truths, const centre_box<float>* anchors,
                           offsets<float>* said, box<float>* back, int rows)
{
  const centre_size_coder code;
  const int i = row();
  if (i >= rows) return;
  said[i] = code.encode(truths[i], anchors[i]);
  back[i] = code.decode(said[i], anchors[i]);
}

__global__ void code_landmarks(const landmarks<float, face5>* truths,
                               const centre_box<float>* anchors, landmarks<float, face5>* back,
                               int rows)
{
  const centre_size_coder code;
  const int i = row();
  if (i < rows) back[i] = code.decode(code.encode(truths[i], anchors[i]), anchors[i]);
}

__global__ void overlaps(const box<float>* a, const box<float>* b, float* shared, int rows)
{
  const int i = row();
  if (i < rows) shared[i] = iou(a[i], b[i]) + iof(a[i], b[i]) + iou<inclusive_pixels>(a[i], b[i]);
}

template <class Loss>
__global__ void overlap_losses(const box<float>* predicted, const box<float>* truths,
                               sloped_loss<float>* cost, int rows)
{
  const int i = row();
  if (i < rows) cost[i] = with_slope(Loss{}, predicted[i], truths[i]);
}
template __global__ void overlap_losses<iou_loss>(const box<float>*, const box<float>*,
                                                  sloped_loss<float>*, int);
template __global__ void overlap_losses<giou_loss>(const box<float>*, const box<float>*,
                                                   sloped_loss<float>*, int);
template __global__ void overlap_losses<diou_loss>(const box<float>*, const box<float>*,
                                                   sloped_loss<float>*, int);
template __global__ void overlap_losses<ciou_loss>(const box<float>*, const box<float>*,
                                                   sloped_loss<float>*, int);
template __global__ void overlap_losses<eiou_loss>(const box<float>*, const box<float>*,
                                                   sloped_loss<float>*, int);
template __global__ void overlap_losses<siou_loss>(const box<float>*, const box<float>*,
                                                   sloped_loss<float>*, int);
template __global__ void overlap_losses<extended_iou_loss>(const box<float>*, const box<float>*,
                                                           sloped_loss<float>*, int);
template __global__ void overlap_losses<bounded_iou_loss>(const box<float>*, const box<float>*,
                                                          sloped_loss<float>*, int);

__global__ void losses_of_numbers(const float* x, float* value, float* slope, int rows)
{
  const int i = row();
  if (i >= rows) return;
  const smooth_l1 bent;
  const wing curve;
  const sigmoid_focal focal;
  float of_focal = 0;
  value[i] = bent.value(x[i]) + curve.value(x[i]) + focal.with_slope(x[i], 1.0f, of_focal) +
             focal(x[i], 0.0f) + softplus(x[i]);
  slope[i] = bent.slope(x[i]) + curve.slope(x[i]) + of_focal + sigmoid(x[i]);
}

template <class Labels>
__global__ void labels_of_rows(const float* x, std::size_t columns, float* cost, float* slopes,
                               int rows, Labels labels)
{
  const int i = row();
  if (i >= rows) return;
  const number_row<float> one{x + static_cast<std::size_t>(i) * columns, columns, 1};
  cost[i] = labels.with_slope(one, std::span<float>(slopes, columns), 1.0f, 0.5f) +
            labels.cost(one, 1.0f, 0.5f) + labels.score(one, 0) + labels.logit(one, 0) +
            labels.wrong(lanes_of<number_row<float>>{one}).value;
}
template __global__ void labels_of_rows(const float*, std::size_t, float*, float*, int,
                                        softmax_labels);
template __global__ void labels_of_rows(const float*, std::size_t, float*, float*, int,
                                        sigmoid_labels<>);
template __global__ void labels_of_rows(const float*, std::size_t, float*, float*, int,
                                        sigmoid_labels<quality_focal>);
template __global__ void labels_of_rows(const float*, std::size_t, float*, float*, int,
                                        times_quality<>);

__global__ void windows(const level_grid* level, const centre_box<float>* cell,
                        const centre_box<float>* truths, anchor_window* near, int rows)
{
  const int i = row();
  if (i < rows) near[i] = window_of(*level, cell, truths[i], detail::share_of(0.35f));
}

__global__ void quotas(const std::size_t* positives, std::size_t* wanted, std::uint32_t* keys,
                       const float* wrong, negatives_wanted want, int rows)
{
  const int i = row();
  if (i >= rows) return;
  wanted[i] = want(positives[i]) + every_negative::all_wanted{}(positives[i]);
  keys[i] = detail::mining_key(wrong[i]);
}

__global__ void distances_of_points(const landmarks<float, schemas::points<1>>* truths,
                                    const centre_box<float>* anchors,
                                    landmarks<float, schemas::points<1>>* back, int rows)
{
  const distance_coder code;
  const int i = row();
  if (i < rows) back[i] = code.decode(code.encode(truths[i], anchors[i]), anchors[i]);
}

// SPDX-License-Identifier: Apache-2.0
// The programs for CUDA, by the names of those that are used: the one .cu file that a program over
// cuda_blocks needs. What they take of a processor is looked at by resources.cmake.
#include <retinue/backend/cuda_blocks.cuh>

#include <retinue/detect_programs.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/narrow.hpp>
#include <retinue/image/planes_program.hpp>
#include <retinue/image/resample_program.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/any_multibox.hpp>
#include <retinue/losses/every_negative.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/matchers/adaptive_program.hpp>
#include <retinue/matchers/aligned_program.hpp>
#include <retinue/matchers/dynamic_k_program.hpp>
#include <retinue/matchers/overlap_program.hpp>
#include <retinue/suppress/look_back.hpp>

#include "operations.hpp"

namespace retinue {

template void cuda_blocks::run(std::size_t, const test::every_operation&);
template void cuda_blocks::run(std::size_t, const match_images&);
template void cuda_blocks::run(std::size_t, const cover_anchors&);
template void cuda_blocks::run(std::size_t, const claim_anchors&);
template void cuda_blocks::run(std::size_t, const settle_claims&);
template void cuda_blocks::run(std::size_t, const count_cells<>&);
template void cuda_blocks::run(std::size_t, const begin_cells&);
template void cuda_blocks::run(std::size_t, const fill_cells<>&);
template void cuda_blocks::run(std::size_t, const look_back<>&);
template void cuda_blocks::run(std::size_t, const collect_kept&);
template void cuda_blocks::run(std::size_t, const write_planes<>&);
template void cuda_blocks::run(std::size_t, const write_planes<float16>&);
template void cuda_blocks::run(std::size_t, const resample_across&);
template void cuda_blocks::run(std::size_t, const resample_down&);

#define RETINUE_TEST_DETECTION(...)                                                 \
  template void cuda_blocks::run(std::size_t, const find_candidates<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const sort_candidates<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const decode_candidates<__VA_ARGS__>&)

RETINUE_TEST_DETECTION(softmax_labels, centre_size_coder);
RETINUE_TEST_DETECTION(softmax_labels, centre_size_coder, float16);
RETINUE_TEST_DETECTION(softmax_labels, centre_size_coder, bfloat16);
RETINUE_TEST_DETECTION(times_quality<>, centre_size_coder);
template void cuda_blocks::run(
    std::size_t, const collect_detections<schemas::none, softmax_labels, centre_size_coder>&);
template void cuda_blocks::run(
    std::size_t, const collect_detections<schemas::face5, softmax_labels, centre_size_coder>&);
template void cuda_blocks::run(
    std::size_t,
    const collect_detections<schemas::face5, softmax_labels, centre_size_coder, float16>&);
template void cuda_blocks::run(
    std::size_t,
    const collect_detections<schemas::face5, softmax_labels, centre_size_coder, bfloat16>&);
template void cuda_blocks::run(
    std::size_t, const collect_detections<schemas::wflw98, softmax_labels, centre_size_coder>&);

#define RETINUE_TEST_BIDS(...)                                                  \
  template void cuda_blocks::run(std::size_t, const enter_bids<__VA_ARGS__>&);  \
  template void cuda_blocks::run(std::size_t, const list_bids<__VA_ARGS__>&);   \
  template void cuda_blocks::run(std::size_t, const choose_bids<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const settle_bids<__VA_ARGS__>&)

RETINUE_TEST_BIDS(sigmoid_labels<>, distance_coder);
RETINUE_TEST_BIDS(any_plain_labels, any_coder);

#define RETINUE_TEST_ALIGNED(...)                                                  \
  template void cuda_blocks::run(std::size_t, const say_boxes<__VA_ARGS__>&);      \
  template void cuda_blocks::run(std::size_t, const choose_aligned<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const contend<__VA_ARGS__>&);        \
  template void cuda_blocks::run(std::size_t, const rate_aligned<__VA_ARGS__>&);   \
  template void cuda_blocks::run(std::size_t, const settle_aligned<__VA_ARGS__>&)

RETINUE_TEST_ALIGNED(sigmoid_labels<>, distance_coder);
RETINUE_TEST_ALIGNED(any_plain_labels, any_coder);

#define RETINUE_TEST_LOSS(...)                                                  \
  template void cuda_blocks::run(std::size_t, const rank_rows<__VA_ARGS__>&);   \
  template void cuda_blocks::run(std::size_t, const mine_images<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const add_terms<__VA_ARGS__>&);   \
  template void cuda_blocks::run(std::size_t, const total_terms<__VA_ARGS__>&); \
  template void cuda_blocks::run(std::size_t, const write_slopes<__VA_ARGS__>&)

RETINUE_TEST_LOSS(multibox_settings<schemas::face5>);
RETINUE_TEST_LOSS(multibox_settings<schemas::face5>, float16);
RETINUE_TEST_LOSS(multibox_settings<schemas::face5>, bfloat16);
RETINUE_TEST_LOSS(multibox_settings<schemas::none>);
RETINUE_TEST_LOSS(multibox_settings<schemas::none>, float16);
RETINUE_TEST_LOSS(multibox_settings<schemas::none>, bfloat16);
RETINUE_TEST_LOSS(multibox_settings<schemas::wflw98>);
// Not the default: losses of overlap carry four derivatives along.
RETINUE_TEST_LOSS(multibox_settings<schemas::none, distance_coder, every_negative, ciou_loss,
                                    smooth_l1, sigmoid_labels<>>);
// Nor is what is chosen at run time: all choices are in each kernel.
RETINUE_TEST_LOSS(any_multibox_settings<schemas::face5>);

}  // namespace retinue

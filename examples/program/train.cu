// SPDX-License-Identifier: Apache-2.0
// The programs of train.cpp for CUDA, for every number of landmarks that a configuration may have:
// those of the papers' parts, of every type of numbers that a loss takes; and those of parts that a
// configuration chooses, all choices in each kernel.
#include <retinue/backend/cuda_blocks.cuh>

#include <retinue/formulas/narrow.hpp>
#include <retinue/landmarks.hpp>
#include <retinue/losses/any_multibox.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/matchers/adaptive_program.hpp>
#include <retinue/matchers/aligned_program.hpp>
#include <retinue/matchers/dynamic_k_program.hpp>
#include <retinue/matchers/overlap_program.hpp>

#include <tuple>

namespace {

using namespace retinue;

template <class Program>
constexpr auto on_cuda = &cuda_blocks::run<Program>;

template <class Settings, class E>
constexpr auto loss_of_numbers =
    std::tuple(on_cuda<rank_rows<Settings, E>>, on_cuda<mine_images<Settings, E>>,
               on_cuda<add_terms<Settings, E>>, on_cuda<total_terms<Settings, E>>,
               on_cuda<write_slopes<Settings, E>>);

template <class Schema>
constexpr auto losses_of_papers = std::tuple(loss_of_numbers<multibox_settings<Schema>, float>,
                                             loss_of_numbers<multibox_settings<Schema>, float16>,
                                             loss_of_numbers<multibox_settings<Schema>, bfloat16>);

template <class... Schemas>
constexpr auto losses_of(schemas::list<Schemas...>)
{
  return std::tuple(losses_of_papers<Schemas>...,
                    loss_of_numbers<any_multibox_settings<Schemas>, float>...);
}

template <class Labels, class Coder>
constexpr auto matching_of =
    std::tuple(on_cuda<enter_bids<Labels, Coder>>, on_cuda<list_bids<Labels, Coder>>,
               on_cuda<choose_bids<Labels, Coder>>, on_cuda<settle_bids<Labels, Coder>>,
               on_cuda<say_boxes<Labels, Coder>>, on_cuda<choose_aligned<Labels, Coder>>,
               on_cuda<contend<Labels, Coder>>, on_cuda<rate_aligned<Labels, Coder>>,
               on_cuda<settle_aligned<Labels, Coder>>);

}  // namespace

/// What has its address here is compiled here.
extern const auto retinue_training_programs = std::tuple(
    on_cuda<match_images>, on_cuda<cover_anchors>, on_cuda<claim_anchors>, on_cuda<settle_claims>,
    matching_of<any_plain_labels, any_coder>, losses_of(schemas::shipped{}));

// SPDX-License-Identifier: Apache-2.0
// The programs of train.cpp for CUDA: matching by overlap and the losses of the papers, for every
// number of landmarks that a configuration may have, and every type of numbers that a loss takes.
#include <retinue/backend/cuda_blocks.cuh>

#include <retinue/formulas/narrow.hpp>
#include <retinue/landmarks.hpp>
#include <retinue/losses/multibox_programs.hpp>
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

template <class Settings>
constexpr auto loss_of =
    std::tuple(loss_of_numbers<Settings, float>, loss_of_numbers<Settings, float16>,
               loss_of_numbers<Settings, bfloat16>);

template <class... Schemas>
constexpr auto losses_of(schemas::list<Schemas...>)
{
  return std::tuple(loss_of<multibox_settings<Schemas>>...);
}

}  // namespace

/// What has its address here is compiled here.
extern const auto retinue_training_programs =
    std::tuple(on_cuda<match_images>, losses_of(schemas::shipped{}));

// SPDX-License-Identifier: Apache-2.0
// A multibox loss all of whose parts are chosen at run time.
#pragma once

#include <retinue/formulas/any_coder.hpp>    // any_coder
#include <retinue/formulas/any_losses.hpp>   // any_box_loss, any_residual_loss
#include <retinue/labels/any_learnable.hpp>  // any_learnable_labels
#include <retinue/losses/any_negatives.hpp>  // any_negatives
#include <retinue/losses/any_quality.hpp>    // any_quality
#include <retinue/losses/multibox.hpp>       // multibox_settings

namespace retinue {

/// The settings of any loss of objects of this schema. Programs of them (`learnt_by_programs`) have
/// all choices in each kernel.
template <landmark_schema Schema>
using any_multibox_settings =
    multibox_settings<Schema, any_coder, any_negatives, any_box_loss, any_residual_loss,
                      any_learnable_labels, any_quality>;

}  // namespace retinue

// SPDX-License-Identifier: Apache-2.0
// What a prediction costs, and the slope of it. Needs nothing but the standard library; the losses
// on at::Tensor are retinue/losses/libtorch.hpp.
#pragma once

#include <retinue/formulas/any_losses.hpp>           // one of a list, chosen at run time
#include <retinue/formulas/centre_ness.hpp>          // how central a point lies
#include <retinue/formulas/cross_entropy.hpp>        // softmax over classes, sigmoid
#include <retinue/formulas/distribution_focal.hpp>   // of lengths said as distributions
#include <retinue/formulas/focal.hpp>                // weighs the easy ones down, and by quality
#include <retinue/formulas/harmonized.hpp>           // by how many have such slopes
#include <retinue/formulas/keypoint_similarity.hpp>  // landmarks of an object together
#include <retinue/formulas/overlap_losses.hpp>       // 1 - iou and its kin
#include <retinue/formulas/residual.hpp>             // smooth L1, wing and their kin
#include <retinue/labels/any_learnable.hpp>          // labels, chosen at run time
#include <retinue/losses/any_multibox.hpp>           // all parts, chosen at run time
#include <retinue/losses/any_negatives.hpp>          // mining, chosen at run time
#include <retinue/losses/any_quality.hpp>            // quality, chosen at run time
#include <retinue/losses/every_negative.hpp>         // none is left out
#include <retinue/losses/hard_negatives.hpp>         // which negatives are learned from
#include <retinue/losses/multibox.hpp>               // boxes, classes and landmarks together
#include <retinue/losses/quality.hpp>                // with which score a positive is to be called
#include <retinue/losses/random_negatives.hpp>       // negatives at random, to fill a sample up
#include <retinue/losses/samples.hpp>                // who is learnt from, and what it should say
#include <retinue/losses/truths.hpp>                 // the truths of a batch

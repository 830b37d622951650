// SPDX-License-Identifier: Apache-2.0
// What a prediction costs, and the slope of it. Needs nothing but the standard library; the losses
// on at::Tensor are retinue/losses/libtorch.hpp.
#pragma once

#include <retinue/losses/cross_entropy.hpp>   // softmax over classes, sigmoid
#include <retinue/losses/focal.hpp>           // weighs the easy ones down
#include <retinue/losses/hard_negatives.hpp>  // which negatives are learned from
#include <retinue/losses/multibox.hpp>        // boxes, classes and landmarks together
#include <retinue/losses/overlap.hpp>         // 1 - iou and its kin
#include <retinue/losses/residual.hpp>        // smooth L1, wing
#include <retinue/losses/targets.hpp>         // the truths of an image and who answers for them

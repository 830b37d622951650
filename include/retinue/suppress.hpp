// SPDX-License-Identifier: Apache-2.0
// From many overlapping detections to one each. Needs nothing but the standard library.
#pragma once

#include <retinue/suppress/class_agnostic.hpp>  // whatever their classes are
#include <retinue/suppress/fusion.hpp>          // nothing is dropped: boxes become their mean
#include <retinue/suppress/greedy.hpp>          // keep the best, drop what overlaps it
#include <retinue/suppress/matrix.hpp>          // lower all scores at once
#include <retinue/suppress/measured.hpp>        // by any measure, of any kind of boxes
#include <retinue/suppress/merge.hpp>           // several passes or networks made one
#include <retinue/suppress/per_class.hpp>       // boxes of different classes leave each other alone
#include <retinue/suppress/soft.hpp>            // lower the scores of what overlaps, one by one
#include <retinue/suppress/suppressor.hpp>      // the concept
#include <retinue/suppress/voting.hpp>          // what is kept becomes the mean of what is like it

// SPDX-License-Identifier: Apache-2.0
// The processes that train together, as the command line or the environment names them.
#pragma once

#include "training.hpp"

#include <retinue/models/process_group.hpp>
#include <retinue/train/meeting.hpp>

#include <memory>

/// What --world, --rank and --meet say, and of what they do not, the environment.
retinue::meeting meeting_of(const training_arguments& a);

/// The threads of a process that shares its machine with others: a part of the cores. 0, which is
/// all, where it is alone there.
int threads_of(const retinue::meeting& where);

/// Waits until all are there; null where one trains alone. Of the devices that --device cuda means,
/// each process of a machine has its own.
std::unique_ptr<retinue::process_group> meet(const retinue::meeting& where, training_arguments& a);

// SPDX-License-Identifier: Apache-2.0
// In place of CUDA's header of this name.
#pragma once

#include "device.hpp"  // IWYU pragma: export

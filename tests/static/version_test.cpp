// SPDX-License-Identifier: Apache-2.0
// The header and the CMake package say the same version.
#include <retinue/compiler.hpp>

static_assert(RETINUE_VERSION_MAJOR == PROJECT_VERSION_MAJOR &&
              RETINUE_VERSION_MINOR == PROJECT_VERSION_MINOR &&
              RETINUE_VERSION_PATCH == PROJECT_VERSION_PATCH);

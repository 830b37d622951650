// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a program is given instead of a name, to draw scenes of its own.
inline constexpr const char* synthetic = "synthetic";

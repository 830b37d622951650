// SPDX-License-Identifier: Apache-2.0
// What compiler is this, and which version of retinue? The only header that asks.
#pragma once

#define RETINUE_VERSION_MAJOR 0
#define RETINUE_VERSION_MINOR 1
#define RETINUE_VERSION_PATCH 0

/// Marks a function that host code and CUDA kernels both call; empty outside nvcc.
#if defined(__CUDACC__)
#define RETINUE_HD __host__ __device__
#else
#define RETINUE_HD
#endif

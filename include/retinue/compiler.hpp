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

/// Whether the compiler has vectors of floats and __builtin_shufflevector: g++ 12 and clang do.
#if defined(__GNUC__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define RETINUE_HAS_SHUFFLES 1
#endif
#endif
#ifndef RETINUE_HAS_SHUFFLES
#define RETINUE_HAS_SHUFFLES 0
#endif

/// A product that is rounded before it is added to anything, though the machine could do both at
/// once. Only g++ must be told: by default clang fuses within one expression alone. nvcc's front
/// end does not know the barrier.
#if defined(__GNUC__) && defined(__has_builtin) && !defined(__CUDACC__)
#if __has_builtin(__builtin_assoc_barrier)
#define RETINUE_ROUNDED(product) __builtin_assoc_barrier(product)
#endif
#endif
#ifndef RETINUE_ROUNDED
#define RETINUE_ROUNDED(product) (product)
#endif

/// How many bytes the machine that is compiled for computes at once, as far as packets care.
#if defined(__AVX__)
#define RETINUE_VECTOR_BYTES 32
#else
#define RETINUE_VECTOR_BYTES 16
#endif

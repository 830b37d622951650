// SPDX-License-Identifier: Apache-2.0
// What compiler is this, and which version of retinue? The only header that asks.
#pragma once

#define RETINUE_VERSION_MAJOR 0  ///< Of incompatible changes.
#define RETINUE_VERSION_MINOR 1  ///< Of additions; while the major is 0, of any change.
#define RETINUE_VERSION_PATCH 0  ///< Of repairs.

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

/// Whether the machine that is compiled for does that with bytes, in one step.
#if RETINUE_HAS_SHUFFLES && (defined(__SSSE3__) || defined(__ARM_NEON))
#define RETINUE_SHUFFLES_BYTES 1
#else
#define RETINUE_SHUFFLES_BYTES 0
#endif

/// Whether it finds each of 64 bytes in a table of 128 in one step, and the compiler is g++, which
/// can be asked for that.
#if defined(__AVX512VBMI__) && defined(__GNUC__) && !defined(__clang__)
#define RETINUE_LOOKS_UP_BYTES 1
#else
#define RETINUE_LOOKS_UP_BYTES 0
#endif

/// Tells g++ that this product, a number or a vector, is rounded before it is added to anything,
/// though the machine could do both at once. clang fuses within one expression alone, unless it is
/// asked for more. __builtin_assoc_barrier takes vectors apart, and is forgotten where g++ makes
/// vectors of a loop.
#if !defined(__GNUC__) || defined(__clang__) || defined(__CUDA_ARCH__)
#define RETINUE_ROUND(product) static_cast<void>(product)
#elif defined(__x86_64__) && !defined(__FMA__) && !defined(__FMA4__)
#define RETINUE_ROUND(product) static_cast<void>(product)
#elif defined(__x86_64__)
#define RETINUE_ROUND(product) asm("" : "+x"(product))
#elif defined(__aarch64__)
#define RETINUE_ROUND(product) asm("" : "+w"(product))
#else
#define RETINUE_ROUND(product) asm("" : "+m"(product))
#endif

/// Keeps from g++ that all numbers of this vector are one constant: it takes the smaller of two
/// vectors in one step only where it knows neither, and else in four.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDA_ARCH__) && defined(__x86_64__)
#define RETINUE_HIDE(vector) asm("" : "+x"(vector))
#else
#define RETINUE_HIDE(vector) static_cast<void>(vector)
#endif

/// How many bytes the machine that is compiled for has in one register.
#if defined(__AVX512F__)
#define RETINUE_REGISTER_BYTES 64
#elif defined(__AVX__)
#define RETINUE_REGISTER_BYTES 32
#else
#define RETINUE_REGISTER_BYTES 16
#endif

/// How many of them packets compute at once.
#if RETINUE_REGISTER_BYTES > 32
#define RETINUE_VECTOR_BYTES 32
#else
#define RETINUE_VECTOR_BYTES RETINUE_REGISTER_BYTES
#endif

#if defined(__GNUC__)
/// Brings a function into the one that calls it.
#define RETINUE_INLINE __attribute__((always_inline)) inline
/// Keeps a function out of the one that calls it.
#define RETINUE_NOINLINE __attribute__((noinline))
/// Brings all that a function calls into it.
#define RETINUE_FLATTEN __attribute__((flatten))
#else
#define RETINUE_INLINE inline
#define RETINUE_NOINLINE
#define RETINUE_FLATTEN
#endif

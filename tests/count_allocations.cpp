// SPDX-License-Identifier: Apache-2.0
#include "count_allocations.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t counted = 0;
}

std::size_t retinue::test::allocations()
{
  return counted;
}

void* operator new(std::size_t size)
{
  ++counted;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment)
{
  ++counted;
  const auto to = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(to, (size + to - 1) / to * to)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept  // std::stable_sort's buffer
{
  ++counted;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept
{
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept
{
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept
{
  std::free(memory);
}

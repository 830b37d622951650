// SPDX-License-Identifier: Apache-2.0
#include "starve.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RETINUE_OTHER_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define RETINUE_OTHER_MALLOC
#endif
#endif

#if defined(__GLIBC__) && !defined(RETINUE_OTHER_MALLOC)
#define RETINUE_SEES_MEMORY
#include <malloc.h>
#endif

namespace {
std::atomic<std::size_t> requests, blocks, live, peak;
std::atomic<std::size_t> served = SIZE_MAX;  // requests until one is refused
std::atomic<bool> refused = false, lasting = false;

#if defined(RETINUE_SEES_MEMORY)
bool refuses()
{
  ++requests;
  if (served == SIZE_MAX) return false;
  if (served > 0) {
    --served;
    return false;
  }
  refused = true;
  if (!lasting) served = SIZE_MAX;
  errno = ENOMEM;
  return true;
}

void* taken(void* made)
{
  if (made) {
    ++blocks;
    const std::size_t now = live += ::malloc_usable_size(made);
    if (now > peak) peak = now;
  }
  return made;
}

void given_back(void* made)
{
  if (!made) return;
  --blocks;
  live -= ::malloc_usable_size(made);
}
#endif
}  // namespace

#if defined(RETINUE_SEES_MEMORY)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* made, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* made);

void* malloc(std::size_t size)
{
  return refuses() ? nullptr : taken(__libc_malloc(size));
}
void* calloc(std::size_t count, std::size_t size)
{
  return refuses() ? nullptr : taken(__libc_calloc(count, size));
}
void* realloc(void* made, std::size_t size)
{
  if (refuses()) return nullptr;
  given_back(made);
  return taken(__libc_realloc(made, size));
}
void* memalign(std::size_t alignment, std::size_t size)
{
  return refuses() ? nullptr : taken(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size)
{
  return memalign(alignment, size);
}
int posix_memalign(void** made, std::size_t alignment, std::size_t size)
{
  void* const found = memalign(alignment, size);
  if (!found) return ENOMEM;
  *made = found;
  return 0;
}
void free(void* made)
{
  given_back(made);
  __libc_free(made);
}
}
#endif

namespace retinue::test {

bool sees_memory()
{
#if defined(RETINUE_SEES_MEMORY)
  return true;
#else
  return false;
#endif
}

void watch_memory()
{
  requests = 0;
  peak = live.load();
}

memory_use memory_so_far()
{
  return {requests, blocks, live, peak};
}

void starve_after(std::size_t n, hunger how)
{
  refused = false;
  lasting = how == hunger::lasting;
  served = n;
}

appetite pause_hunger()
{
  const appetite now{served, lasting};
  served = SIZE_MAX;
  return now;
}

void resume_hunger(const appetite& before)
{
  served = before.served;
  lasting = before.lasting;
}

bool feed()
{
  served = SIZE_MAX;
  return refused;
}

}  // namespace retinue::test

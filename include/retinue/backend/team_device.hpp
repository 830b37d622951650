// SPDX-License-Identifier: Apache-2.0
// Where programs run and what they view lies: the concept of a device, and the host as one.
#pragma once

#include <retinue/backend/host_blocks.hpp>  // host_blocks
#include <retinue/backend/team.hpp>         // program_over

#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

namespace retinue {

/// A device of your own. Its memory is aligned to 256 bytes; what is asked of a device is done in
/// the order in which it was asked. What it cannot do, it throws.
///
///   memory(n)            an object that owns n bytes; data() is where they are
///   put(from, to, n)     from the host; returns at once, and `from` may then change
///   fetch(from, to, n)   to the host; waits
///   clear(at, n)         fills with zeros
///   run(blocks, program)
template <class D>
concept team_device = requires(D& d, std::byte* at, const std::byte* from, std::size_t n) {
  { d.memory(n).data() } -> std::same_as<std::byte*>;
  requires std::movable<decltype(d.memory(n))>;
  d.put(from, at, n);
  d.fetch(from, at, n);
  d.clear(at, n);
};

/// The host as a device.
class host_device : public host_blocks {
 public:
  using host_blocks::host_blocks;

  /// Bytes of the heap.
  class owned {
   public:
    explicit owned(std::size_t n) : data_(static_cast<std::byte*>(::operator new(n, at))) {}
    [[nodiscard]] std::byte* data() const { return data_.get(); }

   private:
    static constexpr std::align_val_t at{256};
    struct give_back {
      void operator()(std::byte* data) const { ::operator delete(data, at); }
    };
    std::unique_ptr<std::byte, give_back> data_;
  };

  [[nodiscard]] static owned memory(std::size_t n) { return owned(n); }
  static void put(const std::byte* from, std::byte* to, std::size_t n)
  {
    if (n > 0) std::memcpy(to, from, n);
  }
  static void fetch(const std::byte* from, std::byte* to, std::size_t n) { put(from, to, n); }
  static void clear(std::byte* at, std::size_t n)
  {
    if (n > 0) std::memset(at, 0, n);
  }
};
static_assert(team_device<host_device>);

/// Lays arrays out in one block of memory, twice by the same text: to see how large it is, and to
/// say where they are.
class memory_layout {
 public:
  /// Without a block, for its size.
  memory_layout() = default;
  explicit memory_layout(std::byte* block) : block_(block) {}

  /// Room for so many, at a multiple of 256 bytes.
  template <class T>
  void take(T*& at, std::size_t count)
  {
    static_assert(std::is_trivially_copyable_v<T>);
    at = block_ ? reinterpret_cast<T*>(block_ + size_) : nullptr;
    size_ += (count * sizeof(T) + 255) / 256 * 256;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* block_ = nullptr;
  std::size_t size_ = 0;
};

/// Puts values where a device has room for them.
template <team_device D, class T>
void put_values(D& device, std::span<const T> from, T* to)
{
  device.put(reinterpret_cast<const std::byte*>(from.data()), reinterpret_cast<std::byte*>(to),
             from.size_bytes());
}
/// And fetches them.
template <team_device D, class T>
void fetch_values(D& device, const T* from, std::span<T> to)
{
  device.fetch(reinterpret_cast<const std::byte*>(from), reinterpret_cast<std::byte*>(to.data()),
               to.size_bytes());
}

}  // namespace retinue

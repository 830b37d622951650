// SPDX-License-Identifier: Apache-2.0
// Randomness that is looked up, not carried along: number i of the key (seed, epoch, sample).
//
//   number(i) = mix(key + i * odd constant)       mix: the finalizer of splitmix64, a bijection
//
// What a sample draws depends on its key alone: not on the number of workers, their order, the
// standard library, nor on what was drawn for others. A stage draws from a fork of its own, so that
// one stage more or less leaves the draws of the others alone.
#pragma once

#include <concepts>
#include <cstdint>

namespace retinue {

/// Where policies draw from. Write these four; a recording that replays its draws is one, too.
template <class R>
concept random_source = requires(R& r, const R& source, std::uint32_t n, double x) {
  { r.below(n) } -> std::same_as<std::uint32_t>;  // 0 to n - 1, n >= 1
  { r.uniform(x, x) } -> std::same_as<double>;    // from the first, up to but without the second
  { r.chance(x) } -> std::same_as<bool>;          // true with this probability
  { source.fork(n) } -> std::same_as<R>;          // the source of stage n
};

/// The random numbers of one sample: the same for the same key, whatever was drawn elsewhere.
class keyed_random {
 public:
  keyed_random(std::uint64_t seed, std::uint64_t epoch, std::uint64_t sample)
      : key_(mix(mix(mix(seed) + epoch) + sample)), epoch_(epoch)
  {
  }

  /// Of the key: what changes in the course of a run is told by it.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  [[nodiscard]] std::uint64_t next() { return mix(key_ + step * ++drawn_); }

  /// Of 2^32 numbers, some fall to a value once more often than to others.
  [[nodiscard]] std::uint32_t below(std::uint32_t n)
  {
    return static_cast<std::uint32_t>((next() >> 32) * n >> 32);
  }
  [[nodiscard]] double uniform(double from, double to)
  {
    return from + (to - from) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  [[nodiscard]] bool chance(double probability) { return uniform(0, 1) < probability; }
  [[nodiscard]] keyed_random fork(std::uint32_t stage) const
  {
    keyed_random forked = *this;
    forked.key_ = mix(~key_ + step * stage);
    forked.drawn_ = 0;
    return forked;
  }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15;

  static constexpr std::uint64_t mix(std::uint64_t z)
  {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  std::uint64_t key_, epoch_, drawn_ = 0;
};
static_assert(random_source<keyed_random>);

}  // namespace retinue

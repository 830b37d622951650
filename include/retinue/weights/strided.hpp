// SPDX-License-Identifier: Apache-2.0
// Copies elements that lie apart in memory into C order.
//
//   element (i, j, ...) lies at offset + i * strides[0] + j * strides[1] + ..., counted in elements
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace retinue::detail {

/// Extents, strides and offset are not negative, and there are as many extents as strides.
struct strided_layout {
  std::vector<std::int64_t> extents, strides;
  std::int64_t offset = 0;

  /// Whether all elements lie among `held`. Where it is so, no sum of strides overflows below.
  [[nodiscard]] bool fits(std::int64_t held) const
  {
    for (const std::int64_t extent : extents)
      if (extent == 0) return true;
    if (offset >= held) return false;
    std::int64_t room = held - 1 - offset;
    for (std::size_t d = 0; d < extents.size(); ++d) {
      if (extents[d] == 1 || strides[d] == 0) continue;
      if (extents[d] - 1 > room / strides[d]) return false;
      room -= (extents[d] - 1) * strides[d];
    }
    return true;
  }
};

/// Fills [to, to + bytes) in C order with elements of `size` bytes, counted from `from`. The layout
/// must fit what lies there, and `bytes` be its number of elements times `size`. Trailing
/// dimensions that lie in C order already are copied as one block.
inline void gather(std::byte* to, std::size_t bytes, const std::byte* from, std::size_t size,
                   const strided_layout& layout)
{
  std::vector<std::size_t> extents, strides;  // an extent of 1 may have any stride: left out
  for (std::size_t d = 0; d < layout.extents.size(); ++d)
    if (layout.extents[d] != 1) {
      extents.push_back(static_cast<std::size_t>(layout.extents[d]));
      strides.push_back(static_cast<std::size_t>(layout.strides[d]) * size);
    }
  std::size_t block = size;
  while (!extents.empty() && strides.back() == block) {
    block *= extents.back();
    extents.pop_back();
    strides.pop_back();
  }
  std::vector<std::size_t> index(extents.size(), 0);
  if (bytes > 0) from += static_cast<std::size_t>(layout.offset) * size;
  for (std::size_t done = 0; done < bytes; done += block) {
    std::memcpy(to + done, from, block);
    for (std::size_t d = extents.size(); d > 0; --d) {
      if (++index[d - 1] < extents[d - 1]) {
        from += strides[d - 1];
        break;
      }
      from -= strides[d - 1] * (extents[d - 1] - 1);
      index[d - 1] = 0;
    }
  }
}

}  // namespace retinue::detail

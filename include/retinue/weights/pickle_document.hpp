// SPDX-License-Identifier: Apache-2.0
// What a pickle holds, as data: values in one array that refer to each other by index. However deep
// a file nests, no call and no destructor nests here, and a value that holds itself is harmless.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace retinue::pickle {

/// Where a value lies in its document.
using reference = std::uint32_t;

/// What a value is, and which of its members say more.
enum class kind : std::uint8_t {
  none,
  boolean,     ///< number: 0 or 1
  integer,     ///< number
  large,       ///< an integer beyond 64 bits; text: its bytes or digits
  real,        ///< number: the bits of a double
  text,        ///< text
  bytes,       ///< text
  tuple,       ///< items
  list,        ///< items
  set,         ///< items
  dict,        ///< items: key, value, key, value, ...; later entries override earlier ones
  global,      ///< text: "module name"; number: its place among those admitted
  call,        ///< items: a global, a tuple of arguments
  persistent,  ///< items: the identity of what is stored outside of the pickle
};

/// For messages: "a list".
[[nodiscard]] constexpr std::string_view name_of(kind what)
{
  constexpr std::array<std::string_view, 14> names{
      "None",         "a boolean", "an integer", "a large integer", "a number",
      "a string",     "bytes",     "a tuple",    "a list",          "a set",
      "a dictionary", "a global",  "a call",     "a stored object"};
  return names[static_cast<std::size_t>(what)];
}

/// A value; its text points into the bytes that were read.
struct value {
  kind what = kind::none;
  std::int64_t number = 0;
  std::string_view text;
  std::vector<reference> items;

  [[nodiscard]] double real() const { return std::bit_cast<double>(number); }
};

/// A global that may occur: `collections`, `OrderedDict`.
struct admitted_global {
  std::string_view module, name;
};

/// What one pickle holds.
struct document {
  std::vector<value> values;
  reference root = 0;
  std::size_t end = 0;  ///< where the pickle ends in the bytes that it was read from

  [[nodiscard]] const value& operator[](reference at) const { return values[at]; }

  /// The value of a dictionary's last entry with that key; null where there is none.
  [[nodiscard]] const value* find(const value& dict, std::string_view key) const
  {
    for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
      const value& k = values[dict.items[i - 2]];
      if (k.what == kind::text && k.text == key) return &values[dict.items[i - 1]];
    }
    return nullptr;
  }
};

}  // namespace retinue::pickle

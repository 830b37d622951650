// SPDX-License-Identifier: Apache-2.0
// A pickle becomes values that refer to each other, to the bytes they were read from, and to what
// was admitted, and to nothing else.
#include "target.hpp"

#include <retinue/weights/pickle.hpp>

#include <array>

using namespace retinue;
using namespace retinue::fuzz;

// A value and its place on the stack or in the memo, at most, for a byte; vectors double.
const std::size_t fuzz::memory_per_byte = 400;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static constexpr std::array<pickle::admitted_global, 4> admitted{
      {{"collections", "OrderedDict"},
       {"torch", "FloatStorage"},
       {"torch._utils", "_rebuild_tensor_v2"},
       {"torch", "Size"}}};
  const auto text = text_of(bytes, size);
  reads("made.pth: ", [&] {
    const auto made = pickle::reader("made.pth", bytes_of(text), admitted).load(0);
    law(made.end <= size && made.end > 0, "a pickle ends in its bytes");
    law(made.root < made.values.size(), "the root is a value");
    law(made.values.size() <= size, "no byte makes two values");
    for (const auto& value : made.values) {
      for (const auto item : value.items) law(item < made.values.size(), "an item is a value");
      law(value.what != pickle::kind::dict || value.items.size() % 2 == 0, "keys have values");
      law(value.what != pickle::kind::call || value.items.size() == 2, "a call has arguments");
      if (value.what == pickle::kind::global)
        law(value.text == admitted.at(static_cast<std::size_t>(value.number)).name,
            "a global is one of those admitted", value.text);
      else if (!value.text.empty())
        law(value.text.data() >= text.data() &&
                value.text.data() + value.text.size() <= text.data() + text.size(),
            "a text lies in the bytes", value.text);
    }
  });
  return 0;
}
